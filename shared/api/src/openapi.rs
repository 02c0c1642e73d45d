//! The OpenAPI 3.1 document, made from the endpoints themselves.

use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};

use crate::routes::{Endpoint, Routes};

/// The description of one endpoint.
#[derive(Debug)]
pub struct Operation {
    /// Its stable id, from which clients are generated.
    pub id: &'static str,
    summary: &'static str,
    description: &'static str,
    is_open: bool,
    is_conditional: bool,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: Vec<(u16, Value)>,
    refusals: Vec<(u16, &'static str, &'static str)>,
    schemas: Vec<(String, Value)>,
}

impl Operation {
    /// An operation with a stable id and a line that says what it does.
    pub fn new(id: &'static str, summary: &'static str) -> Self {
        Self {
            id,
            summary,
            description: "",
            is_open: false,
            is_conditional: false,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            refusals: Vec::new(),
            schemas: Vec::new(),
        }
    }

    /// What else there is to say.
    #[must_use]
    pub fn describe(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    /// That it needs no authentication.
    #[must_use]
    pub fn open(mut self) -> Self {
        self.is_open = true;
        self
    }

    /// That it takes `If-Match`.
    #[must_use]
    pub fn conditional(mut self) -> Self {
        self.is_conditional = true;
        self.refuses(412, "stale", "`If-Match` names another version than the current one.")
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
            json!({"type": "string"}),
            false,
        )
    }

    /// The body it takes.
    #[must_use]
    pub fn takes<T: ToSchema>(mut self, example: &Value) -> Self {
        self.body = Some(json!({
            "required": true,
            "content": {"application/json": {"schema": self.schema_of::<T>(), "example": example}},
        }));
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
        self.answers.push((status, content(description, &schema, example)));
        self
    }

    /// An answer with a thing.
    #[must_use]
    pub fn gives<T: ToSchema>(mut self, status: u16, description: &str, example: &Value) -> Self {
        let schema = self.schema_of::<T>();
        self.answers.push((status, content(description, &schema, example)));
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
        self.answers.push((200, content(description, &schema, &example)));
        self
    }

    /// A refusal: its status, its code, and when it is given.
    #[must_use]
    pub fn refuses(mut self, status: u16, code: &'static str, when: &'static str) -> Self {
        self.refusals.push((status, code, when));
        self
    }

    fn schema_of<T: ToSchema>(&mut self) -> Value {
        let mut used = vec![(T::name().into_owned(), <T as PartialSchema>::schema())];
        T::schemas(&mut used);
        self.schemas.extend(used.into_iter().map(|(name, schema)| (name, to_value(&schema))));
        json!({"$ref": format!("#/components/schemas/{}", T::name())})
    }

    /// The operation as the document has it, with what is true of every endpoint added.
    fn write(mut self, endpoint: &Endpoint, tag: &str) -> (Value, Vec<(String, Value)>) {
        let has_query = self.parameters.iter().any(|parameter| parameter["in"] == "query");
        let names =
            endpoint.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let mut parameters: Vec<Value> = names.map(path_parameter).collect();
        let has_path_parameter = !parameters.is_empty();
        parameters.append(&mut self.parameters);
        if self.body.is_some() || has_query {
            self.refusals.push((
                400,
                "invalid",
                "Values are missing or wrong; `errors` has all of them.",
            ));
        }
        if self.body.is_some() {
            self.refusals.push((400, "malformed", "The body is not a JSON object."));
            self.refusals.push((413, "too_large", "The body is larger than 1 MiB."));
        }
        if has_path_parameter && !self.refusals.iter().any(|(status, ..)| *status == 404) {
            self.refusals.push((
                404,
                "not_found",
                "There is no such thing, or it belongs to another tenant.",
            ));
        }
        if endpoint.mutates() {
            parameters.push(header("IdempotencyKey"));
            parameters.push(header("ActorId"));
            self.refusals.push((400, "invalid", "A header is malformed."));
            self.refusals.push((
                409,
                "idempotency_key_reused",
                "The idempotency key came with another request before.",
            ));
        }
        if self.is_conditional {
            parameters.push(header("IfMatch"));
        }
        if !self.is_open {
            parameters.push(header("TenantId"));
            self.refusals.push((400, "malformed", "The request cannot be understood."));
            self.refusals.push((401, "unauthenticated", "Nobody was authenticated."));
            self.refusals.push((
                503,
                "unavailable",
                "Try again after `Retry-After` seconds, with the same key.",
            ));
        }
        parameters.push(header("RequestId"));
        self.refusals.push((500, "defect", "A defect of the service; `trace_id` identifies it."));
        let mut operation = json!({
            "operationId": self.id,
            "summary": self.summary,
            "description": if self.description.is_empty() { self.summary } else { self.description },
            "tags": [tag],
            "parameters": parameters,
            "responses": responses(&self.answers, &self.refusals, endpoint),
        });
        if let Some(members) = operation.as_object_mut() {
            if let Some(body) = self.body {
                members.insert("requestBody".to_owned(), body);
            }
            if self.is_open {
                members.insert("security".to_owned(), json!([]));
            }
        }
        (operation, self.schemas)
    }
}

fn header(name: &str) -> Value {
    json!({"$ref": format!("#/components/parameters/{name}")})
}

fn path_parameter(name: &str) -> Value {
    json!({
        "name": name, "in": "path", "required": true,
        "schema": {"type": "string", "pattern": domain::id::ID_PATTERN},
    })
}

fn content(description: &str, schema: &Value, example: &Value) -> Value {
    json!({
        "description": description,
        "content": {"application/json": {"schema": schema, "example": example}},
    })
}

/// The responses by status: the answers, then for each refused status its codes with an example of each.
fn responses(
    answers: &[(u16, Value)],
    refusals: &[(u16, &str, &str)],
    endpoint: &Endpoint,
) -> Value {
    let mut responses: Map<String, Value> =
        answers.iter().map(|(status, answer)| (status.to_string(), answer.clone())).collect();
    for (status, ..) in refusals {
        let of_status: Vec<_> = refusals.iter().filter(|(other, ..)| other == status).collect();
        let mut whens: Vec<&str> = of_status.iter().map(|(_, _, when)| *when).collect();
        whens.dedup();
        let examples: Map<String, Value> = of_status
            .iter()
            .map(|(_, code, when)| {
                (
                    (*code).to_owned(),
                    json!({"value": problem_example(*status, code, when, endpoint)}),
                )
            })
            .collect();
        responses.entry(status.to_string()).or_insert_with(|| {
            json!({
                "description": whens.join(" "),
                "content": {"application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "examples": examples,
                }},
            })
        });
    }
    Value::Object(responses)
}

fn problem_example(status: u16, code: &str, when: &str, endpoint: &Endpoint) -> Value {
    let title =
        http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let mut example = json!({
        "type": format!("urn:epr:problem:{code}"),
        "title": title,
        "status": status,
        "detail": when,
        "instance": endpoint.path.replace(['{', '}'], ""),
        "code": code,
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    });
    if let (Some(members), "invalid") = (example.as_object_mut(), code) {
        members.insert("errors".to_owned(), json!([{"pointer": "/name", "detail": "is required"}]));
    }
    example
}

/// The document of all functions: `(routes, title, what its endpoints are for)` each.
pub fn document(functions: Vec<(Routes, &'static str, &'static str)>) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    let mut schemas: Map<String, Value> =
        Map::from_iter([("Problem".to_owned(), problem_schema())]);
    let mut tags = Vec::new();
    for (routes, title, purpose) in functions {
        tags.push(json!({"name": title, "description": purpose}));
        for endpoint in &routes.endpoints {
            let (operation, used) = (endpoint.operation)().write(endpoint, title);
            let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
            if let Some(methods) = path.as_object_mut() {
                methods.insert(endpoint.method.as_str().to_lowercase(), operation);
            }
            schemas.extend(used);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "EPR, the Entity & Permissions Core",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Who may do what, what happened, and proof of it. Every list is paged, every refusal is \
                `application/problem+json` (RFC 9457), every mutation takes an `Idempotency-Key`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://127.0.0.1:8000", "description": "`cargo local`"}],
        "security": [{"bearer": []}, {"iam": []}],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": header_parameters(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "iam": {
                    "type": "apiKey", "in": "header", "name": "Authorization",
                    "description": "AWS Signature Version 4 of a principal that may invoke the API.",
                },
            },
        },
    })
}

fn to_value(schema: &impl Serialize) -> Value {
    serde_json::to_value(schema).unwrap_or_default()
}

fn header_parameters() -> Value {
    let header = |name: &str, description: &str, example: &str| {
        json!({
            "name": name, "in": "header", "required": false, "description": description,
            "schema": {"type": "string"}, "example": example,
        })
    };
    json!({
        "TenantId": header("X-Tenant-Id", "The tenant, for a caller whose identity carries none.", "default"),
        "RequestId": header("X-Request-Id", "Names the request in logs and answers; echoed.", "req-12345"),
        "IdempotencyKey": header(
            "Idempotency-Key",
            "The same request under the same key has one effect and one answer, for 24 hours.",
            "0190b0c5-7e4c-7000-8000-000000000001",
        ),
        "IfMatch": header("If-Match", "Change only this version, as `ETag` gave it.", "\"3\""),
        "ActorId": header("X-Actor-Id", "On whose behalf a service acts; recorded beside it.", "user-42"),
    })
}

fn problem_schema() -> Value {
    let text = |description: &str| json!({"type": "string", "description": description});
    json!({
        "type": "object",
        "description": "Why a request was not answered as asked (RFC 9457).",
        "required": ["type", "title", "status", "detail", "instance", "code", "trace_id"],
        "properties": {
            "type": text("The problem as a URI."),
            "title": text("The status in words."),
            "status": {"type": "integer", "description": "The HTTP status."},
            "detail": text("What is wrong, for people."),
            "instance": text("The path that was asked."),
            "code": text("What is wrong, for programs: stable."),
            "trace_id": text("The trace that logs know it by."),
            "errors": {
                "type": "array",
                "description": "Every fault of the body or query.",
                "items": {
                    "type": "object",
                    "required": ["pointer", "detail"],
                    "properties": {
                        "pointer": text("Where: a JSON pointer into the body, or a parameter's name."),
                        "detail": text("What."),
                    },
                },
            },
        },
    })
}
