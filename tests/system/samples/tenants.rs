//! One request for each operation that changes the registry of tenants.

use http::Method;
use serde_json::{Value, json};
use tests::Tenant;

use super::Sample;

const TENANTS: &str = "/api/v1/tenants";

/// Registers a few tenants, and gives the requests that change the registry. What must be unique over all tenants has
/// the name of the one that asks in it.
pub(super) async fn samples(tenant: &Tenant) -> [Sample; 4] {
    let own = |word: &str| format!("{word}-{}", tenant.name().replace(':', "-"));
    let [new, other, changing, suspending, suspended] =
        ["new", "other", "changing", "suspending", "suspended"].map(own);
    for id in [&changing, &suspending, &suspended] {
        tenant.post(TENANTS, json!({"id": id, "slug": id, "name": id})).await.expect(201);
    }
    let path = |id: &str, rest: &str| format!("{TENANTS}/{id}{rest}");
    tenant.post(&path(&suspended, "/suspend"), json!({})).await.expect(200);
    let create = |slug: &str| json!({"slug": slug, "name": "New", "external_ref": slug});
    let sample = |method, path: String, body: Option<Value>, verb: [&'static str; 2]| Sample {
        method,
        path,
        body,
        other: json!({"why": "not"}),
        elsewhere: String::new(),
        status: 200,
        event: verb[0],
        action: verb[1],
    };
    [
        Sample {
            other: create(&other),
            elsewhere: format!("{TENANTS}?elsewhere"),
            status: 201,
            ..sample(
                Method::POST,
                TENANTS.to_owned(),
                Some(create(&new)),
                ["tenant.created", "tenant.create"],
            )
        },
        Sample {
            other: json!({"name": "Other"}),
            elsewhere: path(&suspending, ""),
            ..sample(
                Method::PATCH,
                path(&changing, ""),
                Some(json!({"name": "Changed", "tier": "basic"})),
                ["tenant.updated", "tenant.update"],
            )
        },
        Sample {
            other: json!({"reason": "Other."}),
            elsewhere: path(&changing, "/suspend"),
            ..sample(
                Method::POST,
                path(&suspending, "/suspend"),
                Some(json!({"reason": "Unpaid."})),
                ["tenant.suspended", "tenant.suspend"],
            )
        },
        Sample {
            elsewhere: path(&changing, "/resume"),
            ..sample(
                Method::POST,
                path(&suspended, "/resume"),
                None,
                ["tenant.resumed", "tenant.resume"],
            )
        },
    ]
}
