//! The OpenAPI 3.1 document, made from the endpoints themselves.

mod document;
mod limits;
mod responses;
mod trail;

use http::Method;
use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};

use crate::routes::Endpoint;

pub use document::document;
pub use trail::Trail;

/// The id of an event, as in the examples of events.
const EVENT_ID: &str = "6f4e1a2c-cc1b-8f79-b803-b0f7d8b7f02a";

/// The description of one endpoint.
///
/// What is true of every endpoint, or of every one of its method, is not said here: it is added when the
/// document is written.
#[derive(Debug)]
pub struct Operation {
    /// Its stable id, from which clients are generated.
    pub id: &'static str,
    summary: &'static str,
    description: &'static str,
    is_conditional: bool,
    is_versioned: bool,
    parameters: Vec<Value>,
    body: Option<Body>,
    answers: Vec<(u16, Value)>,
    refusals: Vec<(u16, &'static str, &'static str)>,
    headers: Vec<(&'static str, Value)>,
    schemas: Vec<(String, Value)>,
    other_form: Option<OtherForm>,
    trail: Option<Trail>,
}

#[derive(Debug)]
struct Body {
    schema: Value,
    name: String,
    example: Value,
}

/// Another media type for the same thing.
#[derive(Debug)]
struct OtherForm {
    media_type: &'static str,
    content: Value,
}

impl Operation {
    /// An operation with a stable id and a line that says what it does.
    pub fn new(id: &'static str, summary: &'static str) -> Self {
        Self {
            id,
            summary,
            description: "",
            is_conditional: false,
            is_versioned: false,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            refusals: Vec::new(),
            headers: Vec::new(),
            schemas: Vec::new(),
            other_form: None,
            trail: None,
        }
    }

    /// What else there is to say.
    #[must_use]
    pub fn describe(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    /// That it takes `If-Match`.
    #[must_use]
    pub fn conditional(mut self) -> Self {
        self.is_conditional = true;
        self.refuses(412, "stale", "`If-Match` names another version than the current one.")
    }

    /// That its answers carry the version of what they show, as `ETag`.
    #[must_use]
    pub fn versioned(mut self) -> Self {
        self.is_versioned = true;
        self
    }

    /// A parameter of the query; given several times where `many`.
    #[must_use]
    pub fn query(mut self, name: &str, description: &str, schema: Value, many: bool) -> Self {
        let schema = if many { json!({"type": "array", "items": schema}) } else { schema };
        self.parameters.push(json!({
            "name": name, "in": "query", "required": false, "description": description, "schema": schema,
        }));
        self
    }

    /// A parameter of the query that must be given.
    #[must_use]
    pub fn required_query(mut self, name: &str, description: &str, schema: Value) -> Self {
        self = self.query(name, description, schema, false);
        if let Some(last) = self.parameters.last_mut() {
            *last = with(last.take(), "required", json!(true));
        }
        self
    }

    /// That it is a list: its limit and its cursor.
    #[must_use]
    pub fn paged(self) -> Self {
        let limit = json!({
            "type": "integer",
            "minimum": 1,
            "maximum": crate::PAGE_ITEMS_MAX,
            "default": crate::PAGE_ITEMS_DEFAULT,
        });
        self.query("limit", "Most items of the page.", limit, false).query(
            "cursor",
            "The `next_cursor` of the page before, with the same filters.",
            json!({"type": "string", "minLength": 1}),
            false,
        )
    }

    /// The body it takes.
    #[must_use]
    pub fn takes<T: ToSchema>(mut self, example: &Value) -> Self {
        let schema = self.schema_of::<T>();
        self.body = Some(Body { schema, name: T::name().into_owned(), example: example.clone() });
        self
    }

    /// An answer without a schema of its own.
    #[must_use]
    pub fn answers(mut self, status: u16, description: &str, example: &Value) -> Self {
        let properties: Map<String, Value> = example
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), json!({"type": "string", "examples": [value]})))
            .collect();
        let required: Vec<&String> = properties.keys().collect();
        let schema = json!({"type": "object", "properties": properties, "required": required});
        self.answers.push((status, responses::content(description, &schema, example)));
        self
    }

    /// An answer with a thing.
    #[must_use]
    pub fn gives<T: ToSchema>(mut self, status: u16, description: &str, example: &Value) -> Self {
        let schema = self.schema_of::<T>();
        self.answers.push((status, responses::content(description, &schema, example)));
        self
    }

    /// An answer that is a file: its media type, and what one looks like.
    #[must_use]
    pub fn gives_file(mut self, media_type: &str, description: &str, example: &str) -> Self {
        let content = json!({media_type: {"schema": {"type": "string"}, "example": example}});
        self.answers.push((200, json!({"description": description, "content": content})));
        self
    }

    /// A header that its answers may carry.
    #[must_use]
    pub fn header(mut self, name: &'static str, description: &str, schema: &Value) -> Self {
        let header = json!({"description": description, "required": false, "schema": schema});
        self.headers.push((name, header));
        self
    }

    /// An answer with a page of things.
    #[must_use]
    pub fn lists<T: ToSchema>(mut self, description: &str, example: &Value) -> Self {
        let schema = json!({
            "type": "object",
            "required": ["items", "next_cursor"],
            "properties": {
                "items": {"type": "array", "items": self.schema_of::<T>()},
                "next_cursor": {"type": ["string", "null"], "description": "Where the list goes on; null at its end."},
            },
        });
        let example = json!({"items": [example], "next_cursor": null});
        self.answers.push((200, responses::content(description, &schema, &example)));
        self
    }

    /// Another media type in which the thing is also taken, where there is a body, and given.
    #[must_use]
    pub fn also_as<T: ToSchema>(mut self, media_type: &'static str, example: &Value) -> Self {
        let content = json!({"schema": self.schema_of::<T>(), "example": example});
        self.other_form = Some(OtherForm { media_type, content });
        self
    }

    /// Another media type in which the thing is also given, as a file.
    #[must_use]
    pub fn also_as_file(mut self, media_type: &'static str, example: &str) -> Self {
        let content = json!({"schema": {"type": "string"}, "example": example});
        self.other_form = Some(OtherForm { media_type, content });
        self
    }

    /// A refusal: its status, its code, and when it is given.
    #[must_use]
    pub fn refuses(mut self, status: u16, code: &'static str, when: &'static str) -> Self {
        self.refusals.push((status, code, when));
        self
    }

    fn schema_of<T: ToSchema>(&mut self) -> Value {
        if T::name() == "String" {
            return json!({"type": "string"});
        }
        let mut used = vec![(T::name().into_owned(), <T as PartialSchema>::schema())];
        T::schemas(&mut used);
        self.schemas.extend(
            used.into_iter()
                .map(|(name, schema)| (name, serde_json::to_value(&schema).unwrap_or_default())),
        );
        json!({"$ref": format!("#/components/schemas/{}", T::name())})
    }

    /// The operation as the document has it, and the schemas it uses.
    fn write(mut self, endpoint: &Endpoint, tag: &str) -> (Value, Vec<(String, Value)>) {
        let mut parameters = path_parameters(endpoint);
        self.add_refusals(endpoint, !parameters.is_empty());
        let responses = responses::write(&self, endpoint);
        parameters.append(&mut self.parameters);
        let headers = [
            ("IdempotencyKey", endpoint.mutates()),
            ("ActorId", endpoint.mutates()),
            ("IfMatch", self.is_conditional),
            ("TenantId", endpoint.needs.is_some()),
            ("RequestId", true),
        ];
        let headers = headers.into_iter().filter(|(_, taken)| *taken);
        parameters.extend(headers.map(|(name, _)| refer("parameters", name)));
        let mut operation = json!({
            "operationId": self.id,
            "summary": self.summary,
            "description": self.whole_description(endpoint),
            "tags": [tag],
            "parameters": parameters,
            "responses": responses,
        });
        match endpoint.needs {
            Some(needs) => operation = with(operation, "x-permission", json!(needs.action)),
            None => operation = with(operation, "security", json!([])),
        }
        if let Some(Body { schema, name, example }) = self.body {
            let content = json!({"application/json": {"schema": schema, "example": example}});
            let content = in_other_form(content, self.other_form.as_ref());
            let body = json!({"required": true, "content": content});
            operation = with(operation, "requestBody", body);
            // Only a patch refuses what it does not know: a field that is ignored would be a change that
            // seems to have been made.
            if endpoint.method == Method::PATCH {
                close(&mut self.schemas, &name);
            }
        }
        (operation, self.schemas)
    }

    /// What it does, what its caller must be allowed, and what it leaves behind.
    fn whole_description(&self, endpoint: &Endpoint) -> String {
        let own = if self.description.is_empty() { self.summary } else { self.description };
        let own = if own.ends_with('.') { own.to_owned() } else { format!("{own}.") };
        let trail = self.trail.and_then(Trail::sentence);
        let needs = endpoint.needs.map(|needs| format!("Needs `{}`.", needs.action));
        [Some(own), trail, needs].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// The refusals that come with a body, a query, a path parameter, a mutation, or a caller.
    fn add_refusals(&mut self, endpoint: &Endpoint, has_path_parameters: bool) {
        let (has_body, has_query) = (self.body.is_some(), !self.parameters.is_empty());
        let mut add = |applies: bool, status: u16, code: &'static str, when: &'static str| {
            if applies {
                self.refusals.push((status, code, when));
            }
        };
        let wrong_values = "Values are missing or wrong; `errors` has all of them.";
        add(has_body || has_query, 400, "invalid", wrong_values);
        add(has_body, 400, "malformed", "The body is not a JSON object, or not sent as JSON.");
        let has_caller = endpoint.needs.is_some();
        add(has_caller, 400, "invalid", "A header is malformed.");
        add(has_caller, 400, "malformed", "The request cannot be understood.");
        let reused = "The idempotency key came with another request before.";
        add(endpoint.mutates(), 409, "idempotency_key_reused", reused);
        if has_path_parameters && !self.refusals.iter().any(|(status, ..)| *status == 404) {
            let absent = "There is no such thing, or it belongs to another tenant.";
            self.refusals.push((404, "not_found", absent));
        }
    }
}

fn refer(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

/// An object with one member more.
fn with(mut object: Value, name: &str, member: Value) -> Value {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), member);
    }
    object
}

/// The content by media type, with the other one where there is one.
fn in_other_form(content: Value, other: Option<&OtherForm>) -> Value {
    match other {
        Some(OtherForm { media_type, content: of_other }) => {
            with(content, media_type, of_other.clone())
        }
        None => content,
    }
}

/// Lets the schema of an object have no properties but its own.
fn close(schemas: &mut [(String, Value)], name: &str) {
    for (_, schema) in schemas.iter_mut().filter(|(of, _)| of == name) {
        *schema = with(schema.take(), "additionalProperties", json!(false));
    }
}

fn path_parameters(endpoint: &Endpoint) -> Vec<Value> {
    let names =
        endpoint.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let described = |name: &str, description: &str, pattern: &str, example: &str| {
        json!({
            "name": name, "in": "path", "required": true, "description": description,
            "schema": {"type": "string", "pattern": pattern}, "example": example,
        })
    };
    let parameter = |name: &str| {
        let id = domain::id::ID_PATTERN;
        match name {
            "type" => {
                described(name, "The type.", domain::principal::PRINCIPAL_TYPE_PATTERN, "user")
            }
            "principal_id" => described(name, "The principal's id.", id, "alice"),
            "tenant" => described(name, "The tenant.", id, "default"),
            "chain" => described(name, "The chain: its tenant.", id, "default"),
            // A producer may name its events otherwise than the core does.
            "event_id" if endpoint.path.starts_with("/api/v1/audit/") => {
                described(name, "The event's id, percent-encoded.", "^[!-~]{1,255}$", EVENT_ID)
            }
            "event_id" => described(name, "The event's id.", id, EVENT_ID),
            _ => match name.strip_suffix('+') {
                Some(rest) => {
                    let what = "The rest of the path, slashes included.";
                    with(described(rest, what, "^.+$", "entries/000.p/3"), "x-greedy", json!(true))
                }
                None => described(name, "The id.", id, example_id(endpoint.path)),
            },
        }
    };
    names.map(parameter).collect()
}

/// The id of a thing of the kind that a path is about, the same as in the examples of its bodies.
fn example_id(path: &str) -> &'static str {
    match path.split('/').nth(3) {
        Some("groups") => "compliance",
        Some("principals") => "alice",
        Some("roles") => "0190b0c5-7e4c-7000-8000-000000000002",
        Some("assignments") => "0190b0c5-7e4c-7000-8000-000000000003",
        _ => "0190b0c5-7e4c-7000-8000-000000000001",
    }
}
