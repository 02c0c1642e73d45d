//! What is kept: changes, their events and audit entries, and the state that they made.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Evidence;
use crate::simulation::journal::{Asked, Ending, Kind};
use crate::simulation::workload::TENANTS;

/// How often a request left rows in the outbox: audit entries and events of the core of its kind, and others'.
fn left(evidence: &Evidence<'_>, asked: &Asked) -> (usize, usize, usize) {
    let mine = |row: &&Value| {
        row["correlation_id"] == asked.name.as_str() && row["tenant_id"] == asked.tenant.as_str()
    };
    let (audits, events) = (&evidence.facts.audits, &evidence.facts.events);
    let (audits, events) = (audits.iter().filter(mine), events.iter().filter(mine));
    let Some((action, event_type)) = asked.kind.leaves() else {
        return (audits.count(), 0, events.count());
    };
    let (mut of_kind, mut others) = ((0, 0), 0);
    for row in audits {
        if row["action"] == action { of_kind.0 += 1 } else { others += 1 }
    }
    for row in events {
        if row["event_type"] == event_type { of_kind.1 += 1 } else { others += 1 }
    }
    (of_kind.0, of_kind.1, others)
}

/// How many events of others' a request hands in.
fn handed_in(asked: &Asked) -> Vec<String> {
    match asked.kind {
        Kind::PostEvent | Kind::PostLine => vec![asked.name.clone()],
        Kind::PostBatch => (0..3).map(|place| format!("{}.{place}", asked.name)).collect(),
        _ => Vec::new(),
    }
}

pub(super) fn acknowledged_is_there_once(evidence: &Evidence<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    for asked in &evidence.journal.asked {
        let Ending::Acknowledged(answer) = &asked.ending else { continue };
        let (audits, events, others) = left(evidence, asked);
        let name = &asked.name;
        if asked.kind.leaves().is_some() {
            let least = usize::from(!asked.kind.may_change_nothing());
            let is_right = (least..=1).contains(&audits) && audits == events && others == 0;
            if !is_right {
                wrong.push(format!(
                    "{name} left {audits} audit entries, {events} events, {others} others"
                ));
            }
        }
        for (place, id) in handed_in(asked).iter().enumerate() {
            let status = answer.body["items"][place]["status"].as_u64();
            let is_told = status.is_none_or(|status| status < 300);
            let is = |row: &&Value| {
                row["source"] == "vault"
                    && row["correlation_id"] == id.as_str()
                    && row["tenant_id"] == asked.tenant.as_str()
            };
            let count = evidence.facts.events.iter().filter(is).count();
            if is_told && count != 1 {
                wrong.push(format!("the event {id} is there {count} times"));
            }
        }
    }
    wrong
}

pub(super) fn refused_is_not_there(evidence: &Evidence<'_>) -> Vec<String> {
    let refused = evidence.journal.asked.iter().filter_map(|asked| match &asked.ending {
        Ending::Refused(answer) => Some((asked, answer)),
        _ => None,
    });
    let mut wrong = Vec::new();
    for (asked, answer) in refused {
        let (audits, events, others) = left(evidence, asked);
        if audits + events + others > 0 {
            let Asked { name, .. } = asked;
            let why = &answer.body["detail"];
            wrong.push(format!("{name} was refused ({why}) and left {audits}, {events}, {others}"));
        }
    }
    wrong
}

/// Of every request, also one of which nobody knows, and nothing that no request stands for.
pub(super) fn event_and_audit_come_together(evidence: &Evidence<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut known = BTreeSet::new();
    for asked in &evidence.journal.asked {
        known.insert((asked.tenant.as_str(), asked.name.clone()));
        known.extend(handed_in(asked).into_iter().map(|id| (asked.tenant.as_str(), id)));
        let (audits, events, others) = left(evidence, asked);
        let is_change = asked.kind.leaves().is_some();
        if is_change && !matches!((audits, events, others), (0, 0, 0) | (1, 1, 0)) {
            wrong.push(format!("{} left {audits}, {events}, {others}", asked.name));
        }
    }
    for row in evidence.facts.events.iter().chain(&evidence.facts.audits) {
        let tenant = row["tenant_id"].as_str().unwrap_or_default();
        let correlation = row["correlation_id"].as_str().unwrap_or_default().to_owned();
        if !known.contains(&(tenant, correlation)) {
            wrong.push(format!("nobody asked for {row}"));
        }
    }
    wrong
}

/// The versions that things have, by the audit entries: one for each entry.
fn versions(evidence: &Evidence<'_>, tenant: &str, of: &str) -> BTreeMap<String, u64> {
    let mut versions = BTreeMap::new();
    let entries = evidence.facts.audits.iter().filter(|row| row["tenant_id"] == tenant);
    for row in entries {
        let action = row["action"].as_str().unwrap_or_default();
        let details: Value =
            row["details"].as_str().map_or(Value::Null, |text| serde_json::from_str(text).unwrap());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (kind, verb) = action.split_once('.').unwrap_or_default();
        let id = match kind {
            "entity" => text(&row["entity_id"]),
            "role" => text(&details["role_id"]),
            "role_assignment" => text(&details["assignment_id"]),
            "principal" => text(&details["principal_id"]),
            "group_membership" => {
                format!("{}/{}", text(&details["group_id"]), text(&details["principal_id"]))
            }
            _ => continue,
        };
        if kind != of {
            continue;
        }
        let version: &mut u64 = versions.entry(id).or_default();
        match (kind, verb) {
            ("role_assignment" | "group_membership", "delete") => {
                *version = version.wrapping_sub(1);
            }
            _ => *version = version.wrapping_add(1),
        }
    }
    versions.retain(|_, version| *version != 0);
    versions
}

/// What has versions, or is there once, and what its sort keys begin with.
const KINDS: [(&str, &str); 5] = [
    ("entity", "entity"),
    ("role", "role/"),
    ("role_assignment", "assignment/"),
    ("principal", "profile"),
    ("group_membership", "member/"),
];

pub(super) fn state_is_what_the_entries_made(evidence: &Evidence<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    for tenant in TENANTS {
        for (kind, begins) in KINDS {
            let there = evidence.facts.kept(tenant, begins);
            let there = there.map(|item| (id(kind, item), item["version"].as_u64().unwrap_or(1)));
            let there: BTreeMap<String, u64> = there.collect();
            let told = versions(evidence, tenant, kind);
            if there != told {
                wrong.push(format!("{kind} of {tenant}: there is {there:?}, told of {told:?}"));
            }
        }
    }
    wrong
}

/// What an item is called in audit entries.
fn id(kind: &str, item: &Value) -> String {
    match kind {
        "principal" => last_part(&item["pk"]),
        "group_membership" => format!("{}/{}", last_part(&item["pk"]), last_part(&item["sk"])),
        _ => item["id"].as_str().unwrap_or_default().to_owned(),
    }
}

/// The last part of a key, without its length.
fn last_part(key: &Value) -> String {
    let part = key.as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    part.split_once(':').map_or(part, |(_, part)| part).to_owned()
}

/// Each version was acknowledged to one request at most, and the last one holds what that request wrote.
pub(super) fn no_update_is_lost(evidence: &Evidence<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut writers: BTreeMap<(&str, &str, u64), &Asked> = BTreeMap::new();
    for asked in &evidence.journal.asked {
        let writes = matches!(
            asked.kind,
            Kind::CreateEntity
                | Kind::PatchEntity
                | Kind::MoveEntity
                | Kind::PatchRole
                | Kind::CreateRole
        );
        let Ending::Acknowledged(answer) = &asked.ending else { continue };
        let Some(version) = answer.body["version"].as_u64().filter(|_| writes) else { continue };
        let place = (asked.tenant.as_str(), asked.object.as_str(), version);
        if let Some(other) = writers.insert(place, asked) {
            wrong.push(format!("{} and {} both made {place:?}", other.name, asked.name));
        }
    }
    for tenant in TENANTS {
        let kept =
            evidence.facts.kept(tenant, "entity").chain(evidence.facts.kept(tenant, "role/"));
        for item in kept {
            let id = item["id"].as_str().unwrap_or_default();
            let version = item["version"].as_u64().unwrap_or_default();
            let Some(writer) = writers.get(&(tenant, id, version)) else { continue };
            if !item.to_string().contains(&writer.name) {
                wrong.push(format!("{} wrote {id} at {version}, and there is {item}", writer.name));
            }
        }
    }
    wrong
}

pub(super) fn names_are_unique(evidence: &Evidence<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut taken = BTreeSet::new();
    for tenant in TENANTS {
        for item in evidence.facts.kept(tenant, "entity") {
            let name = (
                tenant,
                item["kind"].to_string() + &item["type"].to_string(),
                item["name"].to_string(),
            );
            if !taken.insert(name.clone()) {
                wrong.push(format!("two entities have the name {name:?}"));
            }
        }
    }
    wrong
}
