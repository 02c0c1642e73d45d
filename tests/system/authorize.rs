//! The decision through the API: who may do what where, at once after each change.

use serde_json::json;
use tests::{Tenant, World};

const READ: &str = "document:read";

/// A chain of entities from the root down, all of type `other`.
async fn chain(tenant: &Tenant, name: &str, length: usize) -> Vec<String> {
    let mut line: Vec<String> = Vec::new();
    for level in 0..length {
        let parent = line.last().map(String::as_str);
        line.push(tenant.entity(&format!("{name} {level}"), "other", parent).await);
    }
    line
}

/// How far down a line a principal may read: the levels, from the root.
async fn reach(tenant: &Tenant, principal: &str, line: &[String]) -> Vec<usize> {
    let mut levels = Vec::new();
    for (level, entity) in line.iter().enumerate() {
        if tenant.allows(principal, READ, entity).await {
            levels.push(level);
        }
    }
    levels
}

#[tokio::test]
async fn a_role_held_on_an_entity_counts_there_and_below_at_every_depth() {
    let world = World::new();
    let tenant = world.default_tenant();
    let reader = tenant.role("Reader", &[READ], &[]).await;
    let line = chain(&tenant, "Level", 16).await;
    let sibling = tenant.entity("Sibling", "other", Some(&line[6])).await;
    for level in [0, 7, 15] {
        tenant.assign(&format!("from-{level}"), &reader, Some(&line[level])).await;
        let reached = reach(&tenant, &format!("user:from-{level}"), &line).await;
        assert_eq!(reached, (level..16).collect::<Vec<_>>(), "assigned on level {level}");
    }
    assert!(tenant.may("from-0", READ, &sibling).await);
    assert!(!tenant.may("from-7", READ, &sibling).await, "beside it, under the same parent");
    let too_deep = tenant
        .post("/api/v1/entities", json!({"name": "17", "type": "other", "parent_id": line[15]}))
        .await;
    too_deep.expect_problem(400, "invalid");
}

#[tokio::test]
async fn a_role_held_everywhere_counts_on_every_entity_and_only_for_its_actions() {
    let tenant = World::new().default_tenant();
    let line = chain(&tenant, "Level", 3).await;
    let other = tenant.entity("Other", "agent", None).await;
    let reader = tenant.role("Reader", &[READ, "document:list"], &[]).await;
    tenant.assign("alice", &reader, None).await;
    for entity in line.iter().chain([&other]) {
        assert!(tenant.may("alice", READ, entity).await);
        for action in ["document:write", "document:rea", "document:reads", "Document:read", "read"]
        {
            assert!(!tenant.may("alice", action, entity).await, "{action}");
        }
    }
    assert!(!tenant.may("bob", READ, &other).await);
}

#[tokio::test]
async fn the_type_that_a_role_must_govern_is_the_targets_and_not_that_of_the_entity_it_is_held_on()
{
    let tenant = World::new().default_tenant();
    let issuer = tenant.entity("Acme", "issuer", None).await;
    let offering = tenant.entity("Bond", "offering", Some(&issuer)).await;
    let issuers = tenant.role("For issuers", &[READ], &["issuer"]).await;
    let offerings = tenant.role("For offerings", &[READ], &["offering"]).await;
    let all = tenant.role("For all", &[READ], &[]).await;
    tenant.assign("on-issuer", &issuers, Some(&issuer)).await;
    tenant.assign("unscoped", &all, Some(&issuer)).await;
    tenant.assign("global-issuers", &issuers, None).await;
    tenant.assign("global-offerings", &offerings, None).await;
    for (user, may_issuer, may_offering) in [
        ("on-issuer", true, false),
        ("unscoped", true, true),
        ("global-issuers", true, false),
        ("global-offerings", false, true),
    ] {
        assert_eq!(tenant.may(user, READ, &issuer).await, may_issuer, "{user}");
        assert_eq!(tenant.may(user, READ, &offering).await, may_offering, "{user}");
    }
    // A role that governs both can be held on the one and reaches the other.
    let both = tenant.role("For both", &[READ], &["issuer", "offering"]).await;
    tenant.assign("both", &both, Some(&issuer)).await;
    assert!(tenant.may("both", READ, &offering).await);
}

#[tokio::test]
async fn principals_of_one_id_and_different_types_hold_nothing_of_each_other() {
    let tenant = World::new().default_tenant();
    let acme = tenant.entity("Acme", "issuer", None).await;
    let reader = tenant.role("Reader", &[READ], &[]).await;
    for (holder, strangers) in [
        ("user:x", ["service:x", "group:x", "User:x", "user:X"]),
        ("service:y", ["user:y", "group:y", "agent:y", "service:yy"]),
        ("group:z", ["user:z", "service:z", "groups:z", "group:Z"]),
    ] {
        tenant.assign_to(holder, &reader, json!({"entity_id": acme})).await.expect(201);
        assert!(tenant.allows(holder, READ, &acme).await, "{holder}");
        for stranger in strangers {
            assert!(!tenant.allows(stranger, READ, &acme).await, "{stranger}");
        }
    }
}

#[tokio::test]
async fn what_every_principal_of_a_type_holds_each_of_them_holds_and_no_other_type() {
    let tenant = World::new().default_tenant();
    let line = chain(&tenant, "Level", 2).await;
    let reader = tenant.role("Reader", &[READ], &[]).await;
    let held = tenant.assign_to("user:*", &reader, json!({"entity_id": line[1]})).await;
    tenant.join("staff", "user:alice").await.expect(201);
    tenant.assign_to("group:*", &reader, json!({"entity_id": line[0]})).await.expect(201);
    for (principal, reached) in [
        ("user:never-heard-of", vec![1]),
        ("service:never-heard-of", vec![]),
        ("group:never-heard-of", vec![0, 1]),
        // A member of a group is a user: what every group holds is the group's own.
        ("user:alice", vec![1]),
    ] {
        assert_eq!(reach(&tenant, principal, &line).await, reached, "{principal}");
    }
    tenant.revoke(held.expect(201)["id"].as_str().unwrap()).await;
    assert!(!tenant.may("alice", READ, &line[1]).await);
}

#[tokio::test]
async fn groups_count_to_the_sixteenth_level_and_not_to_the_seventeenth() {
    let tenant = World::new().default_tenant();
    let acme = tenant.entity("Acme", "issuer", None).await;
    tenant.join("g1", "user:alice").await.expect(201);
    for level in 1..17 {
        tenant.join(&format!("g{}", level + 1), &format!("group:g{level}")).await.expect(201);
    }
    for level in 1..=17 {
        let action = format!("level:{level}");
        let role = tenant.role(&format!("Level {level}"), &[&action], &[]).await;
        tenant.assign_to(&format!("group:g{level}"), &role, json!({})).await.expect(201);
    }
    for level in 1..=17 {
        let may = tenant.may("alice", &format!("level:{level}"), &acme).await;
        assert_eq!(may, level <= 16, "level {level}");
    }
    // From one level further up the seventeenth is the sixteenth.
    assert!(tenant.allows("group:g1", "level:17", &acme).await);
    // The shortest way counts, whatever else leads there.
    tenant.join("g9", "user:alice").await.expect(201);
    assert!(tenant.may("alice", "level:17", &acme).await);
}

#[tokio::test]
async fn an_assignment_counts_from_its_first_moment_to_just_before_its_last() {
    let world = World::new();
    let tenant = world.default_tenant();
    let acme = tenant.entity("Acme", "issuer", None).await;
    let reader = tenant.role("Reader", &[READ], &[]).await;
    let window = json!({"effective_at": world.in_seconds(10), "expires_at": world.in_seconds(20)});
    tenant.assign_to("user:alice", &reader, window.clone()).await.expect(201);
    tenant.assign_to("user:*", &reader, json!({"effective_at": world.in_seconds(30)})).await;
    tenant.assign_to("group:staff", &reader, json!({"expires_at": world.in_seconds(1)})).await;
    tenant.join("staff", "user:alice").await.expect(201);
    let mut allowed = Vec::new();
    for second in 0..35 {
        if tenant.may("alice", READ, &acme).await {
            allowed.push(second);
        }
        world.pass_seconds(1);
    }
    let expected: Vec<_> = [0].into_iter().chain(10..20).chain(30..35).collect();
    assert_eq!(allowed, expected);
}

#[tokio::test]
async fn every_status_of_an_entity_still_authorizes() {
    let tenant = World::new().default_tenant();
    let line = chain(&tenant, "Level", 3).await;
    let reader = tenant.role("Reader", &[READ], &[]).await;
    tenant.assign("alice", &reader, Some(&line[0])).await;
    for (entity, status) in [
        (&line[2], "inactive"),
        (&line[1], "archived"),
        (&line[2], "archived"),
        (&line[0], "archived"),
    ] {
        let path = format!("/api/v1/entities/{entity}");
        tenant.patch(&path, json!({"status": status})).await.expect(200);
        assert_eq!(reach(&tenant, "user:alice", &line).await, [0, 1, 2], "{entity} {status}");
    }
    // What is archived can still be assigned on, and then authorizes too.
    tenant.assign("bob", &reader, Some(&line[1])).await;
    assert_eq!(reach(&tenant, "user:bob", &line).await, [1, 2]);
}

#[tokio::test]
async fn the_built_in_roles_grant_by_pattern() {
    let tenant = World::new().default_tenant();
    let acme = tenant.entity("Acme", "issuer", None).await;
    let spv = tenant.entity("SPV", "spv", Some(&acme)).await;
    tenant.assign("root", "system:admin", None).await;
    tenant.assign("auditor", "system:auditor", Some(&acme)).await;
    for (action, may_audit) in [
        ("document:read", true),
        ("role:read", true),
        ("document:write", false),
        ("read", false),
        ("document:read:all", false),
        ("anything.at-all", false),
    ] {
        assert!(tenant.may("root", action, &spv).await, "{action}");
        assert_eq!(tenant.may("auditor", action, &spv).await, may_audit, "{action}");
    }
}

#[tokio::test]
async fn a_changed_role_and_a_revoked_assignment_take_effect_at_once() {
    let tenant = World::new().default_tenant();
    let acme = tenant.entity("Acme", "issuer", None).await;
    let role = tenant.role("Reader", &[READ], &[]).await;
    let held = tenant.assign("alice", &role, Some(&acme)).await;
    assert!(tenant.may("alice", READ, &acme).await);
    let path = format!("/api/v1/roles/{role}");
    for (patch, may) in [
        (json!({"permissions": ["document:write"]}), false),
        (json!({"permissions": ["document:write", READ]}), true),
        (json!({"scope_types": ["spv"]}), false),
        (json!({"scope_types": ["spv", "issuer"]}), true),
        (json!({"permissions": []}), false),
        (json!({"permissions": [READ], "scope_types": []}), true),
        (json!({"name": "Another name", "description": "And a description."}), true),
    ] {
        tenant.patch(&path, patch.clone()).await.expect(200);
        assert_eq!(tenant.may("alice", READ, &acme).await, may, "{patch}");
    }
    tenant.revoke(&held).await;
    assert!(!tenant.may("alice", READ, &acme).await);
    tenant.assign("alice", &role, Some(&acme)).await;
    assert!(tenant.may("alice", READ, &acme).await);
}

#[tokio::test]
async fn a_moved_subtree_is_under_its_new_parent_at_once_however_often_it_moves() {
    let world = World::new();
    let tenant = world.default_tenant();
    let reader = tenant.role("Reader", &[READ], &[]).await;
    let (east, west) = (chain(&tenant, "East", 4).await, chain(&tenant, "West", 4).await);
    let line = chain(&tenant, "Line", 8).await;
    tenant.assign("east", &reader, Some(&east[0])).await;
    tenant.assign("west", &reader, Some(&west[2])).await;
    tenant.assign("top", &reader, Some(&line[0])).await;
    tenant.assign("middle", &reader, Some(&line[4])).await;
    // What is below the moved entity keeps the hints of its making; each further move makes them staler.
    let from = |level: usize| (level..8).collect::<Vec<_>>();
    let to = |level: usize| (0..level).collect::<Vec<_>>();
    for (moved, parent, reaches) in [
        (4, Some(&east[3]), [from(4), vec![], to(4), from(4)]),
        (4, Some(&west[1]), [vec![], vec![], to(4), from(4)]),
        (4, Some(&west[2]), [vec![], from(4), to(4), from(4)]),
        (6, Some(&east[0]), [from(6), vec![4, 5], to(4), vec![4, 5]]),
        (4, Some(&line[3]), [from(6), vec![], to(6), vec![4, 5]]),
        (0, Some(&west[3]), [from(6), to(6), to(6), vec![4, 5]]),
        (6, Some(&line[5]), [vec![], from(0), from(0), from(4)]),
        (2, None, [vec![], vec![0, 1], vec![0, 1], from(4)]),
        (2, Some(&east[3]), [from(2), vec![0, 1], vec![0, 1], from(4)]),
    ] {
        tenant.move_under(&line[moved], parent.map(String::as_str)).await.expect(200);
        for (user, expected) in ["east", "west", "top", "middle"].into_iter().zip(reaches) {
            let reached = reach(&tenant, &format!("user:{user}"), &line).await;
            assert_eq!(reached, expected, "{user}, after level {moved} went under {parent:?}");
        }
    }
    // The ancestors moving away under a line that was never touched itself.
    tenant.move_under(&east[1], Some(&west[3])).await.expect(200);
    assert_eq!(reach(&tenant, "user:east", &line).await, Vec::<usize>::new());
    assert_eq!(reach(&tenant, "user:west", &line).await, from(0));
    world.check_consistency().await;
}
