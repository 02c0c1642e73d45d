//! All that a run consists of: the wire, the processes, and what clients know.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use store::Defect;

use crate::simulation::bug::Bug;
use crate::simulation::fault::{Mode, Plan};
use crate::simulation::fleet::{Fleet, Process};
use crate::simulation::journal::Journal;
use crate::simulation::network::Network;

/// Processes at a time.
const PROCESSES: u64 = 3;
/// How far a clock jumps, in microseconds, either way.
const JUMP_MICROSECONDS_MAX: u64 = 30_000_000;

/// A run.
pub(super) struct Rig {
    pub(super) seed: u64,
    pub(super) network: Network,
    pub(super) fleet: Fleet,
    pub(super) journal: Mutex<Journal>,
    is_over: AtomicBool,
}

impl Rig {
    pub(super) fn new(seed: u64, plan: Plan, bug: Option<Bug>) -> Arc<Self> {
        let network = Network::new(seed, plan, bug);
        network.set_calm(true);
        let defect: Option<Defect> = bug.and_then(Bug::defect);
        let fleet = Fleet::of(seed, PROCESSES, &network, defect);
        let (journal, is_over) = (Mutex::default(), AtomicBool::new(false));
        Arc::new(Self { seed, network, fleet, journal, is_over })
    }

    /// The process of an invocation. Its clock may jump then.
    pub(super) fn process(&self, number: u64, name: &str) -> Arc<Process> {
        let process = self.fleet.process(number);
        let place = format!("{name} clock");
        if self.network.decide(&place, "clock | jump".to_owned(), &[Mode::Jump]).is_some() {
            let by = self.roll(&place) % (2 * JUMP_MICROSECONDS_MAX);
            let by = i64::try_from(by).unwrap() - i64::try_from(JUMP_MICROSECONDS_MAX).unwrap();
            process.skew.store(by, Ordering::Relaxed);
            self.network.note(&format!("{name} clock is off by {by}"));
        }
        process
    }

    /// Ends the sources.
    pub(super) fn finish(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}
