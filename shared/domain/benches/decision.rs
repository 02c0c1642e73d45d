//! The pure decision at the design's size: a hierarchy 10 deep, 100 roles, an assignment of each.
//!
//! Run with `cargo bench -p domain`. The worst case is timed beside the best: the assignment that allows
//! stands last of 100, or there is none.
#![expect(
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that cannot be set up ends; its entry point is a macro's"
)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use domain::assignment::Assignment;
use domain::decision::{Decision, Question, Subject, Target, decide};
use domain::entity_type::TypeName;
use domain::grants::{Grant, Grants};
use domain::id::{AssignmentId, EntityId, PrincipalId, RoleId, TenantId};
use domain::permission::{Action, Permissions};
use domain::principal::{Principal, PrincipalType};
use domain::role::{Role, RoleDraft};
use domain::text::RoleName;
use domain::time::Timestamp;

const DEPTH: usize = 10;
const ROLES: usize = 100;
const PERMISSIONS_PER_ROLE: usize = 20;

fn id(name: &str, index: usize) -> EntityId {
    EntityId::parse(&format!("{name}-{index:08}")).unwrap()
}

/// A hundred roles, each assigned somewhere on the target's line; role `n` alone grants `doc:act-n`.
fn world(at: Timestamp) -> (Vec<Role>, Vec<Assignment>, Vec<EntityId>) {
    let tenant = TenantId::parse("bench").unwrap();
    let line: Vec<EntityId> = (0..DEPTH).map(|level| id("entity", level)).collect();
    let roles: Vec<Role> = (0..ROLES)
        .map(|index| {
            let shared = (1..PERMISSIONS_PER_ROLE).map(|n| format!("doc:shared-{n:03}"));
            let own = std::iter::once(format!("doc:act-{index:03}"));
            let draft = RoleDraft {
                id: RoleId::parse(&format!("role-{index}")).unwrap(),
                name: RoleName::parse(&format!("Role {index}")).unwrap(),
                description: None,
                permissions: Permissions::exact(
                    shared.chain(own).map(|action| Action::parse(&action).unwrap()).collect(),
                ),
                scope_types: vec![
                    TypeName::parse("offering").unwrap(),
                    TypeName::parse("spv").unwrap(),
                ],
            };
            Role::create(tenant.clone(), draft, at).after
        })
        .collect();
    let assignments = roles
        .iter()
        .enumerate()
        .map(|(index, role)| Assignment {
            id: AssignmentId::parse(&format!("assignment-{index}")).unwrap(),
            tenant_id: tenant.clone(),
            principal: Principal {
                kind: PrincipalType::user(),
                id: PrincipalId::parse("alice").unwrap(),
            },
            role_id: role.id.clone(),
            entity_id: line.get(index % DEPTH).cloned(),
            effective_at: at,
            expires_at: None,
            condition: None,
            created_at: at,
            updated_at: at,
        })
        .collect();
    (roles, assignments, line)
}

fn decisions(criterion: &mut Criterion) {
    let now = Timestamp::from_microseconds(1_000_000).unwrap();
    let (roles, assignments, line) = world(now);
    let grants = assignments.into_iter().zip(roles).map(|(assignment, role)| Grant {
        assignment,
        role: Arc::new(role),
        groups: Arc::from([]),
    });
    let grants = Grants::new(grants.collect(), true, None);
    let (target, ancestors) = line.split_first().unwrap();
    let target =
        Target { kind: "offering", id: target.as_str(), ancestors, stored: None, sent: None };
    fn ask<'a>(action: &'a Action, target: Target<'a>, now: Timestamp) -> Question<'a> {
        let subject = Subject { kind: "user", id: "alice", sent: None };
        Question { subject, action, action_properties: None, target, context: None, now }
    }

    let mut group = criterion.benchmark_group("decision, 10 deep, 100 roles");
    for (name, action) in [
        ("allowed by the first", "doc:act-000"),
        ("allowed by the last", "doc:act-099"),
        ("denied", "doc:none"),
    ] {
        let action = Action::parse(action).unwrap();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                decide(black_box(&grants), black_box(&ask(&action, target, now))).is_allowed()
            });
        });
    }
    let action = Action::parse("doc:act-099").unwrap();
    group.bench_function("allowed by the last, explained", |bencher| {
        bencher.iter(|| match decide(black_box(&grants), black_box(&ask(&action, target, now))) {
            Decision::Allow { by, permission, steps, .. } => {
                black_box((by.assignment.id.as_str(), permission, steps)).2.is_some()
            }
            Decision::Deny { .. } => false,
        });
    });
    group.finish();
}

criterion_group!(benches, decisions);
criterion_main!(benches);
