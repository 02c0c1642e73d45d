//! The simulator: a seed decides everything.
//!
//! The real functions run in a few processes over one set of tables,
//! in one thread and in time that passes only when all wait; everything goes wrong on the way below the SDK's
//! clients, before the gateway and at the sources; and an oracle that shares no code with the functions, and some
//! checkers, say whether what was promised was kept.
//!
//! What is simulated, what is proven by it and what is not: `docs/simulation.md`.

mod bug;
mod checks;
mod client;
mod delivery;
mod drain;
mod facts;
mod fault;
mod fleet;
mod here;
mod journal;
mod lists;
pub mod minimise;
mod network;
mod oracle;
mod place;
mod questions;
mod queues;
mod replica;
mod rig;
pub mod single;
mod sources;
mod workload;

use std::sync::Arc;

use futures::future::join_all;

pub use bug::Bug;
pub use fault::{Mode, Plan};
pub use network::Point;

use checks::{Evidence, wrong};
use facts::Facts;
use place::short;
use rig::Rig;
use sources::{SHARDS, WORKERS};
use workload::{Client, TENANTS};

/// How much is done in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Tenants, at most three.
    pub tenants: usize,
    /// Clients of each tenant.
    pub clients: u64,
    /// Changes of each client, each with a question after it.
    pub changes: u64,
    /// Whether changes of every kind are made in turn, or as the seed says.
    pub in_turn: bool,
    /// How long things go on to go wrong when the clients have done, in milliseconds: some rounds of the schedules.
    pub lingers: u64,
}

impl Size {
    /// What a swarm does with each seed.
    pub const SWARM: Self =
        Self { tenants: 3, clients: 2, changes: 14, in_turn: false, lingers: 70_000 };
    /// What is done for each single fault.
    pub const SINGLE: Self =
        Self { tenants: 1, clients: 1, changes: 22, in_turn: true, lingers: 130_000 };
}

/// A run to be made.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What decides.
    pub seed: u64,
    /// What goes wrong.
    pub plan: Plan,
    /// How much is done.
    pub size: Size,
    /// What is wrong with the code.
    pub bug: Option<Bug>,
}

/// A run that was made.
#[derive(Clone, Debug)]
pub struct Run {
    /// The same for the same setup.
    pub hash: String,
    /// What happened, in order, with the millisecond.
    pub trace: Vec<String>,
    /// What went wrong, and where.
    pub injected: Vec<(String, Mode)>,
    /// Where something could have gone wrong.
    pub points: Vec<Point>,
    /// Invariants that did not hold, each with what shows it.
    pub wrong: Vec<(&'static str, String)>,
    /// Changes that were acknowledged, refused, and unknown to their clients.
    pub endings: [u64; 3],
    /// Questions that were answered, and how many of them had only one right answer.
    pub questions: (u64, u64),
    /// How long it took until everything was delivered, in simulated milliseconds.
    pub drained: u64,
    /// Processes that were begun.
    pub processes: u64,
}

/// Makes a run.
pub fn run(setup: &Setup) -> Run {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(campaign(setup))
}

async fn campaign(setup: &Setup) -> Run {
    let Setup { seed, plan, size, bug } = setup.clone();
    let rig = Rig::new(seed, plan, bug);
    let wire = rig.network.clone();
    tokio::spawn(async move { wire.carry().await });
    let client =
        |tenant, number| Client { rig: rig.clone(), tenant, number, in_turn: size.in_turn };
    let tenants = &TENANTS[..size.tenants];
    for tenant in tenants {
        client(tenant, 0).set_up().await;
    }
    for shard in 0..SHARDS {
        tokio::spawn(rig.clone().bring_stream(shard));
    }
    for worker in 0..WORKERS {
        tokio::spawn(rig.clone().bring_queue(worker));
    }
    for folder in ["outbox-sweeper", "audit-verify"] {
        tokio::spawn(rig.clone().keep_schedule(folder));
    }
    rig.network.set_calm(false);
    let clients =
        tenants.iter().flat_map(|tenant| (0..size.clients).map(move |one| (*tenant, one)));
    let clients = clients.map(|(tenant, one)| tokio::spawn(client(tenant, one).run(size.changes)));
    join_all(clients).await.into_iter().for_each(Result::unwrap);
    rig.pass(size.lingers).await;
    let drained = rig.drain().await;
    rig.compare_searches(tenants).await;
    rig.compare_lists(tenants).await;
    rig.verify().await;
    judged(&rig, drained).await
}

async fn judged(rig: &Arc<Rig>, drained: u64) -> Run {
    let facts = Facts::of(rig).await;
    let journal = std::mem::take(&mut *rig.journal.lock().unwrap());
    let mut all = journal.wrong.clone();
    all.extend(wrong(&Evidence { journal: &journal, facts: &facts }));
    let (trace, injected, points) = rig.network.story();
    let mut endings = [0; 3];
    for asked in &journal.asked {
        match asked.ending {
            journal::Ending::Acknowledged(_) => endings[0] += 1,
            journal::Ending::Refused(_) => endings[1] += 1,
            _ => endings[2] += 1,
        }
    }
    Run {
        hash: short(trace.join("\n").as_bytes()),
        trace,
        injected,
        points,
        wrong: all,
        endings,
        questions: journal.questions,
        drained,
        processes: rig.fleet.begun(),
    }
}
