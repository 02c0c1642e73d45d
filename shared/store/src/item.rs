//! Between items and rows: what DynamoDB stores and what the code reads.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::document::Document;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::key::Key;

/// An item as the SDK has it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// A row under its key.
pub(crate) fn to_item(key: Key, row: &impl Serialize) -> Result<Item, Error> {
    let mut item: Item = serde_dynamo::aws_sdk_dynamodb_1::to_item(row)
        .map_err(|error| Error::Defect(format!("a row cannot be stored: {error}")))?;
    item.extend(key.into_item());
    Ok(item)
}

/// The row of an item.
pub(crate) fn from_item<Row: DeserializeOwned>(item: Item) -> Result<Row, Error> {
    serde_dynamo::aws_sdk_dynamodb_1::from_item(item)
        .map_err(|error| Error::Defect(format!("a stored row cannot be read: {error}")))
}

/// Adds the keys of an index.
pub(crate) fn index(item: &mut Item, index: &str, pk: String, sk: String) {
    let stem = index.strip_prefix("by_").unwrap_or(index);
    item.insert(format!("{stem}_pk"), AttributeValue::S(pk));
    item.insert(format!("{stem}_sk"), AttributeValue::S(sk));
}

/// A text attribute.
pub(crate) fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

/// Documents are stored as JSON text: DynamoDB's numbers have 38 digits, JSON's have no limit.
pub(crate) fn document_to_text(document: &Document) -> Result<String, Error> {
    serde_json::to_string(document)
        .map_err(|error| Error::Defect(format!("a document cannot be stored: {error}")))
}

/// The document of a JSON text.
pub(crate) fn document_from_text(text: &str) -> Result<Document, Error> {
    serde_json::from_str(text)
        .map_err(|error| Error::Defect(format!("a stored document cannot be read: {error}")))
}
