//! The ledger of a deployment: its audit table, over HTTP, by the SDK's own configuration and credentials.

use super::damage::{Damage, of_commits, of_what_stands_beside};
use super::{Chain, Folder, key_of};
use crate::{Server, epr};

/// Runs a command with the environment of an operator whose AWS is this server.
fn run(server: &Server, words: &[&str]) -> (Option<i32>, String) {
    let mut command = epr(&[words, &["--tenant", "acme", "--audit-table", "AuditTable"]].concat());
    let nothing = "nothing-of-the-kind";
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_CONFIG_FILE", nothing),
        ("AWS_ENDPOINT_URL_DYNAMODB", &server.url),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_SHARED_CREDENTIALS_FILE", nothing),
    ] {
        command.env(name, value);
    }
    let output = command.env_remove("AWS_PROFILE").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), said + &String::from_utf8(output.stderr).unwrap())
}

/// Verifies the table of a server on a folder.
fn verify(folder: &Folder, words: &[&str]) -> (Option<i32>, String) {
    let server = Server::start(Some(folder.path()));
    run(&server, &[&["verify-audit-chain"], words].concat())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chain_of_a_deployment_is_verified_against_its_checkpoint() {
    let chain = Chain::new().await;
    chain.publish().await;
    let last = chain.last().await;
    let folder = chain.close();
    let key = folder.file("epr.vkey", key_of(7).to_string());
    let (code, said) = verify(&folder, &["--index", "--key", key.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    for line in [
        "OK: the audit chain of `acme`: 12 records checked (1 to 12)\n".to_owned(),
        "  read from    the audit table `AuditTable` in eu-west-1\n".to_owned(),
        format!("  root         {}\n", last.root),
        "12 records, signed by `epr.example.com/audit/acme`".to_owned(),
        "  vouched for  all 12 records".to_owned(),
    ] {
        assert!(said.contains(&line), "{line} is not in {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_to_the_table_of_a_deployment_is_found_with_its_place() {
    let chain = Chain::new().await;
    chain.publish().await;
    let (whole, key) = (chain.close(), key_of(7).to_string());
    for Damage(name, words, change, said) in of_commits().into_iter().chain(of_what_stands_beside())
    {
        let folder = whole.copy();
        folder.change(change).await;
        let (code, found) = verify(&folder, &[words, &["--key", &key]].concat());
        assert!(code == Some(1) && found.contains(said), "{name}: {found}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_from_a_deployment_is_what_its_folder_holds() {
    let chain = Chain::new().await;
    chain.publish().await;
    let folder = chain.close();
    let words = [["audit", "export"], ["audit", "checkpoint"]];
    let here: Vec<String> = words.iter().map(|words| folder.run(words).1).collect();
    let server = Server::start(Some(folder.path()));
    let there = words.iter().map(|words| run(&server, words));
    for (here, (code, there)) in here.iter().zip(there) {
        assert!(code == Some(0) && there.starts_with(here.as_str()), "{there}");
    }
    let proof = run(&server, &["audit", "proof", "event-7"]);
    assert!(proof.0 == Some(0) && proof.1.starts_with("c2sp.org/tlog-proof@v1\n"), "{}", proof.1);
}
