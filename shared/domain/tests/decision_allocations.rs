//! A warm decision takes no memory: neither to answer nor to say why, at 10 deep and 100 roles.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers beside the tests fail as tests do"
)]

#[path = "../benches/decision/world.rs"]
mod world;

use std::hint::black_box;

use domain::condition::{Condition, Input};
use domain::decision::{Decision, Denial, decide};
use domain::permission::Action;
use world::{DEPTH, DIRECT, ROLES, World};

/// Allocations of a decision, its explanation looked at.
fn allocations(world: &World, action: &str, expected: Result<(), Denial>) -> u64 {
    let action = Action::parse(action).unwrap();
    let question = world.question(&action);
    allocation_counter::measure(|| {
        let reads = world.grants.reads_resource(&action);
        let answer = match black_box(decide(&world.grants, &question)) {
            Decision::Allow { by, permission, steps, conditions } => {
                let condition = conditions.permission.map(Condition::as_str);
                black_box((by.assignment.id.as_str(), permission, steps, condition));
                Ok(())
            }
            Decision::Deny { reason, nearest, condition } => {
                let unmet = condition.and_then(|unmet| unmet.failure);
                black_box((reason.sentence(), nearest.map(|grant| &grant.gives), unmet));
                Err(reason)
            }
        };
        assert_eq!(answer, expected);
        black_box(reads);
    })
    .count_total
}

#[test]
fn the_counter_counts() {
    let counted = allocation_counter::measure(|| drop(black_box(Box::new(1))));
    assert_eq!(counted.count_total, 1);
}

#[test]
fn an_unconditional_decision_takes_no_memory_allowed_or_denied() {
    let world = World::new(1_000, None);
    assert_eq!((DEPTH, ROLES), (10, 100));
    assert_eq!(allocations(&world, "doc:act-000", Ok(())), 0);
    assert_eq!(allocations(&world, "doc:act-099", Ok(())), 0);
    assert_eq!(allocations(&world, DIRECT, Ok(())), 0);
    assert_eq!(allocations(&world, "doc:none", Err(Denial::ActionNotGranted)), 0);
}

#[test]
fn a_condition_takes_no_memory_to_look_at_documents() {
    for (condition, expected) in [
        ("resource.properties.owner == subject.id", Ok(())),
        ("resource.properties.tags.exists(tag, tag == 'internal') && now > timestamp(0)", Ok(())),
        ("resource.properties.amount in [10, 20, 40] && subject.id.startsWith('al')", Ok(())),
        ("has(resource.properties.none)", Err(Denial::ConditionFalse)),
        ("resource.properties.none == 1", Err(Denial::ConditionError)),
    ] {
        let world = World::new(100, Some(condition));
        let action = Action::parse("doc:act-099").unwrap();
        assert!(!world.grants.inputs(&action).contains(Input::Context));
        assert_eq!(allocations(&world, "doc:act-099", expected), 0, "{condition}");
    }
}

#[test]
fn a_condition_takes_memory_for_what_it_makes_and_no_more() {
    for (condition, most) in [
        ("subject.type + ':' + subject.id == 'user:alice'", 4),
        ("resource.properties.tags.map(tag, tag.size()) == [5, 8]", 3),
    ] {
        let world = World::new(100, Some(condition));
        let taken = allocations(&world, "doc:act-099", Ok(()));
        assert!((1..=most).contains(&taken), "{condition}: {taken}");
    }
}
