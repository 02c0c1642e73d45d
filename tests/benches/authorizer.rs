//! How long the authorizer takes to say who calls, the keys of issuers being known: for each algorithm, and for API
//! keys, which it looks up in the embedded engine; from the request of API Gateway to the answer to it.
//!
//! Run with `cargo bench -p tests --profile local --bench authorizer`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement that cannot go on ends, and what it measured is printed"
)]

use std::time::{Duration, Instant};

use authorizer::{Authorizer, Request};
use domain::time::Clock;
use serde_json::json;
use tests::World;
use tests::tokens::{ISSUER_BY_SECRET, Keys, Places, claims_with, issuers, pairs};

/// Requests of each kind, after a tenth of them that do not count.
const REQUESTS: usize = 10_000;

/// What half of the requests must keep to.
const TARGET: Duration = Duration::from_micros(200);

fn main() {
    let clock = Clock::system();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = World::in_one_process();
    let store = world.system.app("authorizer").unwrap().store.clone();
    let authorizer = Authorizer::new(issuers(), &Places::new().fetch(), clock.clone());
    let authorizer = authorizer.with_store(store);
    let created = world.default_tenant();
    let created = runtime.block_on(created.post("/api/v1/api-keys", json!({"name": "Measured"})));
    let key = created.expect(201)["key"].as_str().unwrap().to_owned();
    let of = |keys: &Keys, iss: Option<&str>| {
        let others = iss.map_or_else(|| json!({}), |iss| json!({ "iss": iss }));
        let token = keys.token(&claims_with(clock.now().as_seconds(), &others));
        Request { headers: [("authorization".to_owned(), format!("Bearer {token}"))].into() }
    };
    let pairs = pairs();
    println!("| a token signed with | p50 | p99 |");
    println!("|---|--:|--:|");
    for (name, request) in [
        ("ES256", of(&pairs.ecdsa, None)),
        ("RS256 (2048 bits)", of(&pairs.rsa, None)),
        ("EdDSA", of(&pairs.eddsa, None)),
        ("HS256", of(&pairs.secret, Some(ISSUER_BY_SECRET))),
        ("ES256, by another key", of(&pairs.forged[1], None)),
        ("(an API key)", Request { headers: [("x-api-key".to_owned(), key)].into() }),
    ] {
        let mut took: Vec<Duration> = (0..REQUESTS + REQUESTS / 10)
            .map(|_| {
                let request = request.clone();
                let begun = Instant::now();
                let verdict = runtime.block_on(authorizer::handle(&authorizer, request)).unwrap();
                let took = begun.elapsed();
                let is_known = verdict.context.contains_key("principal_id");
                assert_eq!(is_known, !name.ends_with("another key"), "{name}: {verdict:?}");
                took
            })
            .skip(REQUESTS / 10)
            .collect();
        took.sort_unstable();
        let (half, most) = (took[REQUESTS / 2], took[REQUESTS * 99 / 100]);
        println!("| {name} | {half:.1?} | {most:.1?} |");
        // What is built without optimisation says nothing of it.
        assert!(half <= TARGET || cfg!(debug_assertions), "{name}: more than {TARGET:?}");
    }
}
