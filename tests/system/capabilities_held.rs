//! What principals effectively hold: by name, with every way in which they do, and of a caller's own what its scopes
//! include.

use serde_json::{Value, json};
use tests::faults::Faults;

use crate::authentication::bearer;
use crate::capabilities::{CAPABILITIES, SOLD, codes, grant, has, path, world};
use crate::isolation::OWNER;
use crate::permitted::ungranted;

#[tokio::test]
async fn what_a_principal_holds_is_listed_by_name_with_every_way_in_which_it_does() {
    let (world, tenant) = world().await;
    let acme = tenant.entity("Acme", "issuer", None).await;
    let condition = "subject.id == 'alice'";
    let body = json!({"name": "Seller", "permissions": ["document:sign", {"action": SOLD, "condition": condition}], "scope_types": ["issuer"]});
    let created = tenant.post("/api/v1/roles", body).await;
    let seller = created.expect(201)["id"].as_str().unwrap().to_owned();
    tenant.join("staff", "user:alice").await.expect(201);
    tenant
        .assign_to(
            "group:staff",
            &seller,
            json!({"entity_id": acme, "condition": "now > timestamp(0)"}),
        )
        .await
        .expect(201);
    grant(&tenant, "alice", SOLD, json!({"reason": "covers"})).await.expect(201);
    tenant
        .assign_to("user:*", "system:support", json!({"expires_at": world.in_seconds(5)}))
        .await
        .expect(201);
    tenant
        .assign_to("user:alice", "system:admin", json!({"effective_at": world.in_seconds(5)}))
        .await
        .expect(201);

    let held = tenant.pages(&path("alice", ""), 3).await.concat();
    let names = codes(&held);
    assert!(
        names.is_sorted() && names.contains(&"decision:evaluate") && !names.contains(&"*"),
        "{names:?}"
    );
    let sold = held.iter().find(|one| one["capability_code"] == SOLD).unwrap();
    assert_eq!((&sold["ways"], &sold["category"]), (&json!(2), &json!("Availability")));
    let [direct, of_role] = sold["granted_via"].as_array().unwrap().as_slice() else {
        panic!("{sold}")
    };
    assert_eq!((&direct["type"], &direct["reason"]), (&json!("direct"), &json!("covers")));
    for (field, value) in [
        ("type", json!("role")),
        ("role_id", json!(seller)),
        ("role_name", json!("Seller")),
        ("principal_type", json!("group")),
        ("principal_id", json!("staff")),
        ("groups", json!(["staff"])),
        ("scope_types", json!(["issuer"])),
        ("entity_id", json!(acme)),
        ("conditions", json!([condition, "now > timestamp(0)"])),
    ] {
        assert_eq!(of_role[field], value, "{field}");
    }
    let sign = held.iter().find(|one| one["capability_code"] == "document:sign").unwrap();
    assert_eq!((&sign["category"], &sign["description"]), (&Value::Null, &Value::Null));

    world.pass_seconds(5);
    let held = tenant.list(&path("alice", "")).await;
    assert_eq!(codes(&held), ["*", SOLD, "document:sign"], "support has ended, admin has begun");
    assert_eq!(tenant.list(&path("nobody", "")).await, Vec::<Value>::new());
    assert_eq!(tenant.list(&path("alice", "?principal_type=service")).await, Vec::<Value>::new());
    assert!(has(&tenant, "alice", "anything:at_all", None).await, "as an admin");
}

#[tokio::test]
async fn ten_ways_are_told_of_a_permission_and_the_others_counted() {
    let (_, tenant) = world().await;
    for number in 0..12 {
        let entity = tenant.entity(&format!("E{number}"), "issuer", None).await;
        grant(&tenant, "alice", SOLD, json!({"entity_id": entity})).await.expect(201);
    }
    let held = tenant.list(&path("alice", "")).await;
    assert_eq!((held.len(), &held[0]["ways"]), (1, &json!(12)));
    assert_eq!(held[0]["granted_via"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn the_caller_sees_its_own_and_of_those_what_its_scopes_include() {
    let (_, tenant) = world().await;
    tenant.assign_to("service:local", "system:auditor", json!({})).await.expect(201);
    let mine = tenant.list(&format!("{CAPABILITIES}/me")).await;
    assert_eq!(codes(&mine), ["*:read", "audit:export"]);

    let (world, owner) = ungranted(&Faults::none()).await;
    let me = format!("{CAPABILITIES}/me");
    for (role, user) in [("system:admin", "root"), ("system:service", "reporter")] {
        owner.assign(user, role, None).await;
    }
    for code in [SOLD, "capability:read"] {
        grant(&owner, "reporter", code, json!({})).await.expect(201);
    }
    for (user, scope, expected) in [
        ("root", "capability:read AVAILABILITY_MARK_SOLD", vec![SOLD, "capability:read"]),
        (
            "reporter",
            "read:capability availability.mark_sold entity:update",
            vec![SOLD, "capability:read"],
        ),
        (
            "reporter",
            "capability:read entity:read decision:evaluate",
            vec!["capability:read", "decision:evaluate", "entity:read"],
        ),
    ] {
        let token = bearer(&json!({"sub": user, "scope": scope}));
        let caller = world.tenant(OWNER).with("authorization", &token);
        let held = caller.list(&me).await;
        assert_eq!(codes(&held), expected, "{user}: {scope}");
    }
}
