//! Ours: `epr local`, with its data in a folder or in memory.

use std::process::Command;

use serde_json::{Value, json};

use super::{Place, Running, Server, emptied, free_port};
use crate::tell::tell;
use crate::world::{self, Question, World};

pub(crate) const FOLDER: Server = Server {
    package: "epr",
    form: "`epr local`, data in a folder",
    path: "/api/v1/authorize",
    start: |place, world| start(place, world, false),
    body,
    allowed,
};

pub(crate) const MEMORY: Server = Server {
    form: "`epr local --memory`",
    start: |place, world| start(place, world, true),
    ..FOLDER
};

fn start(place: &Place, world: World, is_in_memory: bool) -> Running {
    let port = free_port();
    let mut command = Command::new(place.repository.join("target/local/epr"));
    command.args(["local", "--port", &port.to_string()]).env("EPR_LOG_LEVEL", "WARN");
    if is_in_memory {
        command.arg("--memory");
    } else {
        command.arg("--data").arg(emptied(place.scratch.join("epr")));
    }
    let running = Running::start(place, &mut command, port);
    let agent = ureq::Agent::new_with_defaults();
    tell(world, |path, body| {
        let answer = agent.post(format!("{}{path}", running.url)).send_json(body);
        answer.unwrap_or_else(|error| panic!("{path} {body}: {error}"));
    });
    running
}

fn body(question: &Question) -> Value {
    json!({
        "user_id": question.principal(),
        "action": question.action.name(),
        "resource_id": world::entity(question.entity),
    })
}

fn allowed(answer: &Value) -> Option<bool> {
    answer["authorized"].as_bool()
}
