//! Writers that share a chain: none writes an event twice, loses one, or replaces what is committed.
//!
//! The world: a queue that gives any message to anyone, again and at once, until it is acknowledged; a
//! table whose single items are written atomically and read consistently; workers that crash at any step;
//! and a network that loses answers, drops requests, and delivers a commit long after its sender gave up.

use stateright::{Model, Property};

use crate::{breaks, holds};

/// A set of events, one bit for each.
type Events = u8;

/// What is left out or done in another order. `Designed` is what the store does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variant {
    Designed,
    WithoutRepair,
    CheckedBeforeHead,
    AcknowledgedBeforeCommit,
    PutWithoutCondition,
}

/// How large a world is looked at.
#[derive(Clone, Copy, Debug)]
struct World {
    variant: Variant,
    events: u8,
    writers: usize,
    /// How often each message can be given out.
    deliveries: u8,
    crashes: u8,
    /// Lost answers, dropped requests and late arrivals, together.
    faults: u8,
}

/// Where a writer is. What it holds is what it read, however old that is by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum At {
    Idle,
    /// Reads the head.
    Head {
        batch: Events,
        fresh: Events,
    },
    /// Puts the index items of the last segment, one by one.
    Repair {
        batch: Events,
        fresh: Events,
        head: u8,
        left: Events,
    },
    /// Asks the index for each event of the batch, one by one.
    Check {
        batch: Events,
        fresh: Events,
        head: u8,
        left: Events,
    },
    Body {
        batch: Events,
        fresh: Events,
        head: u8,
    },
    Commit {
        batch: Events,
        fresh: Events,
        head: u8,
    },
    /// Puts the index items of its own segment, one by one.
    Index {
        batch: Events,
        left: Events,
    },
    Acknowledge {
        batch: Events,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    writers: Vec<At>,
    /// How often each event's message can still be given out.
    deliveries: Vec<u8>,
    acknowledged: Events,
    /// The committed segments, from the first on.
    chain: Vec<Events>,
    /// The bodies, by the segment they were made for.
    bodies: Vec<(u8, Events)>,
    index: Events,
    /// Commits on their way, whose senders gave up on them.
    late: Vec<(u8, Events)>,
    replaced: bool,
    crashes: u8,
    faults: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It happened, and the writer knows.
    Answered,
    /// It happened, and the writer does not know.
    AnswerLost,
    /// It did not happen, and the writer does not know.
    Dropped,
    /// It has not happened yet, and the writer does not know.
    Late,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Take(usize, Events),
    Step(usize, Outcome),
    Crash(usize),
    Arrive(usize),
}

fn first(events: Events) -> Events {
    events & events.wrapping_neg()
}

impl State {
    fn recorded(&self) -> Events {
        self.chain.iter().fold(0, |all, segment| all | segment)
    }

    /// Puts a commit where none is; answers whether it is there now because of this.
    fn commit(&mut self, head: u8, events: Events, variant: Variant) -> bool {
        match self.chain.get_mut(usize::from(head)) {
            None => {
                self.chain.push(events);
                true
            }
            Some(there) if variant == Variant::PutWithoutCondition => {
                self.replaced |= *there != events;
                *there = events;
                true
            }
            Some(_) => false,
        }
    }

    /// Whether a step writes something that the network can lose.
    fn writes(at: At) -> bool {
        matches!(
            at,
            At::Body { .. } | At::Commit { .. } | At::Index { .. } | At::Acknowledge { .. }
        )
    }
}

impl World {
    /// Where a writer goes once it has its batch, or must begin again.
    fn begin(&self, batch: Events) -> At {
        match self.variant {
            Variant::CheckedBeforeHead => At::Check { batch, fresh: 0, head: 0, left: batch },
            _ => At::Head { batch, fresh: 0 },
        }
    }

    /// Where a writer goes that knows what is fresh.
    fn decided(&self, batch: Events, fresh: Events, head: u8) -> At {
        if fresh == 0 { At::Acknowledge { batch } } else { At::Body { batch, fresh, head } }
    }

    /// One step of a writer, with what came of it.
    fn step(&self, state: &mut State, at: At, outcome: Outcome) -> At {
        let happens = matches!(outcome, Outcome::Answered | Outcome::AnswerLost);
        let known = outcome == Outcome::Answered;
        match at {
            At::Idle => At::Idle,
            At::Head { batch, fresh } => {
                #[expect(clippy::cast_possible_truncation, reason = "a handful of segments")]
                let head = state.chain.len() as u8;
                let left = match self.variant {
                    Variant::WithoutRepair => 0,
                    _ => state.chain.last().copied().unwrap_or(0),
                };
                At::Repair { batch, fresh, head, left }
            }
            At::Repair { batch, fresh, head, left: 0 } => match self.variant {
                Variant::CheckedBeforeHead => self.decided(batch, fresh, head),
                _ => At::Check { batch, fresh: 0, head, left: batch },
            },
            At::Repair { batch, fresh, head, left } => {
                state.index |= first(left);
                At::Repair { batch, fresh, head, left: left & !first(left) }
            }
            At::Check { batch, fresh, head, left: 0 } => match self.variant {
                Variant::CheckedBeforeHead => At::Head { batch, fresh },
                _ => self.decided(batch, fresh, head),
            },
            At::Check { batch, fresh, head, left } => {
                let fresh = fresh | first(left) & !state.index;
                At::Check { batch, fresh, head, left: left & !first(left) }
            }
            At::Body { batch, fresh, head } => {
                if happens && !state.bodies.contains(&(head, fresh)) {
                    state.bodies.push((head, fresh));
                    state.bodies.sort_unstable();
                }
                if known { At::Commit { batch, fresh, head } } else { self.begin(batch) }
            }
            At::Commit { batch, fresh, head } => {
                if self.variant == Variant::AcknowledgedBeforeCommit {
                    state.acknowledged |= batch;
                }
                if outcome == Outcome::Late {
                    state.late.push((head, fresh));
                    state.late.sort_unstable();
                }
                let done = happens && state.commit(head, fresh, self.variant);
                if done && known { At::Index { batch, left: fresh } } else { self.begin(batch) }
            }
            At::Index { batch, left: 0 } => At::Acknowledge { batch },
            At::Index { batch, left } => {
                if happens {
                    state.index |= first(left);
                }
                if known {
                    At::Index { batch, left: left & !first(left) }
                } else {
                    self.begin(batch)
                }
            }
            At::Acknowledge { batch } => {
                if happens {
                    state.acknowledged |= batch;
                }
                At::Idle
            }
        }
    }
}

impl Model for World {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            writers: vec![At::Idle; self.writers],
            deliveries: vec![self.deliveries; usize::from(self.events)],
            acknowledged: 0,
            chain: Vec::new(),
            bodies: Vec::new(),
            index: 0,
            late: Vec::new(),
            replaced: false,
            crashes: self.crashes,
            faults: self.faults,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let givable = |events: &Events| {
            let mut places = state.deliveries.iter().enumerate();
            events & state.acknowledged == 0
                && places.all(|(place, left)| events >> place & 1 == 0 || *left > 0)
        };
        for (writer, at) in state.writers.iter().enumerate() {
            if *at == At::Idle {
                let batches = (1..1 << self.events).filter(givable);
                actions.extend(batches.map(|batch| Action::Take(writer, batch)));
                continue;
            }
            actions.push(Action::Step(writer, Outcome::Answered));
            if state.crashes > 0 {
                actions.push(Action::Crash(writer));
            }
            if state.faults > 0 && State::writes(*at) {
                actions.push(Action::Step(writer, Outcome::AnswerLost));
                actions.push(Action::Step(writer, Outcome::Dropped));
                if matches!(at, At::Commit { .. }) {
                    actions.push(Action::Step(writer, Outcome::Late));
                }
            }
        }
        actions.extend((0..state.late.len()).map(Action::Arrive));
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Take(writer, batch) => {
                *state.writers.get_mut(writer)? = self.begin(batch);
                for (place, left) in state.deliveries.iter_mut().enumerate() {
                    *left -= batch >> place & 1;
                }
            }
            Action::Step(writer, outcome) => {
                let at = *state.writers.get(writer)?;
                let next = self.step(&mut state, at, outcome);
                *state.writers.get_mut(writer)? = next;
                state.faults -= u8::from(outcome != Outcome::Answered);
            }
            Action::Crash(writer) => {
                *state.writers.get_mut(writer)? = At::Idle;
                state.crashes -= 1;
            }
            Action::Arrive(place) => {
                let (head, events) = state.late.remove(place);
                state.commit(head, events, self.variant);
            }
        }
        // Writers are alike: worlds that differ in who is who are one.
        state.writers.sort_unstable();
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no event stands twice", |_, state: &State| {
                let sizes: u32 = state.chain.iter().map(|segment| segment.count_ones()).sum();
                sizes == state.recorded().count_ones()
            }),
            Property::always("what is acknowledged is recorded", |_, state: &State| {
                state.acknowledged & !state.recorded() == 0
            }),
            Property::always("what is committed is never replaced", |_, state: &State| {
                !state.replaced
            }),
            Property::always("what is committed has a body", |_, state: &State| {
                let has = |(head, events): (u8, &Events)| state.bodies.contains(&(head, *events));
                (0_u8..).zip(&state.chain).all(has)
            }),
            Property::always("what is indexed is recorded", |_, state: &State| {
                state.index & !state.recorded() == 0
            }),
            Property::sometimes(
                "everything is recorded and acknowledged",
                |world: &World, state: &State| {
                    let all = (1 << world.events) - 1;
                    state.recorded() == all && state.acknowledged == all
                },
            ),
        ]
    }
}

const SMALL: World = World {
    variant: Variant::Designed,
    events: 2,
    writers: 2,
    deliveries: 3,
    crashes: 2,
    faults: 2,
};

#[test]
fn two_writers_record_each_event_once_and_lose_none() {
    let states = holds(World { deliveries: 4, ..SMALL });
    assert!(states >= 3_000_000, "{states} states");
}

#[test]
fn three_writers_record_each_event_once_and_lose_none() {
    let states = holds(World { writers: 3, deliveries: 2, crashes: 1, faults: 1, ..SMALL });
    assert!(states >= 400_000, "{states} states");
}

#[test]
fn three_events_are_recorded_once_and_none_is_lost() {
    let states = holds(World { events: 3, deliveries: 2, crashes: 0, faults: 1, ..SMALL });
    assert!(states >= 1_000_000, "{states} states");
}

#[test]
fn without_repair_an_event_is_written_twice() {
    assert_eq!(breaks(World { variant: Variant::WithoutRepair, ..SMALL }), "no event stands twice");
}

#[test]
fn asking_for_duplicates_before_the_head_is_read_writes_an_event_twice() {
    let broken = breaks(World { variant: Variant::CheckedBeforeHead, ..SMALL });
    assert_eq!(broken, "no event stands twice");
}

#[test]
fn acknowledging_before_the_commit_loses_an_event() {
    let broken = breaks(World { variant: Variant::AcknowledgedBeforeCommit, ..SMALL });
    assert_eq!(broken, "what is acknowledged is recorded");
}

#[test]
fn putting_a_commit_without_its_condition_replaces_another() {
    let broken = breaks(World { variant: Variant::PutWithoutCondition, ..SMALL });
    assert_eq!(broken, "what is committed is never replaced");
}
