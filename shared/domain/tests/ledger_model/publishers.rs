//! Publishers of checkpoints: nothing that is signed contradicts anything that was signed before.
//!
//! The order that holds: read the last statement, read the head, hold the one against the other
//! (`domain::ledger::watch`), **reserve** the new statement on the condition that the last one still is the
//! last, and only then sign it. Whoever finds a statement that is reserved and not signed signs it.
//!
//! The world: publishers run at once and crash; their reads are as old as they like; answers get lost; and
//! the table with the chain is restored from a backup, whereupon the chain grows on differently.

use stateright::{Model, Property};

use crate::{breaks, holds};

/// A chain, or what a checkpoint says of one: its segments. Equal ones have one size and one root.
type Chain = Vec<u8>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variant {
    Designed,
    /// Signs what it read, without asking whether it continues what was signed.
    WithoutComparing,
    /// Signs first, and reserves afterwards.
    SignedBeforeReserved,
    /// Reserves whatever was reserved meanwhile.
    ReservedWithoutCondition,
}

#[derive(Clone, Copy, Debug)]
struct World {
    variant: Variant,
    publishers: usize,
    appends: u8,
    restores: u8,
    crashes: u8,
    faults: u8,
}

/// Where a publisher is, with what it read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum At {
    Idle,
    /// Has read which statement is the last, by its number.
    Read(usize),
    /// Will reserve a statement after that one.
    Reserve(usize, Chain),
    /// Will sign a statement.
    Sign(Chain),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    publishers: Vec<At>,
    /// What the chain is and was: the last is what it is, and a stale read gives any.
    chains: Vec<Chain>,
    /// What was reserved, in order. The first is the empty chain, which needs no signature.
    reserved: Vec<Chain>,
    /// What was signed, in order.
    signed: Vec<Chain>,
    segments: u8,
    restores: u8,
    crashes: u8,
    faults: u8,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    Append,
    Restore(usize),
    ReadStatement(usize, usize),
    ReadHead(usize, usize),
    Reserve(usize),
    ReserveUnanswered(usize),
    Sign(usize),
    Crash(usize),
}

impl World {
    /// What a publisher does with a head it read: nothing, unless it continues the last statement.
    fn decide(&self, state: &State, last: usize, head: &Chain) -> Option<At> {
        let statement = state.reserved.get(last)?;
        let continues = head.starts_with(statement) || self.variant == Variant::WithoutComparing;
        if !continues || head == statement {
            return Some(At::Idle);
        }
        Some(At::Reserve(last, head.clone()))
    }

    /// Puts a statement on the condition that its predecessor is the last one.
    fn reserve(&self, state: &mut State, last: usize, statement: &Chain) -> bool {
        let still = state.reserved.len() == last + 1;
        let done = still || self.variant == Variant::ReservedWithoutCondition;
        if done {
            state.reserved.push(statement.clone());
        }
        done
    }
}

impl Model for World {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            publishers: vec![At::Idle; self.publishers],
            chains: vec![Vec::new()],
            reserved: vec![Vec::new()],
            signed: Vec::new(),
            segments: 0,
            restores: self.restores,
            crashes: self.crashes,
            faults: self.faults,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.segments < self.appends {
            actions.push(Action::Append);
        }
        if state.restores > 0 {
            let now = state.chains.last().map_or(0, Vec::len);
            actions.extend((0..now).map(Action::Restore));
        }
        for (publisher, at) in state.publishers.iter().enumerate() {
            match at {
                At::Idle => {
                    let versions = 0..state.reserved.len();
                    actions.extend(versions.map(|seen| Action::ReadStatement(publisher, seen)));
                    continue;
                }
                At::Read(_) => {
                    let versions = 0..state.chains.len();
                    actions.extend(versions.map(|seen| Action::ReadHead(publisher, seen)));
                }
                At::Reserve(..) => {
                    actions.push(Action::Reserve(publisher));
                    if state.faults > 0 {
                        actions.push(Action::ReserveUnanswered(publisher));
                    }
                }
                At::Sign(_) => actions.push(Action::Sign(publisher)),
            }
            if state.crashes > 0 {
                actions.push(Action::Crash(publisher));
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Append => {
                let mut chain = state.chains.last()?.clone();
                state.segments += 1;
                chain.push(state.segments);
                state.chains.push(chain);
            }
            Action::Restore(size) => {
                let chain = state.chains.last()?.get(..size)?.to_vec();
                state.chains.push(chain);
                state.restores -= 1;
            }
            Action::ReadStatement(publisher, seen) => {
                let statement = state.reserved.get(seen)?.clone();
                let unsigned = !statement.is_empty() && !state.signed.contains(&statement);
                // What is reserved and not signed is signed by whoever finds it.
                let next = if unsigned { At::Sign(statement) } else { At::Read(seen) };
                *state.publishers.get_mut(publisher)? = next;
            }
            Action::ReadHead(publisher, seen) => {
                let At::Read(version) = state.publishers.get(publisher)? else { return None };
                let next = self.decide(&state, *version, state.chains.get(seen)?)?;
                if let (Variant::SignedBeforeReserved, At::Reserve(_, statement)) =
                    (self.variant, &next)
                {
                    state.signed.push(statement.clone());
                }
                *state.publishers.get_mut(publisher)? = next;
            }
            Action::Reserve(publisher) | Action::ReserveUnanswered(publisher) => {
                let At::Reserve(version, statement) = state.publishers.get(publisher)?.clone()
                else {
                    return None;
                };
                let done = self.reserve(&mut state, version, &statement);
                let answered = matches!(action, Action::Reserve(_));
                state.faults -= u8::from(!answered);
                let next = if done && answered { At::Sign(statement) } else { At::Idle };
                *state.publishers.get_mut(publisher)? = next;
            }
            Action::Sign(publisher) => {
                let At::Sign(statement) = state.publishers.get(publisher)?.clone() else {
                    return None;
                };
                if !state.signed.contains(&statement) {
                    state.signed.push(statement);
                }
                *state.publishers.get_mut(publisher)? = At::Idle;
            }
            Action::Crash(publisher) => {
                *state.publishers.get_mut(publisher)? = At::Idle;
                state.crashes -= 1;
            }
        }
        state.publishers.sort_unstable();
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("nothing signed contradicts what was signed", |_, state: &State| {
                let agree =
                    |one: &Chain, other: &Chain| one.starts_with(other) || other.starts_with(one);
                state.signed.iter().all(|one| state.signed.iter().all(|other| agree(one, other)))
            }),
            Property::always("what is reserved only grows", |_, state: &State| {
                state
                    .reserved
                    .windows(2)
                    .all(|pair| matches!(pair, [one, next] if one.len() < next.len()))
            }),
            Property::always("what is signed was part of the chain", |_, state: &State| {
                let of_chain =
                    |one: &Chain| state.chains.iter().any(|chain| chain.starts_with(one));
                state.signed.iter().all(of_chain)
            }),
            Property::sometimes("everything is signed", |world: &World, state: &State| {
                let whole = |one: &Chain| one.len() == usize::from(world.appends);
                state.signed.iter().any(whole)
            }),
            Property::sometimes(
                "a restored chain that goes on differently is not signed",
                |_, state: &State| {
                    let contradicts = |chain: &Chain| {
                        let last = state.reserved.last();
                        last.is_some_and(|last| {
                            chain.len() >= last.len() && !chain.starts_with(last)
                        })
                    };
                    state.chains.last().is_some_and(contradicts)
                },
            ),
        ]
    }
}

const SMALL: World = World {
    variant: Variant::Designed,
    publishers: 2,
    appends: 3,
    restores: 1,
    crashes: 1,
    faults: 1,
};

const CONTRADICTION: &str = "nothing signed contradicts what was signed";

#[test]
fn publishers_as_designed_never_sign_what_contradicts() {
    let states = holds(World { publishers: 3, appends: 4, crashes: 2, faults: 2, ..SMALL });
    assert!(states >= 1_000_000, "{states} states");
}

#[test]
fn signing_without_comparing_contradicts() {
    let broken = breaks(World { variant: Variant::WithoutComparing, ..SMALL });
    assert!([CONTRADICTION, "what is reserved only grows"].contains(&broken), "{broken}");
}

#[test]
fn signing_before_reserving_contradicts() {
    assert_eq!(breaks(World { variant: Variant::SignedBeforeReserved, ..SMALL }), CONTRADICTION);
}

#[test]
fn reserving_without_a_condition_contradicts() {
    let broken = breaks(World { variant: Variant::ReservedWithoutCondition, ..SMALL });
    assert!([CONTRADICTION, "what is reserved only grows"].contains(&broken), "{broken}");
}
