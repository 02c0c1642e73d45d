//! Least privilege: each function may do what it does, and nothing else.
//!
//! What it does is what the tour sees it call; what it may do is its policy in `template.yaml`. IAM checks
//! a transaction by the action of each item in it, and a query of an index by the index.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

use std::collections::{BTreeMap, BTreeSet};

use local::system::TEMPLATE;
use saphyr::{LoadableYamlNode, Yaml};
use serde_json::Value;
use tests::faults::Call;

use crate::deliveries::deliveries;
use crate::permitted::callers;
use crate::tour::tour;

/// What functions do that a system of one process has no service for, by function.
const NOT_HERE: [(&str, [&str; 2]); 2] = [
    ("audit", ["kms:GetPublicKey AuditSigningKey", "kms:Sign AuditSigningKey"]),
    ("audit-verify", ["kms:GetPublicKey AuditSigningKey", "kms:Sign AuditSigningKey"]),
];

/// Actions on tables or indexes, each such as `dynamodb:Query CoreTable/index/by_kind`.
type Grants = BTreeSet<String>;

#[tokio::test(start_paused = true)]
async fn a_function_may_do_what_it_does_and_nothing_else() {
    let mut called: BTreeMap<&str, Grants> = BTreeMap::new();
    for step in tour().await.iter().chain(deliveries().await) {
        let grants = called.entry(step.function).or_default();
        step.calls.iter().for_each(|call| grants.extend(needed(call)));
    }
    for (function, not_here) in NOT_HERE {
        called.entry(function).or_default().extend(not_here.map(str::to_owned));
    }
    for (function, calls) in callers().await {
        calls.iter().for_each(|call| called.entry(function).or_default().extend(needed(call)));
    }
    let allowed = allowed();
    let functions = |of: &BTreeMap<_, _>| of.keys().copied().map(str::to_owned).collect::<Vec<_>>();
    let declared: Vec<String> = allowed.keys().cloned().collect();
    assert_eq!(functions(&called), declared, "functions of the tour, functions of the template");
    for (function, called) in called {
        let allowed = &allowed[function];
        let forbidden: Vec<_> = called.difference(allowed).collect();
        assert!(forbidden.is_empty(), "`{function}` does what its policy forbids: {forbidden:?}");
        let unused: Vec<_> = allowed.difference(&called).collect();
        assert!(unused.is_empty(), "`{function}` may do what it never does: {unused:?}");
    }
}

/// `PutItem` would replace what is there, and `BatchWriteItem` delete it.
#[test]
fn nothing_in_the_audit_table_can_be_replaced_updated_or_deleted_by_any_function() {
    for (function, grants) in allowed() {
        let of_ledger = grants.iter().filter(|grant| grant.ends_with(" AuditTable"));
        for grant in of_ledger {
            let action = grant.split([':', ' ']).nth(1).unwrap();
            let adds_or_reads =
                ["BatchGetItem", "GetItem", "PartiQLInsert", "Query"].contains(&action);
            assert!(adds_or_reads, "`{function}` may {grant}");
        }
    }
}

/// A function that was told of the cache and could not reach it would refuse every change.
#[test]
fn who_is_told_of_the_cache_is_in_its_network_and_let_in_and_nobody_else_is() {
    let template = Yaml::load_from_str(TEMPLATE).unwrap().remove(0);
    let resources = template["Resources"].as_mapping().unwrap();
    let mut told = 0;
    for (id, resource) in resources {
        if resource["Type"].as_str() != Some("AWS::Serverless::Function") {
            continue;
        }
        let properties = &resource["Properties"];
        let environment = properties.as_mapping_get("Environment");
        let variables = environment.and_then(|of| of.as_mapping_get("Variables"));
        let named = ["EPR_REDIS_URL", "EPR_REDIS_TOKEN", "EPR_REDIS_CACHE_NAME", "EPR_REDIS_USER"]
            .map(|name| variables.is_some_and(|of| of.as_mapping_get(name).is_some()));
        let attached = format!("{:?}", properties["Policies"]).contains("UseCachePolicy");
        let inside = properties.as_mapping_get("VpcConfig").is_some();
        let all = named[0];
        assert_eq!((named, attached, inside), ([all; 4], all, all), "{id:?}");
        told += usize::from(all);
    }
    assert_eq!(told, 4, "functions that decide, or change what decides");
}

/// What a call needs.
fn needed(call: &Call) -> Grants {
    let Call { operation, body, .. } = call;
    let table = |of: &Value| of["TableName"].as_str().unwrap().to_owned();
    match operation.as_str() {
        "GetItem" | "PutItem" | "UpdateItem" => {
            Grants::from([format!("dynamodb:{operation} {}", table(body))])
        }
        "Query" | "Scan" => {
            let index = body["IndexName"].as_str().map(|index| format!("/index/{index}"));
            let index = index.unwrap_or_default();
            Grants::from([format!("dynamodb:{operation} {}{index}", table(body))])
        }
        "PublishBatch" => Grants::from([format!("sns:Publish {}", last(&body["TopicArn"], ':'))]),
        "SendMessage" | "SendMessageBatch" => {
            Grants::from([format!("sqs:SendMessage {}", last(&body["QueueUrl"], '/'))])
        }
        "BatchGetItem" => {
            let tables = body["RequestItems"].as_object().unwrap().keys();
            tables.map(|table| format!("dynamodb:{operation} {table}")).collect()
        }
        "ExecuteStatement" => Grants::from([of_statement(body)]),
        "BatchExecuteStatement" => {
            body["Statements"].as_array().unwrap().iter().map(of_statement).collect()
        }
        "TransactWriteItems" => {
            let items = body["TransactItems"].as_array().unwrap().iter();
            let each = items.flat_map(|item| item.as_object().unwrap());
            each.map(|(kind, of)| format!("dynamodb:{} {}", action(kind), table(of))).collect()
        }
        other => panic!("it is not known here what IAM wants for `{other}`"),
    }
}

/// What a statement needs: all of them here are insertions.
fn of_statement(body: &Value) -> String {
    let statement = body["Statement"].as_str().unwrap();
    let table = statement.strip_prefix("INSERT INTO \"").unwrap().split('"').next().unwrap();
    format!("dynamodb:PartiQLInsert {table}")
}

/// The last part of an address, which here is the logical id of a resource.
fn last(address: &Value, separator: char) -> &str {
    address.as_str().unwrap().rsplit(separator).next().unwrap()
}

/// The action of an item of a transaction.
fn action(kind: &str) -> &'static str {
    match kind {
        "ConditionCheck" => "ConditionCheckItem",
        "Delete" => "DeleteItem",
        "Put" => "PutItem",
        "Update" => "UpdateItem",
        other => panic!("a transaction has no `{other}`"),
    }
}

/// What the template allows each function, by the folder of its code.
fn allowed() -> BTreeMap<String, Grants> {
    let template = Yaml::load_from_str(TEMPLATE).unwrap().remove(0);
    let resources = template["Resources"].as_mapping().unwrap();
    let functions = resources
        .values()
        .filter(|resource| resource["Type"].as_str() == Some("AWS::Serverless::Function"));
    functions
        .map(|function| {
            let properties = &function["Properties"];
            let folder = properties["CodeUri"].as_str().unwrap().rsplit('/').next().unwrap();
            (folder.to_owned(), granted(&properties["Policies"]))
        })
        .collect()
}

fn granted(policies: &Yaml<'_>) -> Grants {
    let mut grants = Grants::new();
    // What is granted only where a parameter says so is no part of the deployment that the tour sees.
    let always = |policy: &&Yaml<'_>| !matches!(policy, Yaml::Tagged(tag, _) if tag.suffix == "If");
    for policy in policies.as_vec().unwrap().iter().filter(always) {
        for statement in policy["Statement"].as_vec().unwrap() {
            assert_eq!(statement["Effect"].as_str(), Some("Allow"), "{statement:?}");
            for action in one_or_many(&statement["Action"]) {
                for resource in one_or_many(&statement["Resource"]) {
                    let action = action.as_str().unwrap();
                    grants.insert(format!("{action} {}", name(resource)));
                }
            }
        }
    }
    grants
}

fn one_or_many<'a>(value: &'a Yaml<'a>) -> Vec<&'a Yaml<'a>> {
    value.as_vec().map_or_else(|| vec![value], |values| values.iter().collect())
}

/// `CoreTable` of `!GetAtt CoreTable.Arn`, `CoreTable/index/x` of `!Sub "${CoreTable.Arn}/index/x"`.
fn name(resource: &Yaml<'_>) -> String {
    let Yaml::Tagged(tag, value) = resource else {
        panic!("a policy must name a resource of the template, not {resource:?}")
    };
    if tag.suffix == "If" {
        // What is there unless a parameter names another.
        return name(&value.as_vec().unwrap()[1]);
    }
    let text = value.as_str().unwrap();
    match tag.suffix.as_str() {
        "GetAtt" => text.strip_suffix(".Arn").unwrap().to_owned(),
        // Of a topic this is its ARN.
        "Ref" => text.to_owned(),
        "Sub" => text.strip_prefix("${").unwrap().replace(".Arn}", ""),
        other => panic!("`!{other}` is not known here"),
    }
}
