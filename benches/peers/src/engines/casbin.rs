//! Casbin: a rule per assignment, with the resources' hierarchy, the roles' actions and the types that they govern
//! as relations.
//!
//! It looks at every rule it holds, so there is a second form: what its documentation advises for many rules, to
//! load only those that the subject can need. Each principal that is asked about has an enforcer with its own
//! rules, as loading with a filter would leave it.

use std::collections::HashMap;

use casbin::{CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi};
use tokio::runtime::Runtime;

use crate::contest::Engine;
use crate::world::{self, Action, Held, Question, World};

const MODEL: &str = "
[request_definition]
r = sub, obj, kind, act
[policy_definition]
p = sub, obj, role
[role_definition]
g = _, _
g2 = _, _
g3 = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.sub == p.sub && g2(r.act, p.role) && g3(r.kind, p.role) && g(r.obj, p.obj)
";

pub(super) enum Casbin {
    Whole(Box<Enforcer>),
    Filtered(HashMap<String, Enforcer>),
}

/// A question as its callers send it.
pub(super) struct Asked {
    principal: String,
    resource: String,
    kind: &'static str,
    action: String,
}

impl Casbin {
    pub(super) fn whole(world: World) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self::Whole(Box::new(enforcer(&runtime, world.held())))
    }

    pub(super) fn filtered(questions: &[Question]) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut enforcers = HashMap::new();
        for question in questions {
            let of = || enforcer(&runtime, question.held());
            enforcers.entry(question.principal()).or_insert_with(of);
        }
        Self::Filtered(enforcers)
    }
}

impl Engine for Casbin {
    type Asked = Asked;

    fn ask(question: &Question) -> Asked {
        Asked {
            principal: question.principal(),
            resource: world::entity(question.entity),
            kind: world::kind(question.entity),
            action: question.action.name(),
        }
    }

    fn allows(&mut self, asked: &Asked) -> bool {
        let enforcer = match self {
            Self::Whole(enforcer) => enforcer,
            Self::Filtered(enforcers) => &enforcers[&asked.principal],
        };
        let Asked { principal, resource, kind, action } = asked;
        enforcer.enforce((principal.as_str(), resource.as_str(), *kind, action.as_str())).unwrap()
    }
}

fn enforcer(runtime: &Runtime, held: impl Iterator<Item = Held>) -> Enforcer {
    let pair = |one: String, other: String| vec![one, other];
    let above = (0..world::ENTITIES)
        .filter_map(|index| Some(pair(world::entity(index), world::entity(world::parent(index)?))));
    let grants = Action::all()
        .flat_map(|action| action.roles().map(move |role| pair(action.name(), world::role(role))));
    let governs = world::KINDS.into_iter().flat_map(|kind| {
        let roles = (0..world::ROLES).filter(move |role| world::governs(*role, kind));
        roles.map(move |role| pair(kind.to_owned(), world::role(role)))
    });
    let rules = held.map(|held| {
        vec![world::principal(held.principal), world::entity(held.entity), world::role(held.role)]
    });
    runtime.block_on(async {
        let model = DefaultModel::from_str(MODEL).await.unwrap();
        let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await.unwrap();
        // What is added is not to be written to the adapter, which would hold all of it a second time.
        enforcer.enable_auto_save(false);
        for (relation, pairs) in
            [("g", above.collect()), ("g2", grants.collect::<Vec<_>>()), ("g3", governs.collect())]
        {
            enforcer.add_named_grouping_policies(relation, pairs).await.unwrap();
        }
        let rules: Vec<Vec<String>> = rules.collect();
        if !rules.is_empty() {
            enforcer.add_policies(rules).await.unwrap();
        }
        enforcer
    })
}
