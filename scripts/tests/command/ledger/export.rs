//! `epr audit export` and `epr audit checkpoint`, and an export verified without the ledger.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use super::{Chain, Folder, key_of, text};
use crate::{epr, run};

/// Exports a folder: the file, and its text.
fn exported(folder: &Folder, words: &[&str]) -> (String, String) {
    let file = folder.path().join("acme.ndjson").to_str().unwrap().to_owned();
    let (code, _, said) = folder.run(&[&["audit", "export", "--out", &file], words].concat());
    assert_eq!(code, Some(0), "{said}");
    let text = fs::read_to_string(&file).unwrap();
    (file, text)
}

/// Verifies an export: the exit code, and all that was said.
fn verify(file: &str, words: &[&str]) -> (Option<i32>, String) {
    let (code, said, errors) =
        run(&[&["verify-audit-chain", "--from-export", file], words].concat());
    (code, said + &errors)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_has_every_record_once_and_verifies_by_itself() {
    let chain = Chain::new().await;
    chain.publish().await;
    let root = chain.last().await.root;
    let folder = chain.close();
    let (file, text) = exported(&folder, &[]);
    assert_eq!(text.lines().count(), 12);
    assert!(text.ends_with("\"tenant_id\":\"acme\"}\n"), "{text}");
    assert!(!folder.path().join("acme.ndjson.partial").exists());

    let note = folder.path().join("note").to_str().unwrap().to_owned();
    let (code, ..) = folder.run(&["audit", "checkpoint", "--out", &note]);
    assert_eq!(code, Some(0));
    let key = key_of(7).to_string();
    let (code, said) = verify(&file, &["--checkpoint", &note, "--key", &key]);
    assert_eq!(code, Some(0), "{said}");
    let root = format!("  root         {root}\n");
    let vouched = "  vouched for  all 12 records\n";
    assert!(said.contains(vouched) && said.contains(&root) && said.contains("`acme`"), "{said}");
    let (code, said) = verify(&file, &["--verbose", "--end-sequence", "7"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said.lines().filter(|line| line.starts_with("record ")).count(), 7, "{said}");
    assert!(said.contains(": 7 records checked (1 to 7)") && said.contains("`event-7`"), "{said}");
    let (code, said) = verify(&file, &["--tenant", "other"]);
    assert!(code == Some(1) && said.contains("a record of tenant `acme` (line 1 of `"), "{said}");
    // Its last line needs no end.
    fs::write(&file, text.trim_end()).unwrap();
    let (code, said) = verify(&file, &[]);
    assert!(code == Some(0) && said.contains(": 12 records checked"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_byte_of_an_export_is_found_with_its_line() {
    let chain = Chain::new().await;
    let note = chain.checkpoint().await;
    let folder = chain.close();
    let (file, text) = exported(&folder, &[]);
    let note = folder.file("note", note);
    let checkpoint = ["--checkpoint", note.to_str().unwrap()];
    let line = |number: usize| text.lines().nth(number - 1).unwrap();
    let swapped = text.replace(line(4), "@").replace(line(5), line(4)).replace('@', line(5));
    for (changed, said) in [
        (
            text.replacen("\"sequence\":6,", "\"sequence\":7,", 1),
            "stands where 6 belongs (line 6 of `",
        ),
        (
            text.replacen("\"event-3\"", "\"event-4\"", 1),
            "stands already at sequence 3 (line 4 of `",
        ),
        (text.replacen("event-9\"", "event-9 ", 1), "record 9: not a canonical record"),
        (text.replacen(line(9), &line(9).replace(':', ": "), 1), "(line 9 of `"),
        (
            text.replace(&format!("{}\n", line(2)), ""),
            "sequence 3 stands where 2 belongs (line 2 of `",
        ),
        (swapped, "sequence 5 stands where 4 belongs (line 4 of `"),
        (text.replacen('\n', "\r\n", 1), "record 1: not a canonical record"),
        (
            text.trim_end_matches("\"acme\"}\n").to_owned(),
            "record 12: ends within a record (line 12 of `",
        ),
        // What makes another record of it shows against the root, which has no lines.
        (text.replacen("as it was", "as it is!", 1), "records 1 to 12: the root at 12 is"),
        (text.replace(&format!("{}\n", line(12)), ""), "record 12: ends at 11"),
        (String::new(), "records 1 to 12: the chain is gone"),
        ("x".repeat(70_000), "longer than a record can be (line 1 of `"),
    ] {
        assert_ne!(changed, text, "{said}");
        fs::write(&file, changed).unwrap();
        let (code, found) = verify(&file, &checkpoint);
        assert_eq!(code, Some(1), "{said}: {found}");
        assert!(found.contains(said), "{said}: {found}");
        let (code, found) = verify(&file, &[&checkpoint[..], &["--verbose"]].concat());
        assert_eq!(code, Some(1), "{said}: {found}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_goes_through_a_pipe() {
    let folder = Chain::new().await.close();
    let (code, text, said) = folder.run(&["audit", "export"]);
    assert_eq!(code, Some(0));
    assert!(said.starts_with("12 records of `acme` (1 to 12) exported from the data"), "{said}");
    let mut command = epr(&["verify-audit-chain", "--from-export", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    process.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("12 records checked"), "{said}");

    let data = folder.path().to_str().unwrap();
    let mut command = epr(&["audit", "export", "--tenant", "acme", "--data", data]);
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(process.stdout.take());
    let output = process.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_range_is_exported_and_what_is_not_whole_is_not() {
    let folder = Chain::new().await.close();
    for (words, lines) in [
        (&["--from-sequence", "3", "--to-sequence", "9"][..], 3..=9),
        (&["--from-sequence", "12", "--to-sequence", "90"], 12..=12),
        (&["--to-sequence", "4"], 1..=4),
    ] {
        let (_, text) = exported(&folder, words);
        let expected: Vec<String> = lines.map(|at| format!("\"sequence\":{at},")).collect();
        assert_eq!(text.lines().count(), expected.len(), "{words:?}");
        for (line, sequence) in text.lines().zip(expected) {
            assert!(line.contains(&sequence), "{words:?}: {line}");
        }
    }
    assert_eq!(exported(&folder, &["--from-sequence", "13"]).1, "");

    folder
        .change(|items| {
            let is_second = |sk: &str| sk == "commit/00000000000000000002";
            let second = items.iter().find(|((_, sk), _)| is_second(sk)).unwrap().1;
            let body = second["body"].as_s().unwrap().clone();
            let body = items.iter_mut().find(|((pk, _), _)| pk.ends_with(&body)).unwrap();
            body.1.insert("bytes".to_owned(), text("none"));
        })
        .await;
    let file = folder.file("kept", "what was there");
    let (code, _, said) = folder.run(&["audit", "export", "--out", file.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(said.contains("segment 2 of `acme` has lost its body"), "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "what was there");
    assert!(!folder.path().join("kept.partial").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_that_is_not_published_yet_is_no_file() {
    let folder = Chain::new().await.close();
    let file = folder.path().join("note");
    let (code, _, said) = folder.run(&["audit", "checkpoint", "--out", file.to_str().unwrap()]);
    assert!(code == Some(1) && said.contains("no checkpoint of `acme` is published yet"), "{said}");
    assert!(!file.exists());
}
