//! Functions that run in another process than `epr local`, on its tables.

use api::TENANT_DEFAULT;
use aws_sdk_dynamodb::Config;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use axum::body::Body;
use http::{Request, StatusCode};
use local::embedded::Embedded;
use local::system::{Clients, Surroundings, System};
use serde_json::{Value, json};
use store::EpochSource;

use crate::{Server, client, epr};

/// The functions, with the tables of a server.
fn elsewhere(url: &str) -> System {
    let config = Config::builder().behavior_version(BehaviorVersion::latest());
    let config = config.region(Region::from_static("us-east-1")).endpoint_url(url);
    let dynamodb = aws_sdk_dynamodb::Client::from_conf(config.allow_no_auth().build());
    let surroundings =
        Surroundings { epochs: Some(EpochSource::table()), ..Surroundings::default() };
    let clients = |embedded: &Embedded, messaging: &_| Clients {
        dynamodb,
        ..Clients::of(embedded, messaging)
    };
    System::start(Embedded::memory().unwrap(), clients, surroundings).unwrap()
}

async fn post(server: &Server, path: &str, body: &Value) -> Value {
    let sent = client().post(format!("{}{path}", server.url)).json(body).send().await.unwrap();
    assert!(sent.status().is_success(), "{path}: {}", sent.status());
    sent.json().await.unwrap()
}

/// Lets Alice read, through the server, and takes that back from elsewhere: the status of that, and whether the
/// server then still lets her.
async fn revoke_elsewhere(words: &[&str]) -> (StatusCode, bool) {
    let server = Server::of(epr(words));
    let role = json!({"id": "reader", "name": "Reader", "permissions": ["document:read"]});
    post(&server, "/api/v1/roles", &role).await;
    let held = json!({"id": "held", "principal_id": "alice", "role_id": "reader"});
    post(&server, "/api/v1/assignments", &held).await;
    post(&server, "/api/v1/entities", &json!({"id": "acme", "name": "Acme", "type": "issuer"}))
        .await;
    let asked = json!({"user_id": "alice", "action": "document:read", "resource_id": "acme"});
    // The second answer is from what the server remembers.
    for _ in 0..2 {
        assert_eq!(post(&server, "/api/v1/authorize", &asked).await["authorized"], true);
    }
    let revoke = Request::delete("/api/v1/assignments/held").header("x-tenant-id", TENANT_DEFAULT);
    let revoked = elsewhere(&server.url).call(revoke.body(Body::empty()).unwrap()).await;
    let still = post(&server, "/api/v1/authorize", &asked).await["authorized"].as_bool().unwrap();
    (revoked.status(), still)
}

#[tokio::test]
async fn what_functions_elsewhere_write_into_open_tables_counts_at_once() {
    let revoked = revoke_elsewhere(&["local", "--port", "0", "--memory", "--open-tables"]).await;
    assert_eq!(revoked, (StatusCode::OK, false));
}

#[tokio::test]
async fn nobody_elsewhere_writes_into_tables_that_are_not_open() {
    let (status, still) = revoke_elsewhere(&["local", "--port", "0", "--memory"]).await;
    assert!(status.is_server_error(), "{status}");
    assert!(still);
}
