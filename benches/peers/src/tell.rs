//! The world as requests to our API.

use serde_json::{Value, json};

use crate::world::{self, Action, World};

/// Posts the world to the API, one thing at a time.
pub(crate) fn tell(world: World, post: impl Fn(&str, &Value)) {
    for index in 0..world::ENTITIES {
        let id = world::entity(index);
        let mut body = json!({"id": id, "name": id, "type": world::kind(index)});
        if let Some(parent) = world::parent(index) {
            body["parent_id"] = world::entity(parent).into();
        }
        post("/api/v1/entities", &body);
    }
    for index in 0..world::ROLES {
        let id = world::role(index);
        let permissions = Action::of(index).map(Action::name);
        let body = json!({"id": id, "name": id, "permissions": permissions, "scope_types": world::scope(index)});
        post("/api/v1/roles", &body);
    }
    for held in world.held() {
        let body = json!({
            "principal_id": world::principal(held.principal),
            "role_id": world::role(held.role),
            "entity_id": world::entity(held.entity),
        });
        post("/api/v1/assignments", &body);
    }
}
