//! The description of each endpoint.

use api::Operation;
use serde_json::{Value, json};

use crate::authzen::wire::{
    ActionSearch, ActionSearchResult, Decision, Evaluation, Evaluations, Metadata, ResourceSearch,
    SearchResult, SubjectSearch,
};

const ONE: &str = "One evaluation of the OpenID AuthZEN Authorization API 1.0. A denial is an answer, not an error. A \
                   resource need not be stored: what is not an entity of that type and id is decided from what holds \
                   everywhere. `context.reason` says why. `X-Request-ID` is given back to the letter.";
const SEVERAL: &str = "Each item takes what it lacks from the defaults beside the list, part by part; one that cannot \
                       be understood is denied, with `context.error`. `options.evaluations_semantic` may end the \
                       answers at the first denial or permission. Without items, the answer is that of one evaluation.";
const SEARCH: &str = "Everything of which an evaluation would say yes at this moment, in pages: `page.next_token` \
                      leads to the next, and is empty at the end. A page may be shorter than its limit. A token \
                      belongs to the same question. Only what is stored is found.";
const METADATA: &str = "Of the policy decision point, made from the deployment's configuration and never from the \
                        request.";

fn subject() -> Value {
    json!({"type": "user", "id": "alice"})
}

fn resource() -> Value {
    json!({"type": "offering", "id": "harbour-tower"})
}

fn question() -> Value {
    json!({"subject": subject(), "action": {"name": "offering:publish"}, "resource": resource()})
}

fn allowed() -> Value {
    json!({
        "decision": true,
        "context": {"reason": {
            "code": "allowed",
            "permission": "offering:publish",
            "assignment_id": "0190b0c5-7e4c-7000-8000-000000000003",
            "role_id": "0190b0c5-7e4c-7000-8000-000000000002",
        }},
    })
}

/// What is said of the endpoint under a tenant's name, besides.
fn of_tenant(operation: Operation) -> Operation {
    let when = "The tenant is not the caller's: nothing is said of any other.";
    operation.refuses(404, "not_found", when)
}

fn in_short(id: &'static str, summary: &'static str, description: &'static str) -> Operation {
    Operation::new(id, summary).describe(description)
}

fn one(id: &'static str) -> Operation {
    in_short(id, "AuthZEN: may this subject do this?", ONE)
        .takes::<Evaluation>(&question())
        .gives::<Decision>(200, "The answer.", &allowed())
}

fn several(id: &'static str) -> Operation {
    let body = json!({
        "subject": subject(),
        "action": {"name": "offering:publish"},
        "evaluations": [{"resource": resource()}, {"resource": {"type": "route", "id": "/orders"}}],
    });
    in_short(id, "AuthZEN: may this subject do all this?", SEVERAL)
        .takes::<Evaluations>(&body)
        .gives::<Decision>(200, "The answers.", &json!({"evaluations": [allowed()]}))
}

fn page() -> Value {
    json!({"next_token": "", "count": 1})
}

fn of_subjects(id: &'static str) -> Operation {
    let body = json!({"subject": {"type": "user"}, "action": {"name": "offering:publish"}, "resource": resource()});
    let found = json!({"results": [subject()], "page": page()});
    in_short(id, "AuthZEN: which subjects may do this?", SEARCH)
        .takes::<SubjectSearch>(&body)
        .gives::<SearchResult>(200, "A page of subjects.", &found)
}

fn of_resources(id: &'static str) -> Operation {
    let body = json!({"subject": subject(), "action": {"name": "offering:publish"}, "resource": {"type": "offering"}});
    let found = json!({"results": [resource()], "page": page()});
    in_short(id, "AuthZEN: on which resources may this subject do this?", SEARCH)
        .takes::<ResourceSearch>(&body)
        .gives::<SearchResult>(200, "A page of resources.", &found)
}

fn of_actions(id: &'static str) -> Operation {
    let body = json!({"subject": subject(), "resource": resource()});
    let found = json!({"results": [{"name": "offering:publish"}], "page": page()});
    in_short(id, "AuthZEN: what may this subject do here?", SEARCH)
        .takes::<ActionSearch>(&body)
        .gives::<ActionSearchResult>(200, "A page of actions.", &found)
}

fn about(id: &'static str, base: &str) -> Operation {
    let example = json!({
        "policy_decision_point": base,
        "access_evaluation_endpoint": format!("{base}/access/v1/evaluation"),
        "access_evaluations_endpoint": format!("{base}/access/v1/evaluations"),
        "search_subject_endpoint": format!("{base}/access/v1/search/subject"),
        "search_resource_endpoint": format!("{base}/access/v1/search/resource"),
        "search_action_endpoint": format!("{base}/access/v1/search/action"),
    });
    in_short(id, "AuthZEN: where the endpoints are", METADATA)
        .gives::<Metadata>(200, "The metadata.", &example)
        .refuses(404, "not_found", "The deployment has not been told its public address.")
}

pub(crate) fn evaluation() -> Operation {
    one("accessEvaluation")
}

pub(crate) fn evaluations() -> Operation {
    several("accessEvaluations")
}

pub(crate) fn subjects() -> Operation {
    of_subjects("accessSearchSubject")
}

pub(crate) fn resources() -> Operation {
    of_resources("accessSearchResource")
}

pub(crate) fn actions() -> Operation {
    of_actions("accessSearchAction")
}

pub(crate) fn metadata() -> Operation {
    about("authzenConfiguration", "https://epr.example.com")
}

pub(crate) fn evaluation_of() -> Operation {
    of_tenant(one("accessEvaluationOfTenant"))
}

pub(crate) fn evaluations_of() -> Operation {
    of_tenant(several("accessEvaluationsOfTenant"))
}

pub(crate) fn subjects_of() -> Operation {
    of_tenant(of_subjects("accessSearchSubjectOfTenant"))
}

pub(crate) fn resources_of() -> Operation {
    of_tenant(of_resources("accessSearchResourceOfTenant"))
}

pub(crate) fn actions_of() -> Operation {
    of_tenant(of_actions("accessSearchActionOfTenant"))
}

pub(crate) fn metadata_of() -> Operation {
    about("authzenConfigurationOfTenant", "https://epr.example.com/acme")
}
