//! `epr audit proof` and `epr audit verify-proof`.

use std::fs;

use serde_json::Value;

use super::{Chain, key_of};
use crate::run;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_holds_for_its_record_and_for_nothing_else() {
    let chain = Chain::new().await;
    // More than one tile, and one that is not full.
    chain.append(13, 700, "many").await;
    chain.publish().await;
    chain.append(701, 702, "after the checkpoint").await;
    let folder = chain.close();
    let key = key_of(7).to_string();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (proof, record) = (path("it.tlog-proof"), path("it.json"));
    for number in [1, 6, 256, 257, 511, 513, 700] {
        let event = format!("event-{number}");
        let (code, _, said) =
            folder.run(&["audit", "proof", &event, "--out", &proof, "--record", &record]);
        assert_eq!(code, Some(0), "{event}: {said}");
        assert!(fs::read_to_string(&proof).unwrap().starts_with("c2sp.org/tlog-proof@v1\nindex "));
        let (code, said, errors) = run(&["audit", "verify-proof", &proof, &record, "--key", &key]);
        assert_eq!(code, Some(0), "{event}: {said}{errors}");
        let expected = format!("OK: the record stands at sequence {number} of the 700 of `epr");
        assert!(said.starts_with(&expected), "{said}");
    }
    let verify = |proof: &str, record: &str, key: &str| {
        let (code, said, errors) = run(&["audit", "verify-proof", proof, record, "--key", key]);
        (code, said + &errors)
    };
    let text = fs::read_to_string(&record).unwrap();
    let mut value: Value = serde_json::from_str(&text).unwrap();
    for derived in ["segment", "leaf_hash", "previous_hash", "entry_hash"] {
        value[derived] = "as the API shows it".into();
    }
    let pretty = folder.file("pretty.json", serde_json::to_string_pretty(&value).unwrap());
    assert_eq!(verify(&proof, pretty.to_str().unwrap(), &key).0, Some(0));
    let other = folder.file("other.json", text.replace("event-700", "event-701"));
    let (code, said) = verify(&proof, other.to_str().unwrap(), &key);
    assert!(code == Some(1) && said.contains("the proof leads to another root"), "{said}");
    let (code, said) = verify(&proof, &record, &key_of(8).to_string());
    assert!(code == Some(1) && said.contains("not signed by"), "{said}");
    let moved = fs::read_to_string(&proof).unwrap().replacen("index 699", "index 698", 1);
    let moved = folder.file("moved", moved);
    assert_eq!(verify(moved.to_str().unwrap(), &record, &key).0, Some(1));
    let (code, said) = verify(&record, &record, &key);
    assert!(code == Some(2) && said.contains("not a receipt"), "{said}");
    assert_eq!(verify(&proof, &path("none"), &key).0, Some(2));

    let (code, _, said) = folder.run(&["audit", "proof", "event-701"]);
    assert!(code == Some(1) && said.contains("newer than the latest checkpoint, of 700"), "{said}");
    let (code, _, said) = folder.run(&["audit", "proof", "event-900"]);
    assert!(code == Some(1) && said.contains("no record of the event `event-900`"), "{said}");
}
