//! `epr compliance`: what guards each route that changes something, and what it leaves behind.

use serde_json::Value;

use crate::run;

#[test]
fn every_route_that_changes_something_is_counted_and_none_lacks_anything() {
    let (code, said, error) = run(&["compliance", "--json"]);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{said}");
    let report: Value = serde_json::from_str(&said).unwrap();
    let routes = report["routes"].as_array().unwrap();
    assert!(routes.len() >= 18, "{said}");
    assert_eq!((&report["whole"], &report["of"]), (&routes.len().into(), &routes.len().into()));
    let (code, table, _) = run(&["compliance"]);
    assert_eq!((code, table.lines().count()), (Some(0), routes.len() + 2));
    assert!(!table.contains("MISSING"), "{table}");
    assert!(table.contains("POST /api/v1/entities "), "{table}");
}
