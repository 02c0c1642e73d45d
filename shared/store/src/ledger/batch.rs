//! The messages of one call of the writer, from what is said to what has become of it.

use std::collections::{HashMap, HashSet};

use domain::id::TenantId;
use domain::ledger::hash::Hash;
use domain::ledger::message::Message;
use domain::ledger::record::content;
use domain::ledger::segment::SEGMENT_RECORDS_MAX;
use domain::refusal::Refusal;

use super::{IndexEntry, unreadable};
use crate::error::Error;

/// What became of a message. All but [`Appended::Conflict`] and [`Appended::Refused`] mean that the ledger
/// has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It was appended, with this sequence.
    Now(u64),
    /// The same event was there already, with this sequence.
    Before(u64),
    /// Another message has its `event_id`, with this sequence; this one is not in the ledger.
    Conflict(u64),
    /// No ledger can hold it.
    Refused(Refusal),
}

/// The messages of a batch, and what has become of them.
pub(super) struct Batch<'a> {
    messages: &'a [Message],
    contents: Vec<Hash>,
    outcomes: Vec<Option<Appended>>,
    /// What the chain has of the batch's events: their sequences, and what was said.
    known: HashMap<&'a str, (u64, Hash)>,
    /// The places of what may have to be appended, in order: no event twice.
    pub(super) waiting: Vec<usize>,
    /// The places of messages whose event waits already.
    repeats: Vec<usize>,
}

impl<'a> Batch<'a> {
    pub(super) fn of(tenant: &TenantId, messages: &'a [Message]) -> Result<Self, Error> {
        let contents = messages.iter().map(|message| {
            content(message, tenant).map_err(|refusal| unreadable(tenant, &refusal))
        });
        Ok(Self {
            messages,
            contents: contents.collect::<Result<_, _>>()?,
            outcomes: vec![None; messages.len()],
            known: HashMap::new(),
            waiting: Vec::new(),
            repeats: (0..messages.len()).collect(),
        })
    }

    /// Whether anything waits. When nothing does, what repeats an event is settled by what the chain now
    /// has of it, or waits in its turn.
    pub(super) fn waits(&mut self) -> bool {
        if self.waiting.is_empty() {
            let mut events = HashSet::new();
            for place in std::mem::take(&mut self.repeats) {
                let id = self.event_id(place);
                if self.settle_known(place) {
                    continue;
                }
                if events.insert(id) {
                    self.waiting.push(place);
                } else {
                    self.repeats.push(place);
                }
            }
        }
        !self.waiting.is_empty()
    }

    pub(super) fn event_id(&self, place: usize) -> &'a str {
        self.messages.get(place).map_or("", |message| &message.event_id)
    }

    /// What became of each message, in their order.
    pub(super) fn into_outcomes(self) -> Vec<Appended> {
        self.outcomes.into_iter().flatten().collect()
    }

    /// What the next segment could hold.
    pub(super) fn next_messages(&self) -> Vec<Message> {
        let messages = self.waiting.iter().filter_map(|place| self.messages.get(*place));
        messages.take(SEGMENT_RECORDS_MAX).cloned().collect()
    }

    pub(super) fn settle(&mut self, place: usize, outcome: Appended) {
        if let Some(there) = self.outcomes.get_mut(place) {
            *there = Some(outcome);
        }
    }

    /// Settles a message whose event the chain has; whether it has it.
    pub(super) fn settle_known(&mut self, place: usize) -> bool {
        let Some((sequence, said)) = self.known.get(self.event_id(place)).copied() else {
            return false;
        };
        let is_same = self.contents.get(place) == Some(&said);
        let outcome =
            if is_same { Appended::Before(sequence) } else { Appended::Conflict(sequence) };
        self.settle(place, outcome);
        true
    }

    /// Settles what the index has.
    pub(super) fn leave_out(&mut self, found: &HashMap<String, IndexEntry>) {
        for place in std::mem::take(&mut self.waiting) {
            let id = self.event_id(place);
            if let Some(entry) = found.get(id) {
                self.known.insert(id, (entry.sequence, entry.content));
            }
            if !self.settle_known(place) {
                self.waiting.push(place);
            }
        }
    }

    /// Settles the first of what waits, which are in the chain from a sequence on.
    pub(super) fn appended(&mut self, count: usize, first: u64) {
        let appended: Vec<usize> = self.waiting.drain(..count).collect();
        for (place, sequence) in appended.into_iter().zip(first..) {
            if let Some(said) = self.contents.get(place) {
                self.known.insert(self.event_id(place), (sequence, *said));
            }
            self.settle(place, Appended::Now(sequence));
        }
    }

    /// Settles the message at a place among those that wait.
    pub(super) fn refuse(&mut self, index: usize, refusal: Refusal) {
        if index < self.waiting.len() {
            let place = self.waiting.remove(index);
            self.settle(place, Appended::Refused(refusal));
        }
    }
}
