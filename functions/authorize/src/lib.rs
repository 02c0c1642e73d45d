//! The decision: may this principal do this here, and why. Also the health of the service.

mod docs;
mod wire;

use api::{Answer, App, Caller, Fields, Problem, Routes, ask, boolean, text};
use axum::extract::State;
use domain::decision::{Question, Subject, decide};
use domain::id::{EntityId, PrincipalId};
use domain::permission::Action;
use domain::principal::{Principal, PrincipalType};
use domain::refusal::Refusal;
use serde_json::json;
use store::{Consistency, Wanted};

pub use wire::{AuthorizeAnswer, AuthorizeRequest, Explanation};

/// The endpoints.
pub fn routes() -> Routes {
    let mut endpoints = vec![ask("/api/v1/authorize", authorize, docs::authorize)];
    endpoints.extend(api::health::endpoints());
    Routes { function: "authorize", endpoints }
}

async fn authorize(
    State(app): State<App>,
    caller: Caller,
    mut fields: Fields,
) -> Result<Answer, Problem> {
    let user_id = fields.required("user_id", text(PrincipalId::parse));
    let kind = fields.optional("principal_type", text(PrincipalType::parse));
    let action = fields.required("action", text(Action::parse));
    let resource = fields.required("resource_id", text(EntityId::parse));
    let explain = fields.optional("explain", boolean);
    let consistency = fields.optional("consistency", text(consistency));
    fields.finish()?;
    let principal = Principal { kind: kind?.unwrap_or_else(PrincipalType::user), id: user_id? };
    let (action, resource) = (action?, resource?);

    let (principals, resources) = ([principal], [resource]);
    let wanted = Wanted {
        tenant: &caller.tenant_id,
        principals: &principals,
        resources: &resources,
        actions: std::slice::from_ref(&action),
        consistency: consistency?.unwrap_or_default(),
    };
    let inputs = app.store.inputs_read(wanted).await?;
    let ([principal], [resource]) = (&principals, &resources);
    let located = inputs.resource(resource.as_str()).ok_or_else(|| unknown_resource(resource))?;
    let grants = inputs.grants(principal).ok_or_else(|| Problem::defect("grants not read"))?;
    let question = Question {
        subject: Subject { kind: principal.kind.as_str(), id: principal.id.as_str(), sent: None },
        action: &action,
        action_properties: None,
        target: located.target(),
        context: None,
        now: app.clock.now(),
    };
    let decision = decide(grants, &question);
    Ok(Answer::ok(&if explain?.unwrap_or(false) {
        json!({"authorized": decision.is_allowed(), "decision": Explanation::of(&decision, located)})
    } else {
        json!({"authorized": decision.is_allowed()})
    }))
}

fn consistency(word: &str) -> Result<Consistency, Refusal> {
    match word {
        "minimize_latency" => Ok(Consistency::MinimizeLatency),
        "fresh" => Ok(Consistency::Fresh),
        "strong" => Ok(Consistency::Strong),
        _ => Err(Refusal::new("must be `minimize_latency`, `fresh` or `strong`")),
    }
}

fn unknown_resource(resource: &EntityId) -> Problem {
    Problem { code: "unknown_resource", ..Problem::not_found("entity", resource.as_str()) }
}
