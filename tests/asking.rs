//! What tests ask of a tenant again and again, in one line each.

use http::Method;
use serde_json::{Value, json};

use crate::{Reply, Tenant, World};

impl Tenant {
    /// Asks whether a principal, written `type:id`, may do something.
    pub async fn allows(&self, principal: &str, action: &str, resource: &str) -> bool {
        let (kind, id) = principal.split_once(':').unwrap();
        let body = json!({"user_id": id, "principal_type": kind, "action": action, "resource_id": resource});
        self.post("/api/v1/authorize", body).await.expect(200)["authorized"].as_bool().unwrap()
    }

    /// Asks why a principal, written `type:id`, may or may not do something.
    pub async fn explain(&self, principal: &str, action: &str, resource: &str) -> Value {
        let (kind, id) = principal.split_once(':').unwrap();
        let body = json!({
            "user_id": id, "principal_type": kind, "action": action, "resource_id": resource, "explain": true,
        });
        let reply = self.post("/api/v1/authorize", body).await;
        let answer = reply.expect(200);
        let outcome = if answer["authorized"] == true { "allow" } else { "deny" };
        assert_eq!(answer["decision"]["outcome"], outcome, "{answer}");
        answer["decision"].clone()
    }

    /// Why a principal, written `type:id`, may not do something: the code.
    pub async fn denial(&self, principal: &str, action: &str, resource: &str) -> String {
        let decision = self.explain(principal, action, resource).await;
        decision["reason"].as_str().unwrap_or("none: it is allowed").to_owned()
    }

    /// Assigns a role to any principal, written `type:id`, with whatever else the body is to hold.
    pub async fn assign_to(&self, principal: &str, role: &str, more: Value) -> Reply {
        let (kind, id) = principal.split_once(':').unwrap();
        let mut body = json!({"principal_type": kind, "principal_id": id, "role_id": role});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.post("/api/v1/assignments", body).await
    }

    /// Revokes an assignment.
    pub async fn revoke(&self, assignment: &str) {
        self.delete(&format!("/api/v1/assignments/{assignment}")).await.expect(200);
    }

    /// Puts a principal, written `type:id`, into a group.
    pub async fn join(&self, group: &str, member: &str) -> Reply {
        let (kind, id) = member.split_once(':').unwrap();
        let body = json!({"principal_type": kind, "principal_id": id});
        self.post(&format!("/api/v1/groups/{group}/members"), body).await
    }

    /// Takes a principal, written `type:id`, out of a group.
    pub async fn leave(&self, group: &str, member: &str) -> Reply {
        let (kind, id) = member.split_once(':').unwrap();
        self.delete(&format!("/api/v1/groups/{group}/members/{id}?principal_type={kind}")).await
    }

    /// Puts an entity under another parent, or with `None` under none.
    pub async fn move_under(&self, entity: &str, parent: Option<&str>) -> Reply {
        self.patch(&format!("/api/v1/entities/{entity}"), json!({"parent_id": parent})).await
    }

    /// Every page of a list, by following its cursors; no page may be larger than asked for.
    pub async fn pages(&self, path: &str, limit: usize) -> Vec<Vec<Value>> {
        let first = format!("{path}{}limit={limit}", if path.contains('?') { '&' } else { '?' });
        let (mut pages, mut next) = (Vec::new(), Some(first.clone()));
        while let Some(path) = next {
            let reply = self.send(Method::GET, &path, None).await;
            let body = reply.expect(200);
            let items = body["items"].as_array().unwrap().clone();
            assert!(items.len() <= limit, "{} items, {limit} asked for", items.len());
            pages.push(items);
            next = body["next_cursor"].as_str().map(|cursor| format!("{first}&cursor={cursor}"));
        }
        pages
    }

    /// Every page of a search, by following its cursors; no page may be larger than asked for.
    pub async fn search_pages(&self, what: &str, asked: &Value, limit: usize) -> Vec<Vec<Value>> {
        let path = format!("/api/v1/authorize/search/{what}");
        let (mut pages, mut body) = (Vec::new(), asked.clone());
        body["limit"] = json!(limit);
        loop {
            let reply = self.post(&path, body.clone()).await;
            let page = reply.expect(200);
            let items = page["items"].as_array().unwrap().clone();
            assert!(items.len() <= limit, "{} items, {limit} asked for", items.len());
            pages.push(items);
            if page["next_cursor"].is_null() {
                return pages;
            }
            body["cursor"] = page["next_cursor"].clone();
        }
    }

    /// Everything that a search finds, each thing by its id or name, in order; nothing may be found twice.
    pub async fn search(&self, what: &str, asked: &Value, limit: usize) -> Vec<String> {
        let found = self.search_pages(what, asked, limit).await.concat();
        let name = |item: &Value| item["id"].as_str().or(item.as_str()).unwrap().to_owned();
        let mut names: Vec<String> = found.iter().map(name).collect();
        names.sort_unstable();
        let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
        assert!(twice.is_none(), "found twice: {twice:?}");
        names
    }

    /// Everything in a list.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        self.pages(path, 200).await.concat()
    }
}

impl World {
    /// What the events of a type say, in the order they were made.
    pub async fn payloads(&self, event_type: &str) -> Vec<Value> {
        in_order(self.events(event_type).await, "payload")
    }

    /// What the audit entries of an action say, in the order they were made.
    pub async fn details(&self, action: &str) -> Vec<Value> {
        in_order(self.audits(action).await, "details")
    }

    /// The epoch of a principal of the default tenant, written `type:id`; 0 before its first change.
    pub async fn epoch(&self, principal: &str) -> u64 {
        let (kind, id) = principal.split_once(':').unwrap();
        let pk = format!("7:default/principal/{}:{kind}/{}:{id}", kind.len(), id.len());
        let items = self.items("CoreTable").await;
        let epoch = items.iter().find(|item| item["pk"] == pk && item["sk"] == "epoch");
        epoch.map_or(0, |item| item["epoch"].as_u64().unwrap())
    }
}

/// The JSON texts of rows, by the rows' ids, which sort by time.
fn in_order(mut rows: Vec<Value>, field: &str) -> Vec<Value> {
    rows.sort_by_key(|row| row["event_id"].as_str().unwrap().to_owned());
    rows.iter().map(|row| serde_json::from_str(row[field].as_str().unwrap()).unwrap()).collect()
}
