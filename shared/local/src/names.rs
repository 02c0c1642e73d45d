//! What things are called in this process, where each name is made from a logical id.

/// The region that every name is in.
pub(crate) const REGION: &str = "us-east-1";
/// The account that every name is in.
pub(crate) const ACCOUNT: &str = "000000000000";
/// Where every client sends its requests. Nothing listens there: the wire ends before it.
pub(crate) const ENDPOINT: &str = "http://embedded.invalid";

pub(crate) fn topic_arn(id: &str) -> String {
    format!("arn:aws:sns:{REGION}:{ACCOUNT}:{id}")
}

pub(crate) fn subscription_arn(topic: &str, id: &str) -> String {
    format!("{}:{id}", topic_arn(topic))
}

pub(crate) fn queue_arn(id: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{id}")
}

pub(crate) fn queue_url(id: &str) -> String {
    format!("{ENDPOINT}/{ACCOUNT}/{id}")
}

pub(crate) fn function_arn(id: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{id}")
}

/// The logical id at the end of an ARN or a URL.
pub(crate) fn id_in(name: &str) -> &str {
    name.rsplit([':', '/']).next().unwrap_or(name)
}
