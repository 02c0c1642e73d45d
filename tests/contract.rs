//! The OpenAPI document as a judge of answers: each must be one that the document promises.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, OnceLock};

use http::Method;
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::Reply;

/// Headers that are promised where they are given. `Allow` comes with 405, which no operation has.
const PROMISED_HEADERS: [&str; 6] = [
    "ETag",
    "Location",
    "Idempotency-Replayed",
    "Retry-After",
    "WWW-Authenticate",
    "X-Next-Sequence",
];

/// The document of the code, with what was made of it once.
#[derive(Debug)]
pub struct Contract {
    /// The document.
    pub document: Value,
    /// The operations by their ids.
    pub operations: BTreeMap<String, Operation>,
    /// The components, with no object open to properties that are not described.
    closed_components: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// An operation of the document.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its method.
    pub method: Method,
    /// Its path, with parameters in braces.
    pub path: String,
    /// What the document says of it.
    pub described: Value,
}

impl Operation {
    /// Whether the last parameter of its path takes all that follows.
    fn takes_the_rest(&self) -> bool {
        let parameters = self.described["parameters"].as_array();
        parameters.into_iter().flatten().any(|parameter| parameter["x-greedy"] == true)
    }
}

impl Contract {
    /// The contract of the code as it is compiled.
    pub fn of_the_code() -> &'static Self {
        static CONTRACT: OnceLock<Contract> = OnceLock::new();
        CONTRACT.get_or_init(|| Self::new(api::document(local::system::functions())))
    }

    fn new(document: Value) -> Self {
        let mut operations = BTreeMap::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, described) in methods.as_object().unwrap() {
                let id = described["operationId"].as_str().unwrap().to_owned();
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                let operation =
                    Operation { method, path: path.clone(), described: described.clone() };
                let other = operations.insert(id.clone(), operation);
                assert!(other.is_none(), "`{id}` is the id of two operations");
            }
        }
        let mut closed_components = document["components"].clone();
        for schema in closed_components["schemas"].as_object_mut().unwrap().values_mut() {
            close(schema);
        }
        Self { document, operations, closed_components, validators: Mutex::default() }
    }

    /// The operation that a request is for; `None` where the document has none.
    pub fn operation(&self, method: &Method, path: &str) -> Option<(&str, &Operation)> {
        let fits = |operation: &Operation| {
            let (described, asked) = (operation.path.split('/'), path.split('/'));
            let (described_parts, parts) = (described.clone().count(), asked.clone().count());
            let is_as_long = described_parts == parts
                || (operation.takes_the_rest() && described_parts <= parts);
            is_as_long
                && described.zip(asked).all(|(one, other)| one.starts_with('{') || one == other)
        };
        let fitting = self.operations.iter().filter(|(_, operation)| fits(operation));
        // The path with the fewest parameters is the one that is routed to, whatever its methods.
        let parameters = |operation: &Operation| operation.path.matches('{').count();
        let fewest = fitting.clone().map(|(_, operation)| parameters(operation)).min()?;
        fitting
            .into_iter()
            .find(|(_, operation)| parameters(operation) == fewest && operation.method == *method)
            .map(|(id, operation)| (id.as_str(), operation))
    }

    /// Checks an answer of the functions against the document: status, type, body, code and headers.
    ///
    /// What has no operation, and so what the gateway itself refuses, is none of its business.
    #[track_caller]
    pub fn check(&self, method: &Method, path: &str, reply: &Reply) {
        let path = path.split('?').next().unwrap_or_default();
        let Some((id, operation)) = self.operation(method, path) else { return };
        if reply.header("x-request-id").is_none() {
            return;
        }
        let told = format!("{id} answered {}: {}", reply.status, reply.text);
        let response = &operation.described["responses"][reply.status.to_string()];
        let response = self.resolved(response);
        assert!(response.is_object(), "no such status is documented: {told}");

        let content_type = reply.header("content-type").unwrap_or_default();
        let content = &response["content"][content_type];
        assert!(content.is_object(), "`{content_type}` is not documented: {told}");
        let key = format!("{id} {} {content_type}", reply.status);
        let is_json = content_type == "application/json" || content_type.ends_with("+json");
        let body = if is_json { reply.body.clone() } else { json!(reply.text) };
        let faults = self.faults_under(key, &content["schema"], &body);
        assert!(faults.is_empty(), "{faults:#?}: {told}");
        if content_type == "application/problem+json" {
            let code = reply.body["code"].as_str().unwrap_or_default();
            assert!(content["examples"].get(code).is_some(), "no such code is documented: {told}");
        }
        self.check_headers(&response["headers"], reply, &told);
    }

    #[track_caller]
    fn check_headers(&self, described: &Value, reply: &Reply, told: &str) {
        let described = described.as_object().into_iter().flatten();
        let mut known = BTreeSet::new();
        for (name, header) in described {
            known.insert(name.as_str());
            let always = self.resolved(header)["required"] == true;
            assert!(!always || reply.header(name).is_some(), "`{name}` is missing: {told}");
        }
        for name in PROMISED_HEADERS {
            assert!(
                reply.header(name).is_none() || known.contains(name),
                "`{name}` is not documented: {told}"
            );
        }
    }

    /// What is wrong with a value, by a schema of the document. Formats count, and an object has no
    /// properties but those that its schema describes.
    pub fn faults(&self, schema: &Value, value: &Value) -> Vec<String> {
        self.faults_under(schema.to_string(), schema, value)
    }

    /// The same, where a shorter text than the schema's own tells it from others.
    fn faults_under(&self, key: String, schema: &Value, value: &Value) -> Vec<String> {
        let make = || {
            let mut whole = schema.clone();
            close(&mut whole);
            whole["components"] = self.closed_components.clone();
            let options = jsonschema::draft202012::options().should_validate_formats(true);
            Arc::new(options.build(&whole).unwrap())
        };
        let validator = self.validators.lock().unwrap().entry(key).or_insert_with(make).clone();
        if validator.is_valid(value) {
            return Vec::new();
        }
        let errors = validator.iter_errors(value);
        errors.map(|error| format!("{} {error}", error.instance_path())).collect()
    }

    /// What a reference stands for, or the value itself.
    pub fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
            Some(pointer) => self.document.pointer(pointer).unwrap_or(&Value::Null),
            None => value,
        }
    }
}

/// Closes every object of a schema that describes its properties.
fn close(schema: &mut Value) {
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(close);
        schema["additionalProperties"] = json!(false);
    }
    if let Some(items) = schema.get_mut("items") {
        close(items);
    }
}
