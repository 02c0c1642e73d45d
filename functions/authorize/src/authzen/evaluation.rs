//! One evaluation.

use api::{Answer, App, DecisionLog, Fields, Problem, RequestIds};
use axum::Extension;
use axum::extract::State;
use domain::decision::{Decision, Denial, Unmet};
use domain::time::Timestamp;
use serde_json::{Value, json};
use store::{Attributes, Inputs, Wanted};

use crate::asked::Sent;
use crate::authzen::reading::{Asked, Reader, action};
use crate::authzen::tenant::Tenant;
use crate::check::not_read;
use crate::wire::Considered;

pub(crate) async fn evaluate(
    State(app): State<App>,
    Tenant(tenant): Tenant,
    Extension(ids): Extension<RequestIds>,
    fields: Fields,
) -> Result<Answer, Problem> {
    let asked = Reader::new(fields.members()).asked()?;
    let principals: Vec<_> = asked.subject.who().into_iter().map(|who| who.principal).collect();
    let resources: Vec<_> = asked.resource.entity().into_iter().collect();
    let actions: Vec<_> = action(&asked.action).into_iter().collect();
    let wanted = Wanted::fresh(&tenant, &principals, &resources, Attributes::For(&actions));
    let inputs = app.store.inputs_read(wanted).await?;
    let log = DecisionLog::of(&app, &tenant, &ids);
    Ok(Answer::ok(&asked.answer(&inputs, app.clock.now(), &log)?.1))
}

impl Asked {
    /// Whether it is allowed, and the answer, from inputs in which its subject and resource were asked for.
    ///
    /// The reason is always told: it costs next to nothing, and who asks here enforces the answer.
    pub(crate) fn answer(
        &self,
        inputs: &Inputs,
        now: Timestamp,
        log: &DecisionLog<'_>,
    ) -> Result<(bool, Value), Problem> {
        let Some(who) = self.subject.who() else {
            return Ok(denied(Denial::UnknownPrincipal, None));
        };
        let Some(action) = action(&self.action) else {
            return Ok(denied(Denial::ActionNotGranted, None));
        };
        let grants = inputs.grants(&who.principal).ok_or_else(not_read)?;
        let on = self.resource.on(inputs);
        let grants = Sent::about(grants, &on.target());
        let decision = self.sent.decide(&grants, &who, &action, on.target(), now);
        log.write(who.names(), &action, &on.target(), &decision);
        Ok(match decision {
            Decision::Allow { by, permission, .. } => {
                let reason = json!({
                    "code": "allowed",
                    "permission": permission,
                    "assignment_id": by.assignment.id,
                    "role_id": by.role.id,
                });
                (true, json!({"decision": true, "context": {"reason": reason}}))
            }
            Decision::Deny { reason, condition, .. } => denied(reason, condition.as_ref()),
        })
    }
}

fn denied(reason: Denial, unmet: Option<&Unmet<'_>>) -> (bool, Value) {
    let mut told = json!({"code": reason.code(), "detail": reason.sentence()});
    if let (Some(told), Some(unmet)) = (told.as_object_mut(), unmet) {
        told.insert("condition".to_owned(), json!(Considered::unmet(unmet)));
    }
    (false, json!({"decision": false, "context": {"reason": told}}))
}
