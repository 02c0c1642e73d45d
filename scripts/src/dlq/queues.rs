//! The queues themselves: of `epr local`, or on AWS; and where each of the template's is.

use std::collections::HashMap;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::QueueAttributeName;
use local::messaging::Messaging;
use local::system::TEMPLATE;
use local::template::Template;
use reqwest::Url;
use serde_json::Value;

use super::Where;
use super::declared::{self, Declared};
use crate::aws;
use crate::remote::{is_loopback, root_cause};

/// The host in the URLs of queues that run in one process.
const EMBEDDED: &str = "embedded.invalid";

/// The region that queues in one process are in.
const REGION_LOCAL: &str = "us-east-1";

/// A way to the queues.
pub(super) struct Queues {
    pub(super) client: Client,
    template: Template,
    pub(super) is_local: bool,
    /// What is known by variables.
    urls: HashMap<&'static str, String>,
}

/// A dead-letter queue that was found.
pub(super) struct Found {
    pub(super) declared: Declared,
    pub(super) url: String,
}

/// How many messages a queue holds; on AWS a good guess.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Depth {
    /// To be received.
    pub(super) visible: u64,
    /// Received, and neither deleted nor visible again.
    pub(super) in_flight: u64,
}

impl Queues {
    /// The way to the queues of a place. Nothing is sent yet.
    pub(super) async fn open(place: &Where) -> Result<Self, String> {
        let template = Template::parse(TEMPLATE).map_err(|error| error.to_string())?;
        let urls = [
            (declared::AUDIT, place.audit_queue_url.clone()),
            (declared::LETTERS, place.outbox_dlq_url.clone()),
        ];
        let urls: HashMap<_, _> =
            urls.into_iter().filter_map(|(name, url)| Some((name, url?))).collect();
        let named = place.queue_url.iter().chain(urls.values());
        let on_aws = named.map(|url| parsed(url)).collect::<Result<Vec<_>, _>>()?;
        let on_aws: Vec<Url> = on_aws.into_iter().filter(|url| !is_local(url)).collect();
        let is_local = place.place.is_local() && on_aws.is_empty();
        let client = if is_local {
            local_client(place.place.address())
        } else {
            let region = on_aws.iter().find_map(region_in);
            aws_client(region.or(place.place.region().map(str::to_owned))).await
        };
        Ok(Self { client, template, is_local, urls })
    }

    /// The dead-letter queues of the template.
    pub(super) fn declared(&self) -> Vec<Declared> {
        declared::dead_letter_queues(&self.template)
    }

    /// The dead-letter queue of a name, in whatever case; with a URL, at that.
    pub(super) async fn find(&self, name: &str, url: Option<&str>) -> Result<Found, String> {
        let mut all = self.declared();
        let Some(place) = all.iter().position(|queue| queue.name.eq_ignore_ascii_case(name)) else {
            let names: Vec<_> = all.into_iter().map(|queue| queue.name).collect();
            return Err(format!(
                "there is no dead-letter queue `{name}`, but {}",
                names.join(", ")
            ));
        };
        let declared = all.swap_remove(place);
        let url = match url {
            Some(url) => url.to_owned(),
            None => self.url_of(&declared).await?,
        };
        Ok(Found { declared, url })
    }

    /// Where a dead-letter queue is: where a variable says, or where the queue says whose letters it takes.
    pub(super) async fn url_of(&self, queue: &Declared) -> Result<String, String> {
        if let Some(url) = self.known(&queue.name) {
            return Ok(url);
        }
        for (source, _) in &queue.sources {
            let Some(url) = self.known(source) else { continue };
            let policy = self.attributes(&url).await?;
            let policy = policy.get(&QueueAttributeName::RedrivePolicy);
            let policy: Option<Value> = policy.and_then(|text| serde_json::from_str(text).ok());
            let arn = policy.as_ref().and_then(|policy| policy.get("deadLetterTargetArn"));
            if let Some(arn) = arn.and_then(Value::as_str) {
                return self.url_of_arn(arn).await;
            }
        }
        let names = queue.sources.iter().map(|(source, _)| source).chain([&queue.name]);
        let variables = names.filter_map(|name| declared::variable_of(&self.template, name));
        let variables: Vec<_> = variables.map(|name| format!("set {name}")).collect();
        let ways = [variables, vec!["name it with --queue-url".to_owned()]].concat();
        Err(format!("nothing says where `{}` is; {}", queue.name, ways.join(", or ")))
    }

    /// Where the queue of an ARN is.
    pub(super) async fn url_of_arn(&self, arn: &str) -> Result<String, String> {
        let [account, name] = match arn.rsplitn(3, ':').collect::<Vec<_>>().as_slice() {
            [name, account, _] => [*account, *name],
            _ => return Err(format!("`{arn}` is no ARN of a queue")),
        };
        let asked =
            self.client.get_queue_url().queue_name(name).queue_owner_aws_account_id(account);
        let answer = asked.send().await.map_err(|error| in_words("GetQueueUrl", &error))?;
        answer.queue_url.ok_or_else(|| format!("no queue has the ARN `{arn}`"))
    }

    /// Where the queue before the audit ledger is.
    pub(super) fn audit_queue(&self) -> Option<String> {
        self.known(&declared::queue_of(&self.template, declared::AUDIT)?)
    }

    /// Where a queue of the template is, as far as that needs no question.
    pub(super) fn known(&self, queue: &str) -> Option<String> {
        if self.is_local {
            return Some(Messaging::queue_url(queue));
        }
        let variable = declared::variable_of(&self.template, queue)?;
        self.urls.get(variable.as_str()).cloned()
    }

    /// What a queue says of itself.
    pub(super) async fn attributes(
        &self,
        url: &str,
    ) -> Result<HashMap<QueueAttributeName, String>, String> {
        let asked = self.client.get_queue_attributes().queue_url(url);
        let asked = asked.attribute_names(QueueAttributeName::All);
        let answer = asked.send().await.map_err(|error| in_words("GetQueueAttributes", &error))?;
        Ok(answer.attributes.unwrap_or_default())
    }

    /// How much a queue holds.
    pub(super) async fn depth(&self, url: &str) -> Result<Depth, String> {
        let attributes = self.attributes(url).await?;
        let number = |name| attributes.get(&name).and_then(|number| number.parse().ok());
        Ok(Depth {
            visible: number(QueueAttributeName::ApproximateNumberOfMessages).unwrap_or_default(),
            in_flight: number(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
                .unwrap_or_default(),
        })
    }
}

fn parsed(url: &str) -> Result<Url, String> {
    url.parse().map_err(|error| format!("`{url}` is no URL of a queue: {error}"))
}

fn is_local(url: &Url) -> bool {
    is_loopback(url) || url.host_str() == Some(EMBEDDED)
}

/// The region in the URL of a queue: `https://sqs.<region>.amazonaws.com/…`.
fn region_in(url: &Url) -> Option<String> {
    let mut labels = url.host_str()?.split('.');
    (labels.next() == Some("sqs")).then(|| labels.next().map(str::to_owned)).flatten()
}

/// `epr local` asks for no credentials, and has its own region.
pub(crate) fn local_client(address: &str) -> Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
        .region(aws_sdk_sqs::config::Region::from_static(REGION_LOCAL))
        .endpoint_url(address)
        .allow_no_auth();
    Client::from_conf(config.build())
}

async fn aws_client(region: Option<String>) -> Client {
    let mut config = aws_config::defaults(BehaviorVersion::latest());
    if let Some(region) = region {
        config = config.region(Region::new(region));
    }
    Client::new(&config.load().await)
}

/// An error of SQS: its code and message, or what it comes from.
pub(crate) fn in_words<E, R>(operation: &str, error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    if error.code().is_some() {
        return aws::in_words(&format!("SQS, {operation}"), error);
    }
    format!(
        "SQS does not answer {operation} ({}); is `epr local` running, and is --url right?",
        root_cause(error)
    )
}
