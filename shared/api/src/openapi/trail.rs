//! What a mutation leaves behind, as its description says and `epr compliance` counts.

use serde::Serialize;

use super::Operation;

/// What a mutation leaves behind, beside the change. A test compares it with what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Trail {
    /// The types of the events that it may emit; none for one that hands in an event, which is its own.
    pub events: &'static [&'static str],
    /// The action of its audit entry; `None` where an event, which is its own record, is all that there is.
    pub audit: Option<&'static str>,
}

impl Trail {
    /// It in a sentence, to go behind a description; `None` for what is its own record.
    pub(super) fn sentence(self) -> Option<String> {
        let quoted: Vec<String> = self.events.iter().map(|event| format!("`{event}`")).collect();
        self.audit.map(|audit| format!("Emits {}; audited as `{audit}`.", quoted.join(" or ")))
    }
}

impl Operation {
    /// What it leaves behind: the types of the events that it may emit, and the action of its audit entry.
    #[must_use]
    pub fn leaves(mut self, events: &'static [&'static str], audit: &'static str) -> Self {
        self.trail = Some(Trail { events, audit: Some(audit) });
        self
    }

    /// That it hands in events, each of which is itself the record of what happened elsewhere, or has one delivered
    /// again: nothing changes of what a tenant owns or permits, and so nothing is audited.
    #[must_use]
    pub fn leaves_what_is_handed_in(mut self) -> Self {
        self.trail = Some(Trail { events: &[], audit: None });
        self
    }

    /// What it leaves behind; `None` where that was not said.
    pub fn trail(&self) -> Option<Trail> {
        self.trail
    }
}
