//! Every state that the ledger's writers and publishers can get into, in small worlds, and what holds in all.
//!
//! The models are of the protocols in which a store uses `domain::ledger`: which item is written before
//! which, what is read again after an unknown outcome, and where anyone may crash. Beside each stand its
//! broken variants, which must be caught: a model that cannot fail proves nothing.

mod publishers;
mod writers;

use stateright::{Checker, HasDiscoveries, Model};

/// Looks at every reachable state. Fails with the trace where a property does not hold; gives the count.
fn holds<M>(model: M) -> usize
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + std::fmt::Debug + std::hash::Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + std::fmt::Debug + PartialEq + Send + Sync + 'static,
{
    let checker = model.checker().threads(threads()).spawn_bfs().join();
    checker.assert_properties();
    checker.unique_state_count()
}

/// Looks until a property is broken, and gives its name.
fn breaks<M>(model: M) -> &'static str
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + std::fmt::Debug + std::hash::Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + std::fmt::Debug + PartialEq + Send + Sync + 'static,
{
    let first = HasDiscoveries::AnyFailures;
    let checker = model.checker().finish_when(first).threads(threads()).spawn_bfs().join();
    let broken: Vec<&'static str> = checker
        .discoveries()
        .into_keys()
        .filter(|name| checker.model().property(name).expectation.discovery_is_failure())
        .collect();
    broken.into_iter().min().unwrap_or("nothing")
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
