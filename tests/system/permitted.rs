//! What a caller is granted is what it may do: on every route, by the product's own decision, at once and no longer.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use domain::capability::{ADMIN_ACCESS, API};
use serde_json::{Value, json};
use tests::faults::{Call, Fault, Faults};
use tests::tokens::{AUDIENCE, ISSUER, KEYS_URL, Places};
use tests::{Reply, Tenant, World};

use crate::authentication::{bearer, send};
use crate::isolation::OWNER;
use crate::isolation::attempts::{Attempt, Things, attempts};
use crate::permissions::operation_of;
use crate::samples::samples;
use crate::tables::{assert_same, tables};
use crate::tour::{ENTITIES, operations};

const CAPABILITIES: &str = "/api/v1/capabilities/users";
const OPERATORS: &str = "system:tenants";

/// A world that wants tokens and has granted nobody anything; and its owner's way to a tenant that has something of
/// everything.
pub(crate) async fn ungranted(faults: &Faults) -> (World, Tenant) {
    let issuer = json!([{
        "issuer": ISSUER, "audience": [AUDIENCE], "algorithms": ["ES256"], "jwks_url": KEYS_URL,
        "cross_tenant": true,
    }]);
    let issuers = ::authorizer::Issuer::parse_list(&issuer.to_string()).unwrap();
    let world = World::trusting_by(faults, issuers, &Places::new());
    let owner = world.for_the_owner().tenant(OWNER);
    samples(&owner).await;
    world.record(OWNER, (0..3).map(tests::checkpoints::happening)).await;
    world.sign(OWNER).await;
    (world, owner)
}

/// Gives a user a permission by itself.
async fn grant(owner: &Tenant, user: &str, permission: &str, on: Option<&str>) -> Reply {
    let body = json!({"capability_code": permission, "entity_id": on});
    owner.post(&format!("{CAPABILITIES}/{user}/grant"), body).await
}

/// A user of the owner's tenant.
fn caller(world: &World, user: &str) -> Tenant {
    world.tenant(OWNER).with("authorization", &bearer(&json!({"sub": user})))
}

/// A user of no tenant, who names one.
fn operator(world: &World, user: &str, tenant: &str) -> Tenant {
    let token = bearer(&json!({"sub": user, "tenant_id": null}));
    world.tenant(tenant).with("authorization", &token)
}

#[track_caller]
fn expect_forbidden(reply: &Reply, path: &str, permission: &str) {
    assert_eq!(reply.status, 403, "{path}: {}", reply.text);
    if path.contains("/access/v1/") {
        assert!(reply.text.contains(permission), "{path}: {}", reply.text);
    } else {
        assert_eq!(reply.expect_problem(403, "forbidden")["permission"], permission, "{path}");
    }
}

/// Asks as a user of the owner's tenant.
async fn ask(world: &World, attempt: &Attempt, user: &str) -> Reply {
    let token = bearer(&json!({"sub": user}));
    let headers = [("authorization", token.as_str()), ("idempotency-key", "one")];
    send(world, attempt, &headers).await
}

#[tokio::test]
async fn who_is_granted_nothing_or_all_but_one_is_refused_with_its_name_and_nothing_is_done() {
    let (world, owner) = ungranted(&Faults::none()).await;
    // Whether things of these names exist is not told either.
    let (theirs, nobodys) = (Things::of_owner(), Things::of_nobody());
    for one in API {
        let others = API.iter().filter(|other| *other != one).map(|other| other.action);
        let body = json!({"id": one.action, "name": format!("All but {}", one.action), "permissions": others.collect::<Vec<_>>()});
        owner.post("/api/v1/roles", body).await.expect(201);
        owner.assign(&format!("not:{}", one.action), one.action, None).await;
    }
    let (operations, before) = (operations(), tables(&world).await);
    for attempt in attempts(&theirs).iter().chain(&attempts(&nobodys)) {
        let Some(needs) = operation_of(&operations, attempt).needs else { continue };
        for user in ["nobody", &format!("not:{}", needs.action)] {
            let reply = ask(&world, attempt, user).await;
            expect_forbidden(&reply, &attempt.1, needs.action);
        }
    }
    assert_same(&before, &tables(&world).await, "what is stored");
}

#[tokio::test]
async fn one_grant_is_enough_for_what_needs_it() {
    let (world, owner) = ungranted(&Faults::none()).await;
    for one in API {
        grant(&owner, &format!("only:{}", one.action), one.action, None).await.expect(201);
    }
    let operations = operations();
    for attempt in attempts(&Things::of_owner()) {
        let Some(needs) = operation_of(&operations, &attempt).needs else { continue };
        let reply = ask(&world, &attempt, &format!("only:{}", needs.action)).await;
        if needs == ADMIN_ACCESS {
            // It is not a tenant's to grant.
            expect_forbidden(&reply, &attempt.1, ADMIN_ACCESS.action);
        } else {
            let is_let_in = ![401, 403].contains(&reply.status);
            assert!(is_let_in, "{}: {}", attempt.1, reply.text);
        }
    }
}

#[tokio::test]
async fn a_grant_counts_at_once_and_ends_with_its_revocation_and_its_time() {
    let (world, owner) = ungranted(&Faults::none()).await;
    let alice = caller(&world, "alice");
    for _ in 0..3 {
        alice.get(ENTITIES).await.expect_problem(403, "forbidden");
        grant(&owner, "alice", "entity:read", None).await.expect(201);
        alice.get(ENTITIES).await.expect(200);
        let body = json!({"capability_code": "entity:read"});
        owner.post(&format!("{CAPABILITIES}/alice/revoke"), body).await.expect(200);
    }
    let body = json!({"capability_code": "entity:read", "expires_at": world.in_seconds(60)});
    owner.post(&format!("{CAPABILITIES}/alice/grant"), body).await.expect(201);
    alice.get(ENTITIES).await.expect(200);
    world.pass_seconds(60);
    alice.get(ENTITIES).await.expect_problem(403, "forbidden");
    // By a role, through a group; and until the role says otherwise.
    let readers = owner.role("Readers of all", &["entity:read"], &[]).await;
    owner.assign_to("group:staff", &readers, json!({})).await.expect(201);
    owner.join("staff", "user:alice").await.expect(201);
    alice.get(ENTITIES).await.expect(200);
    let patch = json!({"permissions": ["role:read"]});
    owner.patch(&format!("/api/v1/roles/{readers}"), patch).await.expect(200);
    alice.get(ENTITIES).await.expect_problem(403, "forbidden");
    alice.get("/api/v1/roles").await.expect(200);
    owner.leave("staff", "user:alice").await.expect(200);
    alice.get("/api/v1/roles").await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn a_grant_on_an_entity_is_good_for_it_and_what_is_below_and_for_nothing_else() {
    let (world, owner) = ungranted(&Faults::none()).await;
    let mine = owner.entity("Mine", "issuer", None).await;
    let below = owner.entity("Below", "spv", Some(&mine)).await;
    let other = owner.entity("Other", "issuer", None).await;
    let editors = owner.role("Editors", &["entity:update", "entity:read"], &[]).await;
    let readers = owner.role("Readers of SPVs", &["entity:read"], &["spv"]).await;
    owner.assign("alice", &editors, Some(&mine)).await;
    owner.assign("bob", &readers, None).await;
    let alice = caller(&world, "alice");
    let at = |entity: &str| format!("{ENTITIES}/{entity}");
    for entity in [&mine, &below] {
        alice.get(&at(entity)).await.expect(200);
    }
    alice.patch(&at(&below), json!({"name": "Renamed"})).await.expect(200);
    // Of what does not exist she is told no more than of what is elsewhere.
    for entity in [&other, "nowhere", "%20"] {
        alice.get(&at(entity)).await.expect_problem(403, "forbidden");
    }
    alice.get(ENTITIES).await.expect_problem(403, "forbidden");
    alice.post_empty(&format!("{}/archive", at(&below))).await.expect_problem(403, "forbidden");
    // A role for a type is good for entities of that type, and a list has others.
    let bob = caller(&world, "bob");
    bob.get(&at(&below)).await.expect(200);
    for path in [&at(&mine), ENTITIES] {
        bob.get(path).await.expect_problem(403, "forbidden");
    }
    owner.move_under(&below, Some(&other)).await.expect(200);
    alice.get(&at(&below)).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn an_operator_needs_admin_access_and_the_permission_where_operators_are_granted_theirs() {
    let (world, owner) = ungranted(&Faults::none()).await;
    let registry = world.for_the_owner().tenant(OPERATORS);
    let olga = operator(&world, "olga", OWNER);
    let refused = async |permission: &str| {
        let reply = olga.get(ENTITIES).await;
        assert_eq!(reply.expect_problem(403, "forbidden")["permission"], permission);
    };
    refused("admin:access").await;
    // What the tenant grants someone of this name is for its own.
    for permission in ["admin:access", "entity:read"] {
        grant(&owner, "olga", permission, None).await.expect(201);
    }
    refused("admin:access").await;
    grant(&registry, "olga", "admin:access", None).await.expect(201);
    refused("entity:read").await;
    grant(&registry, "olga", "entity:read", None).await.expect(201);
    assert_eq!(
        world.audits("admin.access").await,
        Vec::<Value>::new(),
        "as long as she was refused"
    );
    olga.get(ENTITIES).await.expect(200);
    olga.post(ENTITIES, json!({"name": "A", "type": "issuer"}))
        .await
        .expect_problem(403, "forbidden");
    operator(&world, "olga", "default").get("/api/v1/tenants").await.expect(200);
    // A scope without it is a ceiling as for everyone.
    let limited = bearer(&json!({"sub": "olga", "tenant_id": null, "scope": "entity:read"}));
    let limited = world.tenant(OWNER).with("authorization", &limited).get(ENTITIES).await;
    assert_eq!(limited.expect_problem(403, "insufficient_scope")["permission"], "admin:access");
    let mut told: Vec<Value> = world.details("admin.access").await;
    told.sort_by_key(ToString::to_string);
    let accessed = |tenant: &str, path: &str, permission: &str| json!({"accessed_tenant_id": tenant, "method": "GET", "path": path, "permission": permission, "via": "jwt"});
    let expected = [
        accessed(OWNER, ENTITIES, "entity:read"),
        accessed("default", "/api/v1/tenants", "admin:access"),
    ];
    assert_eq!(told, expected);
    let row = &world.audits("admin.access").await[0];
    assert_eq!((&row["tenant_id"], &row["actor_id"]), (&json!(OPERATORS), &json!("olga")));
}

#[tokio::test]
async fn an_operator_s_access_that_cannot_be_put_on_record_does_not_happen() {
    let faults = Faults::none();
    let (world, _) = ungranted(&faults).await;
    world.permit_everyone(OPERATORS).await;
    let olga = operator(&world, "olga", OWNER);
    olga.get(ENTITIES).await.expect(200);
    let before = tables(&world).await;
    faults.plan("PutItem", [Fault::Refused("ThrottlingException", None); 10]);
    olga.get(ENTITIES).await.expect_problem(503, "unavailable");
    assert_same(&before, &tables(&world).await, "what is stored");
}

#[tokio::test]
async fn what_the_caller_is_granted_costs_two_units_where_it_is_remembered() {
    let (world, owner) = ungranted(&Faults::none()).await;
    let path = format!("{ENTITIES}/root");
    let bare = owner.get(&path).await.usage;
    grant(&owner, "alice", "entity:read", None).await.expect(201);
    let alice = caller(&world, "alice");
    alice.get(&path).await.expect(200);
    let usage = alice.get(&path).await.usage;
    let more = (usage.read_units - bare.read_units, usage.write_units - bare.write_units);
    assert_eq!((more, usage.round_trips - bare.round_trips), ((2.0, 0.0), 1));
}

/// What each function called while it looked at what its caller is granted: a user by a group's role, and an operator,
/// with whom it is put on record.
pub(crate) async fn callers() -> Vec<(&'static str, Vec<Call>)> {
    let faults = Faults::none_but_watched();
    let (world, owner) = ungranted(&faults).await;
    owner.assign_to("group:staff", "system:admin", json!({})).await.expect(201);
    let everything: Vec<&str> = API.iter().map(|one| one.action).collect();
    let all = owner.role("Everything by name", &everything, &[]).await;
    owner.assign_to("group:staff", &all, json!({})).await.expect(201);
    owner.join("staff", "user:alice").await.expect(201);
    world.permit_everyone(OPERATORS).await;
    let registry = world.for_the_owner().tenant(OPERATORS);
    let all = registry.role("Everything by name", &everything, &[]).await;
    registry.assign("olga", &all, None).await;
    let (operations, mut asked) = (operations(), BTreeMap::new());
    for attempt in attempts(&Things::of_owner()) {
        let operation = operation_of(&operations, &attempt);
        let reads = !operation.mutates && operation.needs.is_some();
        if reads
            && attempt.1.contains(Things::of_owner().all()[0])
                | !asked.contains_key(operation.function)
        {
            asked.insert(operation.function, attempt);
        }
    }
    let mut called = Vec::new();
    for (function, attempt) in asked {
        let _before = faults.calls();
        for claims in [json!({}), json!({"sub": "olga", "tenant_id": null})] {
            let token = bearer(&claims);
            let headers = [("authorization", token.as_str()), ("x-tenant-id", OWNER)];
            send(&world, &attempt, &headers).await;
        }
        called.push((function, faults.calls()));
    }
    called
}
