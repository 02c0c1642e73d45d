//! The registry of tenants: who may be in it, under which names, and who is let near it.

use futures::future::join_all;
use serde_json::{Value, json};
use tests::tokens::{Places, claims, pairs};
use tests::{Reply, Tenant, World};

use crate::tables::{assert_same, count_of_kind, tables};

const NOW: i64 = 1_795_404_653;
const TENANTS: &str = "/api/v1/tenants";

fn acme() -> Value {
    json!({
        "id": "acme", "slug": "acme-holdings", "name": "Acme Holdings", "external_ref": "207732", "tier": "premium",
    })
}

fn named(slug: &str) -> Value {
    json!({"slug": slug, "name": "Some tenant"})
}

/// A world, and its operator, whichever tenant that names.
fn world() -> (World, Tenant) {
    let world = World::new();
    let operator = world.default_tenant();
    (world, operator)
}

/// The ids of a list.
fn listed(reply: &Reply) -> Vec<&str> {
    reply.expect(200);
    reply.ids()
}

#[tokio::test]
async fn a_tenant_is_registered_as_it_is_described_and_found_by_each_of_its_names() {
    let (world, operator) = world();
    let made = operator.post(TENANTS, acme()).await;
    let tenant = made.expect(201).clone();
    assert_eq!(made.header("location"), Some("/api/v1/tenants/acme"));
    assert_eq!(made.header("etag"), Some("\"1\""));
    let mut expected = acme();
    for (name, value) in [
        ("status", json!("active")),
        ("suspension_reason", Value::Null),
        ("version", json!(1)),
        ("created_at", json!(world.now())),
        ("updated_at", json!(world.now())),
    ] {
        expected[name] = value;
    }
    assert_eq!(tenant, expected);
    assert_eq!(operator.get("/api/v1/tenants/acme").await.expect(200), &tenant);
    for query in
        ["slug=acme-holdings", "external_ref=207732", "slug=acme-holdings&external_ref=207732"]
    {
        let found = operator.get(&format!("{TENANTS}?{query}")).await;
        assert_eq!(found.expect(200)["items"], json!([tenant]), "{query}");
    }
    for query in ["slug=acme", "external_ref=1", "slug=acme-holdings&external_ref=1"] {
        let found = operator.get(&format!("{TENANTS}?{query}")).await;
        assert_eq!(found.expect(200), &json!({"items": [], "next_cursor": null}), "{query}");
    }
}

#[tokio::test]
async fn what_is_not_said_of_a_new_tenant_is_the_least_there_is() {
    let (_, operator) = world();
    let made = operator.post(TENANTS, named("new")).await;
    let tenant = made.expect(201);
    let id = tenant["id"].as_str().unwrap();
    assert_eq!(
        (id.len(), &tenant["tier"], &tenant["external_ref"]),
        (36, &json!("free"), &Value::Null)
    );
    operator.get(&format!("{TENANTS}/{id}")).await.expect(200);
}

#[tokio::test]
async fn what_is_done_to_tenants_is_told_and_recorded_as_the_registrys() {
    let (world, _) = world();
    // Whichever tenant the operator names beside it.
    let operator = world.tenant("globex");
    operator.post(TENANTS, acme()).await.expect(201);
    operator.patch(&format!("{TENANTS}/acme"), json!({"tier": "basic"})).await.expect(200);
    operator
        .post(&format!("{TENANTS}/acme/suspend"), json!({"reason": "Unpaid."}))
        .await
        .expect(200);
    operator.post_empty(&format!("{TENANTS}/acme/resume")).await.expect(200);
    for (event, action) in [
        ("tenant.created", "tenant.create"),
        ("tenant.updated", "tenant.update"),
        ("tenant.suspended", "tenant.suspend"),
        ("tenant.resumed", "tenant.resume"),
    ] {
        let (events, audits) = (world.events(event).await, world.audits(action).await);
        let ([event], [audit]) = (events.as_slice(), audits.as_slice()) else {
            panic!("{events:?} {audits:?}")
        };
        for row in [event, audit] {
            assert_eq!(row["tenant_id"], "system:tenants", "{row}");
        }
        assert_eq!((&event["aggregate_id"], &audit["actor_id"]), (&json!("acme"), &json!("local")));
        let told = [&event["payload"], &audit["details"]];
        for text in told {
            assert!(text.as_str().unwrap().contains(r#""registered_tenant_id":"acme""#), "{text}");
        }
        // The ledger cannot forget, so it does not learn what people wrote.
        assert!(!audit["details"].as_str().unwrap().contains("Unpaid"), "{audit}");
    }
    world.check_consistency().await;
}

#[tokio::test]
async fn each_name_of_a_tenant_is_taken_once_over_all_tenants() {
    let (world, operator) = world();
    operator.post(TENANTS, acme()).await.expect(201);
    let before = tables(&world).await;
    let other = |name: &str, value: &str| {
        let mut body = json!({"id": "other", "slug": "other", "name": "Acme Holdings"});
        body[name] = json!(value);
        body
    };
    for (body, code) in [
        (other("slug", "acme-holdings"), "slug_taken"),
        (other("external_ref", "207732"), "external_ref_taken"),
        (other("id", "acme"), "id_taken"),
        (acme(), "id_taken"),
    ] {
        // Also by an operator who names another tenant beside it.
        for operator in [&operator, &world.tenant("globex")] {
            operator.post(TENANTS, body.clone()).await.expect_problem(409, code);
        }
    }
    assert_same(&before, &tables(&world).await, "what was refused");
    operator.post(TENANTS, other("slug", "free")).await.expect(201);
    let other = format!("{TENANTS}/other");
    for (change, code) in [
        (json!({"slug": "acme-holdings"}), "slug_taken"),
        (json!({"external_ref": "207732"}), "external_ref_taken"),
    ] {
        operator.patch(&other, change).await.expect_problem(409, code);
    }
}

#[tokio::test]
async fn what_a_tenant_gives_up_is_free_for_others() {
    let (world, operator) = world();
    operator.post(TENANTS, acme()).await.expect(201);
    let path = format!("{TENANTS}/acme");
    let changed = operator.patch(&path, json!({"slug": "acme", "external_ref": null})).await;
    assert_eq!(
        (&changed.expect(200)["slug"], &changed.body["version"]),
        (&json!("acme"), &json!(2))
    );
    let by_slug = async |slug: &str| {
        let found = operator.get(&format!("{TENANTS}?slug={slug}")).await;
        listed(&found).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        (by_slug("acme").await, by_slug("acme-holdings").await),
        (vec!["acme".to_owned()], vec![])
    );
    let mut heir = acme();
    heir["id"] = json!("heir");
    operator.post(TENANTS, heir).await.expect(201);
    assert_eq!(by_slug("acme-holdings").await, ["heir"]);
    let stored = tables(&world).await;
    assert_eq!(count_of_kind(&stored, "tenant-slug"), 2);
    assert_eq!(count_of_kind(&stored, "tenant-reference"), 1);
    world.check_consistency().await;
}

#[tokio::test]
async fn a_change_is_of_the_version_that_was_read_and_of_something() {
    let (world, operator) = world();
    operator.post(TENANTS, acme()).await.expect(201);
    let path = format!("{TENANTS}/acme");
    let first = operator.clone().with("if-match", "\"1\"");
    first.patch(&path, json!({"name": "Acme"})).await.expect(200);
    let before = tables(&world).await;
    first.patch(&path, json!({"name": "Acme & Sons"})).await.expect_problem(412, "stale");
    first.post(&format!("{path}/suspend"), json!({})).await.expect_problem(412, "stale");
    first.post_empty(&format!("{path}/resume")).await.expect_problem(412, "stale");
    let same = operator.patch(&path, json!({"name": "Acme", "tier": "premium"})).await;
    assert_eq!(same.expect(200)["version"], 2);
    assert_same(&before, &tables(&world).await, "what changed nothing");
    for path in [format!("{TENANTS}/nobody"), format!("{TENANTS}/system:tenants")] {
        operator.get(&path).await.expect_problem(404, "not_found");
        operator.patch(&path, json!({"name": "x"})).await.expect_problem(404, "not_found");
        operator.post(&format!("{path}/suspend"), json!({})).await.expect_problem(404, "not_found");
        operator.post_empty(&format!("{path}/resume")).await.expect_problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_body_that_is_wrong_is_refused_with_all_that_is_wrong() {
    let (world, operator) = world();
    operator.post(TENANTS, acme()).await.expect(201);
    let before = tables(&world).await;
    for (body, pointers) in [
        (json!({}), &["/slug", "/name"][..]),
        (json!({"slug": "Acme", "name": ""}), &["/slug", "/name"]),
        (json!({"slug": "1a", "name": "x"}), &["/slug"]),
        (json!({"slug": "a".repeat(64), "name": "x"}), &["/slug"]),
        (json!({"slug": 7, "name": "x".repeat(121)}), &["/slug", "/name"]),
        (json!({"slug": "a", "name": "x", "id": "system:tenants"}), &["/id"]),
        (json!({"slug": "a", "name": "x", "id": "a/b"}), &["/id"]),
        (json!({"slug": "a", "name": "x", "external_ref": ""}), &["/external_ref"]),
        (json!({"slug": "a", "name": "x", "external_ref": 207_732}), &["/external_ref"]),
        (json!({"slug": "a", "name": "x", "external_ref": "x".repeat(129)}), &["/external_ref"]),
        (json!({"slug": "a", "name": "x", "tier": "gold"}), &["/tier"]),
    ] {
        let refused = operator.post(TENANTS, body.clone()).await;
        refused.expect_problem(400, "invalid");
        assert_eq!(refused.pointers(), pointers, "{body}");
    }
    let path = format!("{TENANTS}/acme");
    for (body, pointers) in [
        (json!({"id": "other"}), &["/id"][..]),
        (json!({"status": "suspended"}), &["/status"]),
        (json!({"slug": null, "name": null, "tier": null}), &["/slug", "/name", "/tier"]),
        (json!({"slug": "-"}), &["/slug"]),
    ] {
        let refused = operator.patch(&path, body.clone()).await;
        refused.expect_problem(400, "invalid");
        assert_eq!(refused.pointers(), pointers, "{body}");
    }
    for body in [json!({"reason": ""}), json!({"reason": "x".repeat(513)}), json!({"why": "x"})] {
        let refused = operator.post(&format!("{path}/suspend"), body).await;
        refused.expect_problem(400, "invalid");
    }
    for query in ["slug=A", "external_ref=", "slug=a&slug=b", "tier=free", "limit=0", "cursor=x"] {
        operator.get(&format!("{TENANTS}?{query}")).await.expect_problem(400, "invalid");
    }
    assert_same(&before, &tables(&world).await, "what was refused");
}

#[tokio::test]
async fn the_list_has_every_tenant_once_by_its_id() {
    let (_, operator) = world();
    for number in 0..5 {
        let slug = format!("tenant-{number}");
        let body = json!({"id": slug, "slug": slug, "name": slug});
        operator.post(TENANTS, body).await.expect(201);
    }
    let pages = operator.pages(TENANTS, 2).await;
    let ids: Vec<_> = pages.concat().iter().map(|item| item["id"].clone()).collect();
    let expected: Vec<_> = (0..5).map(|number| json!(format!("tenant-{number}"))).collect();
    assert_eq!((pages.len(), ids), (3, expected));
}

#[tokio::test]
async fn a_repeated_request_is_answered_once_more_and_done_once() {
    let (world, operator) = world();
    let keyed = operator.with("idempotency-key", "k");
    let first = keyed.post(TENANTS, acme()).await;
    first.expect(201);
    let before = tables(&world).await;
    let again = keyed.post(TENANTS, acme()).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!((again.status, &again.text), (201, &first.text));
    keyed.post(TENANTS, named("other")).await.expect_problem(409, "idempotency_key_reused");
    assert_same(&before, &tables(&world).await, "what was repeated");
    // The key is the caller's in the tenant that it names, as everywhere.
    let elsewhere = world.tenant("globex").with("idempotency-key", "k");
    elsewhere.post(TENANTS, named("other")).await.expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_ten_who_take_one_slug_or_one_reference_at_once_one_does() {
    let (world, operator) = world();
    for (round, body) in
        [named("acme"), json!({"name": "Acme", "external_ref": "7"})].iter().enumerate()
    {
        let replies = join_all((0..10).map(|number| {
            let (operator, mut body) = (operator.clone(), body.clone());
            if round == 1 {
                body["slug"] = json!(format!("acme-{number}"));
            }
            tokio::spawn(async move { operator.post(TENANTS, body).await })
        }));
        let replies: Vec<Reply> = replies.await.into_iter().map(Result::unwrap).collect();
        let made = replies.iter().filter(|reply| reply.status == 201).count();
        assert_eq!(made, 1, "{replies:?}");
        for refused in replies.iter().filter(|reply| reply.status != 201) {
            refused.expect_problem(409, ["slug_taken", "external_ref_taken"][round]);
        }
    }
    assert_eq!(listed(&operator.get(TENANTS).await).len(), 2);
    world.check_consistency().await;
}

#[tokio::test]
async fn who_has_a_tenant_of_its_own_is_told_what_it_lacks_and_nothing_else() {
    let world = World::with_tokens(&Places::new());
    let token = format!("Bearer {}", pairs().eddsa.token(&claims(NOW)));
    let acme = world.tenant("acme").with("authorization", &token);
    let before = tables(&world).await;
    let one = format!("{TENANTS}/acme");
    let refused = [
        acme.get(TENANTS).await,
        acme.get(&format!("{TENANTS}?slug=A")).await,
        acme.get(&one).await,
        acme.post(TENANTS, named("acme")).await,
        acme.post(TENANTS, json!({})).await,
        acme.patch(&one, json!({"tier": "internal"})).await,
        acme.post(&format!("{one}/suspend"), json!({})).await,
        acme.post_empty(&format!("{one}/resume")).await,
    ];
    for reply in refused {
        let detail = &reply.expect_problem(403, "forbidden")["detail"];
        assert!(detail.as_str().unwrap().contains("`admin:access`"), "{detail}");
    }
    assert_same(&before, &tables(&world).await, "what was refused");
}

#[tokio::test]
async fn what_it_costs_is_what_the_store_says() {
    let (_, operator) = world();
    // Tenant and slug; event and audit entry with their indexes; the reference besides.
    let made = operator.post(TENANTS, acme()).await.usage;
    assert_eq!((made.read_units, made.write_units, made.round_trips), (0.0, 13.0, 1));
    let other = json!({"id": "other", "slug": "other", "name": "Other"});
    let made = operator.post(TENANTS, other).await.usage;
    assert_eq!((made.read_units, made.write_units, made.round_trips), (0.0, 11.0, 1));
    // With an id of 36 characters the event has more than a kibibyte.
    let made = operator.post(TENANTS, named("third")).await.usage;
    assert_eq!((made.read_units, made.write_units, made.round_trips), (0.0, 13.0, 1));
    let path = format!("{TENANTS}/acme");
    let read = operator.get(&path).await.usage;
    assert_eq!((read.read_units, read.write_units, read.round_trips), (1.0, 0.0, 1));
    let found = operator.get(&format!("{TENANTS}?slug=acme-holdings")).await.usage;
    assert_eq!((found.read_units, found.round_trips), (2.0, 2));
    let changed = operator.patch(&path, json!({"tier": "basic"})).await.usage;
    assert_eq!((changed.read_units, changed.write_units), (1.0, 9.0));
    let renamed = operator.patch(&path, json!({"slug": "acme"})).await.usage;
    assert_eq!((renamed.read_units, renamed.write_units), (1.0, 13.0));
    let suspended = operator.post(&format!("{path}/suspend"), json!({})).await.usage;
    assert_eq!((suspended.read_units, suspended.write_units), (1.0, 9.0));
}
