//! `epr replay`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, Query};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::routing::{get, post as post_to};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Server, event, nobody, post, run, set_state, state};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_failed_is_replayed_and_nothing_else_and_a_dry_run_replays_nothing() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(Some(folder.path()));
    let mut ids = Vec::new();
    for number in 0..6 {
        let event = event(if number == 5 { "document.archived" } else { "document.verified" });
        ids.push(post(&server.url, "acme", &event).await);
    }
    server.interrupt();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    set_state(folder.path(), &[ids[1], ids[3], ids[5]], "failed").await;
    set_state(folder.path(), &[ids[4]], "pending").await;
    let server = Server::start(Some(folder.path()));
    let url = server.url.as_str();
    let replay = |words: &[&str]| {
        let (code, said, errors) =
            run(&[&["replay", "--url", url, "--tenant", "acme"], words].concat());
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{said}");
        said
    };
    let failed = replay(&["--state", "failed", "--dry-run"]);
    let places: Vec<_> = [1, 3, 5].map(|place| failed.find(ids[place]).unwrap()).into();
    assert!(places.is_sorted() && failed.ends_with("\n3 would be replayed; nothing was\n"));
    assert_eq!(state(url, "acme", ids[1]).await, "failed");

    let one = replay(&["--state", "failed", "--type", "document.archived"]);
    assert_eq!(one, "1 replayed: 1 succeeded, 0 pending, 0 failed\n");
    assert_eq!(state(url, "acme", ids[5]).await, "succeeded");
    assert!(replay(&["--state", "failed", "--since", "0s"]).starts_with("0 replayed"));
    assert!(replay(&["--state", "failed", "--until", "1h"]).starts_with("0 replayed"));
    // The newest first, where not all are asked for.
    let newest = replay(&["--state", "failed", "--limit", "1"]);
    assert_eq!(newest, "1 replayed: 1 succeeded, 0 pending, 0 failed\n");
    let states = [state(url, "acme", ids[1]).await, state(url, "acme", ids[3]).await];
    assert_eq!(states, ["failed", "succeeded"]);
    assert!(replay(&["--state", "failed"]).starts_with("1 replayed: 1 succeeded"));
    assert!(replay(&["--state", "failed"]).starts_with("0 replayed"));
    assert_eq!(state(url, "acme", ids[4]).await, "pending");
    assert!(replay(&["--state", "pending"]).starts_with("1 replayed: 1 succeeded"));
}

/// How often each event was replayed, under which keys, in which tenant.
type Replays = Arc<Mutex<BTreeMap<String, Vec<(String, String)>>>>;

fn body(id: &str, state: &str) -> Value {
    json!({
        "event_id": id, "event_type": "document.verified", "source": "document_vault",
        "occurred_at": "2026-11-23T03:30:53.000000Z", "aggregate_type": null, "aggregate_id": null,
        "delivery_state": state, "last_error": "no\u{1b}topic",
    })
}

/// An API with three failed events on two pages, of which it can publish one.
async fn troubled(replays: Replays) -> String {
    let list = get(|Query(query): Query<BTreeMap<String, String>>| async move {
        assert_eq!(query["delivery_state"], "failed");
        let (ids, next) = match query.get("cursor").map(String::as_str) {
            None => (vec!["good"], Some("next")),
            Some(_) => (vec!["slow", "gone"], None),
        };
        let items: Vec<_> = ids.into_iter().map(|id| body(id, "failed")).collect();
        json!({"items": items, "next_cursor": next}).to_string()
    });
    let replay = post_to(move |Path(id): Path<String>, headers: HeaderMap| async move {
        let header = |name: &str| headers[name].to_str().unwrap().to_owned();
        let times = {
            let mut replays = replays.lock().unwrap();
            let keys = replays.entry(id.clone()).or_default();
            keys.push((header("idempotency-key"), header("x-tenant-id")));
            keys.len()
        };
        match id.as_str() {
            "good" if times == 1 => {
                let problem = json!({"code": "unavailable", "detail": "in a moment"});
                (StatusCode::SERVICE_UNAVAILABLE, problem.to_string()).into_response()
            }
            "good" => body(&id, "succeeded").to_string().into_response(),
            "slow" => body(&id, "pending").to_string().into_response(),
            _ => {
                let problem = json!({"code": "not_found", "detail": "there is no event `gone`"});
                (StatusCode::NOT_FOUND, problem.to_string()).into_response()
            }
        }
    });
    let router =
        Router::new().route("/api/v1/events", list).route("/api/v1/events/{id}/replay", replay);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_delivered_is_named_and_an_answer_that_is_lost_is_asked_for_under_one_key() {
    let replays = Replays::default();
    let url = troubled(replays.clone()).await;
    let words =
        ["replay", "--state", "failed", "--url", &url, "--tenant", "acme"].map(str::to_owned);
    let ran = tokio::task::spawn_blocking(move || run(&words.each_ref().map(String::as_str)));
    let (code, said, errors) = ran.await.unwrap();
    assert_eq!((code, errors.as_str()), (Some(1), "epr: 2 of 3 events were not delivered\n"));
    let mut lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.remove(0), "3 replayed: 1 succeeded, 1 pending, 1 failed");
    assert_eq!(lines.remove(0), "not delivered:");
    lines.sort_unstable();
    let gone =
        format!("{url}/api/v1/events/gone/replay answered 404 Not Found: there is no event `gone`");
    assert_eq!(lines, [format!("  gone  failed   {gone}"), "  slow  pending  no topic".to_owned()]);
    let replays = replays.lock().unwrap();
    assert!(replays.values().flatten().all(|(_, tenant)| tenant == "acme"));
    let keys = |id: &str| replays[id].iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>();
    assert_eq!((keys("good").len(), keys("gone").len()), (2, 1));
    assert_eq!(keys("good")[0], keys("good")[1]);
    assert_ne!(keys("good")[0], keys("slow")[0]);
}

#[test]
fn a_replay_that_cannot_be_is_refused_with_what_to_do() {
    for words in [&["replay"][..], &["replay", "--state", "succeeded"], &["replay", "-n", "0"]] {
        let (code, _, said) = run(words);
        assert!(code == Some(2) && said.contains("--help"), "{words:?}: {said}");
    }
    let (code, _, said) = run(&["replay", "--state", "failed", "--url", &nobody()]);
    assert!(code == Some(1) && said.contains("is `epr local` running"), "{said}");
}
