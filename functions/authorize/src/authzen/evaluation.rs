//! One evaluation.

use api::{Answer, App, Decided, DecisionLog, Fields, Problem, RequestIds};
use axum::Extension;
use axum::extract::State;
use domain::decision::{Decision, Denial, Unmet};
use domain::time::Timestamp;
use serde_json::{Value, json};
use store::{Attributes, Inputs, Wanted};

use crate::asked::Sent;
use crate::authzen::reading::{Asked, Reader, action};
use crate::authzen::tenant::Own;
use crate::check::not_read;
use crate::wire::Considered;

pub(crate) async fn evaluate(
    State(app): State<App>,
    Own(caller): Own,
    Extension(ids): Extension<RequestIds>,
    fields: Fields,
) -> Result<Answer, Problem> {
    let asked = Reader::new(fields.members()).asked()?;
    let principals: Vec<_> = asked.subject.who().into_iter().map(|who| who.principal).collect();
    let resources: Vec<_> = asked.resource.entity().into_iter().collect();
    let actions: Vec<_> = action(&asked.action).into_iter().collect();
    let wanted =
        Wanted::fresh(&caller.tenant_id, &principals, &resources, Attributes::For(&actions));
    let inputs = app.store.inputs_read(wanted).await?;
    let now = app.clock.now();
    let mut log = DecisionLog::of(&app, &caller, &ids, now);
    let (_, answer) = asked.answer(&inputs, now, &mut log)?;
    log.close().await;
    Ok(Answer::ok(&answer))
}

impl Asked {
    /// Whether it is allowed, and the answer, from inputs in which its subject and resource were asked for.
    ///
    /// The reason is always told: it costs next to nothing, and who asks here enforces the answer.
    pub(crate) fn answer(
        &self,
        inputs: &Inputs,
        now: Timestamp,
        log: &mut DecisionLog<'_>,
    ) -> Result<(bool, Value), Problem> {
        let on = self.resource.on(inputs);
        let who = self.subject.who();
        let grants = match &who {
            Some(who) => Some(inputs.grants(&who.principal).ok_or_else(not_read)?),
            None => None,
        };
        let grants = grants.map(|grants| Sent::about(grants, &on.target()));
        let decision = match (&who, &grants, action(&self.action)) {
            (Some(who), Some(grants), Some(action)) => {
                self.sent.decide(grants, who, &action, on.target(), now)
            }
            (_, None, _) | (None, ..) => denial(Denial::UnknownPrincipal),
            (_, _, None) => denial(Denial::ActionNotGranted),
        };
        log.write(Decided {
            who: (&self.subject.kind, &self.subject.id),
            action: &self.action,
            target: on.target(),
            decision: &decision,
            is_remembered: who
                .is_none_or(|who| inputs.are_remembered(&who.principal, on.target().id)),
        });
        Ok(match decision {
            Decision::Allow { by, permission, .. } => {
                let reason = json!({
                    "code": "allowed",
                    "permission": permission,
                    "assignment_id": by.assignment.id,
                    "role_id": by.gives.role().map(|role| &role.id),
                });
                (true, json!({"decision": true, "context": {"reason": reason}}))
            }
            Decision::Deny { reason, condition, .. } => denied(reason, condition.as_ref()),
        })
    }
}

/// A denial without a look at any grant.
fn denial(reason: Denial) -> Decision<'static> {
    Decision::Deny { reason, nearest: None, condition: None }
}

fn denied(reason: Denial, unmet: Option<&Unmet<'_>>) -> (bool, Value) {
    let mut told = json!({"code": reason.code(), "detail": reason.sentence()});
    if let (Some(told), Some(unmet)) = (told.as_object_mut(), unmet) {
        told.insert("condition".to_owned(), json!(Considered::unmet(unmet)));
    }
    (false, json!({"decision": false, "context": {"reason": told}}))
}
