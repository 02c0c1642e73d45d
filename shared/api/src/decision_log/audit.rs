//! Decisions for the audit ledger: which of them, and the one bounded send by which they get there.

use std::time::Duration;

use domain::change::{Act, AuditDraft};
use domain::entity_type::TypeName;
use domain::id::EntityId;
use serde_json::Value;
use store::AuditRow;

use crate::app::App;
use crate::delivery::{AuditQueue, SendError};
use crate::metrics;

/// What the ledger calls a decision.
const ACTION: &str = "authorization.evaluate";

/// How long an answer may wait until its audit entries are sent. A warm queue takes them in a few
/// milliseconds; the first call of a process sets up a connection.
const SEND_MILLISECONDS_MAX: u64 = 500;

/// Of which decisions the ledger hears: `EPR_AUDIT_DECISIONS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditDecisions {
    /// Of none.
    None,
    /// Of every denial.
    Denies,
    /// Of every decision whose inputs were not all remembered, so that the tables had to be read: the same
    /// question, asked again while nothing changes, is not told again.
    #[default]
    Misses,
    /// Of every decision.
    All,
}

impl AuditDecisions {
    /// Reads its name.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "none" => Self::None,
            "denies" => Self::Denies,
            "misses" => Self::Misses,
            "all" => Self::All,
            _ => return None,
        })
    }

    pub(super) fn include(self, is_allowed: bool, is_remembered: bool) -> bool {
        match self {
            Self::None => false,
            Self::Denies => !is_allowed,
            Self::Misses => !is_remembered,
            Self::All => true,
        }
    }
}

/// A decision about something, as the ledger gets it.
pub(super) fn row(app: &App, act: &Act, entity: Option<(&str, &str)>, details: Value) -> AuditRow {
    let entity =
        entity.and_then(|(kind, id)| Some((EntityId::parse(id).ok()?, TypeName::parse(kind).ok())));
    AuditRow::of(app.ids.mint(), act, &AuditDraft { action: ACTION, entity, details })
}

/// Sends what the ledger is to hear.
///
/// The answer waits for it, because a function may be frozen once it has answered; but it does not depend
/// on it. What did not arrive, or nobody knows of, is written to the log as a whole: it can be sent to the
/// queue from there, and is told once all the same, by its `event_id`.
pub(super) async fn send(app: &App, rows: &[AuditRow]) {
    if rows.is_empty() {
        return;
    }
    let queue = AuditQueue::of(app);
    let all: Vec<&AuditRow> = rows.iter().collect();
    let limit = Duration::from_millis(SEND_MILLISECONDS_MAX);
    let results = tokio::time::timeout(limit, queue.send(&all)).await.unwrap_or_else(|_| {
        let reason = format!("not confirmed within {SEND_MILLISECONDS_MAX} ms");
        vec![Err(SendError::Failed(reason)); rows.len()]
    });
    let mut unsent = 0;
    for (row, result) in rows.iter().zip(results) {
        let Err(reason) = result else { continue };
        unsent += 1;
        let entry = AuditQueue::body(row).to_string();
        tracing::error!(%reason, entry, "decision_not_audited");
    }
    if let Some(namespace) = app.config.metrics_namespace.as_deref().filter(|_| unsent > 0) {
        metrics::count(namespace, "authorize", &[("DecisionsNotAudited", unsent)], app.clock.now());
    }
}
