//! What a template says, and which templates are refused.

use super::*;
use crate::example::{TEMPLATE, template};
use dynoxide::types::{KeyType, ProjectionType, ScalarAttributeType};

fn refusal(text: &str) -> String {
    Template::parse(text).unwrap_err().to_string()
}

/// The refusal of a template that is right but for one piece of text.
fn refusal_of(right: &str, wrong: &str) -> String {
    assert_eq!(TEMPLATE.matches(right).count(), 1, "{right}");
    refusal(&TEMPLATE.replace(right, wrong))
}

#[test]
fn a_table_has_the_keys_indexes_stream_and_expiry_that_the_template_declares() {
    let [core, plain] = template().tables.try_into().unwrap();
    assert_eq!((core.id.as_str(), plain.id.as_str()), ("CoreTable", "PlainTable"));
    let key: Vec<_> =
        core.key_schema.iter().map(|key| (key.attribute_name.as_str(), &key.key_type)).collect();
    assert_eq!(key, [("pk", &KeyType::HASH), ("sk", &KeyType::RANGE)]);
    assert_eq!(core.attributes.len(), 4);
    assert_eq!(core.attributes[3].attribute_type, ScalarAttributeType::N);
    let [index] = core.indexes.try_into().unwrap();
    assert_eq!(index.index_name, "gsi1");
    assert_eq!(index.projection.projection_type, Some(ProjectionType::INCLUDE));
    assert_eq!(index.projection.non_key_attributes, Some(vec!["name".to_owned()]));
    assert_eq!(core.stream_view.as_deref(), Some("NEW_IMAGE"));
    assert_eq!(core.ttl_attribute.as_deref(), Some("expires_at"));
    assert_eq!((plain.indexes.len(), plain.stream_view, plain.ttl_attribute), (0, None, None));
}

#[test]
fn a_function_has_its_folder_and_its_routes() {
    let [entities, relay] = template().functions.try_into().unwrap();
    assert_eq!((entities.id.as_str(), entities.folder.as_str()), ("EntitiesFunction", "entities"));
    let routes: Vec<_> = entities
        .routes
        .iter()
        .map(|route| (route.method.as_str(), route.path.as_str(), route.authenticated))
        .collect();
    assert_eq!(
        routes,
        [
            ("POST", "/api/v1/entities", true),
            ("GET", "/healthz", false),
            ("GET", "/api/v1/entities", true),
            ("ANY", "/api/v1/entities/{id}", true),
            ("ANY", "/api/v1/entities/{entity_id}/parts/{part}", true),
            ("GET", "/api/v1/entities/search", true),
        ]
    );
    assert_eq!((relay.folder.as_str(), relay.routes.len()), ("outbox-relay", 0));
}

#[test]
fn the_environment_is_the_functions_own_over_the_global_one() {
    let [entities, relay] = template().functions.try_into().unwrap();
    let global = [
        ("CORE_TABLE", "CoreTable"),
        ("EPR_AUTH", "on"),
        ("HIDDEN", "global"),
        ("LOG_LEVEL", "info"),
        ("RETENTION_DAYS", "30"),
    ];
    let text = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let mut expected: BTreeMap<_, _> = global.map(text).into();
    assert_eq!(relay.environment, expected);
    expected.remove("HIDDEN");
    expected.extend([("LIMIT", "50"), ("PLAIN_TABLE", "PlainTable")].map(text));
    assert_eq!(entities.environment, expected);
}

#[test]
fn what_is_no_template_is_refused() {
    assert!(refusal("a: [").starts_with("the template is not valid YAML: "));
    for text in ["", "a: 1", "Resources: []", "- Resources"] {
        assert_eq!(refusal(text), "the template has no `Resources`", "{text:?}");
    }
}

#[test]
fn a_resource_that_cannot_be_understood_is_named() {
    assert_eq!(
        refusal_of("KeySchema: [{AttributeName: id, KeyType: HASH}]", "X: 1"),
        "`PlainTable` in the template: missing field `KeySchema`"
    );
    let message = refusal_of("ProjectionType: INCLUDE", "ProjectionType: SOME");
    assert!(
        message.starts_with("`CoreTable` in the template: unknown variant `SOME`"),
        "{message}"
    );
    assert_eq!(
        refusal_of("BuildProperties: {Binary: entities}", "BuildProperties: {}"),
        "`EntitiesFunction` in the template names its folder neither in `CodeUri` nor in \
         `Metadata.BuildProperties.Binary`"
    );
    assert_eq!(
        refusal_of("Method: GET, Path: /healthz", "Path: /healthz"),
        "`EntitiesFunction.Health` in the template: missing field `Method`"
    );
}

#[test]
fn a_route_that_would_match_otherwise_than_deployed_is_refused() {
    for (path, reason) in [
        ("/{proxy+}", "is greedy: name each route, so that the template says what is served"),
        ("/a/{rest+}/b", "is greedy before its end"),
        ("/a/{rest+}/{more+}", "is greedy before its end"),
        ("healthz", "has a path that does not begin with `/`"),
        ("/a{b}", "has a parameter that is not a whole segment"),
        ("/{}", "has a parameter that is not a whole segment"),
        ("/{a}{b}", "has a parameter that is not a whole segment"),
    ] {
        assert_eq!(
            refusal_of("Path: /healthz", &format!("Path: \"{path}\"")),
            format!("`EntitiesFunction.Health` in the template: the route `GET {path}` {reason}")
        );
    }
    let message = refusal_of("Method: post", "Method: brew");
    assert!(message.ends_with("has a method that API Gateway does not know"), "{message}");
}
