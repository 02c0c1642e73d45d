//! The wire between functions and what they call. Every call waits here for its turn: the order of turns comes
//! from the seed and from who calls what, not from the order of arrival, so that a run can be had again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::config::retry::{RetryPartition, TokenBucket};
use aws_smithy_runtime_api::client::http::{
    HttpConnectorFuture, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use local::embedded::Embedded;
use local::system::Clients;
use local::wire;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::faults::Call;
use crate::simulation::bug::Bug;
use crate::simulation::delivery::rewrite;
use crate::simulation::fault::{Mode, Plan, roll};
use crate::simulation::here::{HERE, Here};
use crate::simulation::place::target;
use crate::simulation::queues::Queues;
use crate::simulation::replica::{Replica, is_eventual};

pub(super) type Answer = Result<HttpResponse, ConnectorError>;

/// How long a call takes at most, in milliseconds, where nothing delays it.
const CALL_MILLISECONDS_MAX: u64 = 12;
/// As the functions are configured on Lambda, in milliseconds.
const ATTEMPT_MILLISECONDS_MAX: u64 = 1_000;
const OPERATION_MILLISECONDS_MAX: u64 = 2_500;

/// A call on its way.
pub(super) struct Sent {
    pub(super) key: String,
    pub(super) call: Call,
    pub(super) request: HttpRequest,
    /// The tables; none for topics and queues.
    pub(super) tables: Option<SharedHttpConnector>,
    pub(super) mode: Option<Mode>,
    pub(super) here: Arc<Here>,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// A place where something could go wrong.
#[derive(Clone, Debug)]
pub struct Point {
    /// The place, which no other in the run is.
    pub place: String,
    /// Of which kind it is.
    pub kind: String,
    /// What could go wrong there.
    pub modes: Vec<Mode>,
}

#[derive(Default)]
struct State {
    waiting: BTreeMap<(u64, String), Sent>,
    is_calm: bool,
    trace: Vec<String>,
    injected: Vec<(String, Mode)>,
    points: Vec<Point>,
}

pub(super) struct Inner {
    pub(super) seed: u64,
    plan: Plan,
    pub(super) bug: Option<Bug>,
    tables: Embedded,
    pub(super) replica: Replica,
    pub(super) queues: Queues,
    began: Instant,
    state: Mutex<State>,
    woken: Notify,
}

/// The wire of a run. Clones share it.
#[derive(Clone)]
pub(super) struct Network(pub(super) Arc<Inner>);

impl Network {
    pub(super) fn new(seed: u64, plan: Plan, bug: Option<Bug>) -> Self {
        let (tables, queues) = (Embedded::memory().unwrap(), Queues::default());
        let (state, woken, began) = (Mutex::default(), Notify::new(), Instant::now());
        let replica = Replica::default();
        Self(Arc::new(Inner { seed, plan, bug, tables, replica, queues, began, state, woken }))
    }

    pub(super) fn tables(&self) -> Embedded {
        self.0.tables.clone()
    }

    pub(super) fn queues(&self) -> &Queues {
        &self.0.queues
    }

    pub(super) fn bug(&self) -> Option<Bug> {
        self.0.bug
    }

    pub(super) fn began(&self) -> Instant {
        self.0.began
    }

    /// Milliseconds since the run began.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.0.began.elapsed().as_millis()).unwrap()
    }

    /// Whether from now on nothing goes wrong.
    pub(super) fn set_calm(&self, is_calm: bool) {
        self.0.state.lock().unwrap().is_calm = is_calm;
    }

    /// What goes wrong at a place, of what could. Places of one kind are alike: they differ only in when.
    pub(super) fn decide(&self, place: &str, kind: String, modes: &[Mode]) -> Option<Mode> {
        let mut state = self.0.state.lock().unwrap();
        if state.is_calm {
            return None;
        }
        state.points.push(Point { place: place.to_owned(), kind, modes: modes.to_vec() });
        let mode = self.0.plan.decide(self.0.seed, place, modes)?;
        state.injected.push((place.to_owned(), mode));
        Some(mode)
    }

    /// Remembers that something happened.
    pub(super) fn note(&self, what: &str) {
        let line = format!("{:>8} {what}", self.now());
        self.0.state.lock().unwrap().trace.push(line);
    }

    /// What happened, what went wrong, and where it could have.
    pub(super) fn story(&self) -> (Vec<String>, Vec<(String, Mode)>, Vec<Point>) {
        let state = self.0.state.lock().unwrap();
        (state.trace.clone(), state.injected.clone(), state.points.clone())
    }

    /// The real SDK clients by this way, with the time limits of the functions; of some seeds, without retries.
    pub(super) fn clients(&self) -> Clients {
        let retries = match roll(self.0.seed, "retries") % 2 {
            0 => RetryConfig::disabled(),
            _ => RetryConfig::standard().with_use_static_exponential_base(true),
        };
        // Otherwise all runs of this process would draw from one bucket.
        let partition = RetryPartition::custom("simulated");
        let partition = partition.token_bucket(TokenBucket::default()).build();
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(Duration::from_millis(ATTEMPT_MILLISECONDS_MAX))
            .operation_timeout(Duration::from_millis(OPERATION_MILLISECONDS_MAX))
            .build();
        let tables = self.0.tables.config().http_client(self.wire(true));
        let tables = tables.retry_config(retries.clone()).timeout_config(timeouts.clone());
        let region = aws_sdk_sns::config::Region::from_static("us-east-1");
        let sns = aws_sdk_sns::Config::builder()
            .behavior_version(aws_sdk_sns::config::BehaviorVersion::latest())
            .region(region.clone())
            .allow_no_auth()
            .retry_config(retries.clone())
            .retry_partition(partition.clone())
            .timeout_config(timeouts.clone())
            .http_client(self.wire(false));
        let sqs = aws_sdk_sqs::Config::builder()
            .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
            .region(region)
            .allow_no_auth()
            .retry_config(retries)
            .retry_partition(partition.clone())
            .timeout_config(timeouts)
            .http_client(self.wire(false));
        Clients {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(
                tables.retry_partition(partition).build(),
            ),
            messaging: api::delivery::Messaging {
                sns: Some(aws_sdk_sns::Client::from_conf(sns.build())),
                sqs: Some(aws_sdk_sqs::Client::from_conf(sqs.build())),
            },
        }
    }

    fn wire(&self, of_tables: bool) -> SharedHttpClient {
        let network = self.clone();
        wire::past(self.0.tables.http_client(), move |tables, request| {
            network.send(of_tables.then(|| tables.clone()), request)
        })
    }

    /// Takes a call that a function makes.
    fn send(
        &self,
        tables: Option<SharedHttpConnector>,
        mut request: HttpRequest,
    ) -> HttpConnectorFuture {
        let (mut call, here) = (Call::of(&request), HERE.get());
        let target = target(&call);
        let what = format!("{} {target}", call.operation);
        let key = format!("{} {what} {}", here.name, here.count(&what));
        if let Some(bug) = self.0.bug {
            bug.sends(&key, &mut call);
            rewrite(&mut request, &call);
        }
        let modes = Mode::of(&call.operation, tables.is_some() && is_eventual(&call));
        let mode = self.decide(&key, format!("{} | {what}", here.point), &modes);
        let mut takes = 1 + roll(self.0.seed, &format!("takes {key}")) % CALL_MILLISECONDS_MAX;
        if mode == Some(Mode::Late) {
            takes += ATTEMPT_MILLISECONDS_MAX + roll(self.0.seed, &format!("late {key}")) % 3_000;
        }
        let due = self.now() + takes;
        let (answer, answered) = oneshot::channel();
        let mut state = self.0.state.lock().unwrap();
        let sent = Sent { key: key.clone(), call, request, tables, mode, here, answer };
        state.waiting.insert((due, key), sent);
        self.0.woken.notify_one();
        HttpConnectorFuture::new(async move {
            let lost = || ConnectorError::io("the process has ended".into());
            answered.await.unwrap_or_else(|_| Err(lost()))
        })
    }

    /// Carries calls, each when its time has come, without end.
    pub(super) async fn carry(&self) {
        loop {
            let next = self.0.state.lock().unwrap().waiting.keys().next().map(|(due, _)| *due);
            match next {
                None => self.0.woken.notified().await,
                Some(due) if due > self.now() => {
                    let at = self.0.began + Duration::from_millis(due);
                    tokio::select! {
                        biased;
                        () = self.0.woken.notified() => {}
                        () = tokio::time::sleep_until(at) => {}
                    }
                }
                Some(_) => {
                    let first = self.0.state.lock().unwrap().waiting.pop_first();
                    if let Some((_, sent)) = first {
                        self.deliver(sent).await;
                    }
                }
            }
        }
    }
}
