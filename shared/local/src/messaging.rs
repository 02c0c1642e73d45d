//! SNS and SQS in this process: the template's topics and queues below the real SDK clients.
//!
//! **Invariant:** topics, queues and subscriptions come from the template alone. Nothing can be
//! made, changed or dropped through a client, as no function may either.

mod attributes;
mod connector;
mod fault;
mod queues;
mod sns;
mod sqs;
mod storage;

pub(crate) use attributes::{Attribute, Attributes};
pub(crate) use queues::{Message, Outgoing};

use crate::embedded::{DataFolder, Embedded};
use crate::names;
use crate::template::{Queue, Subscription, Template};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use domain::time::Clock;
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// The topics and queues of a template. Clones are cheap and share the messages.
#[derive(Clone)]
pub struct Messaging(Arc<Inner>);

struct Inner {
    connection: Mutex<Connection>,
    clock: Clock,
    topics: BTreeSet<String>,
    queues: BTreeMap<String, QueueState>,
    subscriptions: Vec<Subscription>,
    moves: Mutex<Vec<sqs::Move>>,
    /// Keeps the folder this process's own while messages can be written.
    folder: Option<Arc<DataFolder>>,
}

struct QueueState {
    declared: Queue,
    /// Changes when a message may have become visible.
    arrivals: watch::Sender<()>,
}

/// Why topics and queues cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MessagingError {
    /// SQLite, which keeps the messages, failed.
    #[error("the messages cannot be {task}: {source}")]
    Storage {
        /// What was asked of it.
        task: &'static str,
        /// What it answered.
        source: rusqlite::Error,
    },
}

impl Messaging {
    /// Queues that live as long as this value and its clients.
    pub fn memory(template: &Template, clock: Clock) -> Result<Self, MessagingError> {
        Ok(Self::new(template, clock, storage::memory()?, None))
    }

    /// Queues kept where the tables are: in the same folder, or in memory. Messages survive the end
    /// of the process, however that ends; a power cut may lose the last moments before it.
    ///
    /// What was in flight then is visible again at once, as if it had not been received. Whoever was to handle
    /// it in that process is gone: to wait for the end of its visibility would hold everything up for minutes,
    /// and to count it would give up what is well, after a few kills in a row.
    pub fn beside(
        embedded: &Embedded,
        template: &Template,
        clock: Clock,
    ) -> Result<Self, MessagingError> {
        let Some(folder) = embedded.folder() else { return Self::memory(template, clock) };
        let connection = storage::file(&folder.path)?;
        let messaging = Self::new(template, clock, connection, Some(folder));
        messaging
            .release()
            .map_err(|source| MessagingError::Storage { task: "shown again", source })?;
        Ok(messaging)
    }

    fn new(
        template: &Template,
        clock: Clock,
        connection: Connection,
        folder: Option<Arc<DataFolder>>,
    ) -> Self {
        let state = |declared: &Queue| {
            let state = QueueState { declared: declared.clone(), arrivals: watch::Sender::new(()) };
            (declared.id.clone(), state)
        };
        Self(Arc::new(Inner {
            connection: Mutex::new(connection),
            clock,
            topics: template.topics.iter().map(|topic| topic.id.clone()).collect(),
            queues: template.queues.iter().map(state).collect(),
            subscriptions: template.subscriptions.clone(),
            moves: Mutex::default(),
            folder,
        }))
    }

    /// The real SDK client of SNS on these topics.
    pub fn sns(&self) -> aws_sdk_sns::Client {
        aws_sdk_sns::Client::from_conf(self.sns_config().build())
    }

    /// What [`Self::sns`] is built from, for a client that differs in its retries or timeouts.
    pub fn sns_config(&self) -> aws_sdk_sns::config::Builder {
        aws_sdk_sns::Config::builder()
            .behavior_version(aws_sdk_sns::config::BehaviorVersion::latest())
            .region(aws_sdk_sns::config::Region::from_static(names::REGION))
            .endpoint_url(names::ENDPOINT)
            .allow_no_auth()
            .stalled_stream_protection(
                aws_sdk_sns::config::StalledStreamProtectionConfig::disabled(),
            )
            .http_client(self.http_client())
    }

    /// The real SDK client of SQS on these queues.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::from_conf(self.sqs_config().build())
    }

    /// What [`Self::sqs`] is built from, for a client that differs in its retries or timeouts.
    pub fn sqs_config(&self) -> aws_sdk_sqs::config::Builder {
        aws_sdk_sqs::Config::builder()
            .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
            .region(aws_sdk_sqs::config::Region::from_static(names::REGION))
            .endpoint_url(names::ENDPOINT)
            .allow_no_auth()
            // A long poll is silent for up to twenty seconds, which is not a stall.
            .stalled_stream_protection(
                aws_sdk_sqs::config::StalledStreamProtectionConfig::disabled(),
            )
            .http_client(self.http_client())
    }

    /// The wire below both clients, for a test that puts faults on it.
    pub fn http_client(&self) -> SharedHttpClient {
        connector::http_client(self.clone())
    }

    /// SNS and SQS over HTTP, for tools in other processes: `aws --endpoint-url http://...`. It asks
    /// for no credentials, so it belongs on loopback only.
    pub fn router(&self) -> axum::Router {
        connector::router(self.clone())
    }

    /// The ARN of the template's topic `id`, as its functions are told it.
    pub fn topic_arn(id: &str) -> String {
        names::topic_arn(id)
    }

    /// The URL of the template's queue `id`, as its functions are told it.
    pub fn queue_url(id: &str) -> String {
        names::queue_url(id)
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }
}

impl fmt::Debug for Messaging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messaging")
            .field("topics", &self.0.topics)
            .field("queues", &self.0.queues.keys())
            .field("folder", &self.0.folder)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
