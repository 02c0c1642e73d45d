//! Assignments: assign, get and revoke, and every refusal.

use serde_json::json;
use tests::{Tenant, World};

const ASSIGNMENTS: &str = "/api/v1/assignments";

/// A world with an issuer, and a role that may be held on it.
async fn world() -> (World, Tenant, String, String) {
    let world = World::new();
    let tenant = world.default_tenant();
    let acme = tenant.entity("Acme", "issuer", None).await;
    let reader = tenant.role("Reader", &["document:read"], &[]).await;
    (world, tenant, acme, reader)
}

#[tokio::test]
async fn an_assignment_without_more_is_a_users_from_now_on_and_everywhere() {
    let (world, tenant, _, reader) = world().await;
    let created =
        tenant.post(ASSIGNMENTS, json!({"principal_id": "alice", "role_id": reader})).await;
    let id = created.expect(201)["id"].as_str().unwrap();
    let expected = json!({
        "id": id,
        "tenant_id": "default",
        "principal_id": "alice",
        "principal_type": "user",
        "role_id": reader,
        "permission": null,
        "entity_id": null,
        "effective_at": world.now(),
        "expires_at": null,
        "condition": null,
        "reason": null,
        "version": 1,
        "created_at": world.now(),
        "updated_at": world.now(),
    });
    assert_eq!(created.body, expected);
    assert_eq!(created.header("location"), Some(format!("{ASSIGNMENTS}/{id}").as_str()));
    assert_eq!(tenant.get(created.header("location").unwrap()).await.expect(200), &expected);
}

#[tokio::test]
async fn an_assignment_keeps_the_entity_the_times_and_the_id_it_was_given() {
    let (_, tenant, acme, reader) = world().await;
    let created = tenant
        .assign_to(
            "service:billing",
            &reader,
            json!({
                "id": "billing-reads-acme",
                "entity_id": acme,
                "effective_at": "2026-12-01T02:00:00.5+02:00",
                "expires_at": "2027-01-01T00:00:00Z",
                "note": "unknown fields are ignored",
            }),
        )
        .await;
    let assignment = created.expect(201);
    for (field, value) in [
        ("id", "billing-reads-acme"),
        ("principal_type", "service"),
        ("entity_id", &acme),
        ("effective_at", "2026-12-01T00:00:00.500000Z"),
        ("expires_at", "2027-01-01T00:00:00.000000Z"),
    ] {
        assert_eq!(assignment[field], value, "{field}");
    }
    assert!(assignment.get("note").is_none());
    assert_eq!(tenant.get("/api/v1/assignments/billing-reads-acme").await.expect(200), assignment);
}

#[tokio::test]
async fn a_built_in_role_can_be_assigned_and_one_that_does_not_exist_cannot() {
    let (_, tenant, acme, _) = world().await;
    tenant.assign_to("user:root", "system:admin", json!({})).await.expect(201);
    for unknown in ["system:nobody", "no-such-role"] {
        let refused = tenant.assign_to("user:root", unknown, json!({"entity_id": acme})).await;
        refused.expect_problem(404, "not_found");
        assert!(refused.text.contains(unknown), "{}", refused.text);
    }
}

#[tokio::test]
async fn every_principal_of_a_type_is_a_holder_of_its_own() {
    let (_, tenant, _, reader) = world().await;
    for holder in ["user:*", "service:*", "group:*", "user:alice", "service:alice"] {
        let created = tenant.assign_to(holder, &reader, json!({})).await;
        let (kind, id) = holder.split_once(':').unwrap();
        assert_eq!(
            (&created.expect(201)["principal_type"], &created.body["principal_id"]),
            (&json!(kind), &json!(id))
        );
    }
}

#[tokio::test]
async fn the_same_assignment_once_more_is_the_one_that_is_there() {
    let (world, tenant, acme, reader) = world().await;
    let window = json!({"entity_id": acme, "effective_at": world.in_seconds(-5), "expires_at": world.in_seconds(60)});
    let first = tenant.assign_to("user:alice", &reader, window.clone()).await;
    world.pass_seconds(10);
    let mut other_id = window.clone();
    other_id["id"] = json!("another-id");
    let mut from_now = window.clone();
    from_now["effective_at"] = json!(null);
    for again in [window, other_id, from_now] {
        let repeated = tenant.assign_to("user:alice", &reader, again).await;
        assert_eq!(repeated.expect(200), first.expect(201));
        assert_eq!(repeated.header("location"), None);
    }
    // Globally it is another assignment, and asking for that one once more is again the same.
    let global = tenant.assign("alice", &reader, None).await;
    let repeated = tenant.assign_to("user:alice", &reader, json!({})).await;
    assert_eq!(repeated.expect(200)["id"], global.as_str());
    assert_eq!(world.events("role.assignment.changed").await.len(), 2);
    assert_eq!(world.audits("role_assignment.create").await.len(), 2);
}

#[tokio::test]
async fn the_same_assignment_with_other_times_is_refused_because_done_would_be_untrue() {
    let (world, tenant, acme, reader) = world().await;
    let window =
        json!({"entity_id": acme, "effective_at": world.now(), "expires_at": world.in_seconds(60)});
    let first = tenant.assign_to("user:alice", &reader, window.clone()).await;
    let id = first.expect(201)["id"].as_str().unwrap();
    for other in [
        json!({"entity_id": acme}),
        json!({"entity_id": acme, "expires_at": world.in_seconds(61)}),
        json!({"entity_id": acme, "effective_at": world.in_seconds(1), "expires_at": world.in_seconds(60)}),
    ] {
        let refused = tenant.assign_to("user:alice", &reader, other).await;
        refused.expect_problem(409, "assigned_otherwise");
        assert!(refused.text.contains(id), "{}", refused.text);
    }
    world.pass_seconds(60);
    let expired = tenant.assign_to("user:alice", &reader, window).await;
    expired.expect_problem(409, "assigned_otherwise");
    assert_eq!(world.events("role.assignment.changed").await.len(), 1);
}

#[tokio::test]
async fn an_assignment_that_is_yet_to_begin_is_not_the_one_from_now_on() {
    let (world, tenant, _, reader) = world().await;
    let later = json!({"effective_at": world.in_seconds(60)});
    tenant.assign_to("user:alice", &reader, later.clone()).await.expect(201);
    tenant.assign_to("user:alice", &reader, later).await.expect(200);
    let from_now = tenant.assign_to("user:alice", &reader, json!({})).await;
    from_now.expect_problem(409, "assigned_otherwise");
    world.pass_seconds(60);
    tenant.assign_to("user:alice", &reader, json!({})).await.expect(200);
}

#[tokio::test]
async fn an_id_is_given_once_at_a_time() {
    let (_, tenant, acme, reader) = world().await;
    let first = json!({"id": "mine", "entity_id": acme});
    tenant.assign_to("user:alice", &reader, first).await.expect(201);
    let taken = tenant.assign_to("user:bob", &reader, json!({"id": "mine"})).await;
    taken.expect_problem(409, "id_taken");
    assert_eq!(tenant.denial("user:bob", "document:read", &acme).await, "unknown_principal");
    tenant.revoke("mine").await;
    tenant.assign_to("user:bob", &reader, json!({"id": "mine"})).await.expect(201);
}

#[tokio::test]
async fn what_an_assignment_names_must_exist_and_fit() {
    let (world, tenant, acme, reader) = world().await;
    let offerings = tenant.role("Offerings", &["document:read"], &["offering", "spv"]).await;
    let nowhere = tenant.assign_to("user:alice", &reader, json!({"entity_id": "nowhere"})).await;
    nowhere.expect_problem(400, "invalid");
    assert_eq!(nowhere.pointers(), ["/entity_id"]);

    let misfit = tenant.assign_to("user:alice", &offerings, json!({"entity_id": acme})).await;
    misfit.expect_problem(400, "invalid");
    assert_eq!(misfit.pointers(), ["/role_id"]);
    assert!(
        misfit.text.contains("role `Offerings` cannot be assigned to entity type `issuer`"),
        "{}",
        misfit.text
    );
    // Everywhere, no entity's type is asked for; and where the type fits, there it can be held.
    tenant.assign("alice", &offerings, None).await;
    let spv = tenant.entity("SPV", "spv", Some(&acme)).await;
    tenant.assign("alice", &offerings, Some(&spv)).await;
    assert_eq!(world.audits("role_assignment.create").await.len(), 2);
}

#[tokio::test]
async fn an_assignment_must_end_after_it_begins() {
    let (world, tenant, _, reader) = world().await;
    let (now, later) = (world.now(), world.in_seconds(60));
    for window in [
        json!({"expires_at": now}),
        json!({"expires_at": world.in_seconds(-1)}),
        json!({"effective_at": later, "expires_at": later}),
        json!({"effective_at": later, "expires_at": now}),
    ] {
        let refused = tenant.assign_to("user:alice", &reader, window.clone()).await;
        refused.expect_problem(400, "invalid");
        assert_eq!(refused.pointers(), ["/expires_at"], "{window}");
    }
    // One that is over already is legal: it records what was.
    let past = json!({"effective_at": world.in_seconds(-9), "expires_at": world.in_seconds(-1)});
    tenant.assign_to("user:alice", &reader, past).await.expect(201);
}

#[tokio::test]
async fn every_fault_of_an_assignment_is_told_at_once() {
    let (world, tenant, _, _) = world().await;
    let refused = tenant
        .post(
            ASSIGNMENTS,
            json!({
                "id": "a/b",
                "principal_type": "a type",
                "role_id": 7,
                "entity_id": "*",
                "effective_at": "tomorrow",
                "expires_at": "2026-11-23",
            }),
        )
        .await;
    refused.expect_problem(400, "invalid");
    assert_eq!(
        refused.pointers(),
        [
            "/id",
            "/principal_id",
            "/principal_type",
            "/role_id",
            "/entity_id",
            "/effective_at",
            "/expires_at"
        ]
    );
    for (field, bad) in [
        ("principal_id", json!("a*")),
        ("principal_id", json!("")),
        ("principal_id", json!(null)),
        ("principal_id", json!("x".repeat(129))),
        ("principal_type", json!("*")),
        ("principal_type", json!("x".repeat(65))),
        ("role_id", json!("")),
        ("effective_at", json!("2026-11-23T03:30:53")),
        ("effective_at", json!(1_795_404_653)),
        ("expires_at", json!("2026-13-01T00:00:00Z")),
        ("expires_at", json!("0000-01-01T00:00:00Z")),
    ] {
        let mut body = json!({"principal_id": "alice", "role_id": "reader"});
        body[field] = bad;
        let refused = tenant.post(ASSIGNMENTS, body.clone()).await;
        refused.expect_problem(400, "invalid");
        assert_eq!(refused.pointers(), [format!("/{field}")], "{body}");
    }
    assert_eq!(world.items("EventsTable").await.len(), 4, "the entity's and the role's rows only");
}

#[tokio::test]
async fn a_revoked_assignment_is_gone_and_cannot_be_revoked_again() {
    let (_, tenant, acme, reader) = world().await;
    let id = tenant.assign("alice", &reader, Some(&acme)).await;
    let path = format!("{ASSIGNMENTS}/{id}");
    let revoked = tenant.delete(&path).await;
    assert_eq!(revoked.expect(200), &json!({"status": "revoked", "assignment_id": id}));
    tenant.get(&path).await.expect_problem(404, "not_found");
    tenant.delete(&path).await.expect_problem(404, "not_found");
    for unknown in ["no-such-assignment", "a%2Fb", "%2A"] {
        let path = format!("{ASSIGNMENTS}/{unknown}");
        tenant.get(&path).await.expect_problem(404, "not_found");
        tenant.delete(&path).await.expect_problem(404, "not_found");
    }
    // Made anew it is another assignment, and the old id still names nothing.
    assert_ne!(tenant.assign("alice", &reader, Some(&acme)).await, id);
    tenant.get(&path).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn assigning_and_revoking_are_announced_and_audited_once_each() {
    let (world, tenant, acme, reader) = world().await;
    let on_behalf = tenant.clone().with("x-actor-id", "carol");
    let window = json!({"entity_id": acme, "expires_at": world.in_seconds(60)});
    let created = on_behalf.assign_to("user:alice", &reader, window).await;
    let id = created.expect(201)["id"].as_str().unwrap();
    world.pass_seconds(1);
    tenant.revoke(id).await;
    tenant.delete(&format!("{ASSIGNMENTS}/{id}")).await.expect_problem(404, "not_found");

    let payload = |change: &str| {
        json!({
            "change": change,
            "assignment_id": id,
            "principal_id": "alice",
            "principal_type": "user",
            "role_id": reader,
            "permission": null,
            "entity_id": acme,
            "effective_at": created.body["effective_at"],
            "expires_at": created.body["expires_at"],
            "condition": null,
            "reason": null,
        })
    };
    let payloads = world.payloads("role.assignment.changed").await;
    assert_eq!(payloads, [payload("assigned"), payload("revoked")]);
    let assigned = json!({"assignment_id": id, "role_id": reader, "principal_id": "alice", "principal_type": "user"});
    assert_eq!(world.details("role_assignment.create").await, [assigned]);
    assert_eq!(world.details("role_assignment.delete").await, [json!({"assignment_id": id})]);
    let audit = &world.audits("role_assignment.create").await[0];
    for (field, value) in [
        ("actor_id", "local"),
        ("actor_type", "service"),
        ("on_behalf_of", "carol"),
        ("entity_id", &acme),
        ("entity_type", "issuer"),
        ("correlation_id", created.header("x-request-id").unwrap()),
    ] {
        assert_eq!(audit[field], value, "{field}");
    }
    assert_eq!(world.audits("role_assignment.delete").await[0]["entity_id"], acme.as_str());
    world.check_consistency().await;
}

#[tokio::test]
async fn the_epoch_of_a_principal_moves_with_each_change_of_what_it_holds_and_with_nothing_else() {
    let (world, tenant, acme, reader) = world().await;
    let mut moved = 0;
    let assignment = tenant.assign("alice", &reader, Some(&acme)).await;
    tenant.assign_to("user:alice", &reader, json!({"entity_id": acme})).await.expect(200);
    moved += 1;
    assert_eq!(world.epoch("user:alice").await, moved, "assigned, and asked for once more");
    tenant.join("staff", "user:alice").await.expect(201);
    tenant.join("staff", "user:alice").await.expect(200);
    moved += 1;
    assert_eq!(world.epoch("user:alice").await, moved, "joined, and asked for once more");
    let profile = "/api/v1/principals/user/alice";
    tenant.put(profile, json!({"properties": {"level": 1}})).await.expect(201);
    tenant.put(profile, json!({"properties": {"level": 1}})).await.expect(200);
    tenant.put(profile, json!({"properties": {"level": 2}})).await.expect(200);
    moved += 2;
    assert_eq!(world.epoch("user:alice").await, moved, "described, again, and otherwise");
    tenant.delete(profile).await.expect(200);
    tenant.leave("staff", "user:alice").await.expect(200);
    tenant.revoke(&assignment).await;
    moved += 3;
    assert_eq!(world.epoch("user:alice").await, moved, "forgotten, left, and revoked");

    tenant.assign_to("group:staff", &reader, json!({})).await.expect(201);
    tenant.assign_to("user:*", &reader, json!({})).await.expect(201);
    tenant.assign_to("service:alice", &reader, json!({})).await.expect(201);
    assert_eq!(world.epoch("user:alice").await, moved, "others' changes");
    for holder in ["group:staff", "user:*", "service:alice"] {
        assert_eq!(world.epoch(holder).await, 1, "{holder}");
    }
    world.check_consistency().await;
}
