//! What a call is about, in a few words; and the bodies of calls, taken apart and put together.

use std::fmt::Write;

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::faults::Call;

/// The kind of a key: `entity` of `5:north/entity/4:acme`, with the kind of its place.
fn kind(pk: &str, sk: &str) -> String {
    let literal = pk.split('/').nth(1).unwrap_or_default();
    let place = sk.split('/').next().unwrap_or_default();
    if place.is_empty() { literal.to_owned() } else { format!("{literal}:{place}") }
}

fn kind_of(key: &Value) -> String {
    let of = |name: &str| key[name]["S"].as_str().unwrap_or_default();
    kind(of("pk"), of("sk"))
}

/// What a call is about: the kind of what it reads or writes, or the topic or queue.
pub(super) fn target(call: &Call) -> String {
    let body = &call.body;
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    match call.operation.as_str() {
        "GetItem" | "UpdateItem" | "DeleteItem" => kind_of(&body["Key"]),
        "PutItem" => kind_of(&body["Item"]),
        "TransactWriteItems" => {
            let first = body["TransactItems"][0].as_object().and_then(|item| item.values().next());
            let Some(first) = first else { return String::new() };
            kind_of(if first["Item"].is_null() { &first["Key"] } else { &first["Item"] })
        }
        "BatchGetItem" => {
            let tables = body["RequestItems"].as_object().unwrap();
            let keys = tables.values().filter_map(|table| table["Keys"].as_array()).flatten();
            keys.map(kind_of).min().unwrap_or_default()
        }
        "Query" => {
            let values = body["ExpressionAttributeValues"].as_object();
            let named = |name: &str| {
                let mut found = values.into_iter().flatten().filter(|(key, _)| *key == name);
                found.find_map(|(_, value)| value["S"].as_str()).unwrap_or_default()
            };
            let all = values.into_iter().flatten().filter_map(|(_, value)| value["S"].as_str());
            let mut prefixes: Vec<&str> = all.filter(|text| text.ends_with('/')).collect();
            prefixes.sort_unstable();
            let kind = kind(named(":pk"), prefixes.first().copied().unwrap_or_default());
            format!("{kind} {}", text("IndexName")).trim_end().to_owned()
        }
        "ExecuteStatement" => inserted(body),
        "BatchExecuteStatement" => inserted(&body["Statements"][0]),
        _ => {
            let address = format!("{}{}", text("TopicArn"), text("QueueUrl"));
            address.rsplit(['/', ':']).next().unwrap_or_default().to_owned()
        }
    }
}

/// The kind of an item that a statement inserts.
fn inserted(statement: &Value) -> String {
    kind_of(&item_in(statement))
}

/// The item that a statement inserts: its names stand in the statement, its values beside it.
pub(super) fn item_in(statement: &Value) -> Value {
    let text = statement["Statement"].as_str().unwrap_or_default();
    let names = text.split('\'').skip(1).step_by(2);
    let values = statement["Parameters"].as_array().into_iter().flatten();
    let fields = names.zip(values).map(|(name, value)| (name.to_owned(), value.clone()));
    Value::Object(fields.collect())
}

/// A short name for what a call says, the same in every run that has the same seed: names and keys in any
/// order, and without secrets and signatures, which each run makes anew.
pub(super) fn digest(body: &Value) -> String {
    let mut text = String::new();
    match body.as_object() {
        // Of a form, whose lists are numbered in any order, only the values.
        Some(form) if form.contains_key("Action") => {
            let mut values: Vec<String> = form.values().map(Value::to_string).collect();
            values.sort_unstable();
            text.push_str(&values.join(";"));
        }
        _ => write_sorted(body, &mut text),
    }
    let mut unsigned = String::new();
    for (place, part) in text.split("\u{2014} ").enumerate() {
        let rest = part.split_once("\\n").map_or("", |(_, rest)| rest);
        unsigned.push_str(if place == 0 { part } else { rest });
    }
    short(unsigned.as_bytes())
}

fn write_sorted(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().filter(|(name, _)| *name != "B").collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            for (name, member) in members {
                let _ = write!(text, "{name}:");
                match member {
                    Value::Array(keys) if name == "Keys" => {
                        let mut keys: Vec<String> = keys.iter().map(sorted).collect();
                        keys.sort_unstable();
                        text.push_str(&keys.join(","));
                    }
                    other => write_sorted(other, text),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| write_sorted(item, text)),
        other => {
            let _ = write!(text, "{other};");
        }
    }
}

fn sorted(value: &Value) -> String {
    let mut text = String::new();
    write_sorted(value, &mut text);
    text
}

/// The beginning of the SHA-256 of something.
pub(super) fn short(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(6).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The fields of a form, as they are sent.
pub(super) fn written(fields: &Value) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields.as_object().unwrap() {
        form.append_pair(name, value.as_str().unwrap_or_default());
    }
    form.finish()
}

/// Has the first statements of a batch done, and says of the others that there was too much to do; gives what
/// was done, and the answer.
pub(super) async fn first_half(
    tables: &SharedHttpConnector,
    mut request: HttpRequest,
) -> Result<(HttpRequest, HttpResponse), ConnectorError> {
    let mut body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
    let statements = body["Statements"].as_array_mut().unwrap();
    let undone = statements.split_off(statements.len().div_ceil(2)).len();
    *request.body_mut() = SdkBody::from(body.to_string());
    let done = request.try_clone().unwrap();
    let mut response = tables.call(request).await?;
    let mut answer: Value = serde_json::from_slice(response.body().bytes().unwrap()).unwrap();
    let error = json!({"Error": {"Code": "ThrottlingError", "Message": "planned by the test"}});
    answer["Responses"].as_array_mut().unwrap().extend(vec![error; undone]);
    *response.body_mut() = SdkBody::from(answer.to_string());
    response.headers_mut().remove("content-length");
    Ok((done, response))
}
