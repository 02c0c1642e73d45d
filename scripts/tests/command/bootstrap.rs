//! `epr bootstrap`: everything is made once, by however many runs.

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Server, client, epr, nobody, run};

/// A token for any tenant, of the issuer whose key is in a folder.
fn operators_token(folder: &str) -> String {
    let words = ["token", "--data", folder, "--principal", "service:ops", "--any-tenant"];
    run(&words).1.trim().to_owned()
}

/// Runs it against a server: its exit code, what it said, and what it said of errors.
fn bootstrap(url: &str, token: &str, words: &[&str]) -> (Option<i32>, String, String) {
    let words = [&["bootstrap", "--url", url], words].concat();
    let output = epr(&words).env("EPR_TOKEN", token).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The key in what was said, if there is one.
fn key_in(said: &str) -> Option<String> {
    let is_key = |line: &&str| line.starts_with("ak_") && line.len() > 64;
    said.lines().find(is_key).map(str::to_owned)
}

/// Asks as who has a credential, of a tenant where one is named.
async fn ask(
    server: &Server,
    (method, path): (Method, &str),
    (credential, tenant): (&str, Option<&str>),
    body: Option<Value>,
) -> (u16, Value) {
    let request = client().request(method, format!("{}{path}", server.url));
    let mut request = request.header("authorization", format!("Bearer {credential}"));
    if let Some(tenant) = tenant {
        request = request.header("x-tenant-id", tenant);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn the_first_run_makes_all_and_the_second_nothing() {
    let folder = TempDir::new().unwrap();
    let token = operators_token(folder.path().to_str().unwrap());
    let server = Server::start_with(Some(folder.path()), "0", &["--auth"]);
    let words =
        ["--tenant", "acme", "--slug", "acme-holdings", "--name", "Acme", "--admin", "user:alice"];
    let (code, said, error) = bootstrap(&server.url, &token, &words);
    assert_eq!(
        (code, error.as_str(), said.matches("made now").count()),
        (Some(0), "", 3),
        "{said}"
    );
    let key = key_in(&said).unwrap();
    assert!(key.starts_with("ak_acme."), "{said}");

    // The key is the admin's, and the admin may do everything in the tenant.
    let entities = (Method::POST, "/api/v1/entities");
    let entity = json!({"id": "acme", "name": "Acme", "type": "issuer"});
    let (status, made) = ask(&server, entities, (&key, None), Some(entity)).await;
    assert_eq!((status, &made["tenant_id"]), (201, &json!("acme")), "{made}");
    let may = json!({"user_id": "alice", "action": "document:verify", "resource_id": "acme"});
    let authorize = (Method::POST, "/api/v1/authorize");
    let (_, decided) = ask(&server, authorize, (&key, None), Some(may)).await;
    assert_eq!(decided, json!({"authorized": true}));
    let tenant = (Method::GET, "/api/v1/tenants/acme");
    let (_, tenant) = ask(&server, tenant, (&token, None), None).await;
    assert_eq!((&tenant["slug"], &tenant["name"]), (&json!("acme-holdings"), &json!("Acme")));

    for words in [&words[..], &["--tenant", "acme", "--admin", "alice"]] {
        let (code, said, error) = bootstrap(&server.url, &token, words);
        assert_eq!((code, error.as_str(), key_in(&said)), (Some(0), "", None), "{said}");
        assert_eq!(said.matches("there before").count(), 3, "{said}");
        assert!(said.contains("Already done; nothing was changed."), "{said}");
    }
    let keys = (Method::GET, "/api/v1/api-keys");
    let (_, keys) = ask(&server, keys, (&key, None), None).await;
    assert_eq!(keys["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_a_run_that_broke_off_left_to_do_is_done_by_the_next() {
    let folder = TempDir::new().unwrap();
    let token = operators_token(folder.path().to_str().unwrap());
    let server = Server::start_with(Some(folder.path()), "0", &["--auth"]);
    let body = json!({"id": "acme", "slug": "acme", "name": "Acme"});
    let tenants = (Method::POST, "/api/v1/tenants");
    assert_eq!(ask(&server, tenants, (&token, None), Some(body)).await.0, 201);
    let words = ["--tenant", "acme", "--admin", "alice"];
    let assigned = json!({"principal_id": "bob", "role_id": "system:admin"});
    let assignments = (Method::POST, "/api/v1/assignments");
    let as_operator = (token.as_str(), Some("acme"));
    assert_eq!(ask(&server, assignments, as_operator, Some(assigned)).await.0, 201);
    for (words, made) in [
        // The tenant was there, and so for another admin was the assignment.
        (&words[..], 2),
        (&["--tenant", "acme", "--admin", "bob"], 1),
    ] {
        let (code, said, error) = bootstrap(&server.url, &token, words);
        assert_eq!((code, error.as_str()), (Some(0), ""), "{said}");
        assert_eq!(said.matches("made now").count(), made, "{said}");
        assert!(key_in(&said).is_some(), "{said}");
    }
}

#[test]
fn what_it_cannot_do_it_says_and_does_not_begin() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().to_str().unwrap();
    let server = Server::start_with(Some(folder.path()), "0", &["--auth"]);
    let words = ["token", "--data", data, "--principal", "user:alice", "--tenant", "acme"];
    let tenants_token = run(&words).1.trim().to_owned();
    let (code, _, error) = bootstrap(&server.url, &tenants_token, &["--tenant", "acme"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("`admin:access`"), "{error}");
    let token = operators_token(data);
    for (tenant, reason) in [("7", "name one with --slug"), ("system:audit", "must not begin")] {
        let (code, _, error) = bootstrap(&server.url, &token, &["--tenant", tenant]);
        assert_eq!(code, Some(1), "{tenant}");
        assert!(error.contains(reason), "{error}");
    }
    let (code, _, error) = run(&["bootstrap", "--url", &nobody()]);
    assert_eq!(code, Some(1));
    assert!(error.contains("does not answer"), "{error}");
}
