//! Cerbos: a resource policy per type, with a rule per action on the condition that the resource's line and what the
//! principal holds of the roles that grant it meet.
//!
//! A derived role per role says the same and was slower here: all of them are worked out for each question.
//! Cerbos stores neither assignments nor hierarchies. Its callers read both elsewhere and send them along; here
//! they come with the question for free.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::{Place, Running, Server, emptied, free_port, of_package};
use crate::world::{self, Action, Question, World};

pub(crate) const PACKAGE: &str = "@cerbos/cerbos-linux-x64";

pub(crate) const CERBOS: Server = Server {
    package: "cerbos",
    form: "roles and line come with the question",
    path: "/api/check/resources",
    start,
    body,
    allowed: |answer| {
        let effects = answer["results"][0]["actions"].as_object()?;
        Some(effects.values().next()?.as_str()? == "EFFECT_ALLOW")
    },
};

fn start(place: &Place, _: World) -> Running {
    let folder = emptied(place.scratch.join("cerbos"));
    let write = |name: &str, value: &Value| {
        fs::write(folder.join(name), value.to_string()).unwrap();
    };
    let policies = folder.join("policies");
    fs::create_dir(&policies).unwrap();
    for kind in world::KINDS {
        write(&format!("policies/{kind}.json"), &resource_policy(kind));
    }
    let (port, grpc) = (free_port(), free_port());
    write(
        "config.json",
        &json!({
            "server": {
                "httpListenAddr": format!("127.0.0.1:{port}"),
                "grpcListenAddr": format!("127.0.0.1:{grpc}"),
            },
            "storage": {"driver": "disk", "disk": {"directory": policies, "watchForChanges": false}},
            "telemetry": {"disabled": true},
        }),
    );
    let mut command = Command::new(of_package(place, &format!("{PACKAGE}/cerbos-linux-x64")));
    command.args(["server", "--log-level=ERROR", "--config"]).arg(folder.join("config.json"));
    command.env("CERBOS_NO_TELEMETRY", "1");
    Running::start(place, &mut command, port)
}

fn resource_policy(kind: &str) -> Value {
    let rules = Action::all().filter_map(|action| {
        let roles = action.roles().filter(|role| world::governs(*role, kind));
        let any: Vec<Value> = roles.map(|role| json!({"expr": holds(role)})).collect();
        (!any.is_empty()).then(|| {
            json!({
                "actions": [action.name()],
                "effect": "EFFECT_ALLOW",
                "roles": ["user"],
                "condition": {"match": {"any": {"of": any}}},
            })
        })
    });
    let rules: Vec<Value> = rules.collect();
    json!({
        "apiVersion": "api.cerbos.dev/v1",
        "resourcePolicy": {"resource": kind, "version": "default", "rules": rules},
    })
}

/// Whether a role is held somewhere on the line.
fn holds(role: usize) -> String {
    let role = world::role(role);
    format!("\"{role}\" in P.attr.held && hasIntersection(R.attr.line, P.attr.held[\"{role}\"])")
}

fn body(question: &Question) -> Value {
    let held: BTreeMap<String, [String; 1]> = question
        .held()
        .map(|held| (world::role(held.role), [world::entity(held.entity)]))
        .collect();
    let line: Vec<String> = world::line(question.entity).map(world::entity).collect();
    json!({
        "principal": {"id": question.principal(), "roles": ["user"], "attr": {"held": held}},
        "resources": [{
            "actions": [question.action.name()],
            "resource": {
                "kind": world::kind(question.entity),
                "id": world::entity(question.entity),
                "attr": {"line": line},
            },
        }],
    })
}
