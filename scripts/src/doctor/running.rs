//! What a running system says of itself over HTTP.

use std::collections::HashMap;

use domain::time::{Clock, Timestamp};
use local::messaging::Messaging;
use local::system::TEMPLATE;
use local::template::Template;
use reqwest::StatusCode;
use serde_json::Value;

use super::findings::Findings;
use super::queues;
use crate::dlq::local_client;
use crate::remote::{Call, Place, Remote};

/// How far two clocks may be apart, in seconds, before it is worth a word: times in the record are compared.
const APART_SECONDS_WARNED: i64 = 5;

/// From how far apart, in seconds, requests that are signed here are refused over there.
const APART_SECONDS_MAX: i64 = 300;

/// Whether it lives, can work, and has the same time as this machine; false where it does not answer at all.
pub(super) async fn answers(remote: &Remote, findings: &mut Findings) -> bool {
    let asked_at = Clock::system().now();
    match remote.call(&Call::get("/healthz", Vec::new())).await {
        Ok(answer) => {
            findings.well("API", &format!("answers at {}", remote.url));
            clock(answer.date, asked_at, findings);
        }
        Err(failure) => {
            findings.wrong("API", &failure.to_string());
            return failure.status.is_some();
        }
    }
    match remote.call(&Call::get("/readyz", Vec::new())).await {
        Ok(_) => findings.well("readiness", "reads its core table"),
        Err(failure) => findings.wrong("readiness", &failure.to_string()),
    }
    true
}

/// The time over there is told in whole seconds.
fn clock(there: Option<Timestamp>, here: Timestamp, findings: &mut Findings) {
    let Some(there) = there else {
        return findings.warn("clock", "the answer does not say when it was given");
    };
    let apart = (there.as_microseconds() - here.as_microseconds()).abs() / 1_000_000;
    let said = format!("{apart} s apart from this machine's");
    match apart {
        0..APART_SECONDS_WARNED => findings.well("clock", &said),
        APART_SECONDS_WARNED..APART_SECONDS_MAX => findings.warn("clock", &said),
        _ => {
            findings.wrong("clock", &format!("{said}: signed requests are refused; set one right"));
        }
    }
}

/// The queues of `epr local`.
pub(super) async fn queues(place: &Place, findings: &mut Findings) -> Result<(), String> {
    let template = Template::parse(TEMPLATE).map_err(|error| error.to_string())?;
    let urls: HashMap<String, String> = template
        .queues
        .iter()
        .map(|queue| (queue.id.clone(), Messaging::queue_url(&queue.id)))
        .collect();
    queues::check(&local_client(place.address()), &template, &urls, findings).await;
    Ok(())
}

/// Events whose delivery was given up.
pub(super) async fn events(remote: &Remote, findings: &mut Findings) {
    let query = vec![("delivery_state", "failed".to_owned()), ("limit", "1".to_owned())];
    let subject = "events";
    match remote.call(&Call::get("/api/v1/events", query)).await {
        Ok(answer) if answer.body.pointer("/items/0").is_none() => {
            findings.well(subject, &format!("none of tenant `{}` was given up", remote.tenant));
        }
        Ok(_) => findings.warn(
            subject,
            "some were not delivered: `epr events tail` shows them, `epr replay --state failed` tries again",
        ),
        Err(failure) => findings.wrong(subject, &failure.to_string()),
    }
}

/// The signed head of the tenant's chain.
pub(super) async fn ledger(remote: &Remote, findings: &mut Findings) {
    let subject = format!("ledger of `{}`", remote.tenant);
    let answer = match remote.call(&Call::get("/api/v1/audit/checkpoint", Vec::new())).await {
        Ok(answer) => answer,
        Err(failure) if failure.status == Some(StatusCode::NOT_FOUND) => {
            return findings.well(&subject, "has no records yet");
        }
        Err(failure) => return findings.wrong(&subject, &failure.to_string()),
    };
    let number = |pointer: &str| answer.body.pointer(pointer).and_then(Value::as_u64);
    let records = number("/head/size").unwrap_or_default();
    let Some(promised) = number("/signed/size") else {
        return match records {
            0 => findings.well(&subject, "has no records yet"),
            _ => findings.warn(&subject, &format!("{records} records, and no signed checkpoint")),
        };
    };
    let said = format!("{records} records, {promised} of them under a signed checkpoint");
    if promised == records {
        findings.well(&subject, &said);
    } else {
        findings.warn(&subject, &said);
    }
}
