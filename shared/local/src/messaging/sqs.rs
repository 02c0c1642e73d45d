//! The operations of SQS, in its JSON protocol.
//!
//! **Invariant:** what is not listed is refused as unknown rather than half supported. Queues,
//! policies and tags come from the template.

mod managing;
mod moving;
mod receiving;
mod sending;

pub(super) use moving::Move;

use super::fault::Fault;
use super::{Messaging, QueueState};
use crate::names;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Entries of one batch.
const BATCH_ENTRIES_MAX: usize = 10;

pub(super) async fn perform(
    messaging: &Messaging,
    operation: &str,
    body: &[u8],
) -> Result<Value, Fault> {
    match operation {
        "ChangeMessageVisibility" => messaging.change_visibility(read(body)?),
        "ChangeMessageVisibilityBatch" => messaging.change_visibility_batch(read(body)?),
        "DeleteMessage" => messaging.delete_message(read(body)?),
        "DeleteMessageBatch" => messaging.delete_message_batch(read(body)?),
        "GetQueueAttributes" => messaging.queue_attributes(read(body)?),
        "GetQueueUrl" => messaging.find_queue_url(read(body)?),
        "ListMessageMoveTasks" => messaging.list_moves(read(body)?),
        "ListQueues" => messaging.list_queues(read(body)?),
        "PurgeQueue" => messaging.purge_queue(read(body)?),
        "ReceiveMessage" => messaging.receive_message(read(body)?).await,
        "SendMessage" => messaging.send_message(read(body)?),
        "SendMessageBatch" => messaging.send_message_batch(read(body)?),
        "StartMessageMoveTask" => messaging.start_move(read(body)?),
        _ => Err(Fault::new("UnknownOperationException", "")),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(body)
        .map_err(|error| Fault::new("SerializationException", error.to_string()))
}

impl Messaging {
    /// The queue at a URL or of an ARN.
    fn queue_at(&self, name: &str) -> Result<(&str, &QueueState), Fault> {
        self.0
            .queues
            .get_key_value(names::id_in(name))
            .map(|(id, queue)| (id.as_str(), queue))
            .ok_or_else(Fault::no_queue)
    }
}

/// Refuses a batch whose entries cannot be told apart or are too many.
fn check_batch<'a>(ids: impl Iterator<Item = &'a str>) -> Result<(), Fault> {
    let ids: Vec<&str> = ids.collect();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if ids.is_empty() {
        return Err(Fault::sqs("EmptyBatchRequest", "There should be at least one entry."));
    }
    if ids.len() > BATCH_ENTRIES_MAX {
        let message =
            format!("Maximum number of entries per request are 10. You have sent {}.", ids.len());
        return Err(Fault::sqs("TooManyEntriesInBatchRequest", message));
    }
    if ids.iter().any(|id| id.is_empty() || id.len() > 80 || !id.chars().all(plain)) {
        return Err(Fault::sqs(
            "InvalidBatchEntryId",
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores. \
             It can be at most 80 letters long.",
        ));
    }
    if ids.iter().collect::<BTreeSet<_>>().len() < ids.len() {
        return Err(Fault::sqs(
            "BatchEntryIdsNotDistinct",
            "Two or more batch entries have the same Id.",
        ));
    }
    Ok(())
}

/// The answer to a batch: what succeeded, and what failed and why, by entry.
fn batch(answers: impl Iterator<Item = (String, Result<Value, Fault>)>) -> Value {
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for (id, answer) in answers {
        match answer {
            Ok(mut entry) => {
                if let Some(fields) = entry.as_object_mut() {
                    fields.insert("Id".to_owned(), Value::from(id));
                }
                successful.push(entry);
            }
            Err(fault) => failed.push(json!({
                "Id": id,
                "Code": fault.code,
                "Message": fault.message,
                "SenderFault": fault.is_the_senders(),
            })),
        }
    }
    json!({"Successful": successful, "Failed": failed})
}
