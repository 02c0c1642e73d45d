//! `epr check`, `epr who-can`, `epr what-can`, on the demo tenant.

use crate::{Server, nobody, run};

/// A server with the demo tenant.
fn seeded() -> Server {
    let server = Server::start(None);
    let (code, _, error) = run(&["seed", "--url", &server.url]);
    assert_eq!(code, Some(0), "{error}");
    server
}

#[test]
fn a_check_says_yes_or_no_and_draws_what_decided() {
    let server = seeded();
    let ask = |words: &[&str]| run(&[&["check"], words, &["--url", &server.url]].concat());
    let (code, said, _) = ask(&["jonas", "document:verify", "mesa-solar"]);
    assert_eq!(code, Some(0));
    assert_eq!(said, "yes: user:jonas may document:verify on mesa-solar\n");
    let (code, said, _) = ask(&["user:jonas", "document:verify", "mesa-solar", "--explain"]);
    assert_eq!(code, Some(0));
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    assert_eq!(lines[1], "mesa-solar", "{said}");
    assert!(said.contains("which grants document:verify"), "{said}");
    assert!(lines.last().unwrap().ends_with("has the member user:jonas"), "{said}");
    let (code, said, _) = ask(&["guest", "offering:view", "harbour-tower", "--explain"]);
    assert_eq!(code, Some(1));
    assert!(
        said.starts_with("no: user:guest may not offering:view on harbour-tower\n  expired: "),
        "{said}"
    );
    assert!(said.contains("where user:guest holds"), "{said}");
    let (code, said, _) =
        ask(&["group:nobody", "offering:view", "harbour-tower", "--context", "{\"a\": 1}"]);
    assert_eq!((code, said.starts_with("no: group:nobody")), (Some(1), true));
}

#[test]
fn a_check_that_has_no_answer_ends_otherwise_than_a_no() {
    let server = seeded();
    let (code, said, error) = run(&["check", "jonas", "a:b", "nowhere", "--url", &server.url]);
    assert_eq!((code, said.as_str()), (Some(2), ""));
    assert!(error.contains("there is no entity `nowhere`"), "{error}");
    let (code, _, error) = run(&["check", "jonas", "a:b", "acme", "--url", &nobody()]);
    assert_eq!(code, Some(2));
    assert!(error.contains("does not answer"), "{error}");
    let (code, ..) = run(&["check", ":", "a:b", "acme", "--url", &server.url]);
    assert_eq!(code, Some(2));
}

#[test]
fn who_can_and_what_can_list_what_a_check_allows() {
    let server = seeded();
    let list = |words: &[&str]| {
        let (code, said, error) = run(&[words, &["--url", &server.url]].concat());
        assert_eq!(code, Some(0), "{error}");
        said.lines().map(str::to_owned).collect::<Vec<String>>()
    };
    let allows = |principal: &str, action: &str, resource: &str| {
        run(&["check", principal, action, resource, "--url", &server.url]).0 == Some(0)
    };
    let who = list(&["who-can", "document:verify", "mesa-solar"]);
    assert!(who.contains(&"user:jonas".to_owned()), "{who:?}");
    assert!(who.iter().all(|who| allows(who, "document:verify", "mesa-solar")), "{who:?}");
    let groups = list(&["who-can", "document:verify", "mesa-solar", "--type", "group"]);
    assert!(groups.iter().all(|group| group.starts_with("group:")) && !groups.is_empty());
    let what = list(&["what-can", "jonas", "mesa-solar"]);
    assert!(what.contains(&"document:verify".to_owned()), "{what:?}");
    assert!(what.iter().all(|action| allows("jonas", action, "mesa-solar")), "{what:?}");
    let wanted = ["what-can", "priya", "--type", "offering", "--action", "offering:publish"];
    let offerings = list(&wanted);
    assert!(offerings.contains(&"harbour-tower".to_owned()), "{offerings:?}");
    assert!(!offerings.contains(&"mesa-solar".to_owned()), "{offerings:?}");
    for bad in [&["what-can", "priya"][..], &["what-can", "priya", "--type", "offering"][..]] {
        assert_eq!(run(bad).0, Some(2), "{bad:?}");
    }
}
