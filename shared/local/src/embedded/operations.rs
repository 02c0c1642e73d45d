//! The operations of DynamoDB and its streams that the embedded engine is asked for.
//!
//! **Invariant:** no tags, vectors or backups. The product does not use them, and what is
//! not listed is refused as unknown rather than half supported.

use super::Embedded;
use dynoxide::{DynoxideError, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The JSON answer to a request whose `X-Amz-Target` is `target`, or `None` for an operation that
/// is not served.
pub(super) fn perform(embedded: &Embedded, target: &str, body: &[u8]) -> Option<Result<Vec<u8>>> {
    let operation = target
        .strip_prefix("DynamoDB_20120810.")
        .or_else(|| target.strip_prefix("DynamoDBStreams_20120810."))?;
    let Embedded { database: db, replays, .. } = embedded;
    Some(match operation {
        "BatchExecuteStatement" => answer(body, |request| db.batch_execute_statement(request)),
        "BatchGetItem" => answer(body, |request| db.batch_get_item(request)),
        "BatchWriteItem" => answer(body, |request| db.batch_write_item(request)),
        "CreateTable" => answer(body, |request| db.create_table(request)),
        "DeleteItem" => answer(body, |request| db.delete_item(request)),
        "DeleteTable" => answer(body, |request| db.delete_table(request)),
        "DescribeStream" => answer(body, |request| db.describe_stream(request)),
        "DescribeTable" => answer(body, |request| db.describe_table(request)),
        "DescribeTimeToLive" => answer(body, |request| db.describe_time_to_live(request)),
        "ExecuteStatement" => answer(body, |request| db.execute_statement(request)),
        "GetItem" => answer(body, |request| db.get_item(request)),
        "GetRecords" => answer(body, |request| db.get_records(request)),
        "GetShardIterator" => answer(body, |request| db.get_shard_iterator(request)),
        "ListStreams" => answer(body, |request| db.list_streams(request)),
        "ListTables" => answer(body, |request| db.list_tables(request)),
        "PutItem" => answer(body, |request| db.put_item(request)),
        "Query" => answer(body, |request| db.query(request)),
        "Scan" => answer(body, |request| db.scan(request)),
        "TransactGetItems" => answer(body, |request| db.transact_get_items(request)),
        "TransactWriteItems" => answer(body, |request| {
            replays.once(request, |request| db.transact_write_items(request))
        }),
        "UpdateItem" => answer(body, |request| db.update_item(request)),
        "UpdateTable" => answer(body, |request| db.update_table(request)),
        "UpdateTimeToLive" => answer(body, |request| db.update_time_to_live(request)),
        _ => return None,
    })
}

/// The operation that a request is for, of the header that names it with its service's version.
fn operation(target: &str) -> &str {
    target.rsplit('.').next().unwrap_or_default()
}

/// Whether an operation only reads.
pub(super) fn is_read(target: &str) -> bool {
    matches!(
        operation(target),
        "BatchGetItem" | "DescribeTable" | "GetItem" | "ListTables" | "Query" | "Scan"
    )
}

/// Whether an operation may write items.
pub(super) fn is_write(target: &str) -> bool {
    matches!(
        operation(target),
        "BatchExecuteStatement"
            | "BatchWriteItem"
            | "DeleteItem"
            | "ExecuteStatement"
            | "PutItem"
            | "TransactWriteItems"
            | "UpdateItem"
    )
}

/// Whether an operation reads or writes items, and leaves the tables themselves as they are.
pub(super) fn is_of_items(target: &str) -> bool {
    is_read(target) || is_write(target) || operation(target) == "TransactGetItems"
}

fn answer<Request: DeserializeOwned, Response: Serialize>(
    body: &[u8],
    run: impl FnOnce(Request) -> Result<Response>,
) -> Result<Vec<u8>> {
    let request = serde_json::from_slice(body).map_err(|error| invalid(&error))?;
    serde_json::to_vec(&run(request)?)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

/// The engine checks some rules (set members, numbers, key schemas) while it reads a request, and
/// marks what breaks one `VALIDATION...:`. The SDK sends nothing malformed, so the rest is a value
/// that a rule forbids too.
fn invalid(error: &serde_json::Error) -> DynoxideError {
    let text = error.to_string();
    let unmarked = match text.split_once(':') {
        Some((mark, rest)) if mark.starts_with("VALIDATION") => rest,
        _ => &text,
    };
    let message = unmarked.rsplit_once(" at line ").map_or(unmarked, |(message, _)| message);
    DynoxideError::ValidationException(message.to_owned())
}
