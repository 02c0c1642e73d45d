//! Single items that are put on a condition.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;

use crate::Store;
use crate::error::Error;
use crate::item::Item;
use crate::meter::Call;

impl Store {
    /// Puts an item where there is none; whether it was this call that did.
    pub(crate) async fn put_new(&self, table: &str, item: Item) -> Result<bool, Error> {
        let put = self.client.put_item().table_name(table).set_item(Some(item));
        put_if(put.condition_expression("attribute_not_exists(pk)")).await
    }
}

/// Sends a put; whether its condition held.
pub(crate) async fn put_if(put: PutItemFluentBuilder) -> Result<bool, Error> {
    let call = Call::begin();
    match put.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await {
        Ok(output) => {
            call.end_write(output.consumed_capacity());
            Ok(true)
        }
        Err(error) => {
            call.end_write([]);
            if error.code() == Some("ConditionalCheckFailedException") {
                return Ok(false);
            }
            Err(Error::from_sdk("PutItem", &error))
        }
    }
}
