//! `epr events tail`.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Server, epr, event, interrupt, nobody, post, run};

/// How long a line may be awaited.
const PATIENCE: Duration = Duration::from_secs(20);

/// A follower under way.
struct Follower {
    process: Child,
    lines: Receiver<String>,
}

impl Follower {
    fn start(words: &[&str]) -> Self {
        let mut command = epr(&[&["events", "tail", "--follow", "--json"], words].concat());
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines() {
                // The test may be over.
                if sender.send(line.unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { process, lines }
    }

    /// The ids of the next so many events.
    fn next(&self, count: usize) -> Vec<String> {
        let lines = (0..count).map(|_| self.lines.recv_timeout(PATIENCE).unwrap());
        lines.map(|line| id_in(&line)).collect()
    }

    /// Ends it with Ctrl-C: its exit code, what it still showed, and what it said of errors.
    fn stop(mut self) -> (Option<i32>, Vec<String>, String) {
        interrupt(&self.process);
        let mut said = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.process.wait().unwrap().code(), self.lines.iter().collect(), said)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn id_in(line: &str) -> String {
    let event: Value = serde_json::from_str(line).unwrap();
    event["event_id"].as_str().unwrap().to_owned()
}

/// The last words of lines.
fn last_words(said: &str) -> Vec<&str> {
    said.lines().map(|line| line.split_whitespace().last().unwrap()).collect()
}

#[tokio::test]
async fn the_last_events_are_shown_oldest_first_and_only_those_asked_for() {
    let server = Server::start(None);
    let url = server.url.as_str();
    let mut ids = Vec::new();
    for number in 0..5 {
        let of_type = if number == 2 { "document.archived" } else { "document.verified" };
        let mut event = event(of_type);
        event["aggregate_type"] = Value::Null;
        ids.push(post(url, "acme", &event).await);
    }
    let shown = |words: &[&str]| {
        let words = [&["events", "tail", "--url", url, "--tenant", "acme"], words].concat();
        let (code, said, errors) = run(&words);
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{words:?}");
        said
    };
    assert_eq!(last_words(&shown(&[])), ids);
    assert_eq!(last_words(&shown(&["--limit", "2"])), ids[3..]);
    assert_eq!(last_words(&shown(&["--type", "document.archived"])), ids[2..3]);
    assert_eq!(last_words(&shown(&["--source", "document_vault", "-n", "1"])), ids[4..]);
    assert_eq!(last_words(&shown(&["--since", "5m"])), ids);
    assert_eq!(shown(&["--since", "0s"]), "");
    assert_eq!(shown(&["--tenant", "other"][..0]).lines().count(), 5);
    let line = shown(&["-n", "1"]);
    let fields: Vec<_> = line.split_whitespace().skip(1).collect();
    assert_eq!(fields, ["document.verified", "document_vault", "-", "succeeded", &ids[4]]);
    let line = shown(&["-n", "1", "--json"]);
    let body: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&body["payload"], &body["tenant_id"]), (&json!({"n": 1}), &json!("acme")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_shows_every_event_once_through_a_restart_of_the_server() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(Some(folder.path()));
    let (url, port) = (server.url.clone(), server.url.rsplit(':').next().unwrap().to_owned());
    let mut before = Vec::new();
    for _ in 0..3 {
        before.push(post(&url, "default", &event("document.verified")).await);
    }
    let follower = Follower::start(&["--url", &url, "--limit", "2"]);
    assert_eq!(follower.next(2), before[1..]);
    let mut shown = Vec::new();
    for _ in 0..3 {
        let id = post(&url, "default", &event("document.verified")).await;
        assert_eq!(follower.next(1), [id.as_str()]);
        shown.push(id);
    }
    // Many at once, some of the same moment, some said to have happened a little before or long after.
    let moments = ["2999-01-01T00:00:00Z".to_owned(), seconds_ago(2), seconds_ago(20)];
    let posts = (0..40).map(|number| {
        let mut event = event("document.verified");
        if let Some(moment) = moments.get(number / 10) {
            event["occurred_at"] = json!(moment);
        }
        let url = url.clone();
        tokio::spawn(async move { post(&url, "default", &event).await })
    });
    let mut posted = BTreeSet::new();
    for one in posts.collect::<Vec<_>>() {
        posted.insert(one.await.unwrap());
    }
    assert_eq!(follower.next(40).into_iter().collect::<BTreeSet<_>>(), posted);
    server.kill();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let server = Server::start_on(Some(folder.path()), &port);
    assert_eq!(server.url, url);
    let after = post(&url, "default", &event("document.verified")).await;
    assert_eq!(follower.next(1), [after]);
    // Long enough to ask for the whole window again.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let (code, rest, said) = follower.stop();
    assert_eq!((code, rest), (Some(0), Vec::new()), "{said}");
    let said: Vec<&str> = said.lines().collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("does not answer") && said[0].contains("Trying again"), "{said:?}");
    assert_eq!(said[1], format!("epr: {url} answers again"));
}

fn seconds_ago(seconds: i64) -> String {
    domain::time::Clock::system().now().plus_seconds(-seconds).to_string()
}

#[tokio::test]
async fn a_follower_of_nothing_shows_the_first_event_of_all() {
    let server = Server::start(None);
    let follower = Follower::start(&["--url", &server.url, "-n", "0"]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let id = post(&server.url, "default", &event("document.verified")).await;
    assert_eq!(follower.next(1), [id]);
}

#[tokio::test]
async fn a_follower_whose_reader_goes_away_ends_quietly() {
    let server = Server::start(None);
    let mut command = epr(&["events", "tail", "--follow", "--url", &server.url]);
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(process.stdout.take());
    post(&server.url, "default", &event("document.verified")).await;
    let ended = tokio::task::spawn_blocking(move || process.wait_with_output().unwrap());
    let ended = tokio::time::timeout(PATIENCE, ended).await.unwrap().unwrap();
    assert_eq!(
        (ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()),
        (Some(0), "")
    );
}

#[test]
fn a_tail_that_cannot_be_is_refused_with_what_to_do() {
    for (words, hint) in [
        (["--since", "yesterday"], "or how long ago, such as `90s`"),
        (["--limit", "10001"], "10001 is not in 0..=10000"),
        (["--url", "localhost:8000"], "must begin with http:// or https://"),
    ] {
        let (code, _, said) = run(&[&["events", "tail"][..], &words].concat());
        assert!(code == Some(2) && said.contains(hint), "{words:?}: {said}");
    }
    let nobody = nobody();
    for words in [&["events", "tail"][..], &["events", "tail", "--follow"]] {
        let (code, _, said) = run(&[words, &["--url", &nobody]].concat());
        assert!(code == Some(1) && said.contains("is `epr local` running"), "{said}");
        assert!(said.contains("refused") && said.starts_with(&format!("epr: {nobody} ")), "{said}");
    }
}

#[test]
fn what_the_api_refuses_is_told_in_its_words() {
    let server = Server::start(None);
    let words = ["events", "tail", "--url", &server.url, "--type", "x", "--source", "y"];
    let (code, _, said) = run(&words);
    assert_eq!(code, Some(1));
    assert!(said.contains("answered 400") && said.contains("`event_type` must have 3"), "{said}");
    assert!(said.contains("`source` must have 3"), "{said}");
}
