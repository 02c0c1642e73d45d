//! The record of decisions: a line of the log for each, so that who was let in or turned away is found without
//! asking again; and, of those that [`AuditDecisions`] says, an entry of the audit ledger.
//!
//! What a condition saw is left out of both: it is the clients' data, and the ledger cannot forget.

mod audit;

use std::borrow::Cow;

use domain::change::Act;
use domain::decision::{Decision, Target};
use domain::hash::fnv1a;
use domain::time::Timestamp;
use serde_json::{Value, json};
use store::AuditRow;

use crate::app::App;
use crate::caller::Caller;
use crate::observe::RequestIds;
pub use audit::AuditDecisions;

/// The share of requests whose decisions are written, in so many parts.
const WHOLE: u64 = 1_000_000;

/// Longest text of a question that is written down. No stored thing has a longer name; AuthZEN sets no limit.
const TEXT_CHARACTERS_MAX: usize = 512;

/// The record of one request's decisions. Ends with [`DecisionLog::close`].
#[derive(Debug)]
pub struct DecisionLog<'a> {
    app: &'a App,
    act: Act,
    is_written: bool,
    rows: Vec<AuditRow>,
}

/// What was asked, and how it was decided.
#[derive(Clone, Copy, Debug)]
pub struct Decided<'a> {
    /// Who was to act, by type and id.
    pub who: (&'a str, &'a str),
    /// What was to be done.
    pub action: &'a str,
    /// On what.
    pub target: Target<'a>,
    /// The answer.
    pub decision: &'a Decision<'a>,
    /// Whether it rests on what was remembered alone.
    pub is_remembered: bool,
}

impl<'a> DecisionLog<'a> {
    /// Of a request that someone makes now.
    pub fn of(app: &'a App, caller: &Caller, ids: &RequestIds, now: Timestamp) -> Self {
        let act = caller.act(caller.tenant_id.clone(), now, ids.request_id.clone());
        let is_written = place(&ids.trace_id) < u64::from(app.config.decision_log_millionths);
        Self { app, act, is_written, rows: Vec::new() }
    }

    /// Writes a decision down: to the log, if the request is among those that are written, all of their
    /// decisions or none; and for the ledger, if it is to hear of it.
    pub fn write(&mut self, decided: Decided<'_>) {
        let audits = self.app.config.audit_decisions;
        let is_audited = audits.include(decided.decision.is_allowed(), decided.is_remembered);
        if !self.is_written && !is_audited {
            return;
        }
        let line = Line::of(decided);
        if self.is_written {
            line.log(&self.app.config.environment, &self.act);
        }
        if is_audited {
            let Target { kind, id, stored, .. } = decided.target;
            let entity = stored.map(|_| (kind, id));
            self.rows.push(audit::row(self.app, &self.act, entity, line.details()));
        }
    }

    /// Sends what the ledger is to hear of. Nothing is sent where there is nothing.
    pub async fn close(self) {
        audit::send(self.app, &self.rows).await;
    }
}

/// A decision as it is written down.
struct Line<'a> {
    principal_type: Cow<'a, str>,
    principal_id: Cow<'a, str>,
    action: Cow<'a, str>,
    resource_type: Cow<'a, str>,
    resource_id: Cow<'a, str>,
    outcome: &'static str,
    reason: Option<&'static str>,
    assignment_id: Option<&'a str>,
    role_id: Option<&'a str>,
}

impl<'a> Line<'a> {
    fn of(Decided { who: (kind, id), action, target, decision, .. }: Decided<'a>) -> Self {
        let (outcome, reason, by) = match decision {
            Decision::Allow { by, .. } => ("allow", None, Some(*by)),
            Decision::Deny { reason, nearest, .. } => ("deny", Some(reason.code()), *nearest),
        };
        Self {
            principal_type: cut(kind),
            principal_id: cut(id),
            action: cut(action),
            resource_type: cut(target.kind),
            resource_id: cut(target.id),
            outcome,
            reason,
            assignment_id: by.map(|by| by.assignment.id.as_str()),
            role_id: by.and_then(|by| Some(by.gives.role()?.id.as_str())),
        }
    }

    fn log(&self, environment: &str, act: &Act) {
        tracing::info!(
            target: "decision",
            service = "epr",
            environment,
            request_id = act.request_id,
            tenant_id = act.tenant_id.as_str(),
            principal_type = &*self.principal_type,
            principal_id = &*self.principal_id,
            action = &*self.action,
            resource_type = &*self.resource_type,
            resource_id = &*self.resource_id,
            outcome = self.outcome,
            reason = self.reason,
            assignment_id = self.assignment_id,
            role_id = self.role_id,
            "{} {}",
            self.outcome,
            self.action
        );
    }

    fn details(&self) -> Value {
        json!({
            "principal_type": self.principal_type,
            "principal_id": self.principal_id,
            "action": self.action,
            "resource_type": self.resource_type,
            "resource_id": self.resource_id,
            "outcome": self.outcome,
            "reason": self.reason,
            "assignment_id": self.assignment_id,
            "role_id": self.role_id,
        })
    }
}

/// A text no longer than is written down, with a sign where it ends early.
fn cut(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(TEXT_CHARACTERS_MAX) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
    }
}

/// Where a trace stands among all, the same whoever asks: so the functions that serve one trace write it down
/// together.
fn place(trace_id: &str) -> u64 {
    let hash = fnv1a(trace_id);
    // The low bits of this hash alone tell little of the last bytes.
    (hash ^ (hash >> 32)) % WHOLE
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};

    use domain::decision::Denial;
    use domain::id::{PrincipalId, TenantId};
    use domain::principal::{Principal, PrincipalType};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What the log holds after one denial, on something of that id.
    fn written(resource: &str) -> Vec<Value> {
        let lines = Lines::default();
        let made = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_writer(move || made.clone())
            .finish();
        let target =
            Target { kind: "other", id: resource, ancestors: &[], stored: None, sent: None };
        let denied = Decision::Deny { reason: Denial::Expired, nearest: None, condition: None };
        let line = Line::of(Decided {
            who: ("user", "alice"),
            action: "doc:read",
            target,
            decision: &denied,
            is_remembered: true,
        });
        let act = Act {
            tenant_id: TenantId::parse("acme").unwrap(),
            actor: Principal {
                kind: PrincipalType::service(),
                id: PrincipalId::parse("gateway").unwrap(),
            },
            on_behalf_of: None,
            at: Timestamp::from_microseconds(0).unwrap(),
            request_id: "r-1".to_owned(),
        };
        tracing::subscriber::with_default(subscriber, || line.log("prod", &act));
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(|line| line.parse().unwrap()).collect()
    }

    #[test]
    fn a_decision_is_one_line_that_says_who_was_to_do_what_where_and_why_not() {
        let [line] = written("e\"1").try_into().unwrap();
        for (field, value) in [
            ("request_id", "r-1"),
            ("tenant_id", "acme"),
            ("principal_type", "user"),
            ("principal_id", "alice"),
            ("action", "doc:read"),
            ("resource_type", "other"),
            ("resource_id", "e\"1"),
            ("outcome", "deny"),
            ("reason", "expired"),
        ] {
            assert_eq!(line[field], value, "{field}");
        }
    }

    #[test]
    fn what_nobody_stored_is_written_no_longer_than_a_line_bears() {
        let [line] = written(&"é".repeat(100_000)).try_into().unwrap();
        let shown = line["resource_id"].as_str().unwrap();
        assert_eq!(shown.chars().count(), TEXT_CHARACTERS_MAX + 1);
        assert!(shown.ends_with('…'));
    }

    #[test]
    fn a_share_of_all_traces_is_written() {
        let traces = (0..10_000_u64).map(|trace| place(&format!("{:032x}", trace * 7_919)));
        let written = traces.filter(|place| *place < WHOLE / 4).count();
        assert!((2_000..3_000).contains(&written), "{written} of 10000");
    }
}
