//! What the manifest tells `cargo lambda watch`: the template's routes and names, and nothing else.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

use std::collections::BTreeMap;

use local::system::TEMPLATE;
use local::template::Template;

const MANIFEST: &str = include_str!("../../Cargo.toml");

/// The pairs of a table of the manifest, which are all of one line and of texts.
fn table(name: &str) -> BTreeMap<&'static str, &'static str> {
    let (_, rest) = MANIFEST.split_once(&format!("\n[{name}]\n")).unwrap();
    let pairs = rest.lines().take_while(|line| !line.starts_with('['));
    let pairs = pairs.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pairs: Vec<_> = pairs.map(|line| line.split_once(" = ").unwrap()).collect();
    let unquoted = |text: &'static str| text.trim_matches('"');
    let read: BTreeMap<_, _> =
        pairs.iter().map(|(key, value)| (unquoted(key), unquoted(value))).collect();
    assert_eq!(read.len(), pairs.len(), "[{name}] says something twice");
    read
}

#[test]
fn every_route_of_the_template_leads_to_its_function_and_there_is_no_other() {
    let template = Template::parse(TEMPLATE).unwrap();
    let mut declared = BTreeMap::new();
    for function in &template.functions {
        for route in &function.routes {
            // To one function whatever the method; and in the words of cargo-lambda, where the rest of a path is
            // written in front.
            assert_eq!(route.method, "ANY", "{}", route.path);
            let path = match route.path.rsplit_once('{') {
                Some((before, rest)) if rest.ends_with("+}") => {
                    format!("{before}{{*{}}}", rest.trim_end_matches("+}"))
                }
                _ => route.path.clone(),
            };
            assert_eq!(declared.insert(path, function.folder.as_str()), None);
        }
    }
    assert!(declared.contains_key("/audit/{chain}/tile/{*path}"), "{declared:?}");
    let written = table("workspace.metadata.lambda.watch.router");
    let written: BTreeMap<_, _> =
        written.into_iter().map(|(path, function)| (path.to_owned(), function)).collect();
    assert_eq!(written, declared);
}

#[test]
fn every_name_that_the_template_gives_to_functions_is_given_and_none_leads_to_aws() {
    let template = Template::parse(TEMPLATE).unwrap();
    let names = ["_ARN", "_TABLE", "_URL"];
    let mut declared = BTreeMap::new();
    for function in &template.functions {
        for (variable, value) in &function.environment {
            if !value.is_empty() && names.iter().any(|end| variable.ends_with(end)) {
                let before = declared.insert(variable.as_str(), value.as_str());
                assert!(before.is_none_or(|before| before == value), "{variable} means two things");
            }
        }
    }
    assert!(declared.contains_key("EPR_CORE_TABLE"), "{declared:?}");
    let mut written = table("workspace.metadata.lambda.env");
    // All calls to AWS go to this machine, signed as by nobody.
    for (variable, value) in [
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:8000"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
    ] {
        assert_eq!(written.remove(variable), Some(value), "{variable}");
    }
    assert_eq!(written, declared);
}
