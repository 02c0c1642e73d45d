//! What must hold in the registry of tenants.

use serde_json::Value;

use super::Tables;
use super::spelling::{Key, Partition, part, pk, text};

/// The only tenant that has a registry.
const REGISTRY: &str = "system:tenants";

impl Tables {
    /// A tenant holds its guards, and each guard is held by who bears what it guards.
    pub(super) fn check_registry(&mut self, at: &Partition, key: &Key, item: &Value) {
        if at.tenant != REGISTRY {
            self.fault(key, "it is a registry of a tenant's own");
        }
        let of = |id: &str| (pk(REGISTRY, "tenants", &[]), format!("tenant/{id}"));
        match at.literal.as_str() {
            "tenants" => {
                let id = text(item, "id");
                self.expect_key(key, &of(id));
                for (literal, field) in
                    [("tenant-slug", "slug"), ("tenant-reference", "external_ref")]
                {
                    let Some(held) = item[field].as_str() else { continue };
                    let guard = (pk(REGISTRY, literal, &[held]), "guard".to_owned());
                    self.expect_partner(key, &guard, "holder", id);
                }
                self.expect_version(at, key, item, "tenant");
            }
            "tenant-slug" => {
                self.check_holder(key, &of(text(item, "holder")), &["slug"], &[part(at, 0)]);
            }
            _ => {
                let holder = of(text(item, "holder"));
                self.check_holder(key, &holder, &["external_ref"], &[part(at, 0)]);
            }
        }
    }
}
