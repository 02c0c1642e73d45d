//! Bugs that are planted: what the code sends or hears is made what it would send or hear if it were wrong so.

use store::Defect;

use crate::faults::Call;
use crate::simulation::network::{Answer, Sent};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

/// A way to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// What a batch of messages or records leaves undone is taken as done.
    FailuresAreAcknowledged,
    /// Nobody sweeps the outbox.
    NobodySweeps,
}

impl Bug {
    /// Every bug.
    pub const ALL: [Self; 2] = [Self::FailuresAreAcknowledged, Self::NobodySweeps];

    /// What is wrong with epochs.
    pub(super) fn defect(self) -> Option<Defect> {
        None
    }

    /// An answer to a call that is not made at all.
    pub(super) fn answers(self, _sent: &Sent) -> Option<HttpResponse> {
        None
    }

    /// Makes a call another.
    pub(super) fn rewrites(self, _call: &mut Call) {}

    /// What is heard of an answer.
    pub(super) fn hears(self, _sent: &Sent, answer: Answer) -> Answer {
        answer
    }
}
