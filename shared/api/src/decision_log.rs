//! The log of decisions: a line for each, so that who was let in or turned away is found without asking again.
//!
//! What a condition saw is left out: it is the clients' data, and none of a log's.

use domain::decision::{Decision, Target};
use domain::grants::Grant;
use domain::id::TenantId;
use domain::permission::Action;

use crate::app::App;
use crate::observe::RequestIds;

/// The share of requests whose decisions are written, in so many parts.
const WHOLE: u64 = 1_000_000;

/// The log of one request's decisions.
#[derive(Clone, Copy, Debug)]
pub struct DecisionLog<'a> {
    environment: &'a str,
    tenant: &'a TenantId,
    request_id: &'a str,
    is_written: bool,
}

impl<'a> DecisionLog<'a> {
    /// Of a request that is among those whose decisions are written: all of them, or none.
    pub fn of(app: &'a App, tenant: &'a TenantId, ids: &'a RequestIds) -> Self {
        Self {
            environment: &app.config.environment,
            tenant,
            request_id: &ids.request_id,
            is_written: place(&ids.trace_id) < u64::from(app.config.decision_log_millionths),
        }
    }

    /// Writes a decision about a principal, by type and id, down.
    pub fn write(
        &self,
        (principal_type, principal_id): (&str, &str),
        action: &Action,
        target: &Target<'_>,
        decision: &Decision<'_>,
    ) {
        if !self.is_written {
            return;
        }
        let Self { environment, tenant, request_id, .. } = *self;
        let (outcome, reason, by) = match decision {
            Decision::Allow { by, .. } => ("allow", None, Some(*by)),
            Decision::Deny { reason, nearest, .. } => ("deny", Some(reason.code()), *nearest),
        };
        let id = |of: fn(&Grant) -> &str| by.map(of);
        tracing::info!(
            target: "decision",
            service = "epr",
            environment,
            request_id,
            tenant_id = tenant.as_str(),
            principal_type,
            principal_id,
            action = action.as_str(),
            resource_type = target.kind,
            resource_id = target.id,
            outcome,
            reason,
            assignment_id = id(|by| by.assignment.id.as_str()),
            role_id = id(|by| by.role.id.as_str()),
            "{outcome} {action}"
        );
    }
}

/// Where a trace stands among all, the same whoever asks (FNV-1a): so the functions that serve one trace
/// write it down together.
fn place(trace_id: &str) -> u64 {
    let hash = trace_id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    // The low bits of this hash alone tell little of the last bytes.
    (hash ^ (hash >> 32)) % WHOLE
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};

    use domain::decision::Denial;
    use serde_json::Value;

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

    /// What the log holds after one denial.
    fn written(is_written: bool) -> Vec<Value> {
        let lines = Lines::default();
        let made = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_writer(move || made.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let tenant = TenantId::parse("acme").unwrap();
            let log =
                DecisionLog { environment: "prod", tenant: &tenant, request_id: "r-1", is_written };
            let action = Action::parse("doc:read").unwrap();
            let target =
                Target { kind: "other", id: "e\"1", ancestors: &[], stored: None, sent: None };
            let denied = Decision::Deny { reason: Denial::Expired, nearest: None, condition: None };
            log.write(("user", "alice"), &action, &target, &denied);
        });
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(|line| line.parse().unwrap()).collect()
    }

    #[test]
    fn a_decision_is_one_line_that_says_who_was_to_do_what_where_and_why_not() {
        let [line] = written(true).try_into().unwrap();
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
    fn a_request_that_is_not_among_the_sample_writes_nothing() {
        assert!(written(false).is_empty());
    }

    #[test]
    fn a_share_of_all_traces_is_written() {
        let traces = (0..10_000_u64).map(|trace| place(&format!("{:032x}", trace * 7_919)));
        let written = traces.filter(|place| *place < WHOLE / 4).count();
        assert!((2_000..3_000).contains(&written), "{written} of 10000");
    }
}
