//! The pure decision at the design's size: a hierarchy 10 deep, 100 roles, an assignment of each.
//!
//! Run with `cargo bench -p domain --bench decision`. The worst case is timed beside the best: the assignment
//! that allows stands last of 100, or there is none. Then the same for a principal that holds 100, 10,000 and
//! 100,000 assignments, explained beside bare, and on conditions beside without. At the end the 50th and the
//! 99th percentile of single decisions are printed.
#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that cannot be set up ends; it prints; its entry point is a macro's"
)]

#[path = "decision/world.rs"]
mod world;

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use domain::decision::{Decision, decide};
use domain::permission::Action;
use world::{DEPTH, ROLES, World};

/// Allowed by the first assignment looked at, by the last, and by none.
const CASES: [(&str, &str); 3] = [
    ("allowed by the first", "doc:act-000"),
    ("allowed by the last", "doc:act-099"),
    ("denied", "doc:none"),
];

const OWNER: &str = "resource.properties.owner == subject.id";

const LONGER: &str = "resource.properties.tags.exists(tag, tag == 'internal') \
     && resource.properties.amount < 100 && subject.type == 'user' && now < timestamp('2030-01-01T00:00:00Z')";

fn allows(world: &World, action: &Action) -> bool {
    decide(black_box(&world.grants), black_box(&world.question(action))).is_allowed()
}

/// Looks at all that an explanation tells.
fn explained(world: &World, action: &Action) -> bool {
    match decide(black_box(&world.grants), black_box(&world.question(action))) {
        Decision::Allow { by, permission, steps, conditions } => {
            let told = (
                by.assignment.id.as_str(),
                by.gives.role().map(|role| role.name.as_str()),
                permission,
                steps,
            );
            black_box((told, conditions.permission, conditions.assignment)).0.3.is_some()
        }
        Decision::Deny { reason, nearest, condition } => {
            let nearest = nearest.map(|grant| grant.assignment.id.as_str());
            let unmet = condition.map(|unmet| (unmet.condition.as_str(), unmet.failure));
            black_box((reason.code(), reason.sentence(), nearest, unmet)).2.is_none()
        }
    }
}

fn decisions(criterion: &mut Criterion) {
    assert_eq!((DEPTH, ROLES), (10, 100));
    for assignments in [100, 10_000, 100_000] {
        let world = World::new(assignments, None);
        let mut group = criterion.benchmark_group(format!("{assignments} assignments"));
        for (name, action) in CASES {
            let action = Action::parse(action).unwrap();
            group.bench_function(name, |bencher| bencher.iter(|| allows(&world, &action)));
        }
        group.finish();
    }
    let bare = World::new(100, None);
    let mut group = criterion.benchmark_group("explained");
    for (name, action) in CASES {
        let action = Action::parse(action).unwrap();
        group.bench_function(name, |bencher| bencher.iter(|| explained(&bare, &action)));
    }
    group.finish();
    for (length, condition) in [("short", OWNER), ("longer", LONGER)] {
        let world = World::new(100, Some(condition));
        let mut group = criterion.benchmark_group(format!("on a {length} condition"));
        for (name, action) in CASES {
            let action = Action::parse(action).unwrap();
            group.bench_function(name, |bencher| bencher.iter(|| allows(&world, &action)));
        }
        // Every grant on the line has it, and the last is the hundredth to be worked out.
        let shared = Action::parse("doc:shared-001").unwrap();
        group.bench_function("allowed by the first of 100", |bencher| {
            bencher.iter(|| allows(&world, &shared));
        });
        group.finish();
    }
    let world = World::new(100, Some("resource.properties.owner == 'bob'"));
    let shared = Action::parse("doc:shared-001").unwrap();
    criterion.bench_function("100 conditions, all false", |bencher| {
        bencher.iter(|| allows(&world, &shared));
    });
    criterion.bench_function("a condition is read", |bencher| {
        bencher.iter(|| domain::condition::Condition::parse(black_box(LONGER)).is_ok());
    });
    percentiles();
}

/// Single decisions, as a caller meets them: a clock around each.
fn percentiles() {
    for (condition, name) in [(None, "bare"), (Some(OWNER), "on a condition")] {
        let world = World::new(10_000, condition);
        for (case, action) in CASES {
            let action = Action::parse(action).unwrap();
            let mut nanoseconds: Vec<u128> = (0..100_000)
                .map(|_| {
                    let begin = Instant::now();
                    black_box(allows(&world, &action));
                    begin.elapsed().as_nanos()
                })
                .collect();
            nanoseconds.sort_unstable();
            let [half, most] = [50_000, 99_000].map(|place| nanoseconds[place]);
            println!("{name}, {case}: p50 {half} ns, p99 {most} ns");
        }
    }
}

criterion_group!(benches, decisions);
criterion_main!(benches);
