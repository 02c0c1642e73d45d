//! Roles: every endpoint and every refusal, built-in roles included.

use domain::role::ROLE_PERMISSIONS_MAX;
use serde_json::{Value, json};
use tests::{Reply, Tenant, World};

use crate::outbox::{self, before_and_after};

const ROLES: &str = "/api/v1/roles";

/// A world with one role, and the role's path.
async fn reviewer() -> (World, Tenant, String) {
    let world = World::new();
    let tenant = world.default_tenant();
    let id = tenant.role("Reviewer", &["document:read"], &["issuer"]).await;
    (world, tenant, format!("{ROLES}/{id}"))
}

#[tokio::test]
async fn a_created_role_can_be_read_and_says_where_it_is() {
    let world = World::new();
    let tenant = world.default_tenant();
    let body = json!({
        "id": "reviewer",
        "name": "Document reviewer",
        "description": "Reads documents.",
        "permissions": ["document:verify", "document:download", "document:verify", "a"],
        "scope_types": ["offering", "issuer", "offering"],
        "is_system": true,
        "colour": "green",
    });
    let created = tenant.post(ROLES, body).await;
    let role = created.expect(201);
    let expected = json!({
        "id": "reviewer",
        "tenant_id": "default",
        "name": "Document reviewer",
        "description": "Reads documents.",
        "permissions": ["a", "document:download", "document:verify"],
        "scope_types": ["issuer", "offering"],
        "is_system": false,
        "version": 1,
        "created_at": world.now(),
        "updated_at": world.now(),
    });
    assert_eq!(*role, expected);
    assert_eq!(created.header("etag"), Some("\"1\""));
    assert_eq!(created.header("location"), Some("/api/v1/roles/reviewer"));
    let read = tenant.get("/api/v1/roles/reviewer").await;
    assert_eq!((read.expect(200), read.header("etag")), (role, Some("\"1\"")));
}

#[tokio::test]
async fn a_role_needs_no_more_than_a_name() {
    let tenant = World::new().default_tenant();
    let nulls = json!({
        "id": null, "name": "abc", "description": null, "permissions": null, "scope_types": null,
    });
    for body in [nulls, json!({"name": "x".repeat(120), "description": ""})] {
        let reply = tenant.post(ROLES, body).await;
        let role = reply.expect(201);
        assert_eq!((&role["permissions"], &role["scope_types"]), (&json!([]), &json!([])));
    }
}

#[tokio::test]
async fn a_creation_is_told_to_subscribers_and_to_the_ledger() {
    let world = World::new();
    let tenant = world.default_tenant().with("x-request-id", "req-1").with("x-actor-id", "alice");
    let id = tenant.role("Reviewer", &["b", "a"], &[]).await;
    assert_eq!(outbox::rows(&world).await, 2);
    let event = outbox::only(world.events("role.created").await);
    let after = json!({
        "name": "Reviewer", "description": null, "permissions": ["a", "b"], "scope_types": [],
    });
    assert_eq!(
        outbox::read(&event, "payload"),
        json!({"role_id": id, "before": {}, "after": after})
    );
    assert_eq!(
        outbox::read(&event, "context"),
        json!({"actor_id": "local", "actor_type": "service", "on_behalf_of": "alice", "request_id": "req-1"})
    );
    assert_eq!((&event["aggregate_type"], &event["aggregate_id"]), (&json!("role"), &json!(id)));
    let audit = outbox::only(world.audits("role.create").await);
    assert_eq!(outbox::read(&audit, "details"), json!({"role_id": id, "permissions": ["a", "b"]}));
    assert_eq!(
        (&audit["actor_id"], &audit["on_behalf_of"], &audit["correlation_id"], &audit["entity_id"]),
        (&json!("local"), &json!("alice"), &json!("req-1"), &Value::Null)
    );
}

#[tokio::test]
async fn every_fault_of_a_new_role_is_told_at_once() {
    let world = World::new();
    let body = json!({
        "id": "system:mine",
        "name": "ab",
        "description": "x".repeat(513),
        "permissions": ["document:read", "document:*", 7, ""],
        "scope_types": ["issuer", "company"],
    });
    let reply = world.default_tenant().post(ROLES, body).await;
    reply.expect_problem(400, "invalid");
    assert_eq!(
        reply.pointers(),
        [
            "/id",
            "/name",
            "/description",
            "/permissions/1",
            "/permissions/2",
            "/permissions/3",
            "/scope_types/1"
        ]
    );
    assert_eq!(outbox::rows(&world).await, 0);
}

#[tokio::test]
async fn each_field_of_a_role_is_held_to_its_limits_when_made_and_when_changed() {
    let (_, tenant, path) = reviewer().await;
    let many = |count: usize| (0..count).map(|n| format!("a:{n}")).collect::<Vec<_>>();
    for (field, value, pointer, reason) in [
        ("name", json!("ab"), "/name", "must have 3 to 120 characters, has 2"),
        ("name", json!("x".repeat(121)), "/name", "must have 3 to 120 characters, has 121"),
        ("name", json!(7), "/name", "must be a text"),
        ("name", json!("system:reviewer"), "/name", "must not begin with `system:`"),
        ("description", json!("x".repeat(513)), "/description", "must have 0 to 512 characters"),
        ("permissions", json!("document:read"), "/permissions", "must be a list"),
        ("permissions", json!(["*"]), "/permissions/0", "must not hold `*`: wildcards belong"),
        ("permissions", json!(["*:read"]), "/permissions/0", "must not hold `*`"),
        ("permissions", json!(["a b"]), "/permissions/0", "must be 1 to 255 visible characters"),
        ("permissions", json!(["a\"b"]), "/permissions/0", "must be 1 to 255 visible characters"),
        ("permissions", json!(["x".repeat(256)]), "/permissions/0", "must be 1 to 255 visible"),
        ("permissions", json!(many(501)), "/permissions", "must hold at most 500 items, has 501"),
        ("scope_types", json!({}), "/scope_types", "must be a list"),
        ("scope_types", json!(["Issuer"]), "/scope_types/0", "`Issuer` is no entity type"),
        ("scope_types", json!(vec!["spv"; 101]), "/scope_types", "must hold at most 100 items"),
    ] {
        let mut new = json!({"name": "Another"});
        new[field] = value.clone();
        for reply in
            [tenant.post(ROLES, new).await, tenant.patch(&path, json!({ field: value })).await]
        {
            reply.expect_problem(400, "invalid");
            assert_eq!(reply.pointers(), [pointer]);
            let detail = reply.body["errors"][0]["detail"].as_str().unwrap();
            assert!(detail.starts_with(reason), "{field}: {detail}");
        }
    }
    tenant.post(ROLES, json!({})).await.expect_problem(400, "invalid");
    tenant.post(ROLES, json!([])).await.expect_problem(400, "malformed");
}

#[tokio::test]
async fn the_largest_role_can_be_made_and_changed_and_its_answer_remembered() {
    let tenant = World::new().default_tenant();
    let most = |letter: &str| -> Vec<String> {
        (0..ROLE_PERMISSIONS_MAX).map(|n| format!("{n:03}{}", letter.repeat(92))).collect()
    };
    let body = json!({"id": "most", "name": "Most", "permissions": most("x")});
    let keyed = |key: &str| tenant.clone().with("idempotency-key", key);
    let role = keyed("1").post(ROLES, body.clone()).await;
    assert_eq!(role.expect(201)["permissions"], body["permissions"]);
    let body = json!({"permissions": most("y")});
    let role = keyed("2").patch(&format!("{ROLES}/most"), body.clone()).await;
    assert_eq!(role.expect(200)["permissions"], body["permissions"]);
    let larger = most("y").into_iter().map(|action| action + "yy").collect::<Vec<_>>();
    let refused = tenant.patch(&format!("{ROLES}/most"), json!({"permissions": larger})).await;
    refused.expect_problem(400, "invalid");
    assert_eq!(refused.pointers(), ["/permissions"]);
}

#[tokio::test]
async fn a_name_and_an_id_are_each_taken_by_one_role() {
    let (world, tenant, path) = reviewer().await;
    let rows = outbox::rows(&world).await;
    let reply = tenant.post(ROLES, json!({"name": "Reviewer"})).await;
    let problem = reply.expect_problem(409, "name_taken");
    assert_eq!(problem["detail"], "role `Reviewer` already exists");
    let id = path.rsplit('/').next().unwrap();
    let reply = tenant.post(ROLES, json!({"id": id, "name": "Another"})).await;
    let problem = reply.expect_problem(409, "id_taken");
    assert_eq!(problem["detail"], format!("a role with the id `{id}` already exists"));
    assert_eq!(outbox::rows(&world).await, rows);
    // Neither refusal took the name of the other, and another tenant has names of its own.
    tenant.role("Another", &[], &[]).await;
    world.tenant("stranger").role("Reviewer", &[], &[]).await;
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_tells_it() {
    let (world, tenant, path) = reviewer().await;
    world.pass_seconds(60);
    let body = json!({
        "description": "Reads.", "permissions": ["z", "a", "z"], "scope_types": ["spv", "agent"],
    });
    let reply = tenant.patch(&path, body).await;
    let role = reply.expect(200);
    assert_eq!(
        (&role["name"], &role["permissions"], &role["scope_types"], &role["version"]),
        (&json!("Reviewer"), &json!(["a", "z"]), &json!(["agent", "spv"]), &json!(2))
    );
    assert_eq!((&role["updated_at"], reply.header("etag")), (&json!(world.now()), Some("\"2\"")));
    assert_eq!(tenant.get(&path).await.expect(200), role);

    let event = outbox::only(world.events("role.updated").await);
    let was = json!({
        "description": null, "permissions": ["document:read"], "scope_types": ["issuer"],
    });
    let is = json!({
        "description": "Reads.", "permissions": ["a", "z"], "scope_types": ["agent", "spv"],
    });
    assert_eq!(before_and_after(&event), (was, is));
    let audit = outbox::only(world.audits("role.update").await);
    assert_eq!(
        outbox::read(&audit, "details"),
        json!({"role_id": role["id"], "changes": ["description", "permissions", "scope_types"]})
    );
    let reply = tenant.patch(&path, json!({"description": null})).await;
    assert_eq!(reply.expect(200)["description"], Value::Null);
}

#[tokio::test]
async fn a_patch_that_changes_nothing_has_no_version_no_time_and_no_event() {
    let (world, tenant, path) = reviewer().await;
    let (before, rows) = (tenant.get(&path).await.body, outbox::rows(&world).await);
    world.pass_seconds(60);
    for body in [
        json!({}),
        json!({"name": "Reviewer", "description": null, "scope_types": ["issuer", "issuer"]}),
        json!({"permissions": ["document:read", "document:read"]}),
    ] {
        let reply = tenant.patch(&path, body).await;
        assert_eq!((reply.expect(200), reply.header("etag")), (&before, Some("\"1\"")));
    }
    assert_eq!(outbox::rows(&world).await, rows);
}

#[tokio::test]
async fn a_patch_names_only_what_may_change_and_null_only_where_it_means_none() {
    let (world, tenant, path) = reviewer().await;
    let rows = outbox::rows(&world).await;
    for (body, pointers) in [
        (json!({"id": "a", "is_system": true}), vec!["/id", "/is_system"]),
        (
            json!({"name": null, "permissions": null, "scope_types": null}),
            vec!["/name", "/permissions", "/scope_types"],
        ),
        (
            json!({"x": 1, "name": "", "description": 1, "permissions": 1, "scope_types": ["x"]}),
            vec!["/x", "/name", "/description", "/permissions", "/scope_types/0"],
        ),
    ] {
        let reply = tenant.patch(&path, body).await;
        reply.expect_problem(400, "invalid");
        assert_eq!(reply.pointers(), pointers);
    }
    assert_eq!(outbox::rows(&world).await, rows);
}

#[tokio::test]
async fn a_rename_takes_the_new_name_and_frees_the_old() {
    let (world, tenant, path) = reviewer().await;
    tenant.role("Taken", &[], &[]).await;
    let rows = outbox::rows(&world).await;
    let reply = tenant.patch(&path, json!({"name": "Taken", "description": "x"})).await;
    reply.expect_problem(409, "name_taken");
    assert_eq!(tenant.get(&path).await.body["version"], 1);
    assert_eq!(outbox::rows(&world).await, rows);
    tenant.patch(&path, json!({"name": "Renamed"})).await.expect(200);
    tenant.post(ROLES, json!({"name": "Renamed"})).await.expect_problem(409, "name_taken");
    tenant.role("Reviewer", &[], &[]).await;
}

#[tokio::test]
async fn if_match_lets_only_the_version_it_names_be_changed() {
    let (_, tenant, path) = reviewer().await;
    let with = |tag: &str| tenant.clone().with("if-match", tag);
    with("\"1\"").patch(&path, json!({"name": "Second"})).await.expect(200);
    for stale in ["\"1\"", "\"3\""] {
        with(stale).patch(&path, json!({"name": "Third"})).await.expect_problem(412, "stale");
        with(stale).patch(&path, json!({"name": "Second"})).await.expect_problem(412, "stale");
    }
    let reply = with("2").patch(&path, json!({"name": "Third"})).await;
    reply.expect_problem(400, "invalid");
    assert_eq!(reply.pointers(), ["If-Match"]);
    assert_eq!(with("*").patch(&path, json!({"name": "Third"})).await.expect(200)["version"], 3);
}

#[tokio::test]
async fn what_does_not_exist_or_cannot_is_not_found() {
    let tenant = World::new().default_tenant();
    for id in ["0190b0c5-7e4c-7000-8000-000000000002", "a%20b", "system:nothing"] {
        let path = format!("{ROLES}/{id}");
        assert_eq!(tenant.get(&path).await.expect_problem(404, "not_found")["instance"], path);
        tenant.patch(&path, json!({"name": "Acme"})).await.expect_problem(404, "not_found");
    }
}

#[tokio::test]
async fn built_in_roles_can_be_read_but_neither_changed_nor_counterfeited() {
    let world = World::new();
    let tenant = world.default_tenant();
    let service =
        "decision:evaluate decision:search entity:read event:create event:read principal:read";
    let support = "assignment:read capability:read decision:evaluate decision:search entity:read event:read \
                   event:replay group:read principal:read role:read";
    for (id, permissions) in [
        ("system:admin", "*"),
        ("system:auditor", "*:read audit:export"),
        ("system:service", service),
        ("system:support", support),
    ] {
        let permissions: Vec<&str> = permissions.split_whitespace().collect();
        let path = format!("{ROLES}/{id}");
        let reply = tenant.get(&path).await;
        let role = reply.expect(200);
        assert_eq!(
            (&role["id"], &role["name"], &role["permissions"], &role["is_system"]),
            (&json!(id), &json!(id), &json!(permissions), &json!(true))
        );
        assert_eq!((&role["tenant_id"], &role["scope_types"]), (&json!("default"), &json!([])));
        for body in [json!({"description": "mine"}), json!({})] {
            let reply = tenant.patch(&path, body).await;
            let detail = &reply.expect_problem(409, "system_role")["detail"];
            assert_eq!(*detail, format!("role `{id}` is built in and cannot be changed"));
        }
        let reply = tenant.post(ROLES, json!({"id": id, "name": id})).await;
        reply.expect_problem(400, "invalid");
        assert_eq!(reply.pointers(), ["/id", "/name"]);
    }
    assert_eq!(outbox::rows(&world).await, 0);
}

#[tokio::test]
async fn a_list_is_in_order_of_ids_with_built_in_roles_in_their_place_on_any_page() {
    let tenant = World::new().default_tenant();
    let empty = tenant.get(ROLES).await;
    let mut expected = vec!["system:admin", "system:auditor", "system:service", "system:support"];
    assert_eq!(empty.ids(), expected);
    for id in ["a", "Z", "system", "system-x", "systems", "system.b", "zebra", "0", "system@"] {
        tenant.post(ROLES, json!({"id": id, "name": format!("role {id}")})).await.expect(201);
        expected.push(id);
    }
    expected.sort_unstable();
    for limit in 1..=expected.len() + 1 {
        let mut listed = Vec::new();
        let mut path = format!("{ROLES}?limit={limit}");
        loop {
            let page = tenant.get(&path).await;
            page.expect(200);
            assert!(!page.ids().is_empty() && page.ids().len() <= limit, "{limit}");
            listed.extend(page.ids().into_iter().map(str::to_owned));
            let Some(cursor) = page.body["next_cursor"].as_str() else { break };
            path = format!("{ROLES}?limit={limit}&cursor={cursor}");
        }
        assert_eq!(listed, expected, "limit {limit}");
    }
}

#[tokio::test]
async fn a_list_refuses_what_it_does_not_know_and_cursors_of_others() {
    let world = World::new();
    let tenant = world.default_tenant();
    let pointers = async |path: String| -> Vec<String> {
        let reply: Reply = tenant.get(&path).await;
        reply.expect_problem(400, "invalid");
        reply.pointers().into_iter().map(str::to_owned).collect()
    };
    assert_eq!(
        pointers(format!("{ROLES}?limit=0&name=x&type=spv")).await,
        ["limit", "name", "type"]
    );
    assert_eq!(pointers(format!("{ROLES}?cursor=tampered")).await, ["cursor"]);
    let theirs = world.tenant("stranger").get(&format!("{ROLES}?limit=1")).await;
    let theirs = theirs.body["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(pointers(format!("{ROLES}?cursor={theirs}")).await, ["cursor"]);
}
