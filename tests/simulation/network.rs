//! The wire between functions and what they call. Every call waits here for its turn: the order of turns comes
//! from the seed and from who calls what, not from the order of arrival, so that a run can be had again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use local::embedded::Embedded;
use local::system::Clients;
use local::wire;
use serde_json::Value;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::faults::{Call, broken, read_only, refused};
use crate::simulation::bug::Bug;
use crate::simulation::fault::{Mode, Plan, roll};
use crate::simulation::here::{HERE, Here};
use crate::simulation::place::{digest, first_half, item_in, target, written};
use crate::simulation::queues::Queues;

type Answer = Result<HttpResponse, ConnectorError>;

/// How long a call takes at most, in milliseconds, where nothing delays it.
const CALL_MILLISECONDS_MAX: u64 = 12;
/// As the functions are configured on Lambda, in milliseconds.
const ATTEMPT_MILLISECONDS_MAX: u64 = 1_000;
const OPERATION_MILLISECONDS_MAX: u64 = 2_500;

/// A call on its way.
struct Sent {
    key: String,
    call: Call,
    request: HttpRequest,
    /// The tables; none for topics and queues.
    tables: Option<SharedHttpConnector>,
    mode: Option<Mode>,
    here: Arc<Here>,
    answer: oneshot::Sender<Answer>,
}

#[derive(Default)]
struct State {
    waiting: BTreeMap<(u64, String), Sent>,
    is_calm: bool,
    trace: Vec<String>,
    injected: Vec<(String, Mode)>,
    points: Vec<(String, String)>,
    /// What was inserted into the audit table, in order.
    inserted: Vec<Value>,
}

struct Inner {
    seed: u64,
    plan: Plan,
    bug: Option<Bug>,
    tables: Embedded,
    queues: Queues,
    began: Instant,
    state: Mutex<State>,
    woken: Notify,
}

/// The wire of a run. Clones share it.
#[derive(Clone)]
pub(super) struct Network(Arc<Inner>);

impl Network {
    pub(super) fn new(seed: u64, plan: Plan, bug: Option<Bug>) -> Self {
        let (tables, queues) = (Embedded::memory().unwrap(), Queues::default());
        let (state, woken, began) = (Mutex::default(), Notify::new(), Instant::now());
        Self(Arc::new(Inner { seed, plan, bug, tables, queues, began, state, woken }))
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

    /// From now on nothing goes wrong.
    pub(super) fn calm(&self) {
        self.0.state.lock().unwrap().is_calm = true;
    }

    /// What goes wrong at a place, of what could.
    pub(super) fn decide(&self, place: &str, modes: &[Mode]) -> Option<Mode> {
        let mut state = self.0.state.lock().unwrap();
        if state.is_calm {
            return None;
        }
        let mode = self.0.plan.decide(self.0.seed, place, modes)?;
        state.injected.push((place.to_owned(), mode));
        Some(mode)
    }

    /// Remembers that something happened.
    pub(super) fn note(&self, what: &str) {
        let line = format!("{:>8} {what}", self.now());
        self.0.state.lock().unwrap().trace.push(line);
    }

    /// What happened, what went wrong, and where calls were made: each with the kind of place that it is.
    pub(super) fn story(&self) -> (Vec<String>, Vec<(String, Mode)>, Vec<(String, String)>) {
        let state = self.0.state.lock().unwrap();
        (state.trace.clone(), state.injected.clone(), state.points.clone())
    }

    /// What was inserted into the audit table, in order.
    pub(super) fn inserted(&self) -> Vec<Value> {
        self.0.state.lock().unwrap().inserted.clone()
    }

    /// The real SDK clients by this way, with the time limits of the functions; of some seeds, without retries.
    pub(super) fn clients(&self, seed: u64) -> Clients {
        let retries = match roll(seed, "retries") % 2 {
            0 => RetryConfig::disabled(),
            _ => RetryConfig::standard().with_use_static_exponential_base(true),
        };
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
            .timeout_config(timeouts.clone())
            .http_client(self.wire(false));
        let sqs = aws_sdk_sqs::Config::builder()
            .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
            .region(region)
            .allow_no_auth()
            .retry_config(retries)
            .timeout_config(timeouts)
            .http_client(self.wire(false));
        Clients {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(tables.build()),
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
    fn send(&self, tables: Option<SharedHttpConnector>, request: HttpRequest) -> HttpConnectorFuture {
        let (call, here) = (Call::of(&request), HERE.get());
        let target = target(&call);
        let what = format!("{} {target}", call.operation);
        let key = format!("{} {what} {}", here.name, here.count(&what));
        let mode = self.decide(&key, &Mode::of(&call.operation));
        let mut takes = 1 + roll(self.0.seed, &format!("takes {key}")) % CALL_MILLISECONDS_MAX;
        if mode == Some(Mode::Late) {
            takes += ATTEMPT_MILLISECONDS_MAX + roll(self.0.seed, &format!("late {key}")) % 3_000;
        }
        let due = self.now() + takes;
        let (answer, answered) = oneshot::channel();
        let mut state = self.0.state.lock().unwrap();
        state.points.push((key.clone(), format!("{} | {what}", here.point)));
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

    async fn deliver(&self, sent: Sent) {
        // Of what a process had sent when it ended, some still arrives.
        let is_gone = sent.answer.is_closed() && sent.mode != Some(Mode::Late);
        if is_gone && roll(self.0.seed, &format!("gone {}", sent.key)).is_multiple_of(2) {
            return self.note(&format!("{} never left", sent.key));
        }
        let lost = || Err(ConnectorError::io("the network is down".into()));
        let items = sent.call.body["TransactItems"].as_array().map_or(0, Vec::len);
        let answer = match sent.mode {
            Some(Mode::NotApplied) => lost(),
            Some(Mode::CrashBefore) => return self.end(&sent),
            Some(Mode::CrashAfter) => {
                drop(self.apply(&sent).await);
                return self.end(&sent);
            }
            Some(Mode::AnswerLost) => {
                drop(self.apply(&sent).await);
                lost()
            }
            Some(Mode::Throttled) if sent.tables.is_none() => Ok(broken(503)),
            Some(Mode::Throttled) => {
                Ok(refused("ProvisionedThroughputExceededException", None, items))
            }
            Some(Mode::InProgress) => Ok(refused("TransactionInProgressException", None, items)),
            Some(Mode::Conflict) if items > 0 => {
                let reason = Some("TransactionConflict");
                Ok(refused("TransactionCanceledException", reason, items))
            }
            Some(Mode::Conflict) => Ok(refused("TransactionConflictException", None, items)),
            _ => self.apply(&sent).await,
        };
        let answer = match (self.0.bug, answer) {
            (Some(bug), answer) => bug.answers(&sent.call, sent.mode, answer),
            (None, answer) => answer,
        };
        let said = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
        let mode = sent.mode.map_or_else(String::new, |mode| format!(" {mode:?}"));
        self.note(&format!("{}{mode} {said} {}", sent.key, digest(&sent.call.body)));
        // Who asked may have gone.
        drop(sent.answer.send(answer));
    }

    fn end(&self, sent: &Sent) {
        self.note(&format!("{} {:?}", sent.key, sent.mode));
        sent.here.process.end();
    }

    /// Has a call done, or of a batch a part.
    async fn apply(&self, sent: &Sent) -> Answer {
        let mut request = sent.request.try_clone().unwrap();
        let mut body = sent.call.body.clone();
        if let Some(bug) = self.0.bug
            && let Some(answer) = bug.takes(&sent.key, &mut body)
        {
            return Ok(answer);
        }
        if body != sent.call.body && sent.tables.is_some() {
            *request.body_mut() = SdkBody::from(body.to_string());
        } else if body != sent.call.body {
            *request.body_mut() = SdkBody::from(written(&body));
        }
        let is_partial = sent.mode == Some(Mode::Partial);
        let Some(tables) = &sent.tables else {
            let seed = self.0.seed;
            let refuses = |place: usize| {
                is_partial && !roll(seed, &format!("{} {place}", sent.key)).is_multiple_of(3)
            };
            return Ok(self.0.queues.answer(&request, refuses));
        };
        let answer = match sent.call.operation.as_str() {
            "BatchGetItem" if is_partial => read_only(tables, request, 0).await?,
            "BatchExecuteStatement" if is_partial => {
                first_half(tables, request).await?
            }
            _ => tables.call(request).await?,
        };
        if answer.status().is_success() && sent.call.operation == "ExecuteStatement" {
            self.0.state.lock().unwrap().inserted.push(item_in(&body));
        }
        Ok(answer)
    }
}
