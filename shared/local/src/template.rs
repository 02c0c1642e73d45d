//! What `template.yaml` says of tables, topics, queues, functions and what invokes them.
//!
//! **Invariant:** only what the process can act on is read. Policies, alarms and layers are left to
//! SAM, and a resource that is needed but cannot be understood is refused by name.

mod document;
mod guard;
mod messaging;
mod references;
mod sources;

pub use guard::Guard;
pub use messaging::{Filter, Queue, Redrive, Subscription, Topic};
pub use sources::{QueueTrigger, ScheduleTrigger, Source, StreamTrigger, Trigger};

use dynoxide::types::{AttributeDefinition, GlobalSecondaryIndex, KeySchemaElement};
use references::References;
use saphyr::ScanError;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

const METHODS: [&str; 8] = ["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// The parts of a SAM template that run in one process, each list in order of logical id.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Every `AWS::DynamoDB::Table`.
    pub tables: Vec<Table>,
    /// Every `AWS::SNS::Topic`.
    pub topics: Vec<Topic>,
    /// Every `AWS::SQS::Queue`.
    pub queues: Vec<Queue>,
    /// Every `AWS::SNS::Subscription` of a queue. Those by email, SMS and HTTP lead out of the
    /// deployment and are left alone.
    pub subscriptions: Vec<Subscription>,
    /// Every `AWS::Serverless::Function`, those without routes included.
    pub functions: Vec<Function>,
    /// The function that runs before routes, where the default authorizer is one.
    pub guard: Option<Guard>,
}

/// A table, in DynamoDB's own terms. Its name in this process is its logical id.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The logical id in the template.
    pub id: String,
    /// The partition key and, where there is one, the sort key.
    pub key_schema: Vec<KeySchemaElement>,
    /// The types of all attributes that are part of a key.
    pub attributes: Vec<AttributeDefinition>,
    /// The global secondary indexes with their projections.
    pub indexes: Vec<GlobalSecondaryIndex>,
    /// What the stream shows of a change (`NEW_IMAGE`, ...), when the table has a stream.
    pub stream_view: Option<String>,
    /// The attribute with the second (Unix time) in which an item expires, when items do.
    pub ttl_attribute: Option<String>,
}

/// A function and what invokes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// The logical id in the template.
    pub id: String,
    /// The folder below `functions/` with its code, which is also the name of its binary.
    pub folder: String,
    /// The routes of its `HttpApi` events, in order of event name.
    pub routes: Vec<Route>,
    /// Its other events, in order of event name.
    pub sources: Vec<Source>,
    /// Its environment over the global one. A `!Ref` of a table is the table's name in this
    /// process, one of a topic its ARN and one of a queue its URL there, one of a parameter is its
    /// default; other intrinsic values are left out.
    pub environment: BTreeMap<String, String>,
}

/// One `HttpApi` event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The method in capitals, or `ANY`.
    pub method: String,
    /// The path with its parameters in braces: `/api/v1/entities/{id}`.
    pub path: String,
    /// Whether the authorizer runs first: always, unless the event says `Auth: {Authorizer: NONE}`.
    pub authenticated: bool,
}

/// Why a template cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The text is not YAML.
    #[error("the template is not valid YAML: {0}")]
    Syntax(#[from] ScanError),
    /// The text is YAML but no template.
    #[error("the template has no `Resources`")]
    NoResources,
    /// A resource misses a property or has one of another shape.
    #[error("`{resource}` in the template: {source}")]
    Property {
        /// The logical id, for an event with the function's before it.
        resource: String,
        /// What is missing or wrong.
        source: serde_json::Error,
    },
    /// It is not said where the function's code lives.
    #[error(
        "`{resource}` in the template names its folder neither in `CodeUri` nor in `Metadata.BuildProperties.Binary`"
    )]
    NoFolder {
        /// The function's logical id.
        resource: String,
    },
    /// A route that the gateway would match differently from API Gateway.
    #[error("`{resource}` in the template: the route `{method} {path}` {reason}")]
    Route {
        /// The logical ids of function and event.
        resource: String,
        /// The method as written.
        method: String,
        /// The path as written.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Something that this process needs, but could not run as it would be deployed.
    #[error("`{resource}` in the template: {reason}")]
    Refused {
        /// The logical id, for an event with the function's before it.
        resource: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl TemplateError {
    fn refused(resource: &str, reason: impl Into<String>) -> Self {
        Self::Refused { resource: resource.to_owned(), reason: reason.into() }
    }
}

impl Template {
    /// Reads a template, CloudFormation's short tags (`!Ref`, `!Sub`, ...) included.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let document = document::read(text)?;
        let resources = document
            .get("Resources")
            .and_then(Value::as_object)
            .ok_or(TemplateError::NoResources)?;
        let references = References { document: &document };
        let mut template = Self {
            tables: Vec::new(),
            topics: Vec::new(),
            queues: Vec::new(),
            subscriptions: Vec::new(),
            functions: Vec::new(),
            guard: None,
        };
        for (id, resource) in resources {
            let Resource { kind, metadata, properties } = typed(id, resource)?;
            let guard = guard::guard(references, id, &kind, &properties)?;
            template.guard = template.guard.or(guard);
            match kind.as_str() {
                references::TABLE => template.tables.push(table(id, &properties)?),
                references::TOPIC => {
                    template.topics.push(messaging::topic(references, id, &properties)?);
                }
                references::QUEUE => {
                    template.queues.push(messaging::queue(references, id, &properties)?);
                }
                "AWS::SNS::Subscription" => {
                    let subscription = messaging::subscription(references, id, &properties)?;
                    template.subscriptions.extend(subscription);
                }
                references::FUNCTION => {
                    template.functions.push(function(id, references, &metadata, &properties)?);
                }
                "AWS::Lambda::EventSourceMapping" => {
                    let reason = "event source mappings are read from the events of functions";
                    return Err(TemplateError::refused(id, reason));
                }
                _ => {}
            }
        }
        template.sort();
        Ok(template)
    }

    fn sort(&mut self) {
        self.tables.sort_by(|a, b| a.id.cmp(&b.id));
        self.topics.sort_by(|a, b| a.id.cmp(&b.id));
        self.queues.sort_by(|a, b| a.id.cmp(&b.id));
        self.subscriptions.sort_by(|a, b| a.id.cmp(&b.id));
        self.functions.sort_by(|a, b| a.id.cmp(&b.id));
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resource {
    #[serde(rename = "Type")]
    kind: String,
    #[serde(default)]
    metadata: Value,
    #[serde(default)]
    properties: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TableProperties {
    key_schema: Vec<KeySchemaElement>,
    attribute_definitions: Vec<AttributeDefinition>,
    #[serde(default)]
    global_secondary_indexes: Vec<GlobalSecondaryIndex>,
    stream_specification: Option<StreamSpecification>,
    time_to_live_specification: Option<TimeToLiveSpecification>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StreamSpecification {
    stream_view_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TimeToLiveSpecification {
    attribute_name: String,
    enabled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FunctionProperties {
    #[serde(default)]
    events: BTreeMap<String, Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    #[serde(rename = "Type")]
    kind: String,
    #[serde(default)]
    properties: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HttpApi {
    method: String,
    path: String,
    #[serde(default)]
    auth: Value,
}

fn table(id: &str, properties: &Value) -> Result<Table, TemplateError> {
    let properties: TableProperties = typed(id, properties)?;
    Ok(Table {
        id: id.to_owned(),
        key_schema: properties.key_schema,
        attributes: properties.attribute_definitions,
        indexes: properties.global_secondary_indexes,
        stream_view: properties.stream_specification.map(|stream| stream.stream_view_type),
        ttl_attribute: properties
            .time_to_live_specification
            .filter(|ttl| ttl.enabled)
            .map(|ttl| ttl.attribute_name),
    })
}

fn function(
    id: &str,
    references: References<'_>,
    metadata: &Value,
    properties: &Value,
) -> Result<Function, TemplateError> {
    let folder = folder(metadata, properties)
        .ok_or_else(|| TemplateError::NoFolder { resource: id.to_owned() })?
        .to_owned();
    let (mut routes, mut sources) = (Vec::new(), Vec::new());
    for (name, event) in typed::<FunctionProperties>(id, properties)?.events {
        let resource = format!("{id}.{name}");
        if event.kind == "HttpApi" {
            routes.push(route(resource, &event.properties)?);
        } else {
            let trigger = sources::trigger(references, &resource, &event.kind, &event.properties)?;
            sources.extend(trigger.map(|trigger| Source { name, trigger }));
        }
    }
    let environment = references.environment(properties);
    Ok(Function { id: id.to_owned(), folder, routes, sources, environment })
}

/// The last component of `CodeUri`; the binary where the whole workspace is the code (`.`).
fn folder<'a>(metadata: &'a Value, properties: &'a Value) -> Option<&'a str> {
    let code = properties.get("CodeUri").and_then(Value::as_str).unwrap_or(".");
    match code.trim_end_matches('/').rsplit('/').next() {
        Some("" | "." | "..") | None => metadata.pointer("/BuildProperties/Binary")?.as_str(),
        last => last,
    }
}

fn route(resource: String, properties: &Value) -> Result<Route, TemplateError> {
    let HttpApi { method, path, auth } = typed(&resource, properties)?;
    let upper = method.to_ascii_uppercase();
    let whole = |segment: &str| {
        let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        !name.unwrap_or(segment).contains(['{', '}']) && name != Some("")
    };
    let before_rest = path.strip_suffix("+}").and_then(|path| path.rsplit_once("/{"));
    let (before_rest, _) = before_rest.unwrap_or((&path, ""));
    let reason = if !METHODS.contains(&upper.as_str()) {
        "has a method that API Gateway does not know"
    } else if before_rest.contains("+}") {
        "is greedy before its end"
    } else if before_rest.is_empty() && path.len() > 1 {
        "is greedy: name each route, so that the template says what is served"
    } else if !path.starts_with('/') {
        "has a path that does not begin with `/`"
    } else if !path.split('/').all(whole) {
        "has a parameter that is not a whole segment"
    } else {
        let open = auth.get("Authorizer").and_then(Value::as_str) == Some("NONE");
        return Ok(Route { method: upper, path, authenticated: !open });
    };
    Err(TemplateError::Route { resource, method, path, reason })
}

fn typed<T: DeserializeOwned>(resource: &str, value: &Value) -> Result<T, TemplateError> {
    // A resource without properties still has none of the wrong shape.
    let value = if value.is_null() { Value::Object(serde_json::Map::new()) } else { value.clone() };
    serde_json::from_value(value)
        .map_err(|source| TemplateError::Property { resource: resource.to_owned(), source })
}

#[cfg(test)]
mod event_tests;
#[cfg(test)]
mod tests;
