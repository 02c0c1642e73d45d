//! What is sent and received, as the standard has it. Unknown fields are ignored.

use domain::document::Document;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

/// A subject or a resource.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessEntity)]
pub struct Entity {
    /// Its type.
    pub r#type: String,
    /// Its id.
    pub id: String,
    /// What is known of it there; fills in what is not stored here. A JSON object of at most 64 KiB.
    #[schema(value_type = Option<Object>)]
    pub properties: Option<Document>,
}

/// A subject or a resource that is searched for; an id is ignored.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessSearched)]
pub struct Searched {
    /// Its type.
    pub r#type: String,
    /// What is known of each there; fills in what is not stored here. A JSON object of at most 64 KiB.
    #[schema(value_type = Option<Object>)]
    pub properties: Option<Document>,
}

/// An action.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessAction)]
pub struct Action {
    /// Its name: a permission.
    pub name: String,
    /// A JSON object of at most 64 KiB.
    #[schema(value_type = Option<Object>)]
    pub properties: Option<Document>,
}

/// A question.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessEvaluation)]
pub struct Evaluation {
    /// Who wants to act.
    pub subject: Entity,
    /// What it wants to do.
    pub action: Action,
    /// On what.
    pub resource: Entity,
    /// What else there is to say: a JSON object of at most 64 KiB.
    #[schema(value_type = Option<Object>)]
    pub context: Option<Document>,
}

/// Several questions. What one does not say, the defaults beside the list say.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessEvaluations)]
pub struct Evaluations {
    /// Who wants to act, where a question does not say.
    pub subject: Option<PartialEntity>,
    /// What it wants to do, where a question does not say.
    pub action: Option<PartialAction>,
    /// On what, where a question does not say.
    pub resource: Option<PartialEntity>,
    /// What else there is to say, where a question does not.
    #[schema(value_type = Option<Object>)]
    pub context: Option<Document>,
    /// `evaluations_semantic`: `execute_all`, `deny_on_first_deny` or `permit_on_first_permit`.
    #[schema(value_type = Option<Object>)]
    pub options: Option<Document>,
    /// At most 100 questions, each with what differs from the defaults; with none, the defaults are the one.
    #[schema(max_items = 100)]
    pub evaluations: Option<Vec<PartialEvaluation>>,
}

/// One of several questions: what differs from the defaults.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessPartialEvaluation)]
pub struct PartialEvaluation {
    /// Who wants to act.
    pub subject: Option<PartialEntity>,
    /// What it wants to do.
    pub action: Option<PartialAction>,
    /// On what.
    pub resource: Option<PartialEntity>,
    /// What else there is to say: a JSON object of at most 64 KiB.
    #[schema(value_type = Option<Object>)]
    pub context: Option<Document>,
}

/// A part of a subject or a resource; the other half says the rest.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessPartialEntity)]
pub struct PartialEntity {
    /// Its type.
    #[schema(nullable = false)]
    pub r#type: Option<String>,
    /// Its id.
    #[schema(nullable = false)]
    pub id: Option<String>,
    /// What is known of it there; fills in what is not stored here. A JSON object of at most 64 KiB.
    #[schema(value_type = Option<Object>)]
    pub properties: Option<Document>,
}

/// A part of an action; the other half says the rest.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessPartialAction)]
pub struct PartialAction {
    /// Its name: a permission.
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// A JSON object of at most 64 KiB.
    #[schema(value_type = Option<Object>)]
    pub properties: Option<Document>,
}

/// An answer; or, of several evaluations, all of them in their order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessDecision)]
pub struct Decision {
    /// Whether the subject may.
    #[schema(nullable = false)]
    pub decision: Option<bool>,
    /// Why: `reason` with a stable `code`; or `error`, where a question could not be understood.
    #[schema(value_type = Object, required = false)]
    pub context: Option<Document>,
    /// The answers to several questions.
    #[schema(value_type = Vec<Object>, required = false)]
    pub evaluations: Option<Vec<Document>>,
}

/// Which page of a search.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessPage)]
pub struct Page {
    /// The `next_token` of the page before; absent or empty for the first.
    pub token: Option<String>,
    /// Most results of the page; 50 when absent, 200 at most.
    #[schema(schema_with = limit)]
    pub limit: Option<u32>,
}

/// Any number from 1 on, however large: a schema that is derived would say how many bits it has.
fn limit() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Integer, Type::Null]))
        .minimum(Some(1))
        .description(Some("Most results of the page; 50 when absent, 200 at most."))
        .build()
}

/// Which subjects of a type may do this?
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessSubjectSearch)]
pub struct SubjectSearch {
    /// The type of the subjects.
    pub subject: Searched,
    /// What they want to do.
    pub action: Action,
    /// On what.
    pub resource: Entity,
    /// What else there is to say.
    #[schema(value_type = Option<Object>)]
    pub context: Option<Document>,
    /// Which page.
    pub page: Option<Page>,
}

/// On which resources of a type may this subject do this?
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessResourceSearch)]
pub struct ResourceSearch {
    /// Who wants to act.
    pub subject: Entity,
    /// What it wants to do.
    pub action: Action,
    /// The type of the resources.
    pub resource: Searched,
    /// What else there is to say.
    #[schema(value_type = Option<Object>)]
    pub context: Option<Document>,
    /// Which page.
    pub page: Option<Page>,
}

/// What may this subject do here?
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessActionSearch)]
pub struct ActionSearch {
    /// Who wants to act.
    pub subject: Entity,
    /// On what.
    pub resource: Entity,
    /// What else there is to say.
    #[schema(value_type = Option<Object>)]
    pub context: Option<Document>,
    /// Which page.
    pub page: Option<Page>,
}

/// What there is to say of a page.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessPageOfResults)]
pub struct PageOfResults {
    /// Where the search goes on; empty at its end.
    pub next_token: String,
    /// Results on this page.
    pub count: usize,
}

/// Something that was found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessFound)]
pub struct Found {
    /// Its type.
    pub r#type: String,
    /// Its id.
    pub id: String,
}

/// An action that was found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessFoundAction)]
pub struct FoundAction {
    /// Its name.
    pub name: String,
}

/// A page of subjects or resources.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessSearchResult)]
pub struct SearchResult {
    /// What was found.
    pub results: Vec<Found>,
    /// What there is to say of the page.
    pub page: PageOfResults,
}

/// A page of actions.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessActionSearchResult)]
pub struct ActionSearchResult {
    /// What was found.
    pub results: Vec<FoundAction>,
    /// What there is to say of the page.
    pub page: PageOfResults,
}

/// Where the endpoints are.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessMetadata)]
pub struct Metadata {
    /// The base: what identifies this policy decision point.
    pub policy_decision_point: String,
    /// One evaluation.
    pub access_evaluation_endpoint: String,
    /// Several evaluations.
    pub access_evaluations_endpoint: String,
    /// Subjects.
    pub search_subject_endpoint: String,
    /// Resources.
    pub search_resource_endpoint: String,
    /// Actions.
    pub search_action_endpoint: String,
}
