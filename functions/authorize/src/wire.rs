//! What is sent and received.

use domain::condition::Failure;
use domain::decision::{Conditions, Decision, Denial, Unmet};
use domain::document::Document;
use domain::grants::Grant;
use domain::id::{AssignmentId, EntityId, PrincipalId, RoleId};
use domain::permission::Action;
use domain::principal::PrincipalType;
use domain::text::RoleName;
use domain::time::Timestamp;
use serde::Serialize;
use store::Located;
use utoipa::ToSchema;
use utoipa::openapi::schema::{
    AdditionalProperties, Object, ObjectBuilder, OneOfBuilder, Schema, Type,
};

/// A question. Unknown fields are ignored.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes what `check::one` reads; serde would stop at the first fault"
)]
pub struct AuthorizeRequest {
    /// Who wants to act.
    #[schema(pattern = "^[A-Za-z0-9._:@-]{1,128}$")]
    user_id: String,
    /// The type of `user_id`; `user` when absent.
    #[schema(pattern = "^[A-Za-z0-9._:@-]{1,64}$")]
    principal_type: Option<String>,
    /// What it wants to do; compared to the letter.
    #[schema(pattern = r"^[!#-)+-\[\]-~]{1,255}$")]
    action: String,
    /// The entity it wants to act on.
    #[schema(pattern = "^[A-Za-z0-9._:@-]{1,128}$")]
    resource_id: String,
    /// What else a condition may look at: a JSON object of at most 64 KiB.
    #[schema(value_type = Option<Object>)]
    context: Option<Document>,
    /// Whether to say why.
    explain: Option<bool>,
    /// How fresh the inputs must be; `fresh` when absent.
    #[schema(schema_with = consistency)]
    consistency: Option<String>,
}

/// Questions in one request.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `check::many` reads")]
pub struct AuthorizeBatch {
    /// 1 to 100 questions.
    #[schema(min_items = 1, max_items = 100)]
    checks: Vec<AuthorizeRequest>,
}

/// The answers, in the order of the questions.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `check::many` answers")]
pub struct AuthorizeBatchResult {
    /// One for each question.
    items: Vec<AuthorizeBatchItem>,
}

/// The answer to one question, or why it has none.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `check::many` answers")]
pub struct AuthorizeBatchItem {
    /// Whether the principal may.
    #[schema(nullable = false)]
    authorized: Option<bool>,
    /// Why, where that was asked for.
    #[schema(nullable = false)]
    decision: Option<Explanation>,
    /// Why there is no answer: `invalid`, or `unknown_resource`.
    #[schema(value_type = Object, required = false)]
    problem: Option<Document>,
}

/// An answer.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the answer, which is written without a copy")]
pub struct AuthorizeAnswer {
    /// Whether the principal may.
    authorized: bool,
    /// Why, where that was asked for.
    #[schema(nullable = false)]
    decision: Option<Explanation>,
}

/// Questions about which entities. Unknown fields are ignored.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `search::resources` reads")]
pub struct ResourceSearch {
    /// Who wants to act.
    #[schema(pattern = "^[A-Za-z0-9._:@-]{1,128}$")]
    user_id: String,
    /// The type of `user_id`; `user` when absent.
    #[schema(pattern = "^[A-Za-z0-9._:@-]{1,64}$")]
    principal_type: Option<String>,
    /// What it wants to do.
    #[schema(pattern = r"^[!#-)+-\[\]-~]{1,255}$")]
    action: String,
    /// The type of the entities.
    #[schema(pattern = "^[a-z][a-z0-9_]{0,63}$")]
    r#type: String,
    /// What else a condition may look at: a JSON object of at most 64 KiB.
    #[schema(value_type = Option<Object>)]
    context: Option<Document>,
    /// Most items of the page; 50 when absent.
    #[schema(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before, with the same question.
    #[schema(min_length = 1)]
    cursor: Option<String>,
}

/// Questions about which principals. Unknown fields are ignored.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `search::principals` reads")]
pub struct PrincipalSearch {
    /// The type of the principals; `user` when absent.
    #[schema(pattern = "^[A-Za-z0-9._:@-]{1,64}$")]
    principal_type: Option<String>,
    /// What they want to do.
    #[schema(pattern = r"^[!#-)+-\[\]-~]{1,255}$")]
    action: String,
    /// The entity to act on.
    #[schema(pattern = "^[A-Za-z0-9._:@-]{1,128}$")]
    resource_id: String,
    /// What else a condition may look at: a JSON object of at most 64 KiB.
    #[schema(value_type = Option<Object>)]
    context: Option<Document>,
    /// Most items of the page; 50 when absent.
    #[schema(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before, with the same question.
    #[schema(min_length = 1)]
    cursor: Option<String>,
}

/// Questions about which actions. Unknown fields are ignored.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `search::actions` reads")]
pub struct ActionSearch {
    /// Who wants to act.
    #[schema(pattern = "^[A-Za-z0-9._:@-]{1,128}$")]
    user_id: String,
    /// The type of `user_id`; `user` when absent.
    #[schema(pattern = "^[A-Za-z0-9._:@-]{1,64}$")]
    principal_type: Option<String>,
    /// The entity to act on.
    #[schema(pattern = "^[A-Za-z0-9._:@-]{1,128}$")]
    resource_id: String,
    /// What else a condition may look at: a JSON object of at most 64 KiB.
    #[schema(value_type = Option<Object>)]
    context: Option<Document>,
    /// Most items of the page; 50 when absent.
    #[schema(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before, with the same question.
    #[schema(min_length = 1)]
    cursor: Option<String>,
}

/// Something that was found.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what searches answer")]
pub struct Thing {
    /// Its type.
    r#type: String,
    /// Its id.
    id: String,
}

/// Why the answer is what it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Explanation {
    /// The answer in a word.
    #[schema(schema_with = outcome)]
    pub outcome: &'static str,
    /// Why not, for programs: stable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = reason)]
    pub reason: Option<&'static str>,
    /// The same for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub detail: Option<&'static str>,
    /// The assignment that allows, or the one that came nearest to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub assignment: Option<Deciding>,
    /// The permission that allows, as the role or the direct grant spells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub permission: Option<String>,
    /// The way from the resource up to the entity that the assignment is on; empty for a global one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<String>)]
    pub path: Option<Vec<EntityId>>,
    /// The conditions that it hung on: all those that held, or the one that did not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub conditions: Vec<Considered>,
}

/// A condition, and what came of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Considered {
    /// The condition, in CEL.
    pub condition: String,
    /// What came of it.
    #[schema(schema_with = outcome_of_condition)]
    pub outcome: &'static str,
    /// Why it is neither true nor false.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub failure: Option<&'static str>,
}

impl Considered {
    fn held(conditions: &Conditions<'_>) -> Vec<Self> {
        let Conditions { permission, assignment } = conditions;
        let held = [permission, assignment].into_iter().filter_map(|condition| *condition);
        held.map(|condition| Self {
            condition: condition.to_string(),
            outcome: "true",
            failure: None,
        })
        .collect()
    }

    /// One that did not hold.
    pub fn unmet(unmet: &Unmet<'_>) -> Self {
        Self {
            condition: unmet.condition.to_string(),
            outcome: if unmet.failure.is_some() { "error" } else { "false" },
            failure: unmet.failure.map(Failure::sentence),
        }
    }
}

/// An assignment as far as it matters for a decision.
#[derive(Debug, Serialize, ToSchema)]
pub struct Deciding {
    /// Its id.
    #[schema(value_type = String)]
    pub assignment_id: AssignmentId,
    /// Who holds it: the principal, a group, or `*`.
    #[schema(value_type = String)]
    pub principal_id: PrincipalId,
    /// The type of who holds it.
    #[schema(value_type = String)]
    pub principal_type: PrincipalType,
    /// The groups between the principal and the holder.
    #[schema(value_type = Vec<String>)]
    pub groups: Vec<PrincipalId>,
    /// The role; `null` for a permission that is held directly.
    #[schema(value_type = Option<String>, required = true)]
    pub role_id: Option<RoleId>,
    /// The role's name; `null` for a permission that is held directly.
    #[schema(value_type = Option<String>, required = true)]
    pub role_name: Option<RoleName>,
    /// The permission that is held directly, instead of a role; absent for a role.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub permission: Option<Action>,
    /// Where; `null` for everywhere.
    #[schema(value_type = Option<String>, required = true)]
    pub entity_id: Option<EntityId>,
    /// From when on it counts.
    #[schema(value_type = String, format = DateTime)]
    pub effective_at: Timestamp,
    /// From when on it no longer counts.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub expires_at: Option<Timestamp>,
}

impl Explanation {
    /// The explanation of a decision.
    pub fn of(decision: &Decision<'_>, located: &Located) -> Self {
        match decision {
            Decision::Allow { by, permission, steps, conditions } => Self {
                outcome: "allow",
                reason: None,
                detail: None,
                assignment: Some(Deciding::of(by)),
                permission: Some((*permission).to_owned()),
                path: Some(steps.map_or_else(Vec::new, |steps| path_up(located, steps))),
                conditions: Considered::held(conditions),
            },
            Decision::Deny { reason, nearest, condition } => Self {
                outcome: "deny",
                reason: Some(reason.code()),
                detail: Some(reason.sentence()),
                assignment: nearest.map(Deciding::of),
                permission: None,
                path: None,
                conditions: condition.iter().map(Considered::unmet).collect(),
            },
        }
    }
}

impl Deciding {
    fn of(grant: &Grant) -> Self {
        let assignment = grant.assignment.clone();
        Self {
            assignment_id: assignment.id,
            principal_id: assignment.principal.id,
            principal_type: assignment.principal.kind,
            groups: grant.groups.to_vec(),
            role_id: assignment.what.role().cloned(),
            role_name: grant.gives.role().map(|role| role.name.clone()),
            permission: assignment.what.permission().cloned(),
            entity_id: assignment.entity_id,
            effective_at: assignment.effective_at,
            expires_at: assignment.expires_at,
        }
    }
}

fn consistency() -> Schema {
    let token = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
    let token = token.pattern(Some(api::CONSISTENCY_TOKEN_PATTERN));
    let at_least = ObjectBuilder::new()
        .property("at_least", token.description(Some("The `Consistency-Token` of an answer.")))
        .required("at_least")
        .additional_properties(Some(AdditionalProperties::FreeForm(false)));
    let word = ObjectBuilder::new().schema_type(Type::String);
    let word = word.pattern(Some("^(minimize_latency|fresh|strong|at_least: ?ct1-[0-9]{1,19})$"));
    let absent = ObjectBuilder::new().schema_type(Type::Null);
    let either = OneOfBuilder::new().item(word).item(at_least).item(absent);
    Schema::OneOf(
        either
            .description(Some(
                "`minimize_latency`: as of at most a second ago; `fresh`: with every change acknowledged before, the \
                 default; `strong`: past every cache; `at_least`: with the change that returned this token.",
            ))
            .build(),
    )
}

fn outcome() -> Object {
    one_of(["allow", "deny"], "The answer in a word.")
}

fn outcome_of_condition() -> Object {
    one_of(["true", "false", "error"], "What came of it.")
}

fn reason() -> Object {
    one_of(Denial::ALL.map(Denial::code), "Why not, for programs: stable.")
}

/// A schema of one's own takes no description from its field.
fn one_of<const N: usize>(words: [&str; N], description: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(words))
        .description(Some(description))
        .build()
}

/// The target and so many of its ancestors.
fn path_up(located: &Located, steps: usize) -> Vec<EntityId> {
    let ancestors = located.lineage.ancestors();
    std::iter::once(&located.id).chain(ancestors).take(steps + 1).cloned().collect()
}
