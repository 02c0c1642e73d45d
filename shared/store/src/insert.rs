//! Items that are inserted, and never replaced: how the audit table is written.
//!
//! A put on a condition says the same, but IAM does not see the condition: who may put may replace. An
//! `INSERT` of `PartiQL` fails where there is an item, and has a permission of its own, which allows nothing
//! else. It costs what a put costs.

use std::collections::VecDeque;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{
    AttributeValue, BatchStatementErrorCodeEnum as Code, BatchStatementRequest,
    ReturnConsumedCapacity,
};
use futures::future::try_join_all;

use crate::Store;
use crate::error::Error;
use crate::item::Item;
use crate::meter::Call;

/// Items of one `BatchExecuteStatement`.
const BATCH_ITEMS_MAX: usize = 25;

/// How often what a `BatchExecuteStatement` left over is sent again.
const BATCH_ROUNDS_MAX: u32 = 6;

/// The first pause before that, in milliseconds.
const PAUSE_MILLISECONDS: u64 = 5;

impl Store {
    /// Inserts an item where there is none; whether it was this call that did.
    pub(crate) async fn insert(&self, table: &str, item: Item) -> Result<bool, Error> {
        let (statement, parameters) = statement(table, item);
        let call = Call::begin();
        let sent = self
            .client
            .execute_statement()
            .statement(statement)
            .set_parameters(Some(parameters))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match sent {
            Ok(output) => {
                call.end_write(output.consumed_capacity());
                Ok(true)
            }
            Err(error) => {
                call.end_write([]);
                if error.code() == Some("DuplicateItemException") {
                    return Ok(false);
                }
                Err(Error::from_sdk("ExecuteStatement", &error))
            }
        }
    }

    /// Inserts items that say the same whoever inserts them: those that are there stay. One round trip.
    pub(crate) async fn insert_all(&self, table: &str, items: Vec<Item>) -> Result<(), Error> {
        let statements = items.into_iter().map(|item| {
            let (statement, parameters) = statement(table, item);
            let request = BatchStatementRequest::builder().statement(statement);
            let request = request.set_parameters(Some(parameters)).build();
            request.map_err(|error| Error::Defect(error.to_string()))
        });
        let statements = statements.collect::<Result<Vec<_>, Error>>()?;
        try_join_all(statements.chunks(BATCH_ITEMS_MAX).map(|batch| self.insert_batch(batch)))
            .await
            .map(drop)
    }

    async fn insert_batch(&self, batch: &[BatchStatementRequest]) -> Result<(), Error> {
        let mut waiting: VecDeque<BatchStatementRequest> = batch.iter().cloned().collect();
        for round in 0..BATCH_ROUNDS_MAX {
            if round > 0 {
                tokio::time::sleep(self.chance.pause(PAUSE_MILLISECONDS, round)).await;
            }
            let call = Call::begin();
            let output = self
                .client
                .batch_execute_statement()
                .set_statements(Some(waiting.iter().cloned().collect()))
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(|error| Error::from_sdk("BatchExecuteStatement", &error))?;
            call.end_write(output.consumed_capacity());
            // The answers stand in the order of the statements.
            for response in output.responses() {
                let statement = waiting.pop_front();
                match response.error().map(|error| (error.code(), error.message())) {
                    None | Some((Some(Code::DuplicateItem), _)) => {}
                    Some((Some(code), _)) if may_pass(code) => waiting.extend(statement),
                    Some((code, message)) => {
                        let (code, message) = (code.map_or("", Code::as_str), message);
                        let message = message.unwrap_or_default();
                        return Err(Error::Defect(format!("INSERT: {code}: {message}")));
                    }
                }
            }
            if waiting.is_empty() {
                return Ok(());
            }
        }
        Err(Error::Busy("BatchExecuteStatement left items unwritten".to_owned()))
    }
}

/// Whether the same may be done another time.
fn may_pass(code: &Code) -> bool {
    matches!(
        code,
        Code::InternalServerError
            | Code::ProvisionedThroughputExceeded
            | Code::RequestLimitExceeded
            | Code::ThrottlingError
            | Code::TransactionConflict
    )
}

/// The statement that inserts an item, and its parameters. Names of attributes are the code's own, and are
/// sorted, so that items of one kind have one statement.
fn statement(table: &str, item: Item) -> (String, Vec<AttributeValue>) {
    let mut attributes: Vec<(String, AttributeValue)> = item.into_iter().collect();
    attributes.sort_by(|(one, _), (other, _)| one.cmp(other));
    let names: Vec<String> = attributes.iter().map(|(name, _)| format!("'{name}': ?")).collect();
    let statement = format!("INSERT INTO \"{table}\" VALUE {{{}}}", names.join(", "));
    (statement, attributes.into_iter().map(|(_, value)| value).collect())
}
