//! Who acts as someone else does so with less than both may, on record, and no longer than a quarter of an hour.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use api::delivery::Courier;
use serde_json::{Value, json};
use tests::faults::Faults;
use tests::messaging::Messages;
use tests::{Reply, Tenant, World};

use crate::authentication::bearer;
use crate::isolation::OWNER;
use crate::permitted::ungranted;
use crate::tables::{assert_same, tables};
use crate::tour::ENTITIES;

const START: &str = "/admin/impersonate/start";
const STOP: &str = "/admin/impersonate/stop";
const KEYS: &str = "/api/v1/api-keys";

/// Ada may impersonate, and read entities and roles; Bob may read and create entities.
struct Desk {
    world: World,
    owner: Tenant,
    ada: Tenant,
}

impl Desk {
    async fn open() -> Self {
        let (world, owner) = ungranted(&Faults::none()).await;
        let support = ["admin:impersonate", "entity:read", "role:read", "api_key:create"];
        let support = owner.role("Support desk", &support, &[]).await;
        owner.assign("ada", &support, None).await;
        let team =
            owner.role("Team", &["entity:read", "entity:create", "api_key:create"], &[]).await;
        owner.assign("bob", &team, None).await;
        let ada = user(&world, "ada");
        Self { world, owner, ada }
    }

    async fn start(&self) -> (String, Tenant) {
        let begun = self.ada.post(START, why("bob")).await;
        let id = begun.expect(200)["impersonation_id"].as_str().unwrap().to_owned();
        (id, self.by_token(&begun))
    }

    fn by_token(&self, begun: &Reply) -> Tenant {
        let token = begun.body["token"].as_str().unwrap();
        self.world.tenant(OWNER).with("authorization", &format!("Bearer {token}"))
    }

    /// What is to be told of the end of an impersonation.
    async fn ends(&self, id: &str) -> Vec<Value> {
        let mut ends = self.world.audits("impersonation.expire").await;
        ends.retain(|entry| entry["details"].as_str().unwrap().contains(id));
        ends
    }

    /// Whether that is told once the sweeper has run, which delivers what is a minute old.
    async fn is_told_by_sweeper(&self, id: &str) -> bool {
        let app = self.world.app(self.world.system.embedded.client(), &Messages::default());
        outbox_sweeper::handle(&Courier::of(&app), json!({})).await.unwrap();
        self.ends(id).await[0]["delivery_state"] != "pending"
    }

    /// Whether that is told once the relay has seen its row.
    async fn is_told_by_relay(&self, id: &str) -> bool {
        let app = self.world.app(self.world.system.embedded.client(), &Messages::default());
        let stream = serde_json::from_value(self.world.stream().await).unwrap();
        outbox_relay::handle(&Courier::of(&app), stream).await.unwrap();
        self.ends(id).await[0]["delivery_state"] != "pending"
    }
}

fn user(world: &World, id: &str) -> Tenant {
    world.tenant(OWNER).with("authorization", &bearer(&json!({"sub": id})))
}

fn why(id: &str) -> Value {
    json!({"user_id": id, "reason": "Ticket 789"})
}

#[track_caller]
fn expect_lacking(reply: &Reply, permission: &str) {
    assert_eq!(reply.expect_problem(403, "forbidden")["permission"], permission);
}

#[tokio::test]
async fn who_acts_as_another_may_what_both_may_and_no_more() {
    let desk = Desk::open().await;
    let (_, as_bob) = desk.start().await;
    as_bob.get(ENTITIES).await.expect(200);
    // Bob may, and Ada may not.
    expect_lacking(
        &as_bob.post(ENTITIES, json!({"name": "A", "type": "issuer"})).await,
        "entity:create",
    );
    // Ada may, and Bob may not.
    desk.ada.get("/api/v1/roles").await.expect(200);
    expect_lacking(&as_bob.get("/api/v1/roles").await, "role:read");
    // And what would outlast it, or nest, neither of them may.
    as_bob.post(KEYS, json!({"name": "Mine"})).await.expect_problem(409, "impersonating");
    as_bob.post(START, why("carl")).await.expect_problem(409, "impersonating");
    // What Ada loses she has lost for both.
    let patch = json!({"permissions": ["admin:impersonate"]});
    let roles = desk.owner.get("/api/v1/roles").await;
    let roles = roles.body["items"].as_array().unwrap();
    let support = roles.iter().find(|role| role["name"] == "Support desk").unwrap();
    let path = format!("/api/v1/roles/{}", support["id"].as_str().unwrap());
    desk.owner.patch(&path, patch).await.expect(200);
    expect_lacking(&as_bob.get(ENTITIES).await, "entity:read");
    let patch = json!({"permissions": ["entity:read"]});
    desk.owner.patch(&path, patch).await.expect(200);
    expect_lacking(&as_bob.get(ENTITIES).await, "admin:impersonate");
}

#[tokio::test]
async fn who_may_not_impersonate_or_says_no_reason_or_means_itself_begins_nothing() {
    let desk = Desk::open().await;
    let before = tables(&desk.world).await;
    expect_lacking(&user(&desk.world, "bob").post(START, why("ada")).await, "admin:impersonate");
    for (body, pointer) in [
        (json!({"user_id": "bob"}), "/reason"),
        (json!({"user_id": "bob", "reason": " "}), "/reason"),
        (json!({"user_id": "bob", "reason": "x".repeat(513)}), "/reason"),
        (json!({"reason": "Ticket"}), "/user_id"),
        (json!({"user_id": "a b", "reason": "Ticket"}), "/user_id"),
        (json!({"user_id": "ada", "reason": "Ticket"}), "/user_id"),
        (json!({"user_id": "staff", "user_type": "group", "reason": "Ticket"}), "/user_type"),
    ] {
        let reply = desk.ada.post(START, body.clone()).await;
        assert_eq!(reply.expect_problem(400, "invalid")["errors"][0]["pointer"], pointer, "{body}");
    }
    let limited = bearer(&json!({"sub": "ada", "scope": "entity:read"}));
    let limited = desk.world.tenant(OWNER).with("authorization", &limited);
    limited.post(START, why("bob")).await.expect_problem(403, "insufficient_scope");
    desk.ada.post(STOP, json!({})).await.expect_problem(400, "invalid");
    let unknown = json!({"impersonation_id": "5f0c1e9a77d2b364"});
    desk.ada.post(STOP, unknown).await.expect_problem(404, "not_found");
    assert_same(&before, &tables(&desk.world).await, "what is stored");
}

#[tokio::test]
async fn it_ends_at_once_where_it_is_stopped_and_else_after_a_quarter_of_an_hour() {
    let desk = Desk::open().await;
    let (_, as_bob) = desk.start().await;
    as_bob.get(ENTITIES).await.expect(200);
    let stopped = as_bob.post(STOP, json!({})).await;
    assert!(stopped.expect(200)["stopped_at"].is_string());
    assert!(stopped.header("set-cookie").unwrap().starts_with("impersonation=; Path=/; Max-Age=0"));
    as_bob.get(ENTITIES).await.expect_problem(401, "impersonation_ended");
    // By its actor, who need not act within it.
    let (id, as_bob) = desk.start().await;
    desk.ada.post(STOP, json!({"impersonation_id": id})).await.expect(200);
    as_bob.get(ENTITIES).await.expect_problem(401, "impersonation_ended");
    desk.ada.post(STOP, json!({"impersonation_id": id})).await.expect(200);
    // To be used does not make it longer.
    let (_, as_bob) = desk.start().await;
    for _ in 0..14 {
        desk.world.pass_seconds(60);
        as_bob.get(ENTITIES).await.expect(200);
    }
    desk.world.pass_seconds(60);
    as_bob.get(ENTITIES).await.expect_problem(401, "impersonation_ended");
    as_bob.post(STOP, json!({})).await.expect_problem(401, "impersonation_ended");
    assert_eq!(desk.world.audits("impersonation.stop").await.len(), 2);
}

#[tokio::test]
async fn the_ledger_hears_of_its_start_and_of_its_stop_or_else_of_its_end() {
    let desk = Desk::open().await;
    let (id, _) = desk.start().await;
    let (stopped, as_bob) = desk.start().await;
    as_bob.post(STOP, json!({})).await.expect(200);
    let started = desk.world.details("impersonation.start").await;
    let said = started.iter().find(|details| details["impersonation_id"] == id.as_str()).unwrap();
    assert_eq!(
        (&said["impersonator_id"], &said["principal_id"], &said["reason"]),
        (&json!("ada"), &json!("bob"), &json!("Ticket 789"))
    );
    let stop = &desk.world.audits("impersonation.stop").await[0];
    assert_eq!((&stop["actor_id"], &stop["on_behalf_of"]), (&json!("ada"), &json!("bob")));
    assert!(stop["details"].as_str().unwrap().contains(&stopped));
    // Of the one that goes on, what is to be told is there; and it is told when it is due, and not before.
    assert_eq!((desk.ends(&id).await.len(), desk.ends(&stopped).await.len()), (1, 0));
    assert!(!desk.is_told_by_relay(&id).await);
    desk.world.pass_seconds(15 * 60 + 30);
    assert!(!desk.is_told_by_sweeper(&id).await);
    desk.world.pass_seconds(60);
    assert!(desk.is_told_by_sweeper(&id).await);
    assert_eq!(desk.ends(&id).await[0]["occurred_at"], said["expires_at"]);
}

#[tokio::test]
async fn what_is_done_within_it_is_the_actors_on_behalf_of_the_other() {
    let desk = Desk::open().await;
    for user in ["ada", "bob"] {
        desk.owner.assign(user, "system:admin", None).await;
    }
    let (_, as_bob) = desk.start().await;
    as_bob.post(ENTITIES, json!({"name": "A", "type": "issuer"})).await.expect(201);
    let entries = desk.world.audits("entity.create").await;
    let made = entries.iter().find(|entry| entry["actor_id"] == "ada").unwrap();
    assert_eq!((&made["actor_type"], &made["on_behalf_of"]), (&json!("user"), &json!("bob")));
    let me = as_bob.get("/api/v1/capabilities/me").await;
    assert!(me.expect(200).to_string().contains("bob"), "{}", me.text);
}

#[tokio::test]
async fn the_cookie_counts_beside_its_actors_own_credential_only() {
    let desk = Desk::open().await;
    let begun = desk.ada.post(START, why("bob")).await;
    let set = begun.header("set-cookie").unwrap();
    let (pair, attributes) = set.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; Max-Age=900; HttpOnly; Secure; SameSite=Lax");
    let beside = |tenant: Tenant| tenant.with("cookie", &format!("theme=dark; {pair}"));
    let as_bob = beside(desk.ada.clone());
    as_bob.get(ENTITIES).await.expect(200);
    expect_lacking(&as_bob.get("/api/v1/roles").await, "role:read");
    beside(desk.world.tenant(OWNER)).get(ENTITIES).await.expect_problem(401, "unauthenticated");
    let others = bearer(&json!({"sub": "ada", "tenant_id": "other"}));
    for stranger in [
        user(&desk.world, "bob"),
        desk.world.tenant("other").with("authorization", &others),
        desk.owner.clone(),
    ] {
        let refused = beside(stranger).get(ENTITIES).await;
        refused.expect_problem(401, "impersonation_ended");
        assert!(refused.header("set-cookie").unwrap().contains("Max-Age=0"));
    }
    let token = pair.split_once('=').unwrap().1;
    for forged in [
        "",
        "im_",
        &token.replacen("im_", "ak_", 1),
        &format!("{}x", token.strip_suffix(|_: char| true).unwrap()),
    ] {
        let cookie = format!("impersonation={forged}");
        desk.ada
            .clone()
            .with("cookie", &cookie)
            .get(ENTITIES)
            .await
            .expect_problem(401, "impersonation_ended");
        let bearer = format!("Bearer {forged}");
        let reply = desk.world.tenant(OWNER).with("authorization", &bearer).get(ENTITIES).await;
        assert_eq!(reply.status, 401, "{forged}");
    }
    as_bob.post(STOP, json!({})).await.expect(200);
    as_bob.get(ENTITIES).await.expect_problem(401, "impersonation_ended");
    desk.ada.get("/api/v1/roles").await.expect(200);
}

#[tokio::test]
async fn its_token_is_told_once_and_kept_nowhere() {
    let desk = Desk::open().await;
    let keyed = desk.ada.clone().with("idempotency-key", "one");
    let begun = keyed.post(START, why("bob")).await;
    let token = begun.expect(200)["token"].as_str().unwrap();
    let secret = token.rsplit_once('_').unwrap().1;
    let again = keyed.post(START, why("bob")).await;
    assert_eq!(again.expect(200)["impersonation_id"], begun.body["impersonation_id"]);
    assert!(again.body.get("token").is_none() && again.header("set-cookie").is_none());
    for table in ["CoreTable", "EventsTable", "AuditTable"] {
        for item in desk.world.items(table).await {
            assert!(!item.to_string().contains(secret), "{item}");
        }
    }
}

#[tokio::test]
async fn an_operator_acts_as_a_tenants_user_within_what_operators_grant_and_each_request_is_on_record()
 {
    let desk = Desk::open().await;
    let registry = desk.world.for_the_owner().tenant("system:tenants");
    let needed = ["admin:access", "admin:impersonate", "entity:read"];
    let needed = registry.role("Support", &needed, &[]).await;
    registry.assign("olga", &needed, None).await;
    let token = bearer(&json!({"sub": "olga", "tenant_id": null}));
    let olga = desk.world.tenant(OWNER).with("authorization", &token);
    let begun = olga.post(START, why("bob")).await;
    begun.expect(200);
    let as_bob = desk.by_token(&begun);
    as_bob.get(ENTITIES).await.expect(200);
    expect_lacking(
        &as_bob.post(ENTITIES, json!({"name": "A", "type": "issuer"})).await,
        "entity:create",
    );
    let entries = desk.world.audits("admin.access").await;
    let within = entries.iter().find(|entry| entry["on_behalf_of"] == "bob").unwrap();
    assert_eq!((&within["actor_id"], entries.len()), (&json!("olga"), 2));
    assert!(within["details"].as_str().unwrap().contains("impersonated"));
}

#[tokio::test]
async fn a_request_within_it_reads_seven_units_more_where_all_is_remembered() {
    let desk = Desk::open().await;
    let path = format!("{ENTITIES}/root");
    let bare = desk.owner.get(&path).await.usage;
    let (_, as_bob) = desk.start().await;
    as_bob.get(&path).await.expect(200);
    let usage = as_bob.get(&path).await.usage;
    let more = (usage.read_units - bare.read_units, usage.write_units - bare.write_units);
    assert_eq!(more, (7.0, 0.0));
}
