//! `epr verify-audit-chain` on what is sound, on what a checkpoint knows better, and where it cannot be run.

use std::io::Read;
use std::process::Stdio;

use tempfile::TempDir;

use super::{Chain, checkpoint, key_of, tenant};
use crate::{Server, epr, nobody, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sound_chain_is_verified_with_or_without_a_server() {
    let chain = Chain::new().await;
    let last = chain.last().await;
    let folder = chain.close();
    let (code, said, errors) = folder.run(&["verify-audit-chain"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{said}");
    for line in [
        "OK: the audit chain of `acme`: 12 records checked (1 to 12)\n".to_owned(),
        "  segments     3\n  size         12\n".to_owned(),
        format!("  root         {}\n", last.root),
        format!("  last entry   {}\n", last.entry),
        "  vouched for  0 records: there is no checkpoint".to_owned(),
    ] {
        assert!(said.contains(&line), "{line} is not in {said}");
    }
    // Without a name for it, where it is looked for.
    let parent = TempDir::new().unwrap();
    std::fs::rename(folder.path(), parent.path().join(".epr")).unwrap();
    let verify = ["verify-audit-chain", "--tenant", "acme", "--verbose", "--index"];
    let usual = epr(&verify).current_dir(parent.path()).output().unwrap();
    let said = String::from_utf8(usual.stdout).unwrap();
    assert!(usual.status.success() && said.contains("12 records checked"), "{said}");
    assert!(said.starts_with("segment 1  records 1 to 4  recorded "), "{said}");
    assert_eq!(said.lines().filter(|line| line.starts_with("segment ")).count(), 3);

    let server = Server::start(Some(&parent.path().join(".epr")));
    let beside = epr(&verify).current_dir(parent.path()).output().unwrap();
    assert!(beside.status.success());
    let (status, said) = server.interrupt();
    assert!(status.success() && said.ends_with("stopped\n"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_that_grows_meanwhile_is_verified_as_far_as_it_was() {
    let chain = Chain::new().await;
    let data = chain.folder.path().to_str().unwrap().to_owned();
    let verifying = tokio::task::spawn_blocking(move || {
        let words = ["verify-audit-chain", "--tenant", "acme", "--index", "--data", &data];
        (0..5).map(|_| run(&words)).collect::<Vec<_>>()
    });
    let mut size = 12;
    while !verifying.is_finished() {
        chain.append(size + 1, size + 300, "meanwhile").await;
        size += 300;
    }
    for (code, said, errors) in verifying.await.unwrap() {
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{said}");
    }
    assert!(size > 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_chain_is_nothing_wrong() {
    let folder = Chain::empty().close();
    let (code, said) = folder.verify(&[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("OK: the audit chain of `acme`: 0 records checked\n"), "{said}");
    let (code, said) = folder.verify(&["--start-sequence", "7"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("the chain ends at record 0, long before 7"), "{said}");
    let export = folder.file("empty.ndjson", "");
    let (code, said, _) = run(&["verify-audit-chain", "--from-export", export.to_str().unwrap()]);
    assert!(code == Some(0) && said.contains(": 0 records checked"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_begins_and_ends_with_a_segment_and_says_what_it_trusts() {
    let folder = Chain::new().await.close();
    for (words, checked, trusted) in [
        (&["--start-sequence", "1"][..], "12 records checked (1 to 12)", None),
        (&["--start-sequence", "4"], "12 records checked (1 to 12)", None),
        (&["--start-sequence", "5"], "8 records checked (5 to 12)", Some("4 records before")),
        (&["--start-sequence", "12"], "4 records checked (9 to 12)", Some("8 records before")),
        (&["--start-sequence", "13"], "0 records checked\n", Some("12 records before")),
        (&["--end-sequence", "1"], "4 records checked (1 to 4)", None),
        (&["--end-sequence", "8"], "8 records checked (1 to 8)", None),
        (&["--end-sequence", "900"], "12 records checked (1 to 12)", None),
        (
            &["--start-sequence", "6", "--end-sequence", "7"],
            "4 records checked (5 to 8)",
            Some("4 records before"),
        ),
    ] {
        let (code, said) = folder.verify(words);
        assert_eq!(code, Some(0), "{words:?}: {said}");
        assert!(said.contains(checked), "{words:?}: {said}");
        assert_eq!(said.contains("  trusted "), trusted.is_some(), "{words:?}: {said}");
        assert!(said.contains(trusted.unwrap_or_default()), "{words:?}: {said}");
    }
    let (code, said) = folder.verify(&["--start-sequence", "14"]);
    assert!(code == Some(1) && said.contains("the chain ends at record 12"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_must_be_extended_and_vouches_for_what_it_has() {
    let chain = Chain::new().await;
    let notes = [(chain.checkpoint().await, 7), (checkpoint(&chain.last().await, 8), 8)];
    chain.append(13, 20, "later").await;
    let newer = chain.checkpoint().await;
    let folder = chain.close();
    let key = folder.file("epr.vkey", format!("{}\n", key_of(7)));
    let key = key.to_str().unwrap();
    let file = folder.file("checkpoint", &notes[0].0);
    let words = ["--checkpoint", file.to_str().unwrap()];
    // Older than the chain, signed, with the key in a file.
    let (code, said) = folder.verify(&[&words[..], &["--key", key]].concat());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("12 records, signed by `epr.example.com/audit/acme`"), "{said}");
    assert!(said.contains("vouched for  12 records; the 8 after them"), "{said}");
    // Not checked, which is said.
    let (code, said) = folder.verify(&words);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("its signature was NOT CHECKED: give --key"), "{said}");
    // Of the window.
    let (code, said) = folder.verify(&[&words[..], &["--start-sequence", "13"]].concat());
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = folder.verify(&[&words[..], &["--end-sequence", "11"]].concat());
    assert!(code == Some(2) && said.contains("--end-sequence must not be less"), "{said}");
    // Signed by another.
    let forged = folder.file("forged", &notes[1].0);
    let forged = ["--checkpoint", forged.to_str().unwrap(), "--key", key];
    let (code, said) = folder.verify(&forged);
    assert!(code == Some(1) && said.contains("not signed by"), "{said}");
    // With another size below the signature.
    let changed = folder.file("changed", notes[0].0.replacen("\n12\n", "\n13\n", 1));
    let changed = ["--checkpoint", changed.to_str().unwrap(), "--key", key];
    let (code, said) = folder.verify(&changed);
    assert!(code == Some(1) && said.contains("does not verify"), "{said}");
    // Newer than the chain.
    let shorter = Chain::new().await.close();
    let newer = shorter.file("newer", newer);
    let (code, said) = shorter.verify(&["--checkpoint", newer.to_str().unwrap(), "--key", key]);
    assert_eq!(code, Some(1));
    assert!(said.contains("records 13 to 20: ends at 12, where a checkpoint has 20"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_that_was_written_anew_shows_against_a_checkpoint_only() {
    let note = Chain::new().await.checkpoint().await;
    let anew = Chain::with_note("as it is said to have been").await.close();
    assert_eq!(anew.verify(&[]).0, Some(0));
    let file = anew.file("checkpoint", note);
    let (code, said) = anew.verify(&["--checkpoint", file.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(said.contains("FAILED: records 1 to 12: the root at 12 is "), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_of_another_chain_is_none_of_this_one() {
    let folder = Chain::new().await.close();
    let note = "epr.example.com/audit/other\n1\n\
                jxjUYhqFEVWLWSy2Ih8kE+k/t/Fu5ES+TwbJCyY2VLg=\n\n\u{2014} other AAAAAAA=\n";
    let file = folder.file("checkpoint", note);
    let (code, said) = folder.verify(&["--checkpoint", file.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(said.contains("is of another chain, `epr.example.com/audit/other`"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_tried_is_told_apart_from_what_failed() {
    let empty = TempDir::new().unwrap();
    let folder = Chain::new().await.close();
    let none = folder.path().join("none");
    let none = none.to_str().unwrap();
    let note = folder.file("text", "not a note");
    let note = note.to_str().unwrap();
    let data = folder.path().to_str().unwrap();
    for (words, hint) in [
        (&[][..], "name the data folder of `epr local` with --data"),
        (&["--data", none], "cannot use the data folder"),
        (&["--data", empty.path().to_str().unwrap()], "cannot use the data folder"),
        (&["--from-export", none], "cannot be read: No such file"),
        (&["--from-export", data], "cannot be read: Is a directory"),
        (&["--from-export", note, "--data", data], "cannot be used with"),
        (&["--from-export", note, "--start-sequence", "2"], "leave --start-sequence out"),
        (&["--data", data, "--start-sequence", "0"], "0 is not in 1.."),
        (&["--data", data, "--start-sequence", "one"], "invalid digit"),
        (&["--data", data, "--start-sequence", "3", "--end-sequence", "2"], "lies before"),
        (&["--data", data, "--tenant", "a b"], "may hold only letters"),
        (&["--data", data, "--key", "key"], "neither a file nor a key"),
        (&["--data", data, "--checkpoint", none], "cannot be read: No such file"),
        (&["--data", data, "--checkpoint", note], "not a signed note"),
        (&["--nonsense"], "unexpected argument"),
    ] {
        let mut command = epr(&[&["verify-audit-chain"], words].concat());
        let output = command.current_dir(empty.path()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}: {said}");
        assert!(said.contains(hint), "{words:?}: {said}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "", "{words:?}");
    }
}

#[test]
fn a_deployment_that_cannot_be_reached_is_none_that_failed() {
    let nobody = nobody();
    let with = |variables: &[(&str, &str)]| {
        let mut command = epr(&["verify-audit-chain"]);
        for name in ["AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID"] {
            command.env_remove(name);
        }
        let nothing = "nothing-of-the-kind";
        command.env("AWS_CONFIG_FILE", nothing).env("AWS_SHARED_CREDENTIALS_FILE", nothing);
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("EPR_AUDIT_TABLE", "Audit");
        let output = command.envs(variables.iter().copied()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = with(&[]);
    assert!(code == Some(2) && said.contains("set AWS_REGION"), "{said}");
    let (code, said) = with(&[("AWS_REGION", "eu-west-1")]);
    assert!(code == Some(2) && said.contains("no AWS credentials"), "{said}");
    let (code, said) = with(&[
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_ENDPOINT_URL_DYNAMODB", &nobody),
    ]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("the audit table `Audit` in eu-west-1 cannot be read"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_who_goes_away_changes_nothing_about_the_outcome() {
    let chain = Chain::new().await;
    let last = chain.last().await;
    assert_eq!(last.tenant_id, tenant());
    let sound = chain.close();
    let damaged = sound.copy();
    damaged.change(|items| items.retain(|(_, sk), _| sk != "body")).await;
    for (folder, expected) in [(sound, Some(0)), (damaged, Some(1))] {
        let data = folder.path().to_str().unwrap();
        let words = ["verify-audit-chain", "--tenant", "acme", "--verbose", "--data", data];
        let mut command = epr(&words);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(process.stdout.take());
        let mut said = String::new();
        process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(process.wait().unwrap().code(), expected, "{said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}
