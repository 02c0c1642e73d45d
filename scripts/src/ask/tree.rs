//! What decided, as a small tree: from the resource up to where an assignment stands, and from there down
//! to the principal.

use std::fmt::Write as _;

use serde_json::Value;

use crate::plain;

/// The tree of a decision, as `POST /api/v1/authorize` explains it.
pub(super) fn drawn(decision: &Value, resource: &str, principal: &str) -> String {
    let text = |name: &str| decision.get(name).and_then(Value::as_str);
    let (mut said, mut branches) = (Vec::new(), Vec::new());
    if let Some(reason) = text("reason") {
        said.push(format!("{}: {}", reason, text("detail").unwrap_or_default()));
        said.extend(conditions(decision));
        if let Some(nearest) = decision.get("assignment") {
            said.push("the nearest to a yes:".to_owned());
            let on = nearest.get("entity_id").and_then(Value::as_str);
            branches.push(on.unwrap_or("everywhere").to_owned());
            branches.extend(held(nearest, None, principal));
        }
    } else {
        branches.extend(way_up(decision, resource));
        if let Some(assignment) = decision.get("assignment") {
            branches.extend(held(assignment, text("permission"), principal));
        }
        branches.extend(conditions(decision));
    }
    let mut drawn: String = said.iter().map(|line| format!("  {}\n", plain(line))).collect();
    for (depth, line) in branches.into_iter().enumerate() {
        let branch = if depth == 0 { String::new() } else { "   ".repeat(depth - 1) + "└─ " };
        // Writing to a text cannot fail.
        let _written = writeln!(drawn, "  {branch}{}", plain(&line));
    }
    drawn
}

/// Each condition that was looked at, and what came of it.
fn conditions(decision: &Value) -> Vec<String> {
    let considered = decision.get("conditions").and_then(Value::as_array);
    let considered = considered.map_or(&[][..], Vec::as_slice).iter();
    let line = |one: &Value| {
        let text = |name: &str| one.get(name).and_then(Value::as_str);
        let condition = text("condition").unwrap_or_default();
        match (text("outcome"), text("failure")) {
            (Some("true"), _) => format!("and it is true that {condition}"),
            (Some("false"), _) => format!("it is not true that {condition}"),
            (_, failure) => format!("of {condition}: {}", failure.unwrap_or_default()),
        }
    };
    considered.map(line).collect()
}

/// The resource, and each entity above it up to the one that the assignment is on.
fn way_up(decision: &Value, resource: &str) -> Vec<String> {
    let path = decision.get("path").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let ids = path.iter().filter_map(Value::as_str);
    let mut lines: Vec<String> = ids
        .enumerate()
        .map(|(steps, id)| if steps == 0 { id.to_owned() } else { format!("is in {id}") })
        .collect();
    if lines.is_empty() {
        lines.extend([resource.to_owned(), "is, as everything is, everywhere".to_owned()]);
    }
    lines
}

/// Who holds the assignment, by which role, and through which groups the principal does.
fn held(assignment: &Value, permission: Option<&str>, principal: &str) -> Vec<String> {
    let text = |name: &str| assignment.get(name).and_then(Value::as_str).unwrap_or_default();
    let holder = match (text("principal_type"), text("principal_id")) {
        (kind, "*") => format!("every {kind}"),
        (kind, id) => format!("{kind}:{id}"),
    };
    let held = match (text("role_name"), text("role_id"), text("permission")) {
        ("", _, direct) => format!("`{direct}` directly"),
        (role, id, _) => {
            let grants = permission.map(|permission| format!(", which grants {permission}"));
            format!("`{role}` ({id}){}", grants.unwrap_or_default())
        }
    };
    let mut lines = vec![format!("where {holder} holds {held}")];
    let groups = assignment.get("groups").and_then(Value::as_array);
    let groups = groups.map_or(&[][..], Vec::as_slice).iter().rev().filter_map(Value::as_str);
    // The first of them is the holder itself.
    lines.extend(groups.skip(1).map(|group| format!("has the member group:{group}")));
    if holder.starts_with("every ") {
        lines.push(format!("is, as every one is, {principal}"));
    } else if holder != principal {
        lines.push(format!("has the member {principal}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_allows_is_drawn_from_the_resource_to_the_principal() {
        let decision = json!({
            "outcome": "allow",
            "permission": "document:verify",
            "path": ["tower", "fund", "holding"],
            "assignment": {
                "principal_type": "group", "principal_id": "all", "groups": ["eu", "all"],
                "role_id": "r-1", "role_name": "Reviewer", "entity_id": "holding",
            },
        });
        let expected = "  tower
  └─ is in fund
     └─ is in holding
        └─ where group:all holds `Reviewer` (r-1), which grants document:verify
           └─ has the member group:eu
              └─ has the member user:jonas
";
        assert_eq!(drawn(&decision, "tower", "user:jonas"), expected);
    }

    #[test]
    fn a_condition_is_drawn_with_what_came_of_it() {
        let holder = json!({
            "principal_type": "user", "principal_id": "jonas", "groups": [],
            "role_id": "r-1", "role_name": "Reviewer", "entity_id": "tower",
        });
        let is_true = json!([{"condition": "context.a == 1", "outcome": "true"}]);
        let allowed = json!({
            "outcome": "allow", "permission": "a:b", "path": ["tower"], "assignment": holder,
            "conditions": is_true,
        });
        let expected = "  tower
  └─ where user:jonas holds `Reviewer` (r-1), which grants a:b
     └─ and it is true that context.a == 1
";
        assert_eq!(drawn(&allowed, "tower", "user:jonas"), expected);
        let is_broken = json!([{"condition": "a", "outcome": "error", "failure": "It failed."}]);
        let denied = json!({
            "outcome": "deny", "reason": "condition_error", "detail": "No.", "assignment": holder,
            "conditions": is_broken,
        });
        let expected = "  condition_error: No.
  of a: It failed.
  the nearest to a yes:
  tower
  └─ where user:jonas holds `Reviewer` (r-1)
";
        assert_eq!(drawn(&denied, "tower", "user:jonas"), expected);
    }

    #[test]
    fn what_denies_is_said_with_the_assignment_that_came_nearest() {
        let decision = json!({
            "outcome": "deny", "reason": "expired", "detail": "It has expired.",
            "assignment": {
                "principal_type": "user", "principal_id": "*", "groups": [],
                "role_id": "r-1", "role_name": "Reviewer", "entity_id": null,
            },
        });
        let expected = "  expired: It has expired.
  the nearest to a yes:
  everywhere
  └─ where every user holds `Reviewer` (r-1)
     └─ is, as every one is, user:jonas
";
        assert_eq!(drawn(&decision, "tower", "user:jonas"), expected);
        let bare = json!({"outcome": "deny", "reason": "no_assignment", "detail": "Nothing."});
        assert_eq!(drawn(&bare, "tower", "user:jonas"), "  no_assignment: Nothing.\n");
    }
}
