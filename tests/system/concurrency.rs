//! Many at once: what must happen once happens once, and nobody is told otherwise.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use futures::future::{join_all, try_join_all};
use http::Method;
use serde_json::json;
use tests::{Reply, Tenant, World};

use crate::samples::{Sample, kept, samples};
use crate::tables::{Tables, count, count_of_kind, tables};

/// Clients at once.
const CLIENTS: usize = 64;

/// The answers to one request, sent by many clients at once, each on a task of its own.
async fn at_once(clients: usize, tenant: &Tenant, sample: &Sample) -> Vec<Reply> {
    let sending = (0..clients).map(|_| {
        let (tenant, sample) = (tenant.clone(), sample.clone());
        tokio::spawn(async move { sample.send(&tenant).await })
    });
    try_join_all(sending.collect::<Vec<_>>()).await.unwrap()
}

/// How many were told what.
fn told(replies: &[Reply], status: u16) -> usize {
    replies.iter().filter(|reply| reply.status == status).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_creators_of_one_name_one_creates() {
    let world = World::new();
    let tenant = world.default_tenant();
    let create = |path: &str, body| Sample {
        method: Method::POST,
        path: path.to_owned(),
        body: Some(body),
        ..Sample::default()
    };
    let entity = create("/api/v1/entities", json!({"name": "Acme", "type": "issuer"}));
    let role = create("/api/v1/roles", json!({"name": "Reader"}));
    for (request, kind, event, action) in [
        (entity, "entity", "entity.created", "entity.create"),
        (role, "role", "role.created", "role.create"),
    ] {
        let replies = at_once(CLIENTS, &tenant, &request).await;
        assert_eq!((told(&replies, 201), told(&replies, 409)), (1, CLIENTS - 1));
        for refused in replies.iter().filter(|reply| reply.status == 409) {
            refused.expect_problem(409, "name_taken");
        }
        let stored = tables(&world).await;
        assert_eq!(count_of_kind(&stored, &format!("{kind}-name")), 1);
        assert_eq!(count(&stored, "event_type", event), 1);
        assert_eq!(count(&stored, "action", action), 1);
        let listed = tenant.get(&request.path).await;
        let created = replies.iter().find(|reply| reply.status == 201).unwrap();
        let made = |id: &&str| !id.starts_with("system:");
        let ids: Vec<&str> = listed.ids().into_iter().filter(made).collect();
        assert_eq!(ids, [created.body["id"].as_str().unwrap()]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_equal_requests_under_one_key_have_one_effect_and_one_answer() {
    let world = World::new();
    let samples = samples(&world.default_tenant()).await;
    let tenant = world.default_tenant().with("idempotency-key", "64");
    for sample in samples {
        let before = tables(&world).await;
        let replies = at_once(CLIENTS, &tenant, &sample).await;
        let answers: BTreeSet<_> = replies
            .iter()
            .map(|reply| {
                let header = |name: &str| reply.header(name).map(str::to_owned);
                (reply.status, kept(reply), header("etag"), header("location"))
            })
            .collect();
        assert_eq!(answers.len(), 1, "{answers:?}");
        assert_eq!(answers.first().unwrap().0, sample.status, "{answers:?}");
        let replayed =
            replies.iter().filter(|reply| reply.header("idempotency-replayed").is_some());
        assert_eq!(replayed.count(), CLIENTS - 1, "{sample:?}");

        let after = tables(&world).await;
        let more = |count: &dyn Fn(&Tables) -> usize| count(&after) - count(&before);
        for (attribute, value) in sample.leaves() {
            assert_eq!(more(&|all| count(all, attribute, value)), 1, "{sample:?}");
        }
        let events = usize::from(!sample.event.is_empty());
        assert_eq!(more(&|all| count(all, "record", "event")), events, "{sample:?}");
        assert_eq!(more(&|all| count_of_kind(all, "receipt")), 1, "{sample:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixty_four_different_requests_under_one_key_one_has_an_effect() {
    let world = World::new();
    let tenant = world.default_tenant().with("idempotency-key", "64");
    let create = |number| {
        let tenant = tenant.clone();
        let body = json!({"name": format!("Acme {number}"), "type": "issuer"});
        tokio::spawn(async move { tenant.post("/api/v1/entities", body).await })
    };
    let replies = try_join_all((0..CLIENTS).map(create).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(told(&replies, 201), 1);
    for refused in replies.iter().filter(|reply| reply.status != 201) {
        refused.expect_problem(409, "idempotency_key_reused");
    }
    assert_eq!(count_of_kind(&tables(&world).await, "entity"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_key_too_a_change_asked_for_16_times_happens_once() {
    let world = World::new();
    let tenant = world.default_tenant();
    // Events without a correlation id are new each time, and so are API keys and impersonations.
    let is_new = ["", "api_key.create", "impersonation.start"];
    let is_one = |sample: &Sample| !is_new.contains(&sample.action);
    let samples = samples(&tenant).await.into_iter().filter(is_one);
    for sample in samples {
        let before = tables(&world).await;
        let replies = at_once(CLIENTS / 4, &tenant, &sample).await;
        // The others are told that it is so already (200), that it is taken (409), or gone (404).
        assert!(told(&replies, sample.status) >= 1, "{sample:?}");
        let other = replies.iter().find(|reply| ![200, 201, 404, 409].contains(&reply.status));
        assert!(other.is_none(), "{other:?}");
        let after = tables(&world).await;
        let events = |all: &Tables| count(all, "event_type", sample.event);
        assert_eq!(events(&after) - events(&before), 1, "{sample:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_different_changes_of_one_entity_each_is_made_or_refused_and_none_is_lost() {
    let world = World::new();
    let tenant = world.default_tenant();
    let id = tenant.entity("Acme", "issuer", None).await;
    let path = format!("/api/v1/entities/{id}");
    let changes = (0..CLIENTS).map(|number| {
        let (tenant, path) = (tenant.clone(), path.clone());
        tokio::spawn(
            async move { tenant.patch(&path, json!({"name": format!("Acme {number}")})).await },
        )
    });
    let replies = try_join_all(changes.collect::<Vec<_>>()).await.unwrap();
    let made = told(&replies, 200);
    for refused in replies.iter().filter(|reply| reply.status != 200) {
        refused.expect_problem(409, "conflict");
    }
    let now = tenant.get(&path).await;
    assert_eq!(now.expect(200)["version"], 1 + made);
    let stored = tables(&world).await;
    assert_eq!(count(&stored, "event_type", "entity.updated"), made);
    assert_eq!(count_of_kind(&stored, "entity-name"), 1, "a change leaves no old name taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_moves_at_once_never_close_a_circle() {
    let world = World::new();
    let tenant = world.default_tenant();
    for round in 0..16 {
        let one = tenant.entity(&format!("one {round}"), "spv", None).await;
        let other = tenant.entity(&format!("other {round}"), "spv", None).await;
        let under = |child: &str, parent: &str| {
            let (tenant, parent) = (tenant.clone(), parent.to_owned());
            let path = format!("/api/v1/entities/{child}");
            tokio::spawn(async move { tenant.patch(&path, json!({"parent_id": parent})).await })
        };
        let replies = join_all([under(&one, &other), under(&other, &one)]).await;
        let mut statuses: Vec<_> = replies.into_iter().map(|reply| reply.unwrap().status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_groups_that_join_each_other_at_once_never_close_a_circle() {
    let world = World::new();
    let tenant = world.default_tenant();
    for round in 0..16 {
        let into = |group: &str, member: &str| {
            let path = format!("/api/v1/groups/{group}-{round}/members");
            let id = format!("{member}-{round}");
            let (tenant, body) =
                (tenant.clone(), json!({"principal_type": "group", "principal_id": id}));
            tokio::spawn(async move { tenant.post(&path, body).await })
        };
        let replies = join_all([into("one", "other"), into("other", "one")]).await;
        let mut statuses: Vec<_> = replies.into_iter().map(|reply| reply.unwrap().status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 400]);
    }
}
