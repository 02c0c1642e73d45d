//! Who is at work: known to the wire, to ids and to chance, so that each draws numbers of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::simulation::fleet::Process;

tokio::task_local! {
    pub(super) static HERE: Arc<Here>;
}

/// One invocation of a function in a process.
pub(super) struct Here {
    /// Its name, which no other in the run has.
    pub(super) name: String,
    /// What is invoked: the method and the kind of path, or the function.
    pub(super) point: String,
    /// Where.
    pub(super) process: Arc<Process>,
    counts: Mutex<BTreeMap<String, u64>>,
}

impl Here {
    pub(super) fn new(name: String, point: &str, process: &Arc<Process>) -> Arc<Self> {
        let (point, process) = (point.to_owned(), process.clone());
        Arc::new(Self { name, point, process, counts: Mutex::default() })
    }

    /// How often this was counted before.
    pub(super) fn count(&self, what: &str) -> u64 {
        let mut counts = self.counts.lock().unwrap();
        let count = counts.entry(what.to_owned()).or_default();
        *count += 1;
        *count - 1
    }

    /// A text that names one draw and no other in the run.
    pub(super) fn draw(what: &str) -> String {
        let of = |here: &Arc<Self>| format!("{} {what} {}", here.name, here.count(what));
        HERE.try_with(of).unwrap_or_else(|_| what.to_owned())
    }
}
