//! The OpenAPI document that is committed: the one that the code makes, and whole.

use std::collections::BTreeSet;
use std::path::Path;

use local::system::TEMPLATE;
use serde_json::{Value, json};
use tests::contract::{Contract, Operation};

#[test]
fn the_committed_document_is_the_one_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi.yaml");
    let committed = std::fs::read_to_string(path).unwrap();
    let made = local::system::openapi_yaml().unwrap();
    let same = committed.lines().zip(made.lines()).take_while(|(one, other)| one == other).count();
    assert!(
        committed == made,
        "openapi.yaml differs from the code in line {}: run `cargo epr openapi`",
        same + 1
    );
}

/// What an operation lacks of what each one has.
fn lacks(operation: &Operation) -> Vec<String> {
    let contract = Contract::of_the_code();
    let described = &operation.described;
    let mut lacks = Vec::new();
    let mut expect = |holds: bool, what: String| {
        if !holds {
            lacks.push(what);
        }
    };
    let text = |of: &Value, field: &str| of[field].as_str().is_some_and(|text| !text.is_empty());
    for field in ["operationId", "summary", "description"] {
        expect(text(described, field), field.to_owned());
    }
    let tags = contract.document["tags"].as_array().unwrap();
    let is_declared = tags.iter().any(|tag| tag["name"] == described["tags"][0]);
    expect(is_declared, "a tag of the document".to_owned());

    for parameter in described["parameters"].as_array().into_iter().flatten() {
        let parameter = contract.resolved(parameter);
        let (name, example) = (&parameter["name"], &parameter["example"]);
        expect(text(parameter, "description"), format!("the description of {name}"));
        expect(parameter["schema"].is_object(), format!("the schema of {name}"));
        let faults = contract.faults(&parameter["schema"], example);
        let is_good = !example.is_null() && faults.is_empty();
        expect(is_good || parameter["in"] == "query", format!("a good example of {name}"));
    }
    let mut bodies = vec![("the request".to_owned(), &described["requestBody"])];
    let responses = described["responses"].as_object().unwrap();
    for (status, response) in responses {
        let response = contract.resolved(response);
        expect(text(response, "description"), format!("the description of {status}"));
        expect(response["content"].is_object(), format!("the content of {status}"));
        bodies.push((status.clone(), response));
    }
    for (of, body) in bodies {
        for (media_type, content) in body["content"].as_object().into_iter().flatten() {
            let has_example = !content["example"].is_null()
                || content["examples"].as_object().is_some_and(|examples| !examples.is_empty());
            expect(content["schema"].is_object(), format!("the schema of {of} as {media_type}"));
            expect(has_example, format!("an example of {of} as {media_type}"));
        }
    }
    for status in failures(operation) {
        expect(responses.contains_key(status), format!("the refusal {status}"));
    }
    lacks
}

/// What an operation may be refused with, by what it takes.
fn failures(operation: &Operation) -> BTreeSet<&'static str> {
    let described = &operation.described;
    let mut failures = BTreeSet::from(["429", "500"]);
    if described["security"] != json!([]) {
        failures.extend(["400", "401", "403", "503"]);
    }
    if operation.path.contains('{') {
        failures.insert("404");
    }
    if described["requestBody"].is_object() {
        failures.extend(["400", "413"]);
    }
    let takes = |name: &str| {
        let reference = json!({"$ref": format!("#/components/parameters/{name}")});
        described["parameters"].as_array().is_some_and(|all| all.contains(&reference))
    };
    if takes("IdempotencyKey") {
        failures.insert("409");
    }
    if takes("IfMatch") {
        failures.insert("412");
    }
    failures
}

#[test]
fn every_operation_is_described_whole() {
    for (id, operation) in &Contract::of_the_code().operations {
        assert_eq!(lacks(operation), [""; 0], "{id}");
        let is_id = id.starts_with(|first: char| first.is_ascii_lowercase())
            && id.chars().all(|letter| letter.is_ascii_alphanumeric());
        assert!(is_id, "`{id}` makes no name in a client");
    }
}

#[test]
fn what_an_operation_lacks_is_noticed() {
    let whole = &Contract::of_the_code().operations["updateEntity"];
    for pointer in [
        "/operationId",
        "/summary",
        "/description",
        "/tags",
        "/parameters/0/example",
        "/parameters/0/description",
        "/requestBody/content/application~1json/example",
        "/responses/200/content/application~1json/example",
        "/responses/200/description",
        "/responses/400/content/application~1problem+json/examples",
        "/responses/409/content/application~1problem+json/schema",
    ] {
        let mut poorer = whole.clone();
        *poorer.described.pointer_mut(pointer).unwrap() = Value::Null;
        assert_eq!(lacks(&poorer).len(), 1, "{pointer}");
    }
    for status in failures(whole) {
        let mut poorer = whole.clone();
        poorer.described["responses"].as_object_mut().unwrap().remove(status);
        assert_eq!(lacks(&poorer), [format!("the refusal {status}")]);
    }
}

#[test]
fn the_document_lets_in_whom_the_template_lets_in() {
    let document = &Contract::of_the_code().document;
    assert!(TEMPLATE.contains("EnableIamAuthorizer: true"));
    // Once, and on a line of its own: where there are no issuers, scripts/deploy.sh puts IAM there.
    assert_eq!(TEMPLATE.matches("\n        DefaultAuthorizer: TokenAuthorizer\n").count(), 1);
    assert_eq!(TEMPLATE.matches("DefaultAuthorizer:").count(), 1);
    assert_eq!(document["security"], json!([{"token": []}, {"api_key": []}, {"iam": []}]));
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    assert_eq!(schemes.keys().collect::<Vec<_>>(), ["api_key", "iam", "token"]);
    assert_eq!(schemes["token"]["scheme"], "bearer");
    assert_eq!(schemes["iam"]["x-amazon-apigateway-authtype"], "awsSigv4");
    let servers = document["servers"].as_array().unwrap();
    let urls: Vec<_> = servers.iter().map(|server| server["url"].as_str().unwrap()).collect();
    let deployed = "https://{api}.execute-api.{region}.amazonaws.com";
    assert_eq!(urls, ["http://127.0.0.1:8000", deployed]);
}
