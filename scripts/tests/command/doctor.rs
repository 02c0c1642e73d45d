//! `epr doctor`, of what runs on this machine. What it says of a stack is seen by the deployment test.

use reqwest::StatusCode;
use serde_json::json;

use crate::{Server, client, event, nobody, post, run, set_state};

/// The lines that do not begin with `ok`, but for the last.
fn complaints(said: &str) -> Vec<&str> {
    let lines = said.lines().filter(|line| !line.starts_with("ok "));
    lines.filter(|line| !line.contains(" looked at: ")).collect()
}

#[tokio::test]
async fn of_a_system_that_is_well_every_line_is_ok() {
    let server = Server::start(None);
    post(&server.url, "default", &event("document.verified")).await;
    let (code, said, error) = run(&["doctor", "--url", &server.url]);
    assert_eq!((code, complaints(&said)), (Some(0), Vec::new()), "{said}{error}");
    for subject in [
        "API",
        "clock",
        "readiness",
        "AuditQueue",
        "OutboxDeadLetterQueue",
        "events",
        "ledger of `default`",
    ] {
        assert!(
            said.lines().any(|line| line.starts_with(&format!("ok     {subject} "))),
            "{subject}: {said}"
        );
    }
    assert!(said.ends_with(" looked at: nothing is wrong\n"), "{said}");
}

#[tokio::test]
async fn what_was_given_up_is_pointed_out_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Some(folder.path()));
    let id = post(&server.url, "acme", &event("document.verified")).await;
    server.kill();
    set_state(folder.path(), &[&id], "failed").await;
    let server = Server::start(Some(folder.path()));
    let letter = json!({
        "QueueUrl": format!("{}/000000000000/AuditDeadLetterQueue", server.url), "MessageBody": "poison",
    });
    let sent = client().post(&server.url).header("x-amz-target", "AmazonSQS.SendMessage");
    assert_eq!(sent.json(&letter).send().await.unwrap().status(), StatusCode::OK);
    let (code, said, _) = run(&["doctor", "--url", &server.url, "--tenant", "acme"]);
    let [letters, events] = complaints(&said).try_into().unwrap();
    assert!(letters.starts_with("warn   AuditDeadLetterQueue"), "{letters}");
    assert!(
        letters.contains("1 given up") && letters.contains("epr dlq list AuditDeadLetterQueue"),
        "{letters}"
    );
    assert!(
        events.starts_with("warn   events") && events.contains("epr replay --state failed"),
        "{events}"
    );
    // It works: what was given up is for someone to look at.
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with("nothing is wrong, 2 to look at\n"), "{said}");
    // The events of other tenants are not this one's.
    let (_, said, _) = run(&["doctor", "--url", &server.url]);
    assert_eq!(complaints(&said).len(), 1, "{said}");
}

#[test]
fn where_nobody_answers_that_is_wrong_and_an_impossible_place_cannot_be_tried() {
    let (code, said, _) = run(&["doctor", "--url", &nobody()]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.starts_with("WRONG  API ") && said.contains("is `epr local` running"), "{said}");
    let (code, said, error) = run(&["doctor", "--url", "ftp://example.com"]);
    assert_eq!((code, said.as_str()), (Some(2), ""));
    assert!(error.contains("must begin with http:// or https://"), "{error}");
    let (code, ..) = run(&["doctor", "--stack", "epr", "--local"]);
    assert_eq!(code, Some(2));
}

/// `cargo local` is built without the clients that it takes; the command of those who have it says so.
#[test]
#[cfg(not(feature = "deployments"))]
fn without_what_asks_aws_a_stack_cannot_be_tried_and_how_it_can_is_told() {
    let alias = std::fs::read_to_string("../.cargo/config.toml").unwrap();
    assert!(alias.contains("epr-aws = \"run "), "{alias}");
    let (code, _, error) = run(&["doctor", "--stack", "epr-prod"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("cargo epr-aws doctor --stack"), "{error}");
}
