//! `epr` killed, stopped, started twice, and misused.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use local::embedded::Embedded;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::{Server, client, epr, nobody, run};

/// Writes that are sent in all, and how often the server is killed meanwhile.
const WRITES: usize = 1_000;
const KILLS: usize = 5;

/// Clients that send at once.
const CLIENTS: usize = 8;

/// What a client was told of a write.
enum Told {
    Done(usize),
    Nothing(usize),
}

fn id(number: usize) -> String {
    format!("entity-{number}")
}

fn name(number: usize) -> String {
    format!("Entity number {number}")
}

/// Creates an entity: the status and whether the answer is a replay, or nothing when there was none.
async fn create(client: &reqwest::Client, url: &str, number: usize) -> Option<(StatusCode, bool)> {
    let body = json!({"id": id(number), "name": name(number), "type": "issuer"});
    let request = client.post(format!("{url}/api/v1/entities")).json(&body);
    let answer = request.header("Idempotency-Key", format!("write-{number}")).send().await.ok()?;
    let (status, replayed) =
        (answer.status(), answer.headers().contains_key("idempotency-replayed"));
    // Only the whole answer is one.
    answer.bytes().await.ok()?;
    Some((status, replayed))
}

async fn exists(client: &reqwest::Client, url: &str, number: usize) -> bool {
    let path = format!("{url}/api/v1/entities/{}", id(number));
    let answer = client.get(path).send().await.unwrap();
    assert!([StatusCode::OK, StatusCode::NOT_FOUND].contains(&answer.status()));
    answer.status() == StatusCode::OK
}

/// Whether the name of an entity is refused to another one.
async fn is_taken(client: &reqwest::Client, url: &str, number: usize) -> bool {
    let body = json!({"id": "another", "name": name(number), "type": "issuer"});
    let answer = client.post(format!("{url}/api/v1/entities")).json(&body).send().await.unwrap();
    let status = answer.status();
    let said: Value = answer.json().await.unwrap();
    status == StatusCode::CONFLICT && said["code"] == "name_taken"
}

/// Sends writes from several tasks until all are sent or `kill_after` are done; then kills the server.
/// Returns what each client was told.
async fn send_and_kill(server: Server, next: &Arc<AtomicUsize>, kill_after: usize) -> Vec<Told> {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    for _ in 0..CLIENTS {
        let (sender, next, url) = (sender.clone(), next.clone(), server.url.clone());
        tokio::spawn(async move {
            let client = client();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= WRITES {
                    return;
                }
                let Some((status, replayed)) = create(&client, &url, number).await else {
                    sender.send(Told::Nothing(number)).unwrap();
                    return;
                };
                assert_eq!((status, replayed), (StatusCode::CREATED, false), "write {number}");
                sender.send(Told::Done(number)).unwrap();
            }
        });
    }
    drop(sender);
    let mut told = Vec::new();
    while told.len() < kill_after
        && let Some(news) = receiver.recv().await
    {
        told.push(news);
    }
    server.kill();
    while let Some(news) = receiver.recv().await {
        told.push(news);
    }
    told
}

/// Checks on a new server that what was told is true, and settles what was not told.
async fn check(server: &Server, told: &[Told]) {
    let client = client();
    for news in told {
        match *news {
            Told::Done(number) => {
                assert!(exists(&client, &server.url, number).await, "write {number} is lost");
            }
            Told::Nothing(number) => {
                let was_done = exists(&client, &server.url, number).await;
                let settled = create(&client, &server.url, number).await;
                assert_eq!(settled, Some((StatusCode::CREATED, was_done)), "write {number}");
                assert!(is_taken(&client, &server.url, number).await, "the name of {number}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_writes_none_is_lost_or_half_done_when_the_server_is_killed_among_them() {
    let folder = TempDir::new().unwrap();
    let next = Arc::new(AtomicUsize::new(0));
    let (mut done, mut unknown) = (0, 0);
    let mut server = Server::start(Some(folder.path()));
    for _ in 0..KILLS {
        let told = send_and_kill(server, &next, WRITES / (KILLS + 1)).await;
        done += told.iter().filter(|news| matches!(news, Told::Done(_))).count();
        unknown += told.iter().filter(|news| matches!(news, Told::Nothing(_))).count();
        server = Server::start(Some(folder.path()));
        check(&server, &told).await;
    }
    assert!(unknown >= KILLS, "the server was hardly killed among writes: {unknown}, {done}");
    let url = server.url.clone();
    let rest = send_and_kill(server, &next, WRITES).await;
    assert!(rest.iter().all(|news| matches!(news, Told::Done(_))), "{url}");
    assert_eq!(done + unknown + rest.len(), WRITES);
    assert_whole(folder.path()).await;
}

/// Checks in the tables themselves that each write left an entity, a name, an event, an audit entry and a
/// receipt, and nothing else.
async fn assert_whole(folder: &Path) {
    let embedded = Embedded::open(folder).unwrap();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut created = BTreeSet::new();
    for table in ["CoreTable", "EventsTable"] {
        let mut items = embedded.client().scan().table_name(table).into_paginator().items().send();
        while let Some(item) = items.next().await {
            let item = item.unwrap();
            let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
            let kind = text("pk").unwrap().split('/').nth(1).unwrap();
            *kinds.entry(kind.to_owned()).or_default() += 1;
            if kind == "event" {
                created.insert(text("aggregate_id").unwrap().clone());
            }
        }
    }
    let each = ["audit-outbox", "entity", "entity-name", "event", "receipt"];
    assert_eq!(kinds, each.into_iter().map(|kind| (kind.to_owned(), WRITES)).collect());
    assert_eq!(created, (0..WRITES).map(id).collect());
}

#[test]
fn a_second_server_on_one_folder_is_refused() {
    let folder = TempDir::new().unwrap();
    let _server = Server::start(Some(folder.path()));
    let path = folder.path().to_str().unwrap();
    let (code, _, said) = run(&["local", "--port", "0", "--data", path]);
    assert_eq!(code, Some(1), "{said}");
    let reason = format!(
        "epr: the data folder `{path}` is in use by another server: stop that one or name another folder\n"
    );
    assert_eq!(said, reason);
}

#[tokio::test]
async fn ctrl_c_ends_the_server_cleanly_and_releases_its_folder() {
    let folder = TempDir::new().unwrap();
    let client = client();
    let server = Server::start(Some(folder.path()));
    // The client keeps its connection open, which must not hold the server up.
    let told = create(&client, &server.url, 1).await;
    assert_eq!(told, Some((StatusCode::CREATED, false)));
    let began = Instant::now();
    let (status, said) = server.interrupt();
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert_eq!((status.code(), said.trim()), (Some(0), "epr local: stopped"));

    let server = Server::start(Some(folder.path()));
    assert!(exists(&client, &server.url, 1).await);
}

#[test]
fn ctrl_c_counts_from_the_moment_the_banner_is_there() {
    for _ in 0..5 {
        let (status, said) = Server::start(None).interrupt();
        assert_eq!((status.code(), said.trim()), (Some(0), "epr local: stopped"));
    }
}

#[test]
fn a_port_or_a_folder_that_cannot_be_used_is_named_with_what_to_do() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let (code, _, said) = run(&["local", "--memory", "--port", &port]);
    assert_eq!(code, Some(1), "{said}");
    let is_clear = said.starts_with(&format!("epr: cannot listen on 127.0.0.1:{port}: "));
    assert!(is_clear && said.trim_end().ends_with("name another port with --port"), "{said}");

    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    for unusable in [file.clone(), file.join("below")] {
        let unusable = unusable.to_str().unwrap();
        let (code, _, said) = run(&["local", "--port", "0", "--data", unusable]);
        assert_eq!(code, Some(1), "{said}");
        let reason = format!("epr: cannot use the data folder `{unusable}`: ");
        assert!(said.starts_with(&reason) && !said.contains("panicked"), "{said}");
    }
}

#[test]
fn the_demo_is_made_once_and_found_the_second_time() {
    let server = Server::start(None);
    let counts = || -> (usize, usize) {
        let (code, said, errors) = run(&["seed", "--url", &server.url]);
        assert_eq!(code, Some(0), "{errors}");
        assert!(said.contains("/api/v1/authorize"), "it says what to ask next: {said}");
        let number_before = |line: &str, word: &str| -> usize {
            line.split(word).next().unwrap().split_whitespace().last().unwrap().parse().unwrap()
        };
        let lines = said.lines().filter(|line| line.contains("there before"));
        lines.fold((0, 0), |(made, there), line| {
            (made + number_before(line, "made"), there + number_before(line, "there before"))
        })
    };
    let (made, there) = counts();
    assert!(made > 30 && there == 0, "{made} made, {there} there");
    assert_eq!(counts(), (0, made));
}

#[test]
fn a_seed_without_a_server_says_so() {
    let (code, _, said) = run(&["seed", "--url", &nobody()]);
    assert_eq!(code, Some(1));
    assert!(said.contains("is `epr local` running"), "{said}");
}

#[test]
fn the_openapi_document_can_be_written_to_standard_output_and_checked() {
    let (code, said, errors) = run(&["openapi", "--output", "-"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert!(said.starts_with("# ") && said.contains("\nopenapi: 3.1.0\n"), "{said}");
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("openapi.yaml");
    let checked = || run(&["openapi", "--check", "--output", path.to_str().unwrap()]);
    assert_eq!(checked().0, Some(1));
    std::fs::write(&path, &said).unwrap();
    assert_eq!(checked().0, Some(0));
}

#[test]
fn a_command_whose_reader_goes_away_ends_quietly() {
    let mut command = epr(&["openapi", "--output", "-"]);
    let mut running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The document is larger than what a pipe holds, so it cannot all have been written yet.
    drop(running.stdout.take());
    let Output { status, stderr, .. } = running.wait_with_output().unwrap();
    assert_eq!((status.code(), String::from_utf8_lossy(&stderr).as_ref()), (Some(0), ""));
}

#[test]
fn every_command_explains_itself_with_examples() {
    let (code, said, _) = run(&["--help"]);
    assert_eq!(code, Some(0));
    let commands = said.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let commands: Vec<&str> =
        commands.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.contains(&"local"), "{commands:?}");
    for command in commands.into_iter().filter(|command| *command != "help") {
        explains_itself(&[command]);
    }
    for words in [["events", "tail"], ["dlq", "list"], ["dlq", "redrive"]] {
        explains_itself(&words);
    }
}

fn explains_itself(words: &[&str]) {
    let (code, said, _) = run(&[words, &["--help"]].concat());
    assert_eq!(code, Some(0));
    let example = format!("\n  epr {}", words.join(" "));
    assert!(said.contains("Examples:") && said.contains(&example), "{words:?}: {said}");
}
