//! What it adds to a request that its caller has to be known, to be granted it, and to stay within limits: the same
//! requests to the same handlers of one process, by its owner and by who has a token, side by side.
//!
//! Run with `cargo bench -p tests --profile local --bench admission`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement that cannot go on ends, and what it measured is printed"
)]

use std::time::{Duration, Instant};

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use tests::World;
use tests::tokens::{TENANT, claims, pairs};

/// Requests of each kind, after a tenth of them that do not count.
const REQUESTS: usize = 10_000;

/// Limits that nobody meets.
const WIDE: &str = r#"{"default": {"burst": 100000000, "minute": 100000000, "hour": 100000000}}"#;

/// A world with an entity, where a token's principal may do everything.
async fn world(limits: &str) -> World {
    let world = World::admitting(limits);
    world.permit_everyone(TENANT).await;
    let owner = world.for_the_owner().tenant(TENANT);
    let body = json!({"id": "acme", "name": "Acme", "type": "issuer"});
    owner.post("/api/v1/entities", body).await.expect(201);
    world
}

fn request(asked: &(&str, &str, Value), token: Option<&str>) -> Request<Body> {
    let (_, path, body) = asked;
    let request = match body {
        Value::Null => Request::get(*path),
        _ => Request::post(*path).header("content-type", "application/json"),
    };
    let request = match token {
        Some(token) => request.header("authorization", format!("Bearer {token}")),
        None => request.header("x-tenant-id", TENANT),
    };
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    request.body(body).unwrap()
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (free, limited) = runtime.block_on(async { (world("off").await, world(WIDE).await) });
    let token = pairs().ecdsa.token(&claims(free.clock().now().as_seconds()));
    let open = free.for_the_owner();
    let callers = [
        ("nothing: the owner calls", &open, None),
        ("an ES256 token and its grants", &free, Some(token.as_str())),
        ("the same, and limits", &limited, Some(token.as_str())),
    ];
    let may = json!({"user_id": "alice", "action": "document:read", "resource_id": "acme"});
    println!("| request | looked at | p50 | p99 | added at p50 |");
    println!("|---|---|--:|--:|--:|");
    for asked in [
        ("read an entity", "/api/v1/entities/acme", Value::Null),
        ("ask for a decision", "/api/v1/authorize", may),
    ] {
        let mut took = [const { Vec::<Duration>::new() }; 3];
        for _ in 0..REQUESTS + REQUESTS / 10 {
            // In turn, so that whatever else the machine does meets all alike.
            for ((_, world, token), took) in callers.iter().zip(&mut took) {
                let request = request(&asked, *token);
                let begun = Instant::now();
                let answer = runtime.block_on(world.system.call(request));
                took.push(begun.elapsed());
                assert_eq!(answer.status(), 200);
            }
        }
        let mut bare = Duration::ZERO;
        for ((name, ..), took) in callers.iter().zip(&mut took) {
            took.drain(..REQUESTS / 10);
            took.sort_unstable();
            let (half, most) = (took[REQUESTS / 2], took[REQUESTS * 99 / 100]);
            if bare.is_zero() {
                bare = half;
            }
            let added = half.saturating_sub(bare);
            println!("| {} | {name} | {half:.1?} | {most:.1?} | {added:.1?} |", asked.0);
        }
    }
}
