//! Bugs that are planted: what the code sends or hears is made what it would send or hear if it were wrong so.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use store::Defect;

use crate::faults::Call;
use crate::messaging::{queue_answer, queue_entries, topic_answer, topic_entries};
use crate::simulation::fault::Mode;
use crate::simulation::network::{Answer, Sent};
use crate::simulation::place::{short, target};

/// A way to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// What a batch of messages or records leaves undone is taken as done.
    FailuresAreAcknowledged,
    /// A message leaves its queue when its work begins, not when it is done.
    AcknowledgedBeforeTheWork,
    /// Nobody sweeps the outbox.
    NobodySweeps,
    /// Of a `PublishBatch` that says 200, the entries are not looked at.
    RefusedEntriesOfTopics,
    /// Of a `SendMessageBatch` that says 200, the entries are not looked at.
    RefusedEntriesOfQueues,
    /// A row is marked as published before it is.
    MarkedBeforePublished,
    /// An event that is published again has another id.
    AnotherIdEachTime,
    /// A segment of the ledger is committed whether or not another has its number.
    CommitsDoNotLook,
    /// A checkpoint is promised whether or not another follows the same.
    PromisesDoNotLook,
    /// The index of a segment is not written.
    NoIndex,
    /// What is in the ledger already is not looked up.
    NoLookup,
    /// The ledger's end and index are not read strongly consistent.
    LooseReadsOfTheLedger,
    /// What decisions rest on is not read strongly consistent.
    LooseReadsOfGrants,
    /// The receipt does not commit with the change.
    NoReceipt,
    /// The audit entry of a revocation does not commit with it.
    NoEntryOfRevocations,
    /// The event of a changed role does not commit with it.
    NoEventOfRoles,
    /// A change does not look whether the version is still the one it read.
    VersionsAreNotChecked,
    /// Names are not guarded.
    NamesAreNotGuarded,
    /// A revocation does not move the epoch of its principal.
    EpochsStay,
    /// A change of a role or of the tree does not move the tenant's epochs.
    SharedEpochsStay,
    /// A transaction sent again has another token.
    AnotherTokenEachTime,
    /// A transaction of which nothing was heard is taken as done.
    SilenceIsSuccess,
    /// A transaction whose answer is lost is done by half: not one transaction, but writes one by one.
    WritesOneByOne,
    /// One tenant's properties are kept among another's.
    KeysOfAnotherTenant,
    /// [`Defect::ForgetsGroups`].
    ForgetsGroups,
    /// [`Defect::ForgetsWildcards`].
    ForgetsWildcards,
    /// [`Defect::StampsTooLate`].
    StampsTooLate,
}

impl Bug {
    /// Every bug.
    pub const ALL: [Self; 27] = [
        Self::FailuresAreAcknowledged,
        Self::AcknowledgedBeforeTheWork,
        Self::NobodySweeps,
        Self::RefusedEntriesOfTopics,
        Self::RefusedEntriesOfQueues,
        Self::MarkedBeforePublished,
        Self::AnotherIdEachTime,
        Self::CommitsDoNotLook,
        Self::PromisesDoNotLook,
        Self::NoIndex,
        Self::NoLookup,
        Self::LooseReadsOfTheLedger,
        Self::LooseReadsOfGrants,
        Self::NoReceipt,
        Self::NoEntryOfRevocations,
        Self::NoEventOfRoles,
        Self::VersionsAreNotChecked,
        Self::NamesAreNotGuarded,
        Self::EpochsStay,
        Self::SharedEpochsStay,
        Self::AnotherTokenEachTime,
        Self::SilenceIsSuccess,
        Self::WritesOneByOne,
        Self::KeysOfAnotherTenant,
        Self::ForgetsGroups,
        Self::ForgetsWildcards,
        Self::StampsTooLate,
    ];

    /// What is wrong with epochs.
    pub(super) fn defect(self) -> Option<Defect> {
        match self {
            Self::ForgetsGroups => Some(Defect::ForgetsGroups),
            Self::ForgetsWildcards => Some(Defect::ForgetsWildcards),
            Self::StampsTooLate => Some(Defect::StampsTooLate),
            _ => None,
        }
    }

    /// Makes a call of a name what the code would send.
    pub(super) fn sends(self, key: &str, call: &mut Call) {
        match self {
            Self::AnotherTokenEachTime if !call.body["ClientRequestToken"].is_null() => {
                call.body["ClientRequestToken"] = json!(short(key.as_bytes()));
            }
            Self::LooseReadsOfTheLedger if target(call).starts_with("audit-") => loosen(call),
            Self::LooseReadsOfGrants if !target(call).starts_with("audit-") => loosen(call),
            Self::NoReceipt => leave_out(call, "", "receipt/"),
            Self::NoEntryOfRevocations => {
                leave_out(call, "role_assignment.delete", "audit-outbox/");
            }
            Self::NoEventOfRoles => leave_out(call, "role.updated", "event/"),
            Self::NamesAreNotGuarded => leave_out(call, "", "entity-name/"),
            Self::EpochsStay => leave_out(call, "revoked", "principal/\"epoch"),
            Self::SharedEpochsStay => leave_out(call, "", "epochs/"),
            Self::VersionsAreNotChecked => forget_versions(call),
            Self::AnotherIdEachTime if call.operation == "PublishBatch" && !key.ends_with(" 0") => {
                let text =
                    call.body.to_string().replace(r#"\"event_id\":\""#, r#"\"event_id\":\"again-"#);
                call.body = serde_json::from_str(&text).unwrap();
            }
            Self::KeysOfAnotherTenant if call.operation == "TransactWriteItems" => {
                let text = call.body.to_string();
                if text.contains("\"profile\"") {
                    let text = text.replace("5:south/principal/", "5:north/principal/");
                    call.body = serde_json::from_str(&text).unwrap();
                }
            }
            _ => {}
        }
    }

    /// An answer to a call that the code would not make.
    pub(super) fn answers(self, sent: &Sent) -> Option<HttpResponse> {
        let (operation, target) = (sent.call.operation.as_str(), target(&sent.call));
        match (self, operation) {
            (Self::NoIndex, "BatchExecuteStatement") if target.starts_with("audit-event") => {
                let statements = sent.call.body["Statements"].as_array().map_or(0, Vec::len);
                Some(said(&json!({"Responses": vec![json!({}); statements]})))
            }
            (Self::NoLookup, "BatchGetItem") if target.starts_with("audit-event") => {
                Some(said(&json!({"Responses": {}, "UnprocessedKeys": {}})))
            }
            (_, "TransactWriteItems") if sent.call.body["TransactItems"][0].is_null() => {
                Some(said(&json!({})))
            }
            (Self::SharedEpochsStay, "UpdateItem") if target.starts_with("epochs") => {
                Some(said(&json!({})))
            }
            _ => None,
        }
    }

    /// Makes a call less than it was, when its turn has come.
    pub(super) fn tears(self, sent: &mut Sent) {
        if self == Self::WritesOneByOne
            && sent.mode == Some(Mode::AnswerLost)
            && let Some(items) = sent.call.body["TransactItems"].as_array_mut()
        {
            items.truncate(items.len().div_ceil(2));
        }
    }

    /// What the code would hear of an answer.
    pub(super) fn hears(self, sent: &Sent, answer: Answer) -> Answer {
        let operation = sent.call.operation.as_str();
        let is_success = answer.as_ref().is_ok_and(|answer| answer.status().is_success());
        let request = sent.request.body().bytes().unwrap_or_default();
        match (self, operation) {
            (Self::RefusedEntriesOfTopics, "PublishBatch") if is_success => Ok(published(request)),
            (Self::MarkedBeforePublished, "PublishBatch") => Ok(published(request)),
            (Self::RefusedEntriesOfQueues, "SendMessageBatch") if is_success => {
                let entries = queue_entries("AmazonSQS.SendMessageBatch", request);
                let all: Vec<_> = entries.into_iter().map(|(id, _)| (id, true)).collect();
                Ok(text(queue_answer(&all)))
            }
            (Self::CommitsDoNotLook, "ExecuteStatement") if is_of(sent, "commit") => {
                Ok(done_if_there(answer?))
            }
            (Self::PromisesDoNotLook, "ExecuteStatement") if is_of(sent, "promise") => {
                Ok(done_if_there(answer?))
            }
            (Self::SilenceIsSuccess, "TransactWriteItems") if answer.is_err() => {
                Ok(said(&json!({})))
            }
            _ => answer,
        }
    }
}

fn is_of(sent: &Sent, place: &str) -> bool {
    target(&sent.call).ends_with(&format!(":{place}"))
}

fn said(body: &Value) -> HttpResponse {
    text(body.to_string())
}

fn text(body: String) -> HttpResponse {
    HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::from(body))
}

fn published(request: &[u8]) -> HttpResponse {
    let all: Vec<_> = topic_entries(request).into_iter().map(|(id, _)| (id, true)).collect();
    text(topic_answer(&all))
}

/// An insert that met another is told as done.
fn done_if_there(answer: HttpResponse) -> HttpResponse {
    let body = String::from_utf8_lossy(answer.body().bytes().unwrap_or_default()).into_owned();
    if body.contains("DuplicateItem") { said(&json!({})) } else { answer }
}

/// Lets a read be stale.
fn loosen(call: &mut Call) {
    if let Some(body) = call.body.as_object_mut() {
        body.remove("ConsistentRead");
    }
    if let Some(tables) = call.body["RequestItems"].as_object_mut() {
        for table in tables.values_mut().filter_map(Value::as_object_mut) {
            table.remove("ConsistentRead");
        }
    }
}

/// Leaves an item out of a transaction: where that says something somewhere, the items whose partition's literal is
/// this, and whose sort key is what follows a quotation mark.
fn leave_out(call: &mut Call, says: &str, literal: &str) {
    if !call.body["TransactItems"].to_string().contains(says) {
        return;
    }
    let (literal, sk) = literal.split_once('"').unwrap_or((literal, ""));
    let Some(items) = call.body["TransactItems"].as_array_mut() else { return };
    items.retain(|item| {
        let write = item.as_object().and_then(|item| item.values().next()).unwrap();
        let key = if write["Item"].is_null() { &write["Key"] } else { &write["Item"] };
        let pk = key["pk"]["S"].as_str().unwrap_or_default();
        let place = pk.split_once('/').map_or("", |(_, place)| place);
        let is_it = format!("{place}/").starts_with(literal);
        !(is_it && (sk.is_empty() || key["sk"]["S"] == sk))
    });
}

fn forget_versions(call: &mut Call) {
    for item in call.body["TransactItems"].as_array_mut().into_iter().flatten() {
        let write = item.as_object_mut().and_then(|item| item.values_mut().next());
        let Some(write) = write.and_then(Value::as_object_mut) else { continue };
        let is_version =
            write.get("ConditionExpression").is_some_and(|text| text == "version = :version");
        if is_version && write.contains_key("Item") {
            write.remove("ConditionExpression");
            write.remove("ExpressionAttributeValues");
        }
    }
}
