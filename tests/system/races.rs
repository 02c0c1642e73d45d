//! Changes at once: of the tree, of groups, of one entity, of one assignment.
//!
//! The embedded engine lets other tasks run between any two calls, so requests made side by side
//! interleave call by call, on two threads besides.

use std::collections::BTreeMap;

use futures::future::join_all;
use serde_json::{Value, json};
use tests::{Reply, Tenant, World};

/// Makes requests side by side, each on a task of its own; their answers in the order of the requests.
async fn at_once<F>(requests: impl IntoIterator<Item = F>) -> Vec<Reply>
where
    F: Future<Output = Reply> + Send + 'static,
{
    let tasks: Vec<_> = requests.into_iter().map(tokio::spawn).collect();
    join_all(tasks).await.into_iter().map(|answered| answered.unwrap()).collect()
}

/// How many answers had each status.
fn statuses(replies: &[Reply]) -> BTreeMap<u16, usize> {
    let mut counted = BTreeMap::new();
    for reply in replies {
        *counted.entry(reply.status).or_default() += 1;
    }
    counted
}

fn moving(tenant: &Tenant, entity: &str, parent: &str) -> impl Future<Output = Reply> + use<> {
    let (tenant, entity, parent) = (tenant.clone(), entity.to_owned(), parent.to_owned());
    async move { tenant.move_under(&entity, Some(&parent)).await }
}

fn joining(tenant: &Tenant, group: &str, member: &str) -> impl Future<Output = Reply> + use<> {
    let (tenant, group, member) = (tenant.clone(), group.to_owned(), member.to_owned());
    async move { tenant.join(&group, &member).await }
}

/// A tenant with so many entities, each a root.
async fn roots(world: &World, count: usize) -> (Tenant, Vec<String>) {
    let tenant = world.default_tenant();
    let mut entities = Vec::new();
    for index in 0..count {
        entities.push(tenant.entity(&format!("Root {index}"), "other", None).await);
    }
    (tenant, entities)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_moves_that_would_close_a_cycle_never_both_succeed() {
    let world = World::new();
    let (tenant, entities) = roots(&world, 2).await;
    let [one, other] = [&entities[0], &entities[1]];
    for round in 0..25 {
        let replies = at_once([moving(&tenant, one, other), moving(&tenant, other, one)]).await;
        assert_eq!(statuses(&replies), BTreeMap::from([(200, 1), (400, 1)]), "round {round}");
        for (reply, entity) in replies.iter().zip([one, other]) {
            if reply.status == 400 {
                assert_eq!(reply.pointers(), ["/parent_id"]);
            } else {
                tenant.move_under(entity, None).await.expect(200);
            }
        }
    }
    world.check_consistency().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_ring_of_moves_all_but_one_succeed() {
    let world = World::new();
    let (tenant, entities) = roots(&world, 4).await;
    for round in 0..6 {
        let next = |index: usize| &entities[(index + 1) % entities.len()];
        let moves = entities.iter().enumerate().map(|(index, id)| moving(&tenant, id, next(index)));
        let replies = at_once(moves).await;
        assert_eq!(statuses(&replies), BTreeMap::from([(200, 3), (400, 1)]), "round {round}");
        world.check_consistency().await;
        for entity in &entities {
            tenant.move_under(entity, None).await.expect(200);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_groups_that_join_each_other_at_once_never_both_do() {
    let world = World::new();
    let tenant = world.default_tenant();
    for round in 0..25 {
        let [one, other] = [format!("one-{round}"), format!("other-{round}")];
        let replies = at_once([
            joining(&tenant, &one, &format!("group:{other}")),
            joining(&tenant, &other, &format!("group:{one}")),
        ])
        .await;
        assert_eq!(statuses(&replies), BTreeMap::from([(201, 1), (400, 1)]), "round {round}");
    }
    let ring = ["a", "b", "c", "d"];
    let joins = (0..4)
        .map(|index| joining(&tenant, ring[(index + 1) % 4], &format!("group:{}", ring[index])));
    assert_eq!(statuses(&at_once(joins).await), BTreeMap::from([(201, 3), (400, 1)]));
    world.check_consistency().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_one_entity_at_once_all_happen_one_after_another() {
    let world = World::new();
    let (tenant, entities) = roots(&world, 2).await;
    let path = format!("/api/v1/entities/{}", entities[0]);
    let patches = [
        json!({"name": "Renamed"}),
        json!({"name": "Renamed twice"}),
        json!({"status": "inactive"}),
        json!({"parent_id": entities[1]}),
        json!({"attributes": {"by": 1}}),
        json!({"attributes": {"by": 2}}),
        json!({"attributes": {"by": 3}}),
        json!({"attributes": {"by": 4}}),
    ];
    let replies = at_once(patches.clone().map(|patch| {
        let (tenant, path) = (tenant.clone(), path.clone());
        async move { tenant.patch(&path, patch).await }
    }))
    .await;
    assert_eq!(statuses(&replies), BTreeMap::from([(200, 8)]));
    let mut versions: Vec<_> =
        replies.iter().map(|reply| reply.body["version"].as_u64().unwrap()).collect();
    versions.sort_unstable();
    assert_eq!(versions, (2..=9).collect::<Vec<_>>(), "each saw the one before it");
    let entity = tenant.get(&path).await;
    let entity = entity.expect(200);
    assert_eq!(
        (&entity["version"], &entity["status"], &entity["parent_id"]),
        (&json!(9), &json!("inactive"), &json!(entities[1]))
    );
    // The events chain: what one says was before is what the one before it said is.
    let mut attributes = json!({});
    for payload in world.payloads("entity.updated").await {
        if let Some(was) = payload["before"].get("attributes") {
            assert_eq!(was, &attributes);
            attributes = payload["after"]["attributes"].clone();
        }
    }
    assert_eq!(&attributes, &entity["attributes"]);
    world.check_consistency().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entity_archived_sixteen_times_at_once_is_archived_once() {
    let world = World::new();
    let (tenant, entities) = roots(&world, 1).await;
    for (action, version) in [("archive", 2), ("restore", 3)] {
        let path = format!("/api/v1/entities/{}/{action}", entities[0]);
        let replies = at_once((0..16).map(|_| {
            let (tenant, path) = (tenant.clone(), path.clone());
            async move { tenant.post_empty(&path).await }
        }))
        .await;
        assert_eq!(statuses(&replies), BTreeMap::from([(200, 16)]));
        assert!(replies.iter().all(|reply| reply.body["version"] == version));
        assert_eq!(world.events(&format!("entity.{action}d")).await.len(), 1);
        assert_eq!(world.audits(&format!("entity.{action}")).await.len(), 1);
    }
    world.check_consistency().await;
}

/// The items that an assignment consists of, wherever they are: assignments, and pointers to them.
async fn assignment_items(world: &World) -> [Vec<Value>; 2] {
    let items = world.items("CoreTable").await;
    let of = |prefix: &str| {
        let begins = |item: &&Value| item["sk"].as_str().is_some_and(|sk| sk.starts_with(prefix));
        items.iter().filter(begins).cloned().collect()
    };
    [of("assignment/"), of("pointer")]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_tuple_assigned_sixteen_times_at_once_is_one_assignment() {
    let world = World::new();
    let (tenant, entities) = roots(&world, 1).await;
    let reader = tenant.role("Reader", &["document:read"], &[]).await;
    let assigning = |_| {
        let (tenant, reader, entity) = (tenant.clone(), reader.clone(), entities[0].clone());
        async move { tenant.assign_to("user:alice", &reader, json!({"entity_id": entity})).await }
    };
    let replies = at_once((0..16).map(assigning)).await;
    assert_eq!(statuses(&replies), BTreeMap::from([(200, 15), (201, 1)]));
    let id = replies[0].body["id"].as_str().unwrap().to_owned();
    assert!(replies.iter().all(|reply| reply.body == replies[0].body), "all name the one");
    assert_eq!(assignment_items(&world).await.map(|items| items.len()), [1, 1]);

    let revokes = (0..16).map(|_| {
        let (tenant, path) = (tenant.clone(), format!("/api/v1/assignments/{id}"));
        async move { tenant.delete(&path).await }
    });
    let replies = at_once(revokes).await;
    assert_eq!(statuses(&replies), BTreeMap::from([(200, 1), (404, 15)]));
    assert_eq!(assignment_items(&world).await.map(|items| items.len()), [0, 0]);
    assert_eq!(world.events("role.assignment.changed").await.len(), 2);
    world.check_consistency().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_tuple_assigned_and_revoked_at_once_is_there_whole_or_not_at_all() {
    let world = World::new();
    let (tenant, entities) = roots(&world, 1).await;
    let reader = tenant.role("Reader", &["document:read"], &[]).await;
    for round in 0..20 {
        let id = |index: usize| format!("a-{round}-{index}");
        let requests = (0..8).map(|index| {
            let (tenant, reader, entity) = (tenant.clone(), reader.clone(), entities[0].clone());
            let (new, old) = (id(index), format!("/api/v1/assignments/{}", id(index & !1)));
            async move {
                match index % 2 {
                    0 => {
                        let wanted = json!({"id": new, "entity_id": entity});
                        tenant.assign_to("user:alice", &reader, wanted).await
                    }
                    _ => tenant.delete(&old).await,
                }
            }
        });
        let replies = at_once(requests).await;
        for (index, reply) in replies.iter().enumerate() {
            let expected: &[u16] = if index % 2 == 0 { &[200, 201] } else { &[200, 404] };
            assert!(expected.contains(&reply.status), "{index}: {}", reply.text);
        }
        let [assignments, pointers] = assignment_items(&world).await;
        assert_eq!(assignments.len(), pointers.len(), "round {round}");
        assert!(assignments.len() <= 1, "round {round}: {assignments:?}");
        for assignment in &assignments {
            assert!(tenant.may("alice", "document:read", &entities[0]).await);
            tenant.revoke(assignment["id"].as_str().unwrap()).await;
        }
        assert!(!tenant.may("alice", "document:read", &entities[0]).await);
    }
    world.check_consistency().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_membership_added_and_removed_sixteen_times_at_once_is_so_once() {
    let world = World::new();
    let tenant = world.default_tenant();
    for member in ["user:alice", "group:interns"] {
        let replies = at_once((0..16).map(|_| joining(&tenant, "staff", member))).await;
        assert_eq!(statuses(&replies), BTreeMap::from([(200, 15), (201, 1)]), "{member}");
        let leaving = |_| {
            let tenant = tenant.clone();
            async move { tenant.leave("staff", member).await }
        };
        let replies = at_once((0..16).map(leaving)).await;
        assert_eq!(statuses(&replies), BTreeMap::from([(200, 1), (404, 15)]), "{member}");
    }
    assert_eq!(world.events("group.membership.changed").await.len(), 4);
    world.check_consistency().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn properties_stored_at_once_are_stored_one_after_another() {
    let world = World::new();
    let tenant = world.default_tenant();
    let path = "/api/v1/principals/user/alice";
    let replies = at_once((0..8).map(|level| {
        let tenant = tenant.clone();
        async move { tenant.put(path, json!({"properties": {"level": level}})).await }
    }))
    .await;
    assert_eq!(statuses(&replies), BTreeMap::from([(200, 7), (201, 1)]));
    assert_eq!(tenant.get(path).await.expect(200)["version"], 8);
    world.check_consistency().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_never_falls_between_two_parents_of_a_moving_subtree() {
    let world = World::new();
    let (tenant, entities) = roots(&world, 2).await;
    let reader = tenant.role("Reader", &["document:read"], &[]).await;
    for parent in &entities {
        tenant.assign("alice", &reader, Some(parent)).await;
    }
    let middle = tenant.entity("Middle", "other", Some(&entities[0])).await;
    let leaf = tenant.entity("Leaf", "other", Some(&middle)).await;
    let mover = {
        let (tenant, entities) = (tenant.clone(), entities.clone());
        tokio::spawn(async move {
            for round in 1..40 {
                tenant.move_under(&middle, Some(&entities[round % 2])).await.expect(200);
            }
        })
    };
    let mut asked = 0;
    while !mover.is_finished() {
        assert!(tenant.may("alice", "document:read", &leaf).await, "question {asked}");
        asked += 1;
    }
    mover.await.unwrap();
    assert!(asked > 0, "no question was asked meanwhile");
}
