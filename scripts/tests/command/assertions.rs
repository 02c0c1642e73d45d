//! `epr test`.

use std::path::Path;

use tempfile::TempDir;

use crate::run;

const GIVEN: &str = "
roles:
  - {id: reader, permissions: ['document:read']}
entities:
  - {id: acme, type: issuer}
assignments:
  - {principal: alice, role: reader, on: acme}
";

/// Runs a file of this text: its exit code, what it said, and what it said of errors.
fn try_out(text: &str, words: &[&str]) -> (Option<i32>, String, String) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("tests.yaml");
    std::fs::write(&file, text).unwrap();
    let (code, said, error) = run(&[&["test", file.to_str().unwrap()], words].concat());
    let plain = |text: String| text.replace(file.to_str().unwrap(), "tests.yaml");
    (code, plain(said), plain(error))
}

#[test]
fn the_example_of_the_documentation_holds() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/tests.yaml");
    let (code, said, error) = run(&["test", path.to_str().unwrap()]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(said.ends_with(" passed, 0 failed\n"), "{said}");
}

#[test]
fn what_does_not_hold_is_shown_as_a_difference_and_is_a_failure() {
    let tests = "
tests:
  - allow: alice document:read acme
  - deny: alice document:read acme
  - allow: bob document:read acme
  - {deny: bob document:read acme, reason: expired}
";
    let folder = TempDir::new().unwrap();
    let junit = folder.path().join("junit.xml");
    let text = format!("{GIVEN}{tests}");
    let (code, said, _) = try_out(&text, &["--junit", junit.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    let unknown = "deny: unknown_principal (Nothing is known of this principal: no assignment, group or property.)";
    let expected = format!(
        "FAILED  tests.yaml: deny: alice document:read acme
        - deny
        + allow: user:alice holds `reader` on acme
FAILED  tests.yaml: allow: bob document:read acme
        - allow
        + {unknown}
FAILED  tests.yaml: deny: bob document:read acme
        - deny: expired
        + {unknown}
1 passed, 3 failed
"
    );
    assert_eq!(said, expected);
    let junit = std::fs::read_to_string(junit).unwrap();
    assert!(junit.contains("tests=\"4\" failures=\"3\""), "{junit}");
}

#[test]
fn what_cannot_be_tried_ends_otherwise_than_a_failure() {
    for (text, words) in [
        ("tests: [", "tests.yaml:"),
        ("tests: []", "has no tests"),
        ("tests: [{allow: alice}]", "must be `<principal> <action> <resource>`"),
        ("surplus: 1\ntests: [{allow: a b c}]", "surplus"),
        (
            "roles: [{id: r, permissions: ['a b']}]\ntests: [{allow: a b c}]",
            "/api/v1/roles refused",
        ),
        (
            "entities: [{id: e, type: company}]\ntests: [{allow: a b c}]",
            "`company` is no entity type",
        ),
        ("tests: [{allow: a b nowhere}]", "there is no entity `nowhere`"),
        ("now: soon\ntests: [{allow: a b c}]", "`soon`"),
    ] {
        let (code, said, error) = try_out(text, &[]);
        assert_eq!((code, said.as_str()), (Some(2), ""), "{text}: {error}");
        assert!(error.contains(words), "{text}: {error}");
    }
    assert_eq!(run(&["test", "no-such-file.yaml"]).0, Some(2));
}
