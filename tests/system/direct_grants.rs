//! Direct grants: a permission assigned by itself, which decides like a role that grants this one action.

use futures::future::join_all;
use serde_json::{Value, json};
use tests::{Reply, Tenant, World};

const ASSIGNMENTS: &str = "/api/v1/assignments";
const SOLD: &str = "availability:mark_sold";

async fn world() -> (World, Tenant, String, String) {
    let world = World::new();
    let tenant = world.default_tenant();
    let acme = tenant.entity("Acme", "issuer", None).await;
    let spv = tenant.entity("SPV", "spv", Some(&acme)).await;
    (world, tenant, acme, spv)
}

/// Assigns a permission to a principal, written `type:id`.
async fn give(tenant: &Tenant, to: &str, permission: &str, more: Value) -> Reply {
    let (kind, id) = to.split_once(':').unwrap();
    let mut body = json!({"principal_type": kind, "principal_id": id, "permission": permission});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    tenant.post(ASSIGNMENTS, body).await
}

fn id(reply: &Reply) -> String {
    reply.expect(201)["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_direct_grant_is_an_assignment_with_a_permission_and_without_a_role() {
    let (world, tenant, acme, _) = world().await;
    let until = world.in_seconds(60);
    let more = json!({"entity_id": acme, "expires_at": until, "reason": "covers for bob"});
    let created = give(&tenant, "user:alice", "AVAILABILITY_MARK_SOLD", more).await;
    let expected = json!({
        "id": id(&created),
        "tenant_id": "default",
        "principal_id": "alice",
        "principal_type": "user",
        "role_id": null,
        "permission": SOLD,
        "entity_id": acme,
        "effective_at": world.now(),
        "expires_at": until,
        "condition": null,
        "reason": "covers for bob",
        "version": 1,
        "created_at": world.now(),
        "updated_at": world.now(),
    });
    assert_eq!(created.body, expected);
    assert_eq!(tenant.get(created.header("location").unwrap()).await.expect(200), &expected);
}

#[tokio::test]
async fn every_spelling_of_the_seeds_is_stored_as_the_one_that_is_compared_to_the_letter() {
    let (_, tenant, acme, _) = world().await;
    for (number, (given, stored)) in [
        ("AVAILABILITY_MARK_SOLD", SOLD),
        ("availability.mark_sold", SOLD),
        (SOLD, SOLD),
        ("read:plans", "plans:read"),
        ("insight:read", "insights:read"),
        ("Document:Upload", "Document:Upload"),
    ]
    .into_iter()
    .enumerate()
    {
        let user = format!("user:u{number}");
        let created = give(&tenant, &user, given, json!({})).await;
        assert_eq!(created.expect(201)["permission"], stored, "{given}");
        assert!(tenant.allows(&user, stored, &acme).await, "{stored}");
        if given != stored {
            // As with roles: a question in another spelling is another question.
            let denial = tenant.denial(&user, given, &acme).await;
            assert_eq!(denial, "action_not_granted", "{given}");
        }
    }
}

#[tokio::test]
async fn it_decides_on_its_entity_and_below_for_its_time_on_its_condition_and_says_so() {
    let (world, tenant, acme, spv) = world().await;
    let other = tenant.entity("Other", "issuer", None).await;
    let window = json!({"entity_id": acme, "effective_at": world.in_seconds(10), "expires_at": world.in_seconds(20)});
    let granted = id(&give(&tenant, "user:alice", SOLD, window).await);
    assert_eq!(tenant.denial("user:alice", SOLD, &spv).await, "not_yet_effective");
    world.pass_seconds(10);
    let allowed = tenant.explain("user:alice", SOLD, &spv).await;
    assert_eq!(allowed["permission"], SOLD);
    assert_eq!(allowed["path"], json!([spv, acme]));
    let by = &allowed["assignment"];
    for (field, value) in [
        ("assignment_id", json!(granted)),
        ("role_id", Value::Null),
        ("role_name", Value::Null),
        ("permission", json!(SOLD)),
    ] {
        assert_eq!(by[field], value, "{field}");
    }
    assert_eq!(tenant.denial("user:alice", SOLD, &other).await, "outside_hierarchy");
    assert_eq!(tenant.denial("user:alice", "availability:read", &spv).await, "action_not_granted");
    world.pass_seconds(10);
    let expired = tenant.explain("user:alice", SOLD, &spv).await;
    assert_eq!(
        (&expired["reason"], &expired["assignment"]["permission"]),
        (&json!("expired"), &json!(SOLD))
    );

    let mine = json!({"condition": "resource.type == 'spv' && subject.id == 'bob'"});
    give(&tenant, "user:bob", SOLD, mine).await.expect(201);
    assert!(tenant.allows("user:bob", SOLD, &spv).await);
    assert_eq!(tenant.denial("user:bob", SOLD, &acme).await, "condition_false");
}

#[tokio::test]
async fn it_reaches_members_of_a_group_and_everyone_of_a_type_and_ends_at_once_when_revoked() {
    let (world, tenant, acme, _) = world().await;
    tenant.join("staff", "user:alice").await.expect(201);
    for (to, who) in
        [("group:staff", "user:alice"), ("service:*", "service:reports"), ("user:bob", "user:bob")]
    {
        assert!(!tenant.allows(who, SOLD, &acme).await, "{who}");
        let granted = id(&give(&tenant, to, SOLD, json!({})).await);
        // Twice, so that the second answer rests on what is remembered.
        assert!(
            tenant.allows(who, SOLD, &acme).await && tenant.allows(who, SOLD, &acme).await,
            "{who}"
        );
        tenant.revoke(&granted).await;
        assert!(!tenant.allows(who, SOLD, &acme).await, "{who}");
        tenant.get(&format!("{ASSIGNMENTS}/{granted}")).await.expect_problem(404, "not_found");
    }
    world.check_consistency().await;
}

#[tokio::test]
async fn every_search_finds_what_is_granted_directly() {
    let (_, tenant, acme, spv) = world().await;
    tenant.join("staff", "user:carol").await.expect(201);
    give(&tenant, "user:alice", SOLD, json!({"entity_id": acme})).await.expect(201);
    give(&tenant, "user:alice", "availability:read", json!({})).await.expect(201);
    give(&tenant, "group:staff", SOLD, json!({})).await.expect(201);
    let asked = json!({"user_id": "alice", "action": SOLD, "type": "spv"});
    let found = tenant.search_pages("resources", &asked, 50).await.concat();
    assert_eq!(found, [json!({"type": "spv", "id": spv})]);
    let asked = json!({"action": SOLD, "resource_id": spv});
    let mut found = tenant.search("principals", &asked, 1).await;
    found.sort_unstable();
    assert_eq!(found, ["alice", "carol"]);
    let asked = json!({"user_id": "alice", "resource_id": spv});
    assert_eq!(tenant.search("actions", &asked, 1).await, [SOLD, "availability:read"]);

    give(&tenant, "user:*", SOLD, json!({})).await.expect(201);
    let asked = json!({"action": SOLD, "resource_id": spv});
    let mut found = tenant.search("principals", &asked, 50).await;
    found.sort_unstable();
    assert_eq!(found, ["alice", "carol"], "all who are known");
}

#[tokio::test]
async fn the_same_grant_once_more_is_the_one_that_is_there_and_a_role_of_its_name_is_another() {
    let (world, tenant, acme, _) = world().await;
    let first = give(&tenant, "user:alice", SOLD, json!({"reason": "a"})).await;
    for again in [json!({}), json!({"reason": "a"}), json!({"reason": null, "id": "another-id"})] {
        let repeated = give(&tenant, "user:alice", "AVAILABILITY_MARK_SOLD", again).await;
        assert_eq!(repeated.expect(200), first.expect(201));
    }
    for other in [json!({"reason": "b"}), json!({"expires_at": world.in_seconds(9)})] {
        let refused = give(&tenant, "user:alice", SOLD, other).await;
        refused.expect_problem(409, "assigned_otherwise");
        assert!(refused.text.contains("gives this permission"), "{}", refused.text);
    }
    let role = json!({"id": SOLD, "name": SOLD, "permissions": []});
    tenant.post("/api/v1/roles", role).await.expect(201);
    let of_role = tenant.assign("alice", SOLD, None).await;
    assert_ne!(of_role, id(&first));
    tenant.revoke(&of_role).await;
    assert!(tenant.allows("user:alice", SOLD, &acme).await, "the grant is still there");
    assert_eq!(world.events("role.assignment.changed").await.len(), 3);
    world.check_consistency().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_ten_at_once_one_grants_and_of_ten_revokes_one_revokes() {
    let (world, tenant, ..) = world().await;
    let grants = (0..10).map(|_| give(&tenant, "user:alice", SOLD, json!({})));
    let replies = join_all(grants).await;
    let created = replies.iter().filter(|reply| reply.status == 201).count();
    assert_eq!((created, replies.iter().filter(|reply| reply.status == 200).count()), (1, 9));
    assert!(replies.iter().all(|reply| reply.body == replies[0].body), "all name the one");
    let path = format!("{ASSIGNMENTS}/{}", replies[0].body["id"].as_str().unwrap());
    let replies = join_all((0..10).map(|_| tenant.delete(&path))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    assert_eq!(replies.iter().filter(|reply| reply.status == 404).count(), 9);
    assert_eq!(world.events("role.assignment.changed").await.len(), 2);
    world.check_consistency().await;
}

#[tokio::test]
async fn granting_and_revoking_are_announced_and_audited_with_the_permission_and_the_reason() {
    let (world, tenant, acme, _) = world().await;
    let more = json!({"entity_id": acme, "reason": "covers for bob"});
    let created = give(&tenant, "user:alice", SOLD, more).await;
    let granted = id(&created);
    tenant.revoke(&granted).await;
    let payload = |change: &str| {
        json!({
            "change": change,
            "assignment_id": granted,
            "principal_id": "alice",
            "principal_type": "user",
            "role_id": null,
            "permission": SOLD,
            "entity_id": acme,
            "effective_at": created.body["effective_at"],
            "expires_at": null,
            "condition": null,
            "reason": "covers for bob",
        })
    };
    let payloads = world.payloads("role.assignment.changed").await;
    assert_eq!(payloads, [payload("assigned"), payload("revoked")]);
    let assigned = json!({
        "assignment_id": granted,
        "permission": SOLD,
        "principal_id": "alice",
        "principal_type": "user",
        "reason": "covers for bob",
    });
    assert_eq!(world.details("role_assignment.create").await, [assigned]);
    assert_eq!(world.details("role_assignment.delete").await, [json!({"assignment_id": granted})]);
    assert_eq!(world.epoch("user:alice").await, 2);
    world.check_consistency().await;
}

#[tokio::test]
async fn lists_show_direct_grants_among_all_and_by_their_permission_in_any_spelling() {
    let (_, tenant, acme, _) = world().await;
    let reader = tenant.role("Reader", &[SOLD], &[]).await;
    let role = tenant.assign("alice", &reader, Some(&acme)).await;
    let here = id(&give(&tenant, "user:alice", SOLD, json!({"entity_id": acme})).await);
    let everywhere = id(&give(&tenant, "user:bob", SOLD, json!({})).await);
    let other = id(&give(&tenant, "user:alice", "availability:read", json!({})).await);
    for (query, expected) in [
        ("".to_owned(), vec![&role, &here, &everywhere, &other]),
        (format!("permission={SOLD}"), vec![&here, &everywhere]),
        ("permission=AVAILABILITY_MARK_SOLD".to_owned(), vec![&here, &everywhere]),
        ("permission=availability%3Aread".to_owned(), vec![&other]),
        ("permission=nothing".to_owned(), vec![]),
        (format!("role_id={reader}"), vec![&role]),
        (format!("role_id={SOLD}"), vec![]),
        (format!("principal_id=alice&permission={SOLD}"), vec![&here]),
        (format!("entity_id={acme}&permission={SOLD}"), vec![&here]),
        (format!("entity_id={acme}"), vec![&role, &here]),
    ] {
        for limit in [1, 50] {
            let found = tenant.pages(&format!("{ASSIGNMENTS}?{query}"), limit).await.concat();
            let mut found: Vec<_> = found.iter().map(|one| one["id"].as_str().unwrap()).collect();
            found.sort_unstable();
            let mut expected: Vec<_> = expected.iter().map(|id| id.as_str()).collect();
            expected.sort_unstable();
            assert_eq!(found, expected, "{query}, by {limit}");
        }
    }
    let both = tenant.get(&format!("{ASSIGNMENTS}?role_id=a&permission=b")).await;
    both.expect_problem(400, "invalid");
    assert_eq!(both.pointers(), ["permission"]);
    let wrong = tenant.get(&format!("{ASSIGNMENTS}?permission=%2A")).await;
    wrong.expect_problem(400, "invalid");
    assert_eq!(wrong.pointers(), ["permission"]);
}

#[tokio::test]
async fn neither_and_both_and_what_is_no_permission_and_what_is_no_reason_are_refused() {
    let (world, tenant, ..) = world().await;
    let events = world.items("EventsTable").await.len();
    for (body, pointer) in [
        (json!({}), "/role_id"),
        (json!({"role_id": null, "permission": null}), "/role_id"),
        (json!({"role_id": "reader", "permission": SOLD}), "/permission"),
        (json!({"permission": "*"}), "/permission"),
        (json!({"permission": "availability:*"}), "/permission"),
        (json!({"permission": "a b"}), "/permission"),
        (json!({"permission": ""}), "/permission"),
        (json!({"permission": 7}), "/permission"),
        (json!({"permission": "x".repeat(256)}), "/permission"),
        (json!({"permission": SOLD, "entity_id": "nowhere"}), "/entity_id"),
        (json!({"permission": SOLD, "expires_at": world.now()}), "/expires_at"),
        (json!({"permission": SOLD, "reason": ""}), "/reason"),
        (json!({"permission": SOLD, "reason": "  "}), "/reason"),
        (json!({"permission": SOLD, "reason": "a\nb"}), "/reason"),
        (json!({"permission": SOLD, "reason": "x".repeat(513)}), "/reason"),
        (json!({"permission": SOLD, "reason": 1}), "/reason"),
    ] {
        let mut body = body;
        body["principal_id"] = json!("alice");
        let refused = tenant.post(ASSIGNMENTS, body.clone()).await;
        refused.expect_problem(400, "invalid");
        assert_eq!(refused.pointers(), [pointer], "{body}");
    }
    assert_eq!(world.items("EventsTable").await.len(), events, "nothing was written");
    let longest = json!({"reason": "é".repeat(512)});
    give(&tenant, "user:alice", &"x".repeat(255), longest).await.expect(201);
}

#[tokio::test]
async fn a_grant_in_one_tenant_is_nothing_in_another() {
    let (world, tenant, acme, _) = world().await;
    let granted = id(&give(&tenant, "user:alice", SOLD, json!({})).await);
    let stranger = world.tenant("stranger");
    let theirs = stranger.entity("Acme", "issuer", None).await;
    assert_eq!(stranger.denial("user:alice", SOLD, &theirs).await, "unknown_principal");
    stranger.get(&format!("{ASSIGNMENTS}/{granted}")).await.expect_problem(404, "not_found");
    stranger.delete(&format!("{ASSIGNMENTS}/{granted}")).await.expect_problem(404, "not_found");
    assert_eq!(
        stranger.list(&format!("{ASSIGNMENTS}?permission={SOLD}")).await,
        Vec::<Value>::new()
    );
    assert!(tenant.allows("user:alice", SOLD, &acme).await);
}
