//! What a message of the queue holds: an audit event, by itself or within the envelope of a topic.

use domain::id::TenantId;
use domain::ledger::message::Message;
use serde_json::Value;

/// Reads the body of a message: whose chain it is for, and what it says. Otherwise the reason, in words.
///
/// A topic that does not deliver raw messages wraps each into `{"Type": "Notification", "Message": "…"}`;
/// no audit event has a member `Message`, so one layer of that is taken off wherever it is found.
pub(crate) fn read(body: &str) -> Result<(TenantId, Message), String> {
    let message = match enveloped(body) {
        Some(message) => Message::parse(message.as_bytes()),
        None => Message::parse(body.as_bytes()),
    };
    let message = message.map_err(|refusals| {
        let reasons: Vec<String> = refusals.iter().map(ToString::to_string).collect();
        reasons.join("; ")
    })?;
    let tenant = match &message.tenant_id {
        Some(tenant) => tenant.clone(),
        None => TenantId::parse(api::TENANT_DEFAULT).map_err(|refusal| refusal.to_string())?,
    };
    Ok((tenant, message))
}

/// The text within the envelope of a topic.
fn enveloped(body: &str) -> Option<String> {
    let Value::Object(mut members) = serde_json::from_str(body).ok()? else { return None };
    match members.remove("Message") {
        Some(Value::String(message)) => Some(message),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event() -> Value {
        json!({
            "event_id": "e-1", "source": "vault", "action": "document.verified",
            "occurred_at": "2026-11-23T03:30:53Z",
        })
    }

    #[test]
    fn a_message_is_read_raw_and_out_of_a_topics_envelope() {
        let raw = event().to_string();
        let enveloped =
            json!({"Type": "Notification", "TopicArn": "t", "Message": raw}).to_string();
        assert_eq!(read(&raw).unwrap(), read(&enveloped).unwrap());
        assert_eq!(read(&raw).unwrap().0.as_str(), "default");
    }

    #[test]
    fn a_message_that_names_a_tenant_is_for_its_chain() {
        let mut of_acme = event();
        of_acme["tenant_id"] = json!("acme");
        assert_eq!(read(&of_acme.to_string()).unwrap().0.as_str(), "acme");
    }

    #[test]
    fn every_reason_for_a_refusal_is_told() {
        let reason = read(r#"{"event_id": "", "surplus": 1}"#).unwrap_err();
        for field in ["event_id", "source", "action", "occurred_at", "surplus"] {
            assert!(reason.contains(&format!("`{field}`")), "{field}: {reason}");
        }
        assert!(read("no JSON").is_err() && read("[]").is_err() && read("").is_err());
        // An envelope within an envelope is no one's.
        let twice = json!({"Message": json!({"Message": event().to_string()}).to_string()});
        assert!(read(&twice.to_string()).is_err());
    }
}
