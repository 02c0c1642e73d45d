//! One question, and many in one request over inputs that are read once.

use api::{
    Answer, App, Caller, Consistency, Decided, DecisionLog, Fields, Problem, RequestIds, boolean,
    text,
};
use axum::Extension;
use axum::extract::State;
use domain::document::Document;
use domain::id::{EntityId, PrincipalId};
use domain::permission::Action;
use domain::principal::{Principal, PrincipalType};
use domain::refusal::Refusal;
use domain::time::Timestamp;
use serde_json::{Value, json};
use store::{Attributes, Inputs, Wanted};

use crate::asked::{Sent, Who};
use crate::wire::Explanation;

/// Most questions of one request.
pub(crate) const BATCH_CHECKS_MAX: usize = 100;

const BATCH: &str = "/api/v1/authorize/batch";

/// A question.
#[derive(Debug)]
struct Check {
    who: Who,
    action: Action,
    resource: EntityId,
    explain: bool,
    sent: Sent,
    consistency: Consistency,
}

pub(crate) async fn one(
    State(app): State<App>,
    caller: Caller,
    Extension(ids): Extension<RequestIds>,
    fields: Fields,
) -> Result<Answer, Problem> {
    let check = Check::read(fields)?;
    let wanted = Wanted {
        tenant: &caller.tenant_id,
        principals: std::slice::from_ref(&check.who.principal),
        resources: std::slice::from_ref(&check.resource),
        attributes: Attributes::For(std::slice::from_ref(&check.action)),
        consistency: check.consistency.level(),
    };
    let inputs = app.store.inputs_read(wanted).await?;
    let now = app.clock.now();
    let mut log = DecisionLog::of(&app, &caller, &ids, now);
    let answer = check.answer(&inputs, now, &mut log)?;
    log.close().await;
    Ok(Answer::ok(&answer))
}

pub(crate) async fn many(
    State(app): State<App>,
    caller: Caller,
    Extension(ids): Extension<RequestIds>,
    mut fields: Fields,
) -> Result<Answer, Problem> {
    let checks = fields.required("checks", list);
    fields.finish()?;
    let checks: Vec<Result<Check, Problem>> =
        checks?.into_iter().enumerate().map(|(place, check)| item(place, check)).collect();
    let read = || checks.iter().flatten();
    let principals: Vec<Principal> = read().map(|check| check.who.principal.clone()).collect();
    let resources: Vec<EntityId> = read().map(|check| check.resource.clone()).collect();
    let actions: Vec<Action> = read().map(|check| check.action.clone()).collect();
    let wanted = Wanted {
        tenant: &caller.tenant_id,
        principals: &principals,
        resources: &resources,
        attributes: Attributes::For(&actions),
        // One reading serves all, so it must be fresh enough for the one that asks for most.
        consistency: read().map(|check| check.consistency.level()).max().unwrap_or_default(),
    };
    let inputs = app.store.inputs_read(wanted).await?;
    let now = app.clock.now();
    let mut log = DecisionLog::of(&app, &caller, &ids, now);
    let answers = checks.into_iter().map(|check| check?.answer(&inputs, now, &mut log));
    let items = answers.map(|answer| match answer {
        Ok(answer) => answer,
        Err(problem) => json!({"problem": problem.body(BATCH, &ids.trace_id)}),
    });
    let items: Vec<Value> = items.collect();
    log.close().await;
    Ok(Answer::ok(&json!({ "items": items })))
}

fn list(value: &Value) -> Result<Vec<Value>, Refusal> {
    match value {
        Value::Array(checks) if (1..=BATCH_CHECKS_MAX).contains(&checks.len()) => {
            Ok(checks.clone())
        }
        Value::Array(checks) => Err(Refusal::new(format!(
            "must hold 1 to {BATCH_CHECKS_MAX} checks, has {}",
            checks.len()
        ))),
        _ => Err(Refusal::new("must be a list")),
    }
}

/// One of many; what is wrong with it is told by its place.
fn item(place: usize, check: Value) -> Result<Check, Problem> {
    let place = format!("/checks/{place}");
    match check {
        Value::Object(object) => {
            Check::read(Fields::of(object)).map_err(|problem| problem.within(&place))
        }
        _ => Err(Problem::invalid_at(place, &Refusal::new("must be a JSON object"))),
    }
}

impl Check {
    fn read(mut fields: Fields) -> Result<Self, Problem> {
        let principal = principal(&mut fields);
        let action = fields.required("action", text(Action::parse));
        let resource = fields.required("resource_id", text(EntityId::parse));
        let context = fields.optional("context", Document::from_value);
        let explain = fields.optional("explain", boolean);
        let consistency = fields.optional("consistency", Consistency::read);
        fields.finish()?;
        Ok(Self {
            who: Who::is(principal?),
            action: action?,
            resource: resource?,
            explain: explain?.unwrap_or(false),
            sent: Sent::context(context?),
            consistency: consistency?.unwrap_or_default(),
        })
    }

    /// The answer from inputs in which principal and resource were asked for.
    fn answer(
        &self,
        inputs: &Inputs,
        now: Timestamp,
        log: &mut DecisionLog<'_>,
    ) -> Result<Value, Problem> {
        let Self { who, action, resource, .. } = self;
        let located =
            inputs.resource(resource.as_str()).ok_or_else(|| unknown_resource(resource))?;
        let grants = inputs.grants(&who.principal).ok_or_else(not_read)?;
        let decision = self.sent.decide(grants, who, action, located.target(), now);
        log.write(Decided {
            who: who.names(),
            action: action.as_str(),
            target: located.target(),
            decision: &decision,
            is_remembered: inputs.are_remembered(&who.principal, resource.as_str()),
        });
        let authorized = decision.is_allowed();
        Ok(if self.explain {
            json!({"authorized": authorized, "decision": Explanation::of(&decision, located)})
        } else {
            json!({ "authorized": authorized })
        })
    }
}

/// Who is to act: `user_id`, of type `principal_type` or `user`.
pub(crate) fn principal(fields: &mut Fields) -> Result<Principal, api::Faulty> {
    let id = fields.required("user_id", text(PrincipalId::parse));
    let kind = fields.optional("principal_type", text(PrincipalType::parse));
    Ok(Principal { kind: kind?.unwrap_or_else(PrincipalType::user), id: id? })
}

pub(crate) fn unknown_resource(resource: &EntityId) -> Problem {
    Problem { code: "unknown_resource", ..Problem::not_found("entity", resource.as_str()) }
}

/// That inputs lack what was asked for.
pub(crate) fn not_read() -> Problem {
    Problem::defect("the inputs lack what was asked for")
}
