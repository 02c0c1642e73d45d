//! A data folder that is read beside the server that has it.

use super::*;
use crate::example::template;
use aws_sdk_dynamodb::types::AttributeValue;
use std::fs;
use tempfile::TempDir;

async fn put(client: &Client, pk: &str) -> bool {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let put = client.put_item().table_name("CoreTable").item("pk", text(pk)).item("sk", text("a"));
    put.send().await.is_ok()
}

async fn count(client: &Client) -> i32 {
    client.scan().table_name("CoreTable").send().await.unwrap().count
}

#[tokio::test]
async fn a_reader_sees_what_a_server_writes_meanwhile_and_can_write_nothing() {
    // Each of these means something in the address of a database.
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("100% of it? #1");
    let server = Embedded::open(&folder).unwrap();
    server.create_tables(&template()).unwrap();
    let writes = server.client();
    assert!(put(&writes, "first").await);

    let reads = Embedded::open_to_read(&folder).unwrap().client();
    assert_eq!(count(&reads).await, 1);
    assert!(put(&writes, "second").await);
    assert_eq!(count(&reads).await, 2);
    assert!(!put(&reads, "third").await);
    assert_eq!(count(&writes).await, 2);
    assert!(matches!(Embedded::open(&folder), Err(EmbeddedError::InUse { .. })));
}

#[tokio::test]
async fn a_reader_needs_no_server_and_keeps_none_from_starting() {
    let folder = TempDir::new().unwrap();
    let server = Embedded::open(folder.path()).unwrap();
    server.create_tables(&template()).unwrap();
    assert!(put(&server.client(), "first").await);
    drop(server);

    let reads = Embedded::open_to_read(folder.path()).unwrap().client();
    let server = Embedded::open(folder.path()).unwrap();
    assert!(put(&server.client(), "second").await);
    drop(server);
    assert_eq!(count(&reads).await, 2);
}

#[test]
fn a_reader_of_nothing_makes_nothing() {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("none");
    let message = Embedded::open_to_read(&folder).unwrap_err().to_string();
    let expected = format!("cannot use the data folder `{}`: ", folder.display());
    assert!(message.starts_with(&expected), "{message}");
    assert!(!folder.exists());

    fs::create_dir(&folder).unwrap();
    Embedded::open_to_read(&folder).unwrap_err();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}
