//! Cedar, in both forms in which its users write roles that are held on resources.
//!
//! A policy per role: what a principal holds are attributes of its entity, a set of resources for each role, and
//! the hierarchy is that of the entities, which Cedar closes when it is told them. Or a template per role, linked
//! once for each assignment. All entities are in one store that lives as long as the process.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::str::FromStr;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicyId,
    PolicySet, Request, RestrictedExpression, SlotId,
};

use crate::contest::Engine;
use crate::world::{self, Action, Question, World};

pub(super) struct Cedar {
    policies: PolicySet,
    entities: Entities,
    authorizer: Authorizer,
}

impl Cedar {
    pub(super) fn by_role(world: World) -> Self {
        let mut text = String::new();
        for role in 0..world::ROLES {
            let name = world::role(role);
            let holds = format!("principal has \"{name}\" && resource in principal[\"{name}\"]");
            writeln!(
                text,
                "permit(principal, action in Action::\"{name}\", resource) when {{ {}{holds} }};",
                governs(role)
            )
            .unwrap();
        }
        let principals = world.principals().map(|principal| {
            let holds = World::held_by(principal).map(|held| {
                let on = RestrictedExpression::new_entity_uid(resource(held.entity));
                (world::role(held.role), RestrictedExpression::new_set([on]))
            });
            let uid = uid("User", &world::principal(principal));
            Entity::new(uid, holds.collect(), HashSet::new()).unwrap()
        });
        Self::new(PolicySet::from_str(&text).unwrap(), principals.collect())
    }

    pub(super) fn linked(world: World) -> Self {
        let mut policies = PolicySet::new();
        for role in 0..world::ROLES {
            let name = world::role(role);
            let text = format!(
                "permit(principal == ?principal, action in Action::\"{name}\", resource in ?resource) \
                 when {{ {}true }};",
                governs(role)
            );
            let template = cedar_policy::Template::parse(Some(PolicyId::new(name)), text);
            policies.add_template(template.unwrap()).unwrap();
        }
        for (index, held) in world.held().enumerate() {
            let slots = HashMap::from([
                (SlotId::principal(), uid("User", &world::principal(held.principal))),
                (SlotId::resource(), resource(held.entity)),
            ]);
            let id = PolicyId::new(format!("assignment-{index}"));
            policies.link(PolicyId::new(world::role(held.role)), id, slots).unwrap();
        }
        let principals = world.principals().map(|principal| {
            Entity::new_no_attrs(uid("User", &world::principal(principal)), HashSet::new())
        });
        Self::new(policies, principals.collect())
    }

    fn new(policies: PolicySet, principals: Vec<Entity>) -> Self {
        let resources = (0..world::ENTITIES).map(|index| {
            let parents = world::parent(index).into_iter().map(resource);
            Entity::new_no_attrs(resource(index), parents.collect())
        });
        let actions = Action::all().map(|action| {
            let roles = action.roles().map(|role| uid("Action", &world::role(role)));
            Entity::new_no_attrs(uid("Action", &action.name()), roles.collect())
        });
        let entities = principals.into_iter().chain(resources).chain(actions);
        let entities = Entities::from_entities(entities, None).unwrap();
        Self { policies, entities, authorizer: Authorizer::new() }
    }
}

impl Engine for Cedar {
    type Asked = Request;

    fn ask(question: &Question) -> Request {
        Request::new(
            uid("User", &question.principal()),
            uid("Action", &question.action.name()),
            resource(question.entity),
            Context::empty(),
            None,
        )
        .unwrap()
    }

    fn allows(&mut self, asked: &Request) -> bool {
        let answer = self.authorizer.is_authorized(asked, &self.policies, &self.entities);
        answer.decision() == Decision::Allow
    }
}

/// A role's types, as the beginning of a condition.
fn governs(role: usize) -> String {
    let scope = world::scope(role);
    let any: Vec<String> = scope.iter().map(|kind| format!("resource is {kind}")).collect();
    if any.is_empty() { String::new() } else { format!("({}) && ", any.join(" || ")) }
}

fn resource(index: usize) -> EntityUid {
    uid(world::kind(index), &world::entity(index))
}

fn uid(kind: &str, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(EntityTypeName::from_str(kind).unwrap(), EntityId::new(id))
}
