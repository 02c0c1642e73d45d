//! What must hold across items, whatever happened: checked over whole tables, as no request could.

mod registry;
mod spelling;

use std::collections::{BTreeMap, BTreeSet};

use domain::lineage::LINEAGE_DEPTH_MAX;
use serde_json::Value;

use crate::World;
use crate::consistency::spelling::{
    Key, Partition, announces, assignment_key, entity_key, key_of, measured, part, pk,
    principal_pk, role_key, shard, text, weight,
};

const SOURCE: &str = "entity_permissions_core";

impl World {
    /// Fails unless every item of both tables fits every other.
    pub async fn check_consistency(&self) {
        let found = self.inconsistencies().await;
        assert!(found.is_empty(), "{}", found.join("\n"));
    }

    /// What does not fit in both tables: keys, indexes, guards, pointers, both ends of memberships,
    /// epochs and versions against events and audit entries, and cycles.
    pub async fn inconsistencies(&self) -> Vec<String> {
        let mut tables = Tables::default();
        for item in self.items("CoreTable").await {
            tables.core.insert(key_of(&item), item);
        }
        for item in self.items("EventsTable").await {
            tables.events.insert(key_of(&item), item);
        }
        tables.check();
        tables.faults
    }
}

/// The tables in memory, and what was found wrong in them.
#[derive(Default)]
struct Tables {
    core: BTreeMap<Key, Value>,
    events: BTreeMap<Key, Value>,
    faults: Vec<String>,
    /// How many changes were announced, by tenant and what changed (`entity:…`, `role:…`,
    /// `tenant:…`, `principal:…`).
    announced: BTreeMap<(String, String), u64>,
}

impl Tables {
    fn check(&mut self) {
        self.check_events();
        for (key, item) in self.core.clone() {
            match Partition::parse(&key.0) {
                Some(partition) => self.check_item(&partition, &key, &item),
                None => self.fault(&key, "its partition key is not measured from the tenant on"),
            }
        }
        self.check_cycles();
    }

    fn check_item(&mut self, at: &Partition, key: &Key, item: &Value) {
        let literal = at.literal.as_str();
        let sort = key.1.split_once('/').map_or(key.1.as_str(), |(first, _)| first);
        match (literal, sort) {
            ("entity", "entity") => self.check_entity(at, key, item),
            ("entity-name", "guard") => {
                let holder = entity_key(&at.tenant, text(item, "holder"));
                let parts = [part(at, 0), part(at, 1)];
                self.check_holder(key, &holder, &["type", "name"], &parts);
            }
            ("roles", "role") => {
                self.expect_key(key, &role_key(&at.tenant, text(item, "id")));
                let guard = (pk(&at.tenant, "role-name", &[text(item, "name")]), "guard".into());
                self.expect_partner(key, &guard, "holder", text(item, "id"));
                self.expect_version(at, key, item, "role");
            }
            ("role-name", "guard") => {
                let holder = role_key(&at.tenant, text(item, "holder"));
                self.check_holder(key, &holder, &["name"], &[part(at, 0)]);
            }
            ("tenants", "tenant") | ("tenant-slug" | "tenant-reference", "guard") => {
                self.check_registry(at, key, item);
            }
            ("principal", "assignment") => self.check_assignment(at, key, item),
            ("assignment", "pointer") => {
                let assignment = assignment_key(&at.tenant, item);
                self.expect_partner(key, &assignment, "id", part(at, 0));
            }
            ("principal", "member-of") | ("group", "member") => {
                self.check_membership(at, key, item);
            }
            ("principal", "profile") => {
                self.expect_key(key, &(principal_pk(&at.tenant, item), "profile".into()));
                self.expect_listed(at, key, item);
                self.expect_epoch(at, key, item);
            }
            ("principal", "epoch") => self.check_epoch(at, key, item),
            ("epochs", "shared") => {
                let mut counters =
                    ["policy", "hierarchy", "wildcard"].map(|name| &item[name]).into_iter();
                if !counters.all(|count| count.is_null() || count.as_u64().is_some()) {
                    self.fault(key, "one of its epochs is no number");
                }
            }
            ("graph", "version") => {
                let known = ["entities", "groups"].contains(&part(at, 0));
                if !known || item["version"].as_u64().is_none_or(|version| version == 0) {
                    self.fault(key, "it is no version of a graph");
                }
            }
            ("receipt", "receipt") => {
                let answer: Value = serde_json::from_str(text(item, "answer")).unwrap_or_default();
                if answer["status"].as_u64().is_none_or(|status| !(200..300).contains(&status)) {
                    self.fault(key, "its answer is no success");
                }
            }
            ("impersonations", "session") => self.expect_version(at, key, item, "impersonation"),
            ("secret", "cursor") | ("audit-verified", "state") | ("audit-roster", "chain") => {}
            _ => self.fault(key, "nothing is known by this key"),
        }
        if item.get("tenant_id").is_some() {
            self.expect_field(key, item, "tenant_id", Some(&at.tenant));
        }
        if !["entity", "principal"].contains(&literal) && item.get("kind_pk").is_some() {
            self.fault(key, "it is in an index where it does not belong");
        }
    }

    /// A principal's epoch counts its changes, and the sum beside it what it holds.
    fn check_epoch(&mut self, at: &Partition, key: &Key, item: &Value) {
        let who = format!("principal:{}:{}", part(at, 0), part(at, 1));
        self.expect_count(at, key, &who, item["epoch"].as_u64());
        let others = self.core.iter().filter(|(other, _)| other.0 == key.0 && other.1 != key.1);
        let held: i64 = others.map(|(_, item)| weight(item)).sum();
        if item["held"].as_i64() != Some(held) {
            self.fault(
                key,
                &format!("it speaks of items that add up to {}, not {held}", item["held"]),
            );
        }
    }

    fn check_entity(&mut self, at: &Partition, key: &Key, item: &Value) {
        let (id, kind, name) = (text(item, "id"), text(item, "type"), text(item, "name"));
        self.expect_key(key, &entity_key(&at.tenant, id));
        let guard = (pk(&at.tenant, "entity-name", &[kind, name]), "guard".to_owned());
        self.expect_partner(key, &guard, "holder", id);
        let shelf = if item["status"] == "archived" { "archived" } else { "live" };
        let listing = pk(&at.tenant, "entities", &[kind, shelf, &shard(id)]);
        let parent = item["parent_id"].as_str();
        let children = parent.map(|parent| pk(&at.tenant, "children", &[parent, shelf]));
        self.expect_indexes(key, item, &listing, children.as_deref());
        if let Some(parent) = parent {
            self.expect_partner(key, &entity_key(&at.tenant, parent), "id", parent);
        }
        let hints = item["ancestors"].as_array().cloned().unwrap_or_default();
        for ancestor in hints.iter().filter_map(Value::as_str) {
            self.expect_partner(key, &entity_key(&at.tenant, ancestor), "id", ancestor);
        }
        self.expect_version(at, key, item, "entity");
    }

    fn check_assignment(&mut self, at: &Partition, key: &Key, item: &Value) {
        let id = text(item, "id");
        self.expect_key(key, &assignment_key(&at.tenant, item));
        let pointer = (pk(&at.tenant, "assignment", &[id]), "pointer".to_owned());
        for name in ["role_id", "permission"] {
            self.expect_partner(key, &pointer, name, text(item, name));
        }
        let entity = item["entity_id"].as_str();
        let listing = pk(&at.tenant, "assignments", &[&shard(id)]);
        let on = pk(&at.tenant, "assignments-on", &[entity.unwrap_or_default()]);
        self.expect_indexes(key, item, &listing, Some(&on));
        let role = item["role_id"].as_str().filter(|role| !role.starts_with("system:"));
        if let Some(role) = role {
            self.expect_partner(key, &role_key(&at.tenant, role), "id", role);
        }
        if let Some(entity) = entity {
            self.expect_partner(key, &entity_key(&at.tenant, entity), "id", entity);
        }
        self.expect_epoch(at, key, item);
    }

    fn check_membership(&mut self, at: &Partition, key: &Key, item: &Value) {
        let (kind, id) = (text(item, "principal_type"), text(item, "principal_id"));
        let group = text(item, "group_id");
        let member_end = (principal_pk(&at.tenant, item), format!("member-of/{}", measured(group)));
        let group_end = (
            pk(&at.tenant, "group", &[group]),
            format!("member/{}/{}", measured(kind), measured(id)),
        );
        let (own, other) = match at.literal.as_str() {
            "group" => (group_end, member_end),
            _ => {
                self.expect_listed(at, key, item);
                (member_end, group_end)
            }
        };
        self.expect_key(key, &own);
        self.expect_partner(key, &other, "created_at", text(item, "created_at"));
        self.expect_epoch(at, key, item);
    }

    /// The guard of a name says who holds it; that one must bear the name.
    fn check_holder(&mut self, key: &Key, holder: &Key, fields: &[&str], values: &[&str]) {
        for (field, value) in fields.iter().zip(values) {
            self.expect_partner(key, holder, field, value);
        }
    }

    fn check_events(&mut self) {
        let mut requests: BTreeMap<(String, String), [bool; 2]> = BTreeMap::new();
        for (key, item) in self.events.clone() {
            let Some(at) = Partition::parse(&key.0) else {
                self.fault(&key, "its partition key is not measured from the tenant on");
                continue;
            };
            let is_event = item["record"] == "event";
            let (literal, body) =
                if is_event { ("event", "payload") } else { ("audit-outbox", "details") };
            let record = if is_event { "event" } else { "audit" };
            self.expect_key(
                &key,
                &(pk(&at.tenant, literal, &[text(&item, "event_id")]), record.into()),
            );
            self.expect_field(&key, &item, "record", Some(record));
            self.expect_field(&key, &item, "tenant_id", Some(&at.tenant));
            self.expect_field(&key, &item, "occurred_at", None);
            self.expect_object(&key, &item, body);
            self.check_delivery(&key, &item, is_event);
            // What others hand in is stored alone, and says what they wish.
            if is_event && item["source"] != SOURCE {
                continue;
            }
            self.expect_field(&key, &item, "source", Some(SOURCE));
            self.expect_field(&key, &item, "correlation_id", None);
            if is_event {
                let context = self.expect_object(&key, &item, "context");
                if context["request_id"] != item["correlation_id"] || context["actor_id"].is_null()
                {
                    self.fault(&key, "its context names another request, or nobody");
                }
                self.expect_field(&key, &item, "schema_version", Some("v1"));
            }
            let request = (at.tenant.clone(), text(&item, "correlation_id").to_owned());
            requests.entry(request).or_default()[usize::from(is_event)] = true;
            if let Some(what) = announces(&item) {
                *self.announced.entry((at.tenant, what)).or_default() += 1;
            }
        }
        for (request, [audited, announced]) in requests {
            if !(audited && announced) {
                self.faults
                    .push(format!("{request:?}: an event without an audit entry, or the reverse"));
            }
        }
    }

    /// A row stands in the index of what is undelivered exactly while it is pending; and events, but not
    /// audit entries, in the list by time.
    fn check_delivery(&mut self, key: &Key, item: &Value, is_event: bool) {
        let state = text(item, "delivery_state");
        if !["pending", "succeeded", "failed"].contains(&state) {
            self.fault(key, &format!("`delivery_state` is {}", item["delivery_state"]));
        }
        for (attribute, is_there) in [("undelivered", state == "pending"), ("time", is_event)] {
            for end in ["pk", "sk"] {
                let name = format!("{attribute}_{end}");
                if item[&name].is_string() != is_there {
                    self.fault(key, &format!("`{name}` is {}", item[&name]));
                }
            }
        }
    }

    /// Neither entities nor groups may stand above themselves, nor entities deeper than the limit.
    fn check_cycles(&mut self) {
        let mut above: BTreeMap<Key, BTreeSet<Key>> = BTreeMap::new();
        for (key, item) in &self.core {
            let Some(at) = Partition::parse(&key.0) else { continue };
            if let ("entity", Some(parent)) = (at.literal.as_str(), item["parent_id"].as_str()) {
                above.entry(key.clone()).or_default().insert(entity_key(&at.tenant, parent));
            }
            if key.1.starts_with("member-of/") {
                let group = pk(&at.tenant, "principal", &["group", text(item, "group_id")]);
                let below = (key.0.clone(), "group".to_owned());
                above.entry(below).or_default().insert((group, "group".to_owned()));
            }
        }
        for start in above.keys().cloned().collect::<Vec<_>>() {
            let mut levels = 0;
            let (mut seen, mut level) = (BTreeSet::new(), BTreeSet::from([start.clone()]));
            while !level.is_empty() {
                levels += 1;
                level = level.iter().filter_map(|key| above.get(key)).flatten().cloned().collect();
                level.retain(|key| seen.insert(key.clone()));
            }
            if seen.contains(&start) {
                self.fault(&start, "it stands above itself");
            }
            if start.1 == "entity" && levels > LINEAGE_DEPTH_MAX {
                self.fault(&start, "it stands deeper than the limit");
            }
        }
    }

    fn expect_key(&mut self, key: &Key, expected: &Key) {
        if key != expected {
            self.fault(key, &format!("its attributes belong to the key {expected:?}"));
        }
    }

    fn expect_field(&mut self, key: &Key, item: &Value, field: &str, expected: Option<&str>) {
        let found = text(item, field);
        if expected.map_or(found.is_empty(), |expected| found != expected) {
            self.fault(key, &format!("`{field}` is {}", item[field]));
        }
    }

    fn expect_object(&mut self, key: &Key, item: &Value, field: &str) -> Value {
        let read: Value = serde_json::from_str(text(item, field)).unwrap_or_default();
        if !read.is_object() {
            self.fault(key, &format!("`{field}` is no JSON object: {}", item[field]));
        }
        read
    }

    fn expect_partner(&mut self, key: &Key, partner: &Key, field: &str, expected: &str) {
        match self.core.get(partner) {
            None => self.fault(key, &format!("there is no {partner:?}")),
            Some(found) if text(found, field) != expected => {
                let fault = format!("{partner:?} has `{field}` {}, not `{expected}`", found[field]);
                self.fault(key, &fault);
            }
            Some(_) => {}
        }
    }

    fn expect_indexes(&mut self, key: &Key, item: &Value, kind: &str, relation: Option<&str>) {
        let by_time = format!("{}/{}", text(item, "created_at"), text(item, "id"));
        let expected = [
            ("kind_pk", Some(kind)),
            ("kind_sk", Some(by_time.as_str())),
            ("relation_pk", relation),
            ("relation_sk", relation.and(Some(by_time.as_str()))),
        ];
        for (attribute, value) in expected {
            if item[attribute].as_str() != value {
                self.fault(key, &format!("`{attribute}` is {}, not {value:?}", item[attribute]));
            }
        }
    }

    /// What is stored of a principal beside assignments stands in the listing of its type.
    fn expect_listed(&mut self, at: &Partition, key: &Key, item: &Value) {
        let (kind, id) = (text(item, "principal_type"), text(item, "principal_id"));
        let listing = pk(&at.tenant, "principals", &[kind, &shard(id)]);
        if text(item, "kind_pk") != listing || text(item, "kind_sk") != id {
            self.fault(key, &format!("it is not listed as `{id}` in `{listing}`"));
        }
    }

    fn expect_epoch(&mut self, at: &Partition, key: &Key, item: &Value) {
        let epoch = (principal_pk(&at.tenant, item), "epoch".to_owned());
        if !self.core.contains_key(&epoch) {
            self.fault(key, "its principal has no epoch");
        }
    }

    /// Every version of a thing was announced, and nothing that did not happen.
    fn expect_version(&mut self, at: &Partition, key: &Key, item: &Value, kind: &str) {
        let what = format!("{kind}:{}", text(item, "id"));
        self.expect_count(at, key, &what, item["version"].as_u64());
    }

    fn expect_count(&mut self, at: &Partition, key: &Key, what: &str, counted: Option<u64>) {
        let announced = self.announced.get(&(at.tenant.clone(), what.to_owned())).copied();
        if counted.is_none() || counted != announced {
            self.fault(
                key,
                &format!("it counts {counted:?} changes of which {announced:?} were announced"),
            );
        }
    }

    fn fault(&mut self, key: &Key, what: &str) {
        self.faults.push(format!("{key:?}: {what}"));
    }
}
