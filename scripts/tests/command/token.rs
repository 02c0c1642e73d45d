//! `epr token`, and `epr local --auth`, which lets in who has one.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bootstrap::{bootstrap, operators_token};
use crate::{Server, client, epr, run};

/// A token of the issuer whose key is in a folder.
fn token(folder: &str, words: &[&str]) -> String {
    let words = [&["token", "--data", folder], words].concat();
    let (code, said, error) = run(&words);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    said.trim().to_owned()
}

async fn status(url: &str, token: Option<&str>, tenant: Option<&str>) -> u16 {
    let mut request = client().get(format!("{url}/api/v1/entities"));
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if let Some(tenant) = tenant {
        request = request.header("x-tenant-id", tenant);
    }
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_server_with_authentication_lets_in_who_has_a_token_of_its_own_issuer() {
    let (own, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (folder, elsewhere) = (own.path().to_str().unwrap(), other.path().to_str().unwrap());
    let alice = token(folder, &["--principal", "user:alice", "--tenant", "acme"]);
    let server = Server::start_with(Some(own.path()), "0", &["--auth"]);
    let url = &server.url;
    // Who is known may do nothing yet, until the operator says otherwise.
    assert_eq!(status(url, Some(&alice), None).await, 403);
    let operator = operators_token(folder);
    let (code, said, error) = bootstrap(url, &operator, &["--tenant", "acme", "--admin", "alice"]);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{said}");
    assert_eq!(status(url, Some(&alice), None).await, 200);
    assert_eq!(status(url, Some(&alice), Some("acme")).await, 200);
    assert_eq!(status(url, Some(&alice), Some("globex")).await, 403);
    assert_eq!(status(url, None, Some("acme")).await, 401);
    let forged = token(elsewhere, &["--principal", "user:alice", "--tenant", "acme"]);
    assert_eq!(status(url, Some(&forged), None).await, 401);
    let over = token(folder, &["--principal", "user:alice", "--tenant", "acme", "--expires", "0s"]);
    // Its end is now, and the leeway of half a minute has begun.
    assert_eq!(status(url, Some(&over), None).await, 200);
    assert_eq!(status(url, Some(&operator), Some("globex")).await, 200);
    let another = token(folder, &["--principal", "service:ops", "--any-tenant"]);
    assert_eq!(status(url, Some(&another), Some("globex")).await, 403);

    let health = client().get(format!("{url}/healthz")).send().await.unwrap();
    assert_eq!(health.status(), 200);
    let keys = client().get(format!("{url}/.well-known/jwks.json")).send().await.unwrap();
    let keys: Value = keys.json().await.unwrap();
    assert_eq!((&keys["keys"][0]["crv"], &keys["keys"][0]["d"]), (&json!("Ed25519"), &Value::Null));

    // The command calls with the token, in its tenant.
    let seeded = epr(&["seed", "--url", url]).env("EPR_TOKEN", &alice).output().unwrap();
    assert!(seeded.status.success(), "{}", String::from_utf8_lossy(&seeded.stderr));
    let listed = client()
        .get(format!("{url}/api/v1/entities?limit=1"))
        .header("authorization", format!("Bearer {alice}"));
    let listed: Value = listed.send().await.unwrap().json().await.unwrap();
    assert_eq!(listed["items"][0]["tenant_id"], "acme");
    let (code, _, error) = run(&["seed", "--url", url]);
    assert_eq!(code, Some(1));
    assert!(error.contains("set EPR_TOKEN"), "{error}");
}

#[tokio::test]
async fn without_authentication_a_token_changes_nothing_and_no_keys_are_served() {
    let folder = TempDir::new().unwrap();
    let alice =
        token(folder.path().to_str().unwrap(), &["--principal", "user:alice", "--tenant", "acme"]);
    let server = Server::start(None);
    assert_eq!(status(&server.url, Some(&alice), Some("globex")).await, 200);
    let keys = client().get(format!("{}/.well-known/jwks.json", server.url)).send().await.unwrap();
    assert_eq!(keys.status(), 404);
}

#[test]
fn the_key_is_its_owner_s_alone_and_stays_the_same() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().to_str().unwrap();
    let of = || token(path, &["--principal", "user:alice", "--tenant", "acme", "--scope", "a b"]);
    let header = |token: &str| token.split('.').next().unwrap().to_owned();
    assert_eq!(header(&of()), header(&of()));
    let file = folder.path().join("token-signing-key");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    fs::write(&file, "nonsense").unwrap();
    let (code, said, error) =
        run(&["token", "--data", path, "--principal", "user:a", "--tenant", "b"]);
    assert_eq!((code, said.as_str()), (Some(1), ""));
    assert!(error.contains("is not a private key"), "{error}");
}

#[test]
fn a_token_is_made_only_for_someone_of_some_tenant() {
    for (words, reason) in [
        (&["--tenant", "acme"][..], "--principal"),
        (&["--principal", "user:alice"], "--tenant"),
        (&["--principal", "alice", "--tenant", "acme"], "must be a type and an id"),
        (&["--principal", "group:all", "--tenant", "acme"], "a group does not call"),
        (&["--principal", "user:*", "--tenant", "acme"], "the id may hold only"),
        (&["--principal", "user:alice", "--tenant", "a b"], "may hold only"),
        (&["--principal", "user:alice", "--tenant", "acme", "--any-tenant"], "cannot be used with"),
        (
            &["--principal", "user:alice", "--tenant", "acme", "--expires", "1y"],
            "must be a number and a unit",
        ),
    ] {
        let (code, said, error) = run(&[&["token"], words].concat());
        assert_eq!((code, said.as_str()), (Some(2), ""), "{words:?}");
        assert!(error.contains(reason), "{words:?}: {error}");
    }
}

#[test]
fn a_token_is_not_sent_where_it_could_be_overheard() {
    let words = ["seed", "--url", "http://epr.example.com", "--token", "a.b.c"];
    let (code, _, error) = run(&words);
    assert_eq!(code, Some(1));
    assert!(error.contains("without TLS") && !error.contains("a.b.c"), "{error}");
}
