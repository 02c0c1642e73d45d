//! What is listed in the end, held against what is there, and what is found, against what is allowed.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::simulation::facts::Facts;
use crate::simulation::fault::one_of;
use crate::simulation::oracle::{ACTIONS, Asking, ENTITIES, Known, USERS};
use crate::simulation::rig::Rig;

/// Searches of each tenant that are held against checks.
const SEARCHES: u64 = 3;
/// Items of a page, so few that there are several.
const PAGE_ITEMS: usize = 9;

impl Rig {
    /// Holds what searches list against what checks say, and both against what is known.
    pub(super) async fn compare_searches(self: &Arc<Self>, tenants: &[&str]) {
        for (tenant, number) in tenants.iter().flat_map(|one| (0..SEARCHES).map(move |n| (one, n)))
        {
            let name = format!("{tenant}.list.{number}");
            let user = one_of(&USERS, self.roll(&format!("{name} user"))).unwrap();
            let action = one_of(&ACTIONS, self.roll(&format!("{name} action"))).unwrap();
            let body = json!({"user_id": user, "action": action, "type": "issuer", "limit": 200});
            let path = "/api/v1/authorize/search/resources";
            let listed = self.tell(tenant, name.clone(), path, body).await;
            let listed = listed.body["items"].as_array().cloned().unwrap_or_default();
            let check = |entity| json!({"user_id": user, "action": action, "resource_id": entity});
            let checks = ENTITIES.map(check);
            let body = json!({"checks": checks});
            let from = self.network.now();
            let path = "/api/v1/authorize/batch";
            let checked = self.tell(tenant, format!("{name}.checks"), path, body).await;
            let until = self.network.now();
            let mut journal = self.journal.lock().unwrap();
            for (place, entity) in ENTITIES.into_iter().enumerate() {
                let is_listed = listed.iter().any(|item| item["id"] == entity);
                let is_allowed = checked.body["items"][place]["authorized"] == true;
                let asking = Asking { journal: &journal, tenant, from, until };
                let known = asking.may(user, action, entity);
                let told = format!(
                    "{name}: {user} {action} {entity}: listed {is_listed}, allowed {is_allowed}, known {known:?}"
                );
                if is_listed != is_allowed {
                    journal.wrong("listed if and only if allowed", told);
                } else if known == Known::No && is_allowed {
                    journal.wrong("no stale allow", told);
                } else if known == Known::Yes && !is_allowed {
                    journal.wrong("no stale denial", told);
                }
            }
        }
    }

    /// Holds lists, read to their end a few at a time, against what is there.
    pub(super) async fn compare_lists(self: &Arc<Self>, tenants: &[&str]) {
        let facts = Facts::of(self).await;
        for tenant in tenants {
            let of_tenant = |item: &&Value| item["tenant_id"] == *tenant;
            let entities = facts.kept(tenant, "entity");
            let is_archived = |item: &Value| item["status"] == "archived";
            let (put_away, entities): (Vec<&Value>, Vec<&Value>) =
                entities.partition(|item| is_archived(item));
            let events: Vec<&Value> = facts.events.iter().filter(of_tenant).collect();
            for (path, id, there) in [
                ("entities?", "id", entities),
                ("entities?status=archived&", "id", put_away),
                ("events?", "event_id", events),
            ] {
                let there: BTreeSet<String> = there.iter().map(|one| one[id].to_string()).collect();
                let listed = self.list(tenant, path, id).await;
                let as_set: BTreeSet<String> = listed.iter().cloned().collect();
                if as_set != there || as_set.len() != listed.len() {
                    let told = format!("{path} of {tenant} lists {listed:?}, there is {there:?}");
                    self.journal.lock().unwrap().wrong("lists hold what is there", told);
                }
            }
        }
    }

    async fn list(self: &Arc<Self>, tenant: &str, path: &str, id: &str) -> Vec<String> {
        let (mut listed, mut cursor) = (Vec::new(), String::new());
        loop {
            let name = format!("{tenant}.list.{path}.{}", listed.len());
            let path = format!("/api/v1/{path}limit={PAGE_ITEMS}{cursor}");
            let page = self.tell(tenant, name, &path, Value::Null).await;
            let items = page.body["items"].as_array().map(Vec::as_slice).unwrap_or_default();
            listed.extend(items.iter().map(|item| item[id].to_string()));
            match page.body["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return listed,
            }
        }
    }
}
