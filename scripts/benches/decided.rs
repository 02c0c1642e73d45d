//! Our decision in process, in the world of `benches/peers`: by itself, and after the store has confirmed what it
//! remembers.
//!
//! `scripts/peers.sh` builds and runs this. It stands here and not beside the peers so that it is built as it ships:
//! what they switch on in crates that both use would change it. One world and one form by itself:
//! `cargo bench -p epr --profile local --bench decided -- engine validated 10000 10`.
#![expect(
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench that cannot be set up ends, and prints what it found"
)]

#[path = "../../benches/peers/src/contest.rs"]
mod contest;
#[path = "../../benches/peers/src/measure.rs"]
mod measure;
#[path = "../../benches/peers/src/tell.rs"]
mod tell;
#[path = "../../benches/peers/src/world.rs"]
#[expect(dead_code, reason = "some of it is told to peers only")]
mod world;

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::Arc;

use axum::body::Body;
use domain::assignment::{Assigned, Assignment};
use domain::decision::{Question as Asking, Subject, Target, decide};
use domain::document::Document;
use domain::entity_type::TypeName;
use domain::grants::{Gives, Grant, Grants};
use domain::id::{AssignmentId, EntityId, PrincipalId, RoleId, TenantId};
use domain::permission::{Action, Permissions};
use domain::principal::{Principal, PrincipalType};
use domain::role::{Role, RoleDraft};
use domain::text::RoleName;
use domain::time::{Clock, Timestamp};
use http::Request;
use local::system::{Surroundings, System};
use serde_json::Value;
use store::{Attributes, Store, Wanted};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::contest::{Engine, answer, contest};
use crate::world::{Held, Question, World};

fn main() -> ExitCode {
    // Cargo says `--bench` as well.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ["engine", key, assignments, seconds] = arguments[..] else {
        eprintln!("usage: engine decision|decision-one|validated ASSIGNMENTS SECONDS");
        return ExitCode::from(2);
    };
    answer(key, assignments, seconds, |key, world, spending| match key {
        "decision" => contest(world, spending, |_| Decision::of(world)),
        "decision-one" => contest(one(world), spending, |_| Decision::of(world)),
        "validated" => contest(world, spending, |_| Validated::of(world)),
        _ => Err(format!("there is no form `{key}`")),
    })
}

/// The same world, asked about one of its principals: what is left is what the others' presence costs.
fn one(world: World) -> World {
    World { asked_about: 1, ..world }
}

/// A question as both forms take it: what a handler has read from a request.
struct Asked {
    principal: Principal,
    action: Action,
    resource: EntityId,
}

impl Asked {
    fn of(question: &Question) -> Self {
        Self {
            principal: principal(&question.principal()),
            action: action(question.action),
            resource: entity(question.entity),
        }
    }

    fn in_place<'a>(&'a self, target: Target<'a>, now: Timestamp) -> Asking<'a> {
        Asking {
            subject: Subject { kind: "user", id: self.principal.id.as_str(), sent: None },
            action: &self.action,
            action_properties: None,
            target,
            context: None,
            now,
        }
    }
}

/// The domain alone: every principal's grants and every entity's line in a map.
struct Decision {
    grants: HashMap<Principal, Grants>,
    lines: HashMap<EntityId, (&'static str, Vec<EntityId>)>,
    nothing: Grants,
    attributes: Document,
    now: Timestamp,
}

impl Decision {
    fn of(world: World) -> Self {
        let now = Clock::system().now();
        let roles: Vec<Arc<Role>> = (0..world::ROLES).map(|index| role(index, now)).collect();
        let grants = world.principals().map(|index| {
            let grants = World::held_by(index).map(|held| grant(held, &roles[held.role], now));
            let grants = Grants::new(grants.collect(), true, None);
            (principal(&world::principal(index)), grants)
        });
        let lines = (0..world::ENTITIES).map(|index| {
            let above = world::line(index).skip(1).map(entity);
            (entity(index), (world::kind(index), above.collect()))
        });
        Self {
            grants: grants.collect(),
            lines: lines.collect(),
            nothing: Grants::default(),
            attributes: Document::default(),
            now,
        }
    }
}

impl Engine for Decision {
    type Asked = Asked;

    fn ask(question: &Question) -> Asked {
        Asked::of(question)
    }

    fn allows(&mut self, asked: &Asked) -> bool {
        let (kind, ancestors) = &self.lines[&asked.resource];
        let stored = Some(&self.attributes);
        let target = Target { kind, id: asked.resource.as_str(), ancestors, stored, sent: None };
        let grants = self.grants.get(&asked.principal).unwrap_or(&self.nothing);
        decide(grants, &asked.in_place(target, self.now)).is_allowed()
    }
}

/// What `epr local` does between reading a request and writing its answer: the epochs are read, what is
/// remembered is confirmed by them, and the decision is made.
struct Validated {
    runtime: Runtime,
    store: Store,
    clock: Clock,
    tenant: TenantId,
    _folder: TempDir,
}

impl Validated {
    fn of(world: World) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let system = System::open(folder.path(), Surroundings::default()).unwrap();
        let post = |path: &str, body: &Value| {
            let request = Request::post(path).header("content-type", "application/json");
            let answer = system.call(request.body(Body::from(body.to_string())).unwrap());
            let status = runtime.block_on(answer).status();
            assert!(status.is_success(), "{path} {body}: {status}");
        };
        tell::tell(world, post);
        let store = system.app("authorize").unwrap().store.clone();
        let tenant = TenantId::parse("default").unwrap();
        Self { runtime, store, clock: Clock::system(), tenant, _folder: folder }
    }
}

impl Engine for Validated {
    type Asked = Asked;

    fn ask(question: &Question) -> Asked {
        Asked::of(question)
    }

    fn allows(&mut self, asked: &Asked) -> bool {
        let wanted = Wanted::fresh(
            &self.tenant,
            std::slice::from_ref(&asked.principal),
            std::slice::from_ref(&asked.resource),
            Attributes::For(std::slice::from_ref(&asked.action)),
        );
        let inputs = self.runtime.block_on(self.store.inputs_read(wanted)).unwrap();
        let grants = inputs.grants(&asked.principal).unwrap();
        let target = inputs.resource(asked.resource.as_str()).unwrap().target();
        decide(grants, &asked.in_place(target, self.clock.now())).is_allowed()
    }
}

fn tenant() -> TenantId {
    TenantId::parse("default").unwrap()
}

fn principal(id: &str) -> Principal {
    Principal { kind: PrincipalType::user(), id: PrincipalId::parse(id).unwrap() }
}

fn entity(index: usize) -> EntityId {
    EntityId::parse(&world::entity(index)).unwrap()
}

fn action(action: world::Action) -> Action {
    Action::parse(&action.name()).unwrap()
}

fn role(index: usize, at: Timestamp) -> Arc<Role> {
    let name = world::role(index);
    let draft = RoleDraft {
        id: RoleId::parse(&name).unwrap(),
        name: RoleName::parse(&name).unwrap(),
        description: None,
        permissions: Permissions::exact(world::Action::of(index).map(action).into()),
        scope_types: world::scope(index)
            .iter()
            .map(|kind| TypeName::parse(kind).unwrap())
            .collect(),
    };
    Arc::new(Role::create(tenant(), draft, at).after)
}

fn grant(held: Held, role: &Arc<Role>, at: Timestamp) -> Grant {
    let id = format!("{}-{}", held.principal, held.role);
    let assignment = Assignment {
        id: AssignmentId::parse(&id).unwrap(),
        tenant_id: role.tenant_id.clone(),
        principal: principal(&world::principal(held.principal)),
        what: Assigned::Role(role.id.clone()),
        entity_id: Some(entity(held.entity)),
        effective_at: at,
        expires_at: None,
        condition: None,
        reason: None,
        created_at: at,
        updated_at: at,
    };
    Grant { assignment, gives: Gives::Role(role.clone()), groups: Arc::from([]) }
}
