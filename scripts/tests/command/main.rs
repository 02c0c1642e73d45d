//! The `epr` command as a process of its own, run as an operator runs it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

mod ask;
mod assertions;
mod bootstrap;
mod compliance;
mod crash;
mod disk;
mod dlq;
mod doctor;
mod events;
mod ledger;
mod open_tables;
mod replay;
mod token;

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use local::embedded::Embedded;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// The command, with words after it.
fn epr(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_epr"));
    command.args(words).env("EPR_LOG_LEVEL", "ERROR").stdin(Stdio::null());
    command.env_remove("EPR_AUDIT_SQS_URL").env_remove("EPR_OUTBOX_DLQ_URL");
    command.env_remove("EPR_AUDIT_TABLE").env_remove("EPR_TOKEN").env_remove("EPR_TOKEN_ISSUERS");
    command
}

/// Runs a command to its end: its exit code, what it said, and what it said of errors.
fn run(words: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = epr(words).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// `epr local` under way.
struct Server {
    process: Child,
    stderr: BufReader<ChildStderr>,
    url: String,
}

impl Server {
    /// Starts one, which keeps its data in a folder or in memory, and waits for its banner.
    fn start(folder: Option<&Path>) -> Self {
        Self::start_on(folder, "0")
    }

    /// As [`Self::start`], on a port.
    fn start_on(folder: Option<&Path>, port: &str) -> Self {
        Self::start_with(folder, port, &[])
    }

    /// As [`Self::start_on`], with more words.
    fn start_with(folder: Option<&Path>, port: &str, more: &[&str]) -> Self {
        let mut command = epr(&["local", "--port", port]);
        command.args(more);
        match folder {
            Some(folder) => command.arg("--data").arg(folder),
            None => command.arg("--memory"),
        };
        Self::of(command)
    }

    fn of(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(process.stderr.take().unwrap());
        let mut said = String::new();
        // Its last line is how to stop it.
        while !said.contains("Ctrl-C") {
            assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "no banner, but {said}");
        }
        let url = said.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
        Self { process, stderr, url: url.to_owned() }
    }

    /// Ends it as a crash would.
    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Ends it with Ctrl-C: its exit status, and its last words.
    fn interrupt(mut self) -> (ExitStatus, String) {
        interrupt(&self.process);
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        (self.process.wait().unwrap(), said)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Does as Ctrl-C would.
fn interrupt(process: &Child) {
    let id = process.id().to_string();
    let sent = Command::new("sh").args(["-c", "kill -INT $0", &id]).status().unwrap();
    assert!(sent.success());
}

/// The address of a server that does not run: of a port that was free a moment ago.
fn nobody() -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("http://127.0.0.1:{port}")
}

/// A client of HTTP.
fn client() -> reqwest::Client {
    // Once for all: it is refused when another test was first.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap()
}

/// Hands in an event, whose delivery then has succeeded; its id.
async fn post(url: &str, tenant: &str, event: &Value) -> String {
    let sent = client().post(format!("{url}/api/v1/events")).header("x-tenant-id", tenant);
    let answer = sent.json(event).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    let stored: Value = answer.json().await.unwrap();
    assert_eq!(stored["delivery_state"], "succeeded", "{stored}");
    stored["event_id"].as_str().unwrap().to_owned()
}

/// An event of a type.
fn event(event_type: &str) -> Value {
    json!({"event_type": event_type, "source": "document_vault", "payload": {"n": 1}})
}

/// How the delivery of an event stands.
async fn state(url: &str, tenant: &str, id: &str) -> String {
    let asked = client().get(format!("{url}/api/v1/events/{id}")).header("x-tenant-id", tenant);
    let stored: Value = asked.send().await.unwrap().json().await.unwrap();
    stored["delivery_state"].as_str().unwrap().to_owned()
}

/// Writes into the tables of a server that is stopped that deliveries came to something else.
async fn set_state(folder: &Path, ids: &[&str], state: &str) {
    let client = Embedded::open(folder).unwrap().client();
    let mut items = client.scan().table_name("EventsTable").into_paginator().items().send();
    while let Some(item) = items.next().await {
        let item = item.unwrap();
        let id = item.get("event_id").and_then(|id| id.as_s().ok());
        if !id.is_some_and(|id| ids.contains(&id.as_str())) {
            continue;
        }
        let mut update = client.update_item().table_name("EventsTable");
        for name in ["pk", "sk"] {
            update = update.key(name, item[name].clone());
        }
        let update = update.update_expression("SET delivery_state = :state, last_error = :error");
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let update = update.expression_attribute_values(":state", text(state));
        update.expression_attribute_values(":error", text("a\ntest")).send().await.unwrap();
    }
}
