//! What must hold, each as a check of its own: asked over HTTP, judged by what was acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::api::Api;
use crate::ledger::{Shown, export};
use crate::writer::{Writer, decision};

/// Most decisions of one writer and kind that are asked for in one check.
const DECISIONS_MAX: usize = 50;

/// A name with how often it is there.
type Counts = BTreeMap<(String, String), usize>;

/// What is there and what must be, as a fault where the two differ.
fn same<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    what: &str,
    there: &BTreeMap<K, V>,
    wanted: &BTreeMap<K, V>,
) -> Result<(), String> {
    if there == wanted {
        return Ok(());
    }
    let lost: Vec<_> = wanted.iter().filter(|(key, value)| there.get(key) != Some(value)).collect();
    let extra: Vec<_> =
        there.iter().filter(|(key, value)| wanted.get(key) != Some(value)).collect();
    let first = |all: &[(&K, &V)]| format!("{:?}", all.iter().take(3).collect::<Vec<_>>());
    Err(format!(
        "{what}: {} are missing or otherwise, such as {}; {} are not to be, such as {}",
        lost.len(),
        first(&lost),
        extra.len(),
        first(&extra)
    ))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The business state is what was acknowledged, and no more.
pub(crate) async fn state(api: &Api, tenant: &str, writers: &[&Writer]) -> Result<(), String> {
    let mut there = BTreeMap::new();
    for status in ["active", "archived"] {
        let path = format!("/api/v1/entities?type=other&status={status}");
        for entity in api.list(tenant, &path).await? {
            let known =
                (entity["version"].as_u64(), status, entity["attributes"]["count"].as_u64());
            if there.insert(text(&entity["id"]), known).is_some() {
                return Err(format!("listed twice: {entity}"));
            }
        }
    }
    let entities = writers.iter().flat_map(|writer| &writer.model.entities);
    let wanted = entities.map(|(id, entity)| {
        (id.clone(), (Some(entity.version), entity.status, Some(entity.count)))
    });
    same("entities", &there, &wanted.collect())?;

    let roles = api.list(tenant, "/api/v1/roles").await?;
    let roles = roles.iter().filter(|role| role["is_system"] == false);
    let there = roles.map(|role| (text(&role["id"]), ())).collect();
    let wanted = writers.iter().flat_map(|writer| &writer.model.roles);
    same("roles", &there, &wanted.map(|role| (role.clone(), ())).collect())?;

    let assignments = api.list(tenant, "/api/v1/assignments").await?;
    let there = assignments
        .iter()
        .map(|one| (text(&one["id"]), (text(&one["role_id"]), text(&one["entity_id"]))));
    let wanted = writers.iter().flat_map(|writer| &writer.model.assignments);
    let wanted = wanted.map(|(id, one)| (id.clone(), (one.role.clone(), one.entity.clone())));
    same("assignments", &there.collect(), &wanted.collect())
}

/// Who holds an assignment may, and who held one may not any more.
pub(crate) async fn decisions(api: &Api, tenant: &str, writers: &[&Writer]) -> Result<(), String> {
    for writer in writers {
        for (id, held) in writer.model.assignments.iter().rev().take(DECISIONS_MAX) {
            if !decision(api, tenant, id, &held.role, &held.entity, true).await? {
                return Err(format!("no answer about {id}"));
            }
        }
        let revokes = writer.model.done.iter().rev().filter_map(|(operation, _)| {
            operation.path.strip_prefix("/api/v1/assignments/").map(str::to_owned)
        });
        let revoked = writer.model.revoked.iter().rev();
        for (id, held) in revokes.zip(revoked).take(DECISIONS_MAX) {
            if !decision(api, tenant, &id, &held.role, &held.entity, false).await? {
                return Err(format!("no answer about {id}"));
            }
        }
    }
    Ok(())
}

/// Each acknowledged change has its events, each once, and there are no others. Tells how many are pending.
pub(crate) async fn events(api: &Api, tenant: &str, writers: &[&Writer]) -> Result<usize, String> {
    let mut there = Counts::new();
    let (mut ids, mut pending) = (BTreeSet::new(), 0);
    for event in api.list(tenant, "/api/v1/events").await? {
        *there.entry((text(&event["event_type"]), text(&event["correlation_id"]))).or_default() +=
            1;
        if !ids.insert(text(&event["event_id"])) {
            return Err(format!("listed twice: {event}"));
        }
        match event["delivery_state"].as_str() {
            Some("succeeded") => {}
            Some("pending") => pending += 1,
            _ => return Err(format!("given up: {event}")),
        }
    }
    let mut wanted = Counts::new();
    for (operation, _) in writers.iter().flat_map(|writer| &writer.model.done) {
        for (kind, correlation_id) in &operation.events {
            *wanted.entry(((*kind).to_owned(), correlation_id.clone())).or_default() += 1;
        }
    }
    same("events", &there, &wanted)?;
    Ok(pending)
}

/// The chain is sound and has what was shown of it before; of what was acknowledged each has at most one
/// record, and nothing else has any. Tells how many are yet to come.
pub(crate) async fn chain(
    api: &Api,
    tenant: &str,
    writers: &[&Writer],
    shown: &mut Shown,
) -> Result<usize, String> {
    let checkpoint = api.get(tenant, "/api/v1/audit/checkpoint").await?.json()?;
    shown.take(&checkpoint)?;
    let sizes: BTreeSet<u64> = shown.notes.keys().copied().collect();
    let chain = export(api, tenant, &sizes).await?;
    for (size, (root, _)) in &shown.notes {
        if chain.roots.get(size) != Some(root) {
            return Err(format!("{tenant}: the checkpoint of {size} records is not of this chain"));
        }
    }
    // What came in between the two requests is in the export only.
    let head = &checkpoint["head"];
    if head["size"].as_u64() == Some(chain.records.len() as u64)
        && (text(&head["root"]), text(&head["entry_hash"])) != (chain.root, chain.entry)
    {
        return Err(format!("{tenant}: {head} is not the end of this chain"));
    }
    let mut there = Counts::new();
    for record in chain.records {
        *there.entry(record).or_default() += 1;
    }
    let done = writers.iter().flat_map(|writer| &writer.model.done);
    let audited = done.filter_map(|(operation, _)| {
        operation.audit.map(|action| ((action.to_owned(), operation.key.clone()), 1))
    });
    let mut wanted: Counts = audited.collect();
    let all = wanted.len();
    wanted.retain(|record, _| there.contains_key(record));
    same("audit records", &there, &wanted)?;
    Ok(all - wanted.len())
}
