//! The processes that functions run in: each with a memory of its own, over one set of tables; any of them may
//! end at any time, and another takes its place.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use api::AuditDecisions;
use api::ledger::Notary;
use domain::id::Ids;
use domain::time::{Clock, Timestamp};
use local::pump::Handler;
use local::system::{Clients, Surroundings, System, worker};
use store::{Chance, Defect, EpochSource};
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use crate::BEGINNING_MICROSECONDS;
use crate::simulation::fault::roll;
use crate::simulation::here::{HERE, Here};
use crate::simulation::network::Network;

/// Functions that others than clients invoke.
const WORKERS: [&str; 4] = ["audit-append", "audit-verify", "outbox-relay", "outbox-sweeper"];

/// A process.
pub(super) struct Process {
    pub(super) system: System,
    workers: BTreeMap<&'static str, Handler>,
    has_ended: AtomicBool,
    /// Wakes in the order of those who wait, which a `watch` channel does not.
    end: Notify,
    /// How far its clock is off, in microseconds.
    pub(super) skew: Arc<AtomicI64>,
}

impl Process {
    fn start(
        seed: u64,
        number: u64,
        network: &Network,
        notary: &Notary,
        stale: Option<Defect>,
    ) -> Self {
        let skewed = i64::try_from(roll(seed, "skew") % 4).unwrap() == 0;
        let of_process = i64::try_from(roll(seed, &format!("skew {number}")) % 3_000_000).unwrap();
        let skew = Arc::new(AtomicI64::new(if skewed { of_process - 1_500_000 } else { 0 }));
        let epochs = EpochSource::table();
        let surroundings = Surroundings {
            clock: clock(network.began(), skew.clone()),
            ids: ids(seed, network.began()),
            chance: Chance::from_fn(move || roll(seed, &Here::draw("chance"))),
            epochs: Some(match stale {
                Some(defect) => epochs.with_defect(defect),
                None => epochs,
            }),
            notary: Some(notary.clone()),
            audit_decisions: AuditDecisions::None,
            ..Surroundings::default()
        };
        let clients = |_: &_, _: &_| -> Clients { network.clients() };
        let system = System::start(network.tables(), clients, surroundings).unwrap();
        let workers = WORKERS
            .into_iter()
            .map(|folder| (folder, worker(folder, system.app(folder).unwrap()).unwrap()));
        let workers = workers.collect();
        Self { system, workers, has_ended: AtomicBool::new(false), end: Notify::new(), skew }
    }

    /// The function of a folder.
    pub(super) fn worker(&self, folder: &str) -> Handler {
        self.workers[folder].clone()
    }

    /// Ends the process: what is under way in it is dropped where it stands.
    pub(super) fn end(&self) {
        self.has_ended.store(true, Ordering::Relaxed);
        self.end.notify_waiters();
    }

    fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }
}

impl Here {
    /// Does something in its process; nothing where that ends before.
    pub(super) async fn run<T>(self: Arc<Self>, work: impl Future<Output = T>) -> Option<T> {
        let ended = self.process.end.notified();
        if self.process.has_ended() {
            return None;
        }
        tokio::select! {
            biased;
            () = ended => None,
            done = HERE.scope(self.clone(), work) => Some(done),
        }
    }
}

/// The processes that there are.
pub(super) struct Fleet {
    seats: Mutex<Vec<Arc<Process>>>,
    begun: AtomicU64,
    seed: u64,
    network: Network,
    notary: Notary,
    stale: Option<Defect>,
}

impl Fleet {
    /// So many processes.
    pub(super) fn of(seed: u64, size: u64, network: &Network, stale: Option<Defect>) -> Self {
        let notary = Notary::with_own_key(None, api::ledger::DEPLOYMENT_DEFAULT).unwrap();
        let (seats, begun) = (Mutex::default(), AtomicU64::new(0));
        let fleet = Self { seats, begun, seed, network: network.clone(), notary, stale };
        let seats = (0..size).map(|_| fleet.begin()).collect();
        *fleet.seats.lock().unwrap() = seats;
        fleet
    }

    fn begin(&self) -> Arc<Process> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let Self { seed, network, notary, stale, .. } = self;
        Arc::new(Process::start(*seed, number, network, notary, *stale))
    }

    /// A process by a number; a new one where that has ended.
    pub(super) fn process(&self, number: u64) -> Arc<Process> {
        let mut seats = self.seats.lock().unwrap();
        let place = usize::try_from(number % seats.len() as u64).unwrap();
        if seats[place].has_ended() {
            seats[place] = self.begin();
        }
        seats[place].clone()
    }

    /// How many processes were begun.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Ends what differs between processes: their clocks are right again.
    pub(super) fn set_clocks(&self) {
        self.seats.lock().unwrap().iter().for_each(|one| one.skew.store(0, Ordering::Relaxed));
    }
}

fn clock(began: Instant, skew: Arc<AtomicI64>) -> Clock {
    Clock::from_fn(move || {
        let passed = i64::try_from(began.elapsed().as_micros()).unwrap();
        let now = BEGINNING_MICROSECONDS + passed + skew.load(Ordering::Relaxed);
        Timestamp::from_microseconds(now).unwrap()
    })
}

/// Ids in the form of UUIDv7: the time, and what the seed makes of who asks.
fn ids(seed: u64, began: Instant) -> Ids {
    Ids::from_fn(move || {
        let what = Here::draw("id");
        let (high, low) = (roll(seed, &what), roll(seed ^ 1, &what));
        let milliseconds = began.elapsed().as_millis() + BEGINNING_MICROSECONDS as u128 / 1_000;
        let time = milliseconds << 80;
        let random = (u128::from(high & 0xfff) << 64) | u128::from(low >> 2);
        Uuid::from_u128(time | (0x7 << 76) | (0b10 << 62) | random)
    })
}
