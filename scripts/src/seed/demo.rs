//! The demo tenant: two issuers with what they offer, the people around them, and who may do what.

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

/// One kind of thing to make.
#[derive(Deserialize)]
pub(super) struct Step {
    /// What it is called.
    pub(super) what: String,
    /// The requests that make them.
    pub(super) requests: Vec<Request>,
}

/// A request.
#[derive(Deserialize)]
pub(super) struct Request {
    /// `POST` or `PUT`.
    pub(super) method: String,
    /// Its path.
    pub(super) path: String,
    /// Its body.
    pub(super) body: Value,
}

impl Request {
    pub(super) fn method(&self) -> Method {
        if self.method == "PUT" { Method::PUT } else { Method::POST }
    }
}

/// The steps, in an order in which each finds what it needs.
pub(super) fn steps() -> Result<Vec<Step>, String> {
    serde_json::from_str(include_str!("demo.json")).map_err(|error| format!("demo.json: {error}"))
}

/// Who asks to do what where, and why the answer is what it is.
const QUESTIONS: [(&str, &str, &str, &str); 5] = [
    (
        "yes: Priya administers the issuer above this offering",
        "priya",
        "offering:publish",
        "harbour-tower",
    ),
    (
        "no: another issuer's offering is outside what she administers",
        "priya",
        "offering:publish",
        "mesa-solar",
    ),
    (
        "yes: Jonas is in a group within the compliance group",
        "jonas",
        "document:verify",
        "mesa-solar",
    ),
    (
        "no: a secretary's role governs issuers, not the offerings below",
        "omar",
        "document:upload",
        "harbour-tower",
    ),
    ("no: the guest's assignment has expired", "guest", "offering:view", "harbour-tower"),
];

/// Questions to paste, with the answer to expect.
pub(super) fn questions(url: &str, tenant: &str) -> String {
    let header = match tenant {
        "default" => String::new(),
        _ => format!("-H 'X-Tenant-Id: {tenant}' "),
    };
    let ask = |(why, user, action, resource): &(&str, &str, &str, &str)| {
        let body = serde_json::json!({
            "user_id": user, "action": action, "resource_id": resource, "explain": true,
        });
        format!(
            "\n# {why}\ncurl -s {url}/api/v1/authorize {header}-H 'Content-Type: application/json' \\\n  -d '{body}'\n"
        )
    };
    QUESTIONS.iter().map(ask).collect()
}
