//! The real SDK client on the embedded engine.

use super::*;
use crate::example::{TEMPLATE, template};
use crate::template::Template;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::transact_write_items::builders::TransactWriteItemsFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnConsumedCapacity,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::retry::RetryConfig;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tempfile::TempDir;

fn memory() -> Embedded {
    let embedded = Embedded::memory().unwrap();
    embedded.create_tables(&template()).unwrap();
    embedded
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: u32) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

async fn put(client: &Client, pk: &str, sk: &str) {
    let request = client.put_item().table_name("CoreTable");
    let request = request.item("pk", text(pk)).item("sk", text(sk)).item("name", text("a"));
    request.item("gsi1pk", text("all")).item("gsi1sk", number(7)).send().await.unwrap();
}

async fn get(client: &Client, pk: &str, sk: &str) -> Option<HashMap<String, AttributeValue>> {
    let request = client.get_item().table_name("CoreTable").consistent_read(true);
    request.key("pk", text(pk)).key("sk", text(sk)).send().await.unwrap().item
}

fn put_new(pk: &str, name: &str) -> TransactWriteItem {
    let put = Put::builder().table_name("CoreTable").item("pk", text(pk)).item("sk", text("a"));
    let put = put.item("name", text(name)).condition_expression("attribute_not_exists(pk)");
    let put = put
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build();
    TransactWriteItem::builder().put(put.unwrap()).build()
}

#[tokio::test]
async fn what_is_put_can_be_read_and_queried_by_table_and_by_index() {
    let client = memory().client();
    for sk in ["1", "2", "3"] {
        put(&client, "p", sk).await;
    }
    assert_eq!(get(&client, "p", "2").await.unwrap()["name"], text("a"));
    assert_eq!(get(&client, "p", "4").await, None);

    let query = client.query().table_name("CoreTable").limit(2).scan_index_forward(false);
    let query = query.key_condition_expression("pk = :pk and sk > :sk");
    let query = query.expression_attribute_values(":pk", text("p"));
    let page = query.expression_attribute_values(":sk", text("0")).send().await.unwrap();
    let sorted: Vec<_> = page.items().iter().map(|item| item["sk"].clone()).collect();
    assert_eq!(sorted, [text("3"), text("2")]);
    assert!(page.last_evaluated_key.is_some());

    let query = client.query().table_name("CoreTable").index_name("gsi1");
    let query = query.key_condition_expression("gsi1pk = :all");
    let found = query.expression_attribute_values(":all", text("all")).send().await.unwrap();
    assert_eq!(found.count, 3);
}

#[tokio::test]
async fn a_cancelled_transaction_tells_every_item_that_failed_and_writes_none() {
    let client = memory().client();
    put(&client, "old", "a").await;
    let check = ConditionCheck::builder().table_name("CoreTable").key("pk", text("none"));
    let check = check.key("sk", text("a")).condition_expression("attribute_exists(pk)").build();
    let update = Update::builder().table_name("CoreTable").key("pk", text("old"));
    let update = update.key("sk", text("b")).update_expression("SET n = :one");
    let update =
        update.condition_expression("n = :one").expression_attribute_values(":one", number(1));
    let delete = Delete::builder().table_name("PlainTable").key("id", text("x")).build();
    let error = client
        .transact_write_items()
        .transact_items(put_new("new", "b"))
        .transact_items(put_new("old", "b"))
        .transact_items(TransactWriteItem::builder().condition_check(check.unwrap()).build())
        .transact_items(TransactWriteItem::builder().update(update.build().unwrap()).build())
        .transact_items(TransactWriteItem::builder().delete(delete.unwrap()).build())
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
        panic!("{error:?}")
    };
    let codes: Vec<_> =
        cancelled.cancellation_reasons().iter().map(|r| r.code().unwrap()).collect();
    const FAILED: &str = "ConditionalCheckFailed";
    assert_eq!(codes, ["None", FAILED, FAILED, FAILED, "None"]);
    // Asked for with `ReturnValuesOnConditionCheckFailure`, and there only where an item is.
    assert_eq!(cancelled.cancellation_reasons()[1].item().unwrap()["name"], text("a"));
    assert_eq!(cancelled.cancellation_reasons()[2].item(), None);
    assert_eq!(get(&client, "new", "a").await, None);
}

#[tokio::test]
async fn a_failed_condition_returns_the_item_when_asked() {
    let client = memory().client();
    put(&client, "p", "a").await;
    let request = client.put_item().table_name("CoreTable").item("pk", text("p"));
    let error = request
        .item("sk", text("a"))
        .condition_expression("attribute_not_exists(pk)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    let PutItemError::ConditionalCheckFailedException(failed) = error else { panic!("{error:?}") };
    assert_eq!(failed.item().unwrap()["name"], text("a"));
}

#[tokio::test]
async fn a_transaction_with_a_known_token_is_answered_but_not_repeated() {
    let client = memory().client();
    let add = |by: u32| {
        let update = Update::builder().table_name("PlainTable").key("id", text("counter"));
        let update =
            update.update_expression("ADD n :by").expression_attribute_values(":by", number(by));
        let update = TransactWriteItem::builder().update(update.build().unwrap()).build();
        client.transact_write_items().transact_items(update)
    };
    let with = |request: TransactWriteItemsFluentBuilder, token: &str| {
        request.client_request_token(token).send()
    };
    with(add(1), "first").await.unwrap();
    with(add(1), "first").await.unwrap();
    with(add(1), "second").await.unwrap();
    // Without a token the SDK makes up a fresh one.
    add(1).send().await.unwrap();
    let error = with(add(2), "first").await.unwrap_err().into_service_error();
    assert!(error.is_idempotent_parameter_mismatch_exception(), "{error:?}");
    let error = with(add(1), &"x".repeat(37)).await.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("ValidationException"));

    let read = client.get_item().table_name("PlainTable").key("id", text("counter"));
    assert_eq!(read.send().await.unwrap().item.unwrap()["n"], number(3));
}

/// A wire on which the first answer is lost, after the request has been done.
#[derive(Debug, Clone)]
struct Lossy {
    wire: SharedHttpConnector,
    requests: Arc<AtomicUsize>,
}

impl Lossy {
    fn over(http_client: SharedHttpClient, requests: Arc<AtomicUsize>) -> SharedHttpClient {
        http_client_fn(move |settings, components| {
            let wire = http_client.http_connector(settings, components);
            SharedHttpConnector::new(Self { wire, requests: Arc::clone(&requests) })
        })
    }
}

impl HttpConnector for Lossy {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self { wire, requests } = self.clone();
        HttpConnectorFuture::new(async move {
            let answer = wire.call(request).await;
            match requests.fetch_add(1, Ordering::Relaxed) {
                0 => Err(ConnectorError::io("the answer is lost".into())),
                _ => answer,
            }
        })
    }
}

#[tokio::test]
async fn a_transaction_whose_answer_is_lost_is_retried_but_done_once() {
    let embedded = memory();
    let requests = Arc::new(AtomicUsize::new(0));
    let http_client = Lossy::over(embedded.http_client(), Arc::clone(&requests));
    let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
    let config = embedded.config().http_client(http_client).retry_config(retries).build();
    let request = Client::from_conf(config).transact_write_items();
    request.transact_items(put_new("p", "a")).send().await.unwrap();
    assert_eq!(requests.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_client_can_be_made_over_another_wire() {
    let embedded = memory();
    let requests = Arc::new(AtomicUsize::new(1));
    let client = embedded.client_with(Lossy::over(embedded.http_client(), Arc::clone(&requests)));
    put(&client, "p", "a").await;
    assert!(get(&embedded.client(), "p", "a").await.is_some());
    assert_eq!(requests.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_transaction_that_failed_may_be_tried_again_with_its_token() {
    let client = memory().client();
    put(&client, "p", "a").await;
    let send = || {
        let request = client.transact_write_items().transact_items(put_new("p", "b"));
        request.client_request_token("token").send()
    };
    send().await.unwrap_err();
    let delete = client.delete_item().table_name("CoreTable").key("pk", text("p"));
    delete.key("sk", text("a")).send().await.unwrap();
    send().await.unwrap();
}

#[tokio::test]
async fn consumed_capacity_is_told_by_table_and_by_index() {
    let client = memory().client();
    put(&client, "p", "a").await;
    let read = client.get_item().table_name("CoreTable").key("pk", text("p")).key("sk", text("a"));
    let read = read.consistent_read(true).return_consumed_capacity(ReturnConsumedCapacity::Total);
    let capacity = read.send().await.unwrap().consumed_capacity.unwrap();
    assert_eq!(capacity.table_name(), Some("CoreTable"));
    assert_eq!(capacity.capacity_units(), Some(1.0));

    let put = Put::builder().table_name("CoreTable").item("pk", text("q")).item("sk", text("a"));
    let put = put.item("gsi1pk", text("all")).item("gsi1sk", number(1)).build();
    let plain = Put::builder().table_name("PlainTable").item("id", text("x")).build();
    let written = client
        .transact_write_items()
        .transact_items(TransactWriteItem::builder().put(put.unwrap()).build())
        .transact_items(TransactWriteItem::builder().put(plain.unwrap()).build())
        .return_consumed_capacity(ReturnConsumedCapacity::Indexes)
        .send()
        .await
        .unwrap();
    let mut capacity = written.consumed_capacity.unwrap();
    capacity.sort_by(|a, b| a.table_name.cmp(&b.table_name));
    assert_eq!(capacity[0].table().unwrap().capacity_units(), Some(2.0));
    let indexes = capacity[0].global_secondary_indexes().unwrap();
    assert_eq!(indexes["gsi1"].capacity_units(), Some(1.0));
    assert_eq!(capacity[1].capacity_units(), Some(2.0));
}

#[tokio::test]
async fn requests_made_side_by_side_interleave() {
    let client = memory().client();
    // Reads, then writes what it read plus one: an update is lost only if both read first.
    let add_one = || async {
        let read = get(&client, "p", "n").await;
        let n = read.map_or(0, |item| item["n"].as_n().unwrap().parse().unwrap());
        let write = client.put_item().table_name("CoreTable").item("pk", text("p"));
        write.item("sk", text("n")).item("n", number(n + 1)).send().await.unwrap();
    };
    tokio::join!(add_one(), add_one());
    assert_eq!(get(&client, "p", "n").await.unwrap()["n"], number(1));
}

#[tokio::test]
async fn what_the_engine_does_not_serve_is_refused() {
    let embedded = memory();
    let error = embedded.client().list_backups().send().await.unwrap_err();
    assert_eq!(error.code(), Some("UnknownOperationException"));
    let error = embedded.client().scan().table_name("Absent").send().await.unwrap_err();
    assert!(matches!(error, SdkError::ServiceError(_)));
    assert_eq!(error.code(), Some("ResourceNotFoundException"));
    // Refused while the engine reads the request, not after.
    let put = embedded.client().put_item().table_name("PlainTable").item("id", text("a"));
    let error = put.item("set", AttributeValue::Ss(Vec::new())).send().await.unwrap_err();
    assert_eq!(error.code(), Some("ValidationException"));
    let message = error.message().unwrap();
    assert!(!message.contains("VALIDATION") && !message.contains("at line"), "{message}");
}

#[tokio::test]
async fn tables_are_made_as_declared() {
    let embedded = memory();
    let table = embedded.client().describe_table().table_name("CoreTable").send().await.unwrap();
    let table = table.table.unwrap();
    let stream = table.stream_specification().unwrap().stream_view_type().unwrap();
    assert_eq!(stream.as_str(), "NEW_IMAGE");
    assert_eq!(
        table.billing_mode_summary().unwrap().billing_mode().unwrap().as_str(),
        "PAY_PER_REQUEST"
    );
    let projection = table.global_secondary_indexes()[0].projection().unwrap();
    assert_eq!(projection.non_key_attributes(), ["name"]);
    let ttl =
        embedded.client().describe_time_to_live().table_name("CoreTable").send().await.unwrap();
    let ttl = ttl.time_to_live_description.unwrap();
    assert_eq!(ttl.attribute_name(), Some("expires_at"));
    // Once more changes nothing.
    embedded.create_tables(&template()).unwrap();
}

#[tokio::test]
async fn expired_items_go_when_swept() {
    let embedded = memory();
    let client = embedded.client();
    for (pk, second) in [("past", 1_000_000_000), ("future", 4_000_000_000)] {
        let put = client.put_item().table_name("CoreTable").item("pk", text(pk));
        put.item("sk", text("a")).item("expires_at", number(second)).send().await.unwrap();
    }
    assert_eq!(embedded.sweep_expired().unwrap(), 1);
    assert_eq!(get(&client, "past", "a").await, None);
    assert!(get(&client, "future", "a").await.is_some());
}

#[tokio::test]
async fn a_data_folder_keeps_its_items_when_it_is_opened_again() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data");
    for run in ["1", "2"] {
        let embedded = Embedded::open(&path).unwrap();
        embedded.create_tables(&template()).unwrap();
        let client = embedded.client();
        assert_eq!(get(&client, "p", "1").await.is_some(), run == "2");
        put(&client, "p", run).await;
    }
}

#[tokio::test]
async fn a_data_folder_is_one_servers_until_its_last_client_is_gone() {
    let folder = TempDir::new().unwrap();
    let client = Embedded::open(folder.path()).unwrap().client();
    let message = Embedded::open(folder.path()).unwrap_err().to_string();
    let path = folder.path().display();
    assert!(message.starts_with(&format!("the data folder `{path}` is in use by another server")));
    drop(client);
    Embedded::open(folder.path()).unwrap();
}

#[test]
fn a_folder_that_cannot_be_one_is_named() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let message = Embedded::open(&file).unwrap_err().to_string();
    assert!(message.starts_with(&format!("cannot use the data folder `{}`: ", file.display())));

    std::fs::write(folder.path().join("epr.db"), "not a database at all").unwrap();
    let message = Embedded::open(folder.path()).unwrap_err().to_string();
    assert!(
        message.starts_with("the embedded database cannot open its file `epr.db`: "),
        "{message}"
    );
}

#[test]
fn a_data_folder_of_another_version_is_refused() {
    let folder = TempDir::new().unwrap();
    let embedded = Embedded::open(folder.path()).unwrap();
    embedded.create_tables(&template()).unwrap();
    let changed = |from: &str, to: &str| {
        let other = Template::parse(&TEMPLATE.replace(from, to)).unwrap();
        embedded.create_tables(&other).unwrap_err().to_string()
    };
    let path = folder.path().display();
    assert_eq!(
        changed("IndexName: gsi1", "IndexName: gsi2"),
        format!(
            "the data folder `{path}` was made by another version, its table `CoreTable` has the \
             indexes {{\"gsi1\"}}, not {{\"gsi2\"}}: move it away or name another folder, then \
             start again"
        )
    );
    assert!(
        changed("AttributeName: id", "AttributeName: key").contains("`PlainTable` has another key")
    );
}

#[test]
fn the_engines_streams_are_indexed() {
    let folder = TempDir::new().unwrap();
    drop(Embedded::open(folder.path()).unwrap());
    let plan: String = rusqlite::Connection::open(folder.path().join("epr.db"))
        .unwrap()
        .query_row(
            "EXPLAIN QUERY PLAN SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1
             FROM _stream_records WHERE table_name = 'T'",
            [],
            |row| row.get("detail"),
        )
        .unwrap();
    assert!(plan.contains("SEARCH _stream_records USING"), "{plan}");
    assert!(plan.contains("INDEX _stream_records_by_number"), "{plan}");
}
