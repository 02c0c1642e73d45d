//! A principal of the design's size: a hierarchy 10 deep, 100 roles, each held somewhere on the target's line.

use std::sync::Arc;

use domain::assignment::{Assigned, Assignment};
use domain::condition::Condition;
use domain::decision::{Question, Subject, Target};
use domain::document::Document;
use domain::entity_type::TypeName;
use domain::grants::{Gives, Grant, Grants};
use domain::id::{AssignmentId, EntityId, PrincipalId, RoleId, TenantId};
use domain::permission::{Action, Entry, Permissions};
use domain::principal::{Principal, PrincipalType};
use domain::role::{Role, RoleDraft};
use domain::text::RoleName;
use domain::time::Timestamp;
use serde_json::json;

pub(crate) const DEPTH: usize = 10;
pub(crate) const ROLES: usize = 100;
const PERMISSIONS_PER_ROLE: usize = 20;
/// The action that is held by itself, on the target.
pub(crate) const DIRECT: &str = "doc:direct";

/// What a decision is asked of.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) grants: Grants,
    line: Vec<EntityId>,
    attributes: Document,
    now: Timestamp,
}

fn entity(name: &str, index: usize) -> EntityId {
    EntityId::parse(&format!("{name}-{index:08}")).unwrap()
}

/// Role `n` alone grants `doc:act-n`; on a condition, if there is one.
fn role(index: usize, condition: Option<&Condition>, at: Timestamp) -> Arc<Role> {
    let shared = (1..PERMISSIONS_PER_ROLE).map(|n| format!("doc:shared-{n:03}"));
    let entries = shared.chain([format!("doc:act-{index:03}")]).map(|action| Entry {
        action: Action::parse(&action).unwrap(),
        condition: condition.cloned(),
    });
    let draft = RoleDraft {
        id: RoleId::parse(&format!("role-{index}")).unwrap(),
        name: RoleName::parse(&format!("Role {index}")).unwrap(),
        description: None,
        permissions: Permissions::of(entries.collect()).unwrap(),
        scope_types: ["offering", "spv"].map(|kind| TypeName::parse(kind).unwrap()).into(),
    };
    Arc::new(Role::create(TenantId::parse("bench").unwrap(), draft, at).after)
}

impl World {
    /// A principal with so many assignments: the first hundred on the target's line, the others elsewhere;
    /// and one permission by itself.
    pub(crate) fn new(assignments: usize, condition: Option<&str>) -> Self {
        let at = Timestamp::from_microseconds(1_000_000).unwrap();
        let line: Vec<EntityId> = (0..DEPTH).map(|level| entity("entity", level)).collect();
        let condition = condition.map(|condition| Condition::parse(condition).unwrap());
        let roles: Vec<_> = (0..ROLES).map(|index| role(index, condition.as_ref(), at)).collect();
        let alice =
            Principal { kind: PrincipalType::user(), id: PrincipalId::parse("alice").unwrap() };
        let grant = |index: usize| {
            let role = roles[index % ROLES].clone();
            let on =
                if index < ROLES { line[index % DEPTH].clone() } else { entity("other", index) };
            Grant {
                assignment: Assignment {
                    id: AssignmentId::parse(&format!("assignment-{index}")).unwrap(),
                    tenant_id: role.tenant_id.clone(),
                    principal: alice.clone(),
                    what: Assigned::Role(role.id.clone()),
                    entity_id: Some(on),
                    effective_at: at,
                    expires_at: None,
                    condition: None,
                    reason: None,
                    created_at: at,
                    updated_at: at,
                },
                gives: Gives::Role(role),
                groups: Arc::from([]),
            }
        };
        let directly = || {
            let gives = Gives::Permission(Action::parse(DIRECT).unwrap());
            let held = grant(0);
            let assignment = Assignment { what: gives.named(), ..held.assignment };
            Grant { assignment, gives, ..held }
        };
        let grants = (0..assignments).map(grant).chain([directly()]).collect();
        let attributes = json!({"owner": "alice", "tags": ["draft", "internal"], "amount": 40});
        Self {
            grants: Grants::new(grants, true, None),
            line,
            attributes: Document::from_value(&attributes).unwrap(),
            now: at,
        }
    }

    /// Whether alice may do something to the lowest entity of the line.
    pub(crate) fn question<'a>(&'a self, action: &'a Action) -> Question<'a> {
        let (target, ancestors) = self.line.split_first().unwrap();
        Question {
            subject: Subject { kind: "user", id: "alice", sent: None },
            action,
            action_properties: None,
            target: Target {
                kind: "offering",
                id: target.as_str(),
                ancestors,
                stored: Some(&self.attributes),
                sent: None,
            },
            context: None,
            now: self.now,
        }
    }
}
