//! Instances that share a store, asked while what they decide by is being changed.
//!
//! One writer changes things, one after the other, through the real handlers; checkers ask every instance at
//! the same time. Between any two calls to the database a random number of other steps is made, so that reads
//! and writes cross in every way. An answer must be that of some state between the last change that was
//! acknowledged before the question and the last that was begun before the answer. Some changes are
//! abandoned half way, as by a client that hangs up. Where the epochs are in a cache, which is a real server,
//! it loses keys and connections all the while.

mod model;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use api::AuditDecisions;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use domain::id::Ids;
use domain::time::{Clock, Timestamp};
use futures::future::join_all;
use http::{Method, Request};
use local::embedded::Embedded;
use local::system::{Clients, Surroundings, System};
use local::wire;
use serde_json::{Value, json};
use store::{Defect, EpochSource};

use crate::freshness::model::{Change, PRINCIPALS, State};
use crate::numbers::Numbers;
use crate::valkey::Server;
use crate::{BEGINNING_MICROSECONDS, Tenant, World};

/// Processes that answer.
const INSTANCES: usize = 3;
/// Questions asked at the same time.
const CHECKERS: usize = 4;
/// Steps that others make between two of one task, at most.
const STEPS_MAX: u64 = 12;

/// Where the instances keep the epochs of what they remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// In the table.
    Table,
    /// In the one process.
    InProcess,
    /// In a cache, of which each instance has a connection of its own. Its answers come in no order that a seed
    /// would repeat.
    Valkey,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Questions answered.
    pub checks: u64,
    /// Of them those that crossed a change.
    pub crossed: u64,
    /// Changes made.
    pub changes: u64,
    /// Changes abandoned.
    pub abandoned: u64,
    /// Times that a cache lost something.
    pub losses: u64,
    /// Answers that no state in between gives. Those that crossed more than one change are left out: what a
    /// decision reads is no snapshot.
    pub wrong: Vec<String>,
}

impl Found {
    fn count(&mut self, crossed: usize, wrong: Option<String>) {
        self.checks += 1;
        self.crossed += u64::from(crossed > 0);
        self.wrong.extend(wrong);
    }
}

async fn others_go_first(numbers: &Numbers) {
    for _ in 0..numbers.below(STEPS_MAX) {
        tokio::task::yield_now().await;
    }
}

/// What has happened so far, as the writer knows it.
struct History {
    states: RefCell<Vec<State>>,
    acknowledged: Cell<usize>,
    is_over: Cell<bool>,
}

/// Runs one seed: a world of its own, until so many changes are made or an answer is wrong.
pub fn run(seed: u64, changes: usize, source: Source, defect: Option<Defect>) -> Found {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(campaign(seed, changes, source, defect))
}

async fn campaign(seed: u64, changes: usize, source: Source, defect: Option<Defect>) -> Found {
    let numbers = Numbers::of(seed);
    let now = Arc::new(AtomicI64::new(BEGINNING_MICROSECONDS));
    let server = match source {
        Source::Table | Source::InProcess => None,
        Source::Valkey => match Server::start() {
            None => return Found::default(),
            Some(server) => Some(Arc::new(server)),
        },
    };
    // In one process and in a cache nothing that an abandoned change touched is remembered for a while: three
    // worlds of four are without. In the fourth a cache loses nothing: where a mark is lost whose change is
    // abandoned as well, only time shows the change.
    let abandons = seed.is_multiple_of(4);
    let loses = server.clone().filter(|_| !abandons);
    let worlds = worlds(&numbers, &now, (&server, &loses), source, defect);
    let writer = worlds[0].default_tenant();
    let state = State::build(&writer).await;
    let history = Rc::new(History {
        states: RefCell::new(vec![state]),
        acknowledged: Cell::new(0),
        is_over: Cell::new(false),
    });
    let found = Rc::new(RefCell::new(Found::default()));
    let checks = (0..CHECKERS).map(|checker| {
        let tenant = worlds[checker % INSTANCES].default_tenant();
        check(tenant, numbers.clone(), now.clone(), history.clone(), found.clone())
    });
    let writes = async {
        for _ in 0..changes {
            if !found.borrow().wrong.is_empty() {
                break;
            }
            change(&writer, abandons, &numbers, &now, &history, &found).await;
        }
        history.is_over.set(true);
    };
    let losses = lose(loses, &numbers, &history, &found);
    futures::join!(writes, join_all(checks), losses);
    let mut found = found.take();
    found.wrong.iter_mut().for_each(|wrong| *wrong = format!("seed {seed}, {source:?}: {wrong}"));
    found
}

/// Instances over one database, each with a memory of its own.
fn worlds(
    numbers: &Numbers,
    now: &Arc<AtomicI64>,
    (server, loses): (&Option<Arc<Server>>, &Option<Arc<Server>>),
    source: Source,
    defect: Option<Defect>,
) -> Vec<World> {
    let embedded = Embedded::memory().unwrap();
    let start = |_| {
        let (numbers, reading) = (numbers.clone(), now.clone());
        let epochs = match (source, server) {
            (Source::InProcess, _) => embedded.epochs(),
            (Source::Valkey, Some(server)) => server.epochs(),
            _ => EpochSource::table(),
        };
        let surroundings = Surroundings {
            clock: Clock::from_fn(move || {
                Timestamp::from_microseconds(reading.load(Ordering::SeqCst)).unwrap()
            }),
            ids: Ids::by_time(),
            epochs: Some(match defect {
                Some(defect) => epochs.with_defect(defect),
                None => epochs,
            }),
            // Nobody takes them from the queue here.
            audit_decisions: AuditDecisions::None,
            ..Surroundings::default()
        };
        let loses = loses.clone();
        let clients = |embedded: &Embedded, messaging: &_| {
            let crossing = wire::past(embedded.http_client(), move |inner, request| {
                let (inner, numbers, loses) = (inner.clone(), numbers.clone(), loses.clone());
                let target = request.headers().get("x-amz-target").unwrap_or_default();
                let commits = target.ends_with(".TransactWriteItems");
                HttpConnectorFuture::new(async move {
                    if let Some(server) = loses.filter(|_| commits && numbers.below(3) == 0) {
                        server.lose_marks();
                    }
                    others_go_first(&numbers).await;
                    let answer = inner.call(request).await;
                    others_go_first(&numbers).await;
                    answer
                })
            });
            let config = embedded.config().http_client(crossing);
            let dynamodb = aws_sdk_dynamodb::Client::from_conf(config.build());
            Clients { dynamodb, ..Clients::of(embedded, messaging) }
        };
        let system = System::start(embedded.clone(), clients, surroundings).unwrap();
        World { system, now: now.clone() }
    };
    (0..INSTANCES).map(start).collect()
}

/// Changes one thing.
async fn change(
    writer: &Tenant,
    abandons: bool,
    numbers: &Numbers,
    now: &AtomicI64,
    history: &History,
    found: &RefCell<Found>,
) {
    let before = history.states.borrow().last().unwrap().clone();
    let change = Change::draw(&before, |end| numbers.index(end));
    let after = before.after(&change);
    history.states.borrow_mut().push(after.clone());
    found.borrow_mut().changes += 1;
    let made = change.make(writer, &before, now);
    // One in eight is abandoned after some steps, if it is not done by then.
    let made = if abandons && numbers.below(8) == 0 && !change.is_time() {
        let patience = numbers.below(40);
        let hang_up = async {
            for _ in 0..patience {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! { biased; made = made => Some(made), () = hang_up => None }
    } else {
        Some(made.await)
    };
    if let Some(state) = made {
        *history.states.borrow_mut().last_mut().unwrap() = after.with(state);
    } else {
        // Whether it was done is seen from the table; from there on it is so, or it is not.
        found.borrow_mut().abandoned += 1;
        let seen = before.look(writer, &after).await;
        history.states.borrow_mut().push(seen);
    }
    history.acknowledged.set(history.states.borrow().len() - 1);
    for _ in 0..numbers.below(120) {
        tokio::task::yield_now().await;
    }
}

/// Has a cache lose a key, all of them, or its connections, until the writer has done.
async fn lose(
    server: Option<Arc<Server>>,
    numbers: &Numbers,
    history: &History,
    found: &RefCell<Found>,
) {
    let Some(server) = server else { return };
    let mut cut_at = 0;
    while !history.is_over.get() {
        // By answers, not by steps: or it would lose its connections faster than they can be made.
        let answers = found.borrow().checks + numbers.below(4);
        while found.borrow().checks < answers && !history.is_over.get() {
            tokio::task::yield_now().await;
        }
        others_go_first(numbers).await;
        let changes = found.borrow().changes;
        match numbers.below(50) {
            0 => server.send::<()>(&["FLUSHALL"]),
            // A change that loses its connection twice is refused.
            1 | 2 if changes > cut_at + 1 => {
                cut_at = changes;
                server.send::<()>(&["CLIENT", "KILL", "TYPE", "normal"]);
            }
            _ => {
                let keys = server.keys();
                if let Some(key) = keys.get(numbers.index(keys.len().max(1))) {
                    let () = server.send(&["DEL", key]);
                }
            }
        }
        found.borrow_mut().losses += 1;
    }
}

/// Asks until the writer has done.
async fn check(
    tenant: Tenant,
    numbers: Numbers,
    now: Arc<AtomicI64>,
    history: Rc<History>,
    found: Rc<RefCell<Found>>,
) {
    while !history.is_over.get() {
        let principal = PRINCIPALS[numbers.index(PRINCIPALS.len())];
        let target = numbers.index(model::ENTITIES);
        let first = history.acknowledged.get();
        let entity = history.states.borrow()[first].entity(target).to_owned();
        let asked_at = now.load(Ordering::SeqCst);
        let (kind, id) = principal.split_once(':').unwrap();
        let body = json!({
            "user_id": id, "principal_type": kind, "action": "doc:read", "resource_id": entity,
        });
        let answer = send(&tenant, body).await;
        let times = BTreeSet::from([asked_at, now.load(Ordering::SeqCst)]);
        let allowed = answer["authorized"] == true;
        let crossed = history.states.borrow().len() - 1 - first;
        let right = history.states.borrow()[first..].iter().any(|state| {
            times.iter().any(|time| state.allows(principal, target, *time) == allowed)
        });
        let wrong = (!right && crossed <= 1).then(|| {
            let state = history.states.borrow().last().cloned();
            format!(
                "{principal} on entity {target} answered {allowed}, after state {first}: {state:?}"
            )
        });
        found.borrow_mut().count(crossed, wrong);
        others_go_first(&numbers).await;
    }
}

async fn send(tenant: &Tenant, body: Value) -> Value {
    let request = Request::builder()
        .method(Method::POST)
        .uri("/api/v1/authorize")
        .header("x-tenant-id", "default")
        .header("content-type", "application/json");
    let reply = tenant.world.send(request.body(body.to_string().into()).unwrap()).await;
    reply.expect(200).clone()
}
