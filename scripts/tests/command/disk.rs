//! `epr local` on a disk without room, and on one that cannot be written.
#![expect(clippy::print_stderr, reason = "a test says what it could not show, and why")]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Server, client, epr, run};

/// Most writes until the disk is full.
const WRITES_MAX: usize = 200;

/// A small disk, which goes with this.
struct Disk(TempDir);

impl Disk {
    /// Where it can be had: on Linux, for who may mount one. Otherwise says what is not shown.
    fn mount(what: &str) -> Option<Self> {
        let disk = Self(TempDir::new().unwrap());
        let folder = disk.0.path().to_str().unwrap();
        if mount(&["-t", "tmpfs", "-o", "size=6m", "tmpfs", folder]) {
            return Some(disk);
        }
        eprintln!("SKIPPED: {what}: a small disk cannot be mounted here");
        None
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        assert!(mount(&["-o", &options, self.0.path().to_str().unwrap()]), "{options}");
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Where none was mounted there is none to be taken away.
        let _ = Command::new("umount").arg(self.0.path()).stderr(Stdio::null()).status();
    }
}

fn mount(words: &[&str]) -> bool {
    let mount = Command::new("mount").args(words).stderr(Stdio::null()).status();
    mount.is_ok_and(|status| status.success())
}

/// Creates an entity of 20 kB, or is told once more that it was created: the status and the code of the problem.
async fn create(url: &str, number: usize) -> (StatusCode, Option<String>) {
    let (id, name) = (format!("e-{number}"), format!("Entity {number}"));
    let attributes = json!({"text": "x".repeat(20_000)});
    let body = json!({"id": id, "name": name, "type": "other", "attributes": attributes});
    let request = client().post(format!("{url}/api/v1/entities")).json(&body);
    let answer = request.header("idempotency-key", format!("k-{number}")).send().await.unwrap();
    let status = answer.status();
    let said: Value = answer.json().await.unwrap();
    (status, said["code"].as_str().map(str::to_owned))
}

async fn get(url: &str, path: &str) -> (StatusCode, Value) {
    let answer = client().get(format!("{url}/api/v1/{path}")).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn all_are_there(url: &str, count: usize) {
    for number in 0..count {
        assert_eq!(get(url, &format!("entities/e-{number}")).await.0, StatusCode::OK, "{number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_takes_nothing_more_loses_nothing_and_goes_on_when_there_is_room() {
    let Some(disk) = Disk::mount("what a full disk does") else { return };
    let server = Server::start(Some(&disk.data()));
    let mut kept = 0;
    let refused = loop {
        let answer = create(&server.url, kept).await;
        if answer.0 != StatusCode::CREATED {
            break answer;
        }
        kept += 1;
        assert!(kept < WRITES_MAX, "the disk does not fill");
    };
    assert_eq!(refused, (StatusCode::SERVICE_UNAVAILABLE, Some("unavailable".to_owned())));
    assert!(kept > 0);
    all_are_there(&server.url, kept).await;

    // Nor does a kill lose anything; a new server says why it does not start, or starts.
    server.kill();
    let data = disk.data();
    let mut command = epr(&["local", "--port", "0", "--data", data.to_str().unwrap()]);
    let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    let mut stderr = BufReader::new(process.stderr.take().unwrap());
    while !said.contains("Ctrl-C") && stderr.read_line(&mut said).unwrap() > 0 {}
    assert!(said.contains("Ctrl-C") || said.contains("database or disk is full"), "{said}");
    process.kill().unwrap();
    process.wait().unwrap();

    disk.remount("size=64m");
    let server = Server::start(Some(&data));
    all_are_there(&server.url, kept).await;
    // The refused one under its key, and one more: each there once.
    for number in [kept, kept + 1, kept] {
        assert_eq!(create(&server.url, number).await, (StatusCode::CREATED, None));
    }
    let entities = get(&server.url, "entities?limit=200").await.1;
    assert_eq!(entities["items"].as_array().unwrap().len(), kept + 2);
    let begun = Instant::now();
    loop {
        let events = get(&server.url, "events?limit=200&delivery_state=succeeded").await.1;
        let ledger = get(&server.url, "audit/checkpoint").await.1;
        let delivered = events["items"].as_array().unwrap().len();
        if (delivered, ledger["head"]["size"].as_u64()) == (kept + 2, Some(kept as u64 + 2)) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "{delivered} of {}", kept + 2);
    }
    let (code, _, errors) = run(&["verify-audit-chain", "--data", data.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{errors}");
}

#[tokio::test]
async fn a_disk_that_cannot_be_written_is_named_and_its_ledger_can_still_be_verified() {
    let Some(disk) = Disk::mount("what a read-only disk does") else { return };
    let data = disk.data();
    let server = Server::start(Some(&data));
    assert_eq!(create(&server.url, 0).await.0, StatusCode::CREATED);
    while get(&server.url, "audit/checkpoint").await.1["head"]["size"] != 1 {}
    let (status, _) = server.interrupt();
    assert!(status.success());

    disk.remount("ro");
    let path = data.to_str().unwrap();
    let (code, _, said) = run(&["local", "--port", "0", "--data", path]);
    let reason = format!("epr: cannot use the data folder `{path}`: Read-only file system");
    assert!(code == Some(1) && said.starts_with(&reason), "{said}");
    let (code, said, errors) = run(&["verify-audit-chain", "--data", path]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(said.contains("1 records checked"), "{said}");

    // What is in a log beside the file would be missing.
    disk.remount("rw");
    std::fs::write(data.join("epr.db-wal"), [0; 32]).unwrap();
    disk.remount("ro");
    let (code, said, _) = run(&["verify-audit-chain", "--data", path]);
    assert_eq!(code, Some(2), "{said}");
}
