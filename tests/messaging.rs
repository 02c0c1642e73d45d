//! Topics and queues that remember what they were sent, and refuse what they are told to: below the real
//! SDK clients.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};

use api::delivery::Messaging;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use serde_json::{Value, json};

/// What happens to a call to a topic or queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is answered as it should be.
    Arrives,
    /// It never arrives.
    NotSent,
    /// It arrives, but the answer is lost.
    AnswerLost,
    /// Entries whose text holds this are refused, within an answer that says 200.
    Refused(&'static str),
}

/// A message that a topic or queue took.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The topic's ARN or the queue's URL.
    pub to: String,
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
    /// Its body.
    pub body: Value,
}

#[derive(Default)]
struct State {
    messages: Vec<Message>,
    calls: Vec<usize>,
    fates: VecDeque<Fate>,
}

/// The topics and queues of a test.
#[derive(Clone, Default)]
pub struct Messages(Arc<Mutex<State>>);

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Messages")
    }
}

impl Messages {
    /// Plans what happens to the next calls, in order.
    pub fn plan(&self, fates: impl IntoIterator<Item = Fate>) {
        self.0.lock().unwrap().fates.extend(fates);
    }

    /// What arrived at a topic or queue whose address ends so, in order.
    pub fn at(&self, address: &str) -> Vec<Message> {
        let state = self.0.lock().unwrap();
        state.messages.iter().filter(|message| message.to.ends_with(address)).cloned().collect()
    }

    /// How many entries each call had, in order.
    pub fn calls(&self) -> Vec<usize> {
        self.0.lock().unwrap().calls.clone()
    }

    /// The real SDK clients on these topics and queues. Their own retries are off, so that each planned
    /// fate reaches the code under test.
    pub fn clients(&self) -> Messaging {
        let region = aws_sdk_sns::config::Region::from_static("us-east-1");
        let sns = aws_sdk_sns::Config::builder()
            .behavior_version(aws_sdk_sns::config::BehaviorVersion::latest())
            .region(region.clone())
            .allow_no_auth()
            .retry_config(RetryConfig::disabled())
            .http_client(self.clone());
        let sqs = aws_sdk_sqs::Config::builder()
            .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
            .region(region)
            .allow_no_auth()
            .retry_config(RetryConfig::disabled())
            .http_client(self.clone());
        Messaging {
            sns: Some(aws_sdk_sns::Client::from_conf(sns.build())),
            sqs: Some(aws_sdk_sqs::Client::from_conf(sqs.build())),
        }
    }

    fn take(&self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let body = request.body().bytes().unwrap_or_default();
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let entries = match target {
            "" => topic_entries(body),
            target => queue_entries(target, body),
        };
        let mut state = self.0.lock().unwrap();
        state.calls.push(entries.len());
        let fate = state.fates.pop_front().unwrap_or(Fate::Arrives);
        if fate == Fate::NotSent {
            return Err(ConnectorError::io("the network is down".into()));
        }
        let is_refused = |message: &Message| match &fate {
            Fate::Refused(part) => message.body.to_string().contains(part),
            _ => false,
        };
        let answers: Vec<(String, bool)> =
            entries.iter().map(|(id, message)| (id.clone(), !is_refused(message))).collect();
        let taken = entries.into_iter().map(|(_, message)| message);
        state.messages.extend(taken.filter(|message| !is_refused(message)));
        if fate == Fate::AnswerLost {
            return Err(ConnectorError::timeout("the answer was lost".into()));
        }
        let answer = match target {
            "" => topic_answer(&answers),
            "AmazonSQS.SendMessage" => {
                json!({"MessageId": "m", "MD5OfMessageBody": ""}).to_string()
            }
            _ => queue_answer(&answers),
        };
        Ok(HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::from(answer)))
    }
}

impl HttpClient for Messages {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Messages {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let messages = self.clone();
        HttpConnectorFuture::new(async move {
            tokio::task::yield_now().await;
            messages.take(&request)
        })
    }
}

/// The entries of a `PublishBatch`, a form (AWS's query protocol), by id.
pub(crate) fn topic_entries(body: &[u8]) -> Vec<(String, Message)> {
    let form: BTreeMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
    let field = |name: String| form.get(&name).cloned().unwrap_or_default();
    let mut entries = Vec::new();
    for place in 1.. {
        let prefix = format!("PublishBatchRequestEntries.member.{place}");
        let Some(id) = form.get(&format!("{prefix}.Id")) else { break };
        let mut attributes = BTreeMap::new();
        for place in 1.. {
            let prefix = format!("{prefix}.MessageAttributes.entry.{place}");
            let Some(name) = form.get(&format!("{prefix}.Name")) else { break };
            attributes.insert(name.clone(), field(format!("{prefix}.Value.StringValue")));
        }
        let body = serde_json::from_str(&field(format!("{prefix}.Message"))).unwrap();
        let to = field("TopicArn".to_owned());
        entries.push((id.clone(), Message { to, attributes, body }));
    }
    entries
}

/// The entries of a `SendMessageBatch`, or the one of a `SendMessage`, by id.
pub(crate) fn queue_entries(target: &str, body: &[u8]) -> Vec<(String, Message)> {
    let body: Value = serde_json::from_slice(body).unwrap();
    let to = body["QueueUrl"].as_str().unwrap().to_owned();
    let message = |entry: &Value| Message {
        to: to.clone(),
        attributes: BTreeMap::new(),
        body: serde_json::from_str(entry["MessageBody"].as_str().unwrap()).unwrap(),
    };
    if target == "AmazonSQS.SendMessage" {
        return vec![(String::new(), message(&body))];
    }
    let entries = body["Entries"].as_array().unwrap().iter();
    entries.map(|entry| (entry["Id"].as_str().unwrap().to_owned(), message(entry))).collect()
}

pub(crate) fn topic_answer(answers: &[(String, bool)]) -> String {
    let members = |wanted: bool, rest: &str| -> String {
        let of = answers.iter().filter(|(_, arrived)| *arrived == wanted);
        of.map(|(id, _)| format!("<member><Id>{id}</Id>{rest}</member>")).collect()
    };
    let arrived = members(true, "<MessageId>m</MessageId>");
    let refused = members(
        false,
        "<Code>Refused</Code><Message>planned</Message><SenderFault>true</SenderFault>",
    );
    format!(
        "<PublishBatchResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishBatchResult>\
         <Successful>{arrived}</Successful><Failed>{refused}</Failed></PublishBatchResult>\
         </PublishBatchResponse>"
    )
}

pub(crate) fn queue_answer(answers: &[(String, bool)]) -> String {
    let of = |wanted: bool| answers.iter().filter(move |(_, arrived)| *arrived == wanted);
    let arrived: Vec<Value> = of(true)
        .map(|(id, _)| json!({"Id": id, "MessageId": "m", "MD5OfMessageBody": ""}))
        .collect();
    let refused: Vec<Value> = of(false)
        .map(|(id, _)| json!({"Id": id, "Code": "Refused", "SenderFault": true}))
        .collect();
    json!({"Successful": arrived, "Failed": refused}).to_string()
}
