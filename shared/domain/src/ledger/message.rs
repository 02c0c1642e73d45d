//! What a producer says: one event for the ledger, read from its message and refused field by field.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::change::{Act, AuditDraft, CORE_SOURCE};
use crate::document::Document;
use crate::id::{EventId, TenantId};
use crate::ledger::canonical;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// Longest `event_id`, in characters. It is part of a key and of an address.
pub const EVENT_ID_CHARACTERS_MAX: usize = 255;

/// Longest of every other text, in characters.
pub const TEXT_CHARACTERS_MAX: usize = 255;

/// A producer's message, normalised: times are UTC, and what is absent is the same as what is null.
///
/// Members that are not listed here are refused. To drop them would lose evidence without a word, and to
/// keep them would put what nobody checked under names that the ledger itself may need; `details` holds
/// whatever a producer wants to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Names the event for ever: 1 to 255 visible ASCII characters.
    pub event_id: String,
    /// Who says so: the producing service.
    pub source: String,
    /// What was done, such as `issuer.created`.
    pub action: String,
    /// Who did it.
    pub actor_id: Option<String>,
    /// The kind of who did it.
    pub actor_type: Option<String>,
    /// On whose behalf; recorded beside the actor, never instead.
    pub on_behalf_of: Option<String>,
    /// What it was done to.
    pub entity_id: Option<String>,
    /// The kind of what it was done to.
    pub entity_type: Option<String>,
    /// What it belongs to, such as a request. Many events share one.
    pub correlation_id: Option<String>,
    /// Anything more: a JSON object.
    pub details: Option<Document>,
    /// When it happened, as the producer says.
    pub occurred_at: Timestamp,
    /// Whose it is, where the producer says so.
    #[serde(default, skip_serializing)]
    pub tenant_id: Option<TenantId>,
}

/// One member of a message that was not accepted. The name is empty for the message as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {refusal}")]
pub struct FieldRefusal {
    /// The member.
    pub field: String,
    /// Why.
    pub refusal: Refusal,
}

/// The members of an object that are not read yet, and what was refused among those that are.
struct Reader {
    members: Map<String, Value>,
    refusals: Vec<FieldRefusal>,
}

impl Reader {
    fn refuse(&mut self, field: &str, refusal: Refusal) {
        self.refusals.push(FieldRefusal { field: field.to_owned(), refusal });
    }

    /// A member that may be absent, which null is too.
    fn optional<T>(
        &mut self,
        field: &str,
        read: impl FnOnce(&Value) -> Result<T, Refusal>,
    ) -> Option<T> {
        let value = self.members.remove(field).filter(|value| !value.is_null())?;
        read(&value).map_err(|refusal| self.refuse(field, refusal)).ok()
    }

    /// A member that must be there.
    fn required<T>(
        &mut self,
        field: &str,
        read: impl FnOnce(&Value) -> Result<T, Refusal>,
    ) -> Option<T> {
        if self.members.get(field).is_none_or(Value::is_null) {
            self.members.remove(field);
            self.refuse(field, Refusal::new("is required"));
            return None;
        }
        self.optional(field, read)
    }
}

fn string(value: &Value) -> Result<&str, Refusal> {
    value.as_str().ok_or_else(|| Refusal::new("must be a string"))
}

fn event_id(value: &Value) -> Result<String, Refusal> {
    let text = string(value)?;
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    if text.is_empty() || text.len() > EVENT_ID_CHARACTERS_MAX || !visible {
        return Err(Refusal::new(format!(
            "must be 1 to {EVENT_ID_CHARACTERS_MAX} visible ASCII characters without spaces"
        )));
    }
    Ok(text.to_owned())
}

fn text(value: &Value) -> Result<String, Refusal> {
    let text = string(value)?;
    let length = text.chars().count();
    if length == 0 || length > TEXT_CHARACTERS_MAX {
        return Err(Refusal::new(format!(
            "must have 1 to {TEXT_CHARACTERS_MAX} characters, has {length}"
        )));
    }
    if text.chars().any(char::is_control) {
        return Err(Refusal::new("must not hold control characters"));
    }
    Ok(text.to_owned())
}

impl Message {
    /// Reads a message from its JSON, and tells every fault of it at once.
    pub fn parse(json: &[u8]) -> Result<Self, Vec<FieldRefusal>> {
        match canonical::parse(json) {
            Ok(value) => Self::from_value(value),
            Err(refusal) => Err(vec![FieldRefusal { field: String::new(), refusal }]),
        }
    }

    /// Reads a message from a value that [`canonical::parse`] gave.
    pub fn from_value(value: Value) -> Result<Self, Vec<FieldRefusal>> {
        let Value::Object(members) = value else {
            let refusal = Refusal::new("must be a JSON object");
            return Err(vec![FieldRefusal { field: String::new(), refusal }]);
        };
        let mut reader = Reader { members, refusals: Vec::new() };
        let required = (
            reader.required("event_id", event_id),
            reader.required("source", text),
            reader.required("action", text),
            reader.required("occurred_at", |value| Timestamp::parse(string(value)?)),
        );
        let mut optional = |field| reader.optional(field, text);
        let actor_id = optional("actor_id");
        let actor_type = optional("actor_type");
        let on_behalf_of = optional("on_behalf_of");
        let entity_id = optional("entity_id");
        let entity_type = optional("entity_type");
        let correlation_id = optional("correlation_id");
        let details = reader.optional("details", Document::from_value);
        let tenant_id = reader.optional("tenant_id", |value| TenantId::parse(string(value)?));
        for field in std::mem::take(&mut reader.members).keys() {
            reader.refuse(field, Refusal::new("is not a member of an audit message"));
        }
        match required {
            (Some(event_id), Some(source), Some(action), Some(occurred_at))
                if reader.refusals.is_empty() =>
            {
                Ok(Self {
                    event_id,
                    source,
                    action,
                    actor_id,
                    actor_type,
                    on_behalf_of,
                    entity_id,
                    entity_type,
                    correlation_id,
                    details,
                    occurred_at,
                    tenant_id,
                })
            }
            _ => Err(reader.refusals),
        }
    }

    /// What the core itself says of one of its writes: an ordinary message.
    ///
    /// It goes through [`Message::from_value`] like any other, so that nothing the core writes can be
    /// something that a producer could not have sent.
    pub fn of_core(
        event_id: &EventId,
        act: &Act,
        audit: &AuditDraft,
    ) -> Result<Self, Vec<FieldRefusal>> {
        let entity = audit.entity.as_ref();
        Self::from_value(serde_json::json!({
            "event_id": event_id,
            "source": CORE_SOURCE,
            "action": audit.action,
            "actor_id": act.actor.id,
            "actor_type": act.actor.kind,
            "on_behalf_of": act.on_behalf_of,
            "entity_id": entity.map(|(id, _)| id),
            "entity_type": entity.and_then(|(_, kind)| kind.as_ref()),
            "correlation_id": act.request_id,
            "details": audit.details,
            "occurred_at": act.at,
            "tenant_id": act.tenant_id,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{EntityId, PrincipalId};
    use crate::principal::{Principal, PrincipalType};
    use serde_json::json;

    fn sample() -> Value {
        json!({
            "event_id": "6f4e1a2c-cc1b-4f79-b803-b0f7d8b7f02a",
            "source": "issuer-service",
            "action": "issuer.created",
            "actor_id": "b5db2c29-6f2d-4dc6-9b6b-7827806bd0be",
            "actor_type": "user",
            "entity_id": "0f0f7e13-7cb5-449b-9349-0ed8cc5d9b32",
            "entity_type": "issuer",
            "correlation_id": "req-12345",
            "details": {"issuer_code": "ACME"},
            "occurred_at": "2024-04-14T20:03:11.221208+02:00"
        })
    }

    fn refused(value: Value) -> Vec<String> {
        let refusals = Message::from_value(value).unwrap_err();
        refusals.iter().map(|refusal| refusal.field.clone()).collect()
    }

    #[test]
    fn the_published_sample_is_accepted_and_its_time_becomes_utc() {
        let message = Message::parse(sample().to_string().as_bytes()).unwrap();
        assert_eq!(message.occurred_at.to_string(), "2024-04-14T18:03:11.221208Z");
        assert_eq!(message.tenant_id, None);
    }

    #[test]
    fn only_id_source_action_and_time_are_required_and_null_is_absence() {
        let mut least = sample();
        for field in ["actor_id", "actor_type", "entity_id", "entity_type", "correlation_id"] {
            least[field] = Value::Null;
        }
        least.as_object_mut().unwrap().remove("details");
        assert!(Message::from_value(least).is_ok());
        assert_eq!(refused(json!({})), ["event_id", "source", "action", "occurred_at"]);
    }

    #[test]
    fn every_fault_is_told_at_once_with_the_name_of_its_field() {
        let mut bad = sample();
        bad["event_id"] = json!("has space");
        bad["actor_id"] = json!(7);
        bad["details"] = json!([]);
        bad["occurred_at"] = json!("2024-04-14T18:03:11");
        bad["corelation_id"] = json!("misspelled");
        assert_eq!(
            refused(bad),
            ["event_id", "occurred_at", "actor_id", "details", "corelation_id"]
        );
    }

    #[test]
    fn an_event_id_is_visible_and_at_most_255_long() {
        for good in ["a", "~!/#", &"x".repeat(255)] {
            assert!(event_id(&json!(good)).is_ok(), "{good}");
        }
        for bad in ["", " ", "a\u{7f}", "é", "a\nb", &"x".repeat(256)] {
            assert!(event_id(&json!(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_ledgers_own_members_cannot_be_sent() {
        for field in ["sequence", "recorded_at", "hash_version"] {
            let mut bad = sample();
            bad[field] = json!(1);
            assert_eq!(refused(bad), [field]);
        }
    }

    #[test]
    fn what_the_core_says_is_an_ordinary_message() {
        let act = Act {
            tenant_id: TenantId::parse("acme").unwrap(),
            actor: Principal {
                kind: PrincipalType::service(),
                id: PrincipalId::parse("importer").unwrap(),
            },
            on_behalf_of: Some(PrincipalId::parse("alice").unwrap()),
            at: Timestamp::from_microseconds(0).unwrap(),
            request_id: "req-1".to_owned(),
        };
        let audit = AuditDraft {
            action: "entity.create",
            entity: Some((EntityId::parse("e1").unwrap(), None)),
            details: json!({"name": "One"}),
        };
        let message = Message::of_core(&EventId::parse("ev1").unwrap(), &act, &audit).unwrap();
        assert_eq!(message.source, CORE_SOURCE);
        assert_eq!(message.on_behalf_of.as_deref(), Some("alice"));
        assert_eq!(message.tenant_id, Some(act.tenant_id));
    }
}
