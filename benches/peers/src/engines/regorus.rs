//! Regorus: Rego over a data document that is indexed by principal and entity.
//!
//! The question names the resource; its line, the roles that a principal holds on each entity, and what roles
//! grant and govern, are looked up in the document. The same policy is run by both of its machines.

use std::sync::Arc;

use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::vm::RegoVM;
use regorus::{Engine as Interpreter, Value};
use serde_json::{Map, json};

use crate::contest::Engine;
use crate::world::{self, Action, Question, World};

const POLICY: &str = r"
package epr
import rego.v1

default allow := false

allow if {
    resource := data.resources[input.resource]
    held := data.held[input.principal]
    some entity in resource.line
    some role in held[entity]
    data.granting[input.action][role]
    data.governing[resource.kind][role]
}
";

const RULE: &str = "data.epr.allow";

/// The interpreter of the policy's text.
pub(super) struct Tree(Interpreter);

/// The virtual machine that a compiled policy runs on.
pub(super) struct Machine(RegoVM);

impl Tree {
    pub(super) fn of(world: World) -> Self {
        Self(interpreter(world))
    }
}

impl Machine {
    pub(super) fn of(world: World) -> Self {
        let mut interpreter = interpreter(world);
        let compiled = interpreter.compile_with_entrypoint(&RULE.into()).unwrap();
        let program = Compiler::compile_from_policy(&compiled, &[RULE]).unwrap();
        let mut machine = RegoVM::new();
        machine.load_program(Arc::clone(&program));
        machine.set_data(interpreter.get_data()).unwrap();
        Self(machine)
    }
}

impl Engine for Tree {
    type Asked = Value;

    fn ask(question: &Question) -> Value {
        input(question)
    }

    fn allows(&mut self, asked: &Value) -> bool {
        self.0.set_input(asked.clone());
        self.0.eval_rule(RULE.to_owned()).unwrap() == Value::from(true)
    }
}

impl Engine for Machine {
    type Asked = Value;

    fn ask(question: &Question) -> Value {
        input(question)
    }

    fn allows(&mut self, asked: &Value) -> bool {
        self.0.set_input(asked.clone());
        self.0.execute().unwrap() == Value::from(true)
    }
}

fn interpreter(world: World) -> Interpreter {
    let mut interpreter = Interpreter::new();
    interpreter.add_policy("epr.rego".to_owned(), POLICY.to_owned()).unwrap();
    interpreter.add_data(data(world)).unwrap();
    interpreter
}

fn input(question: &Question) -> Value {
    Value::from(json!({
        "principal": question.principal(),
        "action": question.action.name(),
        "resource": world::entity(question.entity),
    }))
}

fn data(world: World) -> Value {
    let of_roles = |roles: &mut dyn Iterator<Item = usize>| -> Map<String, serde_json::Value> {
        roles.map(|role| (world::role(role), json!(true))).collect()
    };
    let granting: Map<String, serde_json::Value> =
        Action::all().map(|action| (action.name(), of_roles(&mut action.roles()).into())).collect();
    let governing = world::KINDS.map(|kind| {
        let governs = of_roles(&mut (0..world::ROLES).filter(|role| world::governs(*role, kind)));
        (kind.to_owned(), governs.into())
    });
    let resources: Map<String, serde_json::Value> = (0..world::ENTITIES)
        .map(|index| {
            let line: Vec<String> = world::line(index).map(world::entity).collect();
            (world::entity(index), json!({"kind": world::kind(index), "line": line}))
        })
        .collect();
    let held: Map<String, serde_json::Value> = world
        .principals()
        .map(|principal| {
            let mut on = Map::new();
            for held in World::held_by(principal) {
                let roles = on.entry(world::entity(held.entity)).or_insert_with(|| json!([]));
                roles.as_array_mut().unwrap().push(json!(world::role(held.role)));
            }
            (world::principal(principal), on.into())
        })
        .collect();
    Value::from(json!({
        "granting": granting,
        "governing": Map::from_iter(governing),
        "resources": resources,
        "held": held,
    }))
}
