//! How fresh a decision's inputs must be, as a request says it.

use domain::refusal::Refusal;
use domain::time::Timestamp;
use http::{HeaderName, HeaderValue};
use serde_json::Value;

/// The header of an answer to a change, by which a later question can ask for what is at least as new.
pub(crate) const CONSISTENCY_TOKEN: HeaderName = HeaderName::from_static("consistency-token");

/// What a token looks like.
pub const CONSISTENCY_TOKEN_PATTERN: &str = "^ct1-[0-9]{1,19}$";

/// What a token of this form begins with.
const TOKEN_PREFIX: &str = "ct1-";

/// A moment up to which every acknowledged change counts.
///
/// For clients a text without meaning. Whatever it says, inputs are validated when the question comes, which
/// is after the change was acknowledged; so all that is asked of it here is that it is one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsistencyToken(u64);

impl ConsistencyToken {
    /// The token of a change that is acknowledged at a moment.
    pub(crate) fn at(now: Timestamp) -> Self {
        Self(u64::try_from(now.as_microseconds()).unwrap_or_default())
    }

    fn read(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(TOKEN_PREFIX)?;
        let legal = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| legal).map(Self)
    }
}

impl From<ConsistencyToken> for HeaderValue {
    fn from(ConsistencyToken(microseconds): ConsistencyToken) -> Self {
        Self::from_str(&format!("{TOKEN_PREFIX}{microseconds}"))
            .unwrap_or_else(|_| Self::from_static(TOKEN_PREFIX))
    }
}

/// What stands before the token where the whole is one text.
const AT_LEAST: &str = "at_least:";

/// How fresh the inputs of a decision must be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// As they were at most a second ago.
    MinimizeLatency,
    /// With every change that was acknowledged before.
    #[default]
    Fresh,
    /// Read anew, past every cache.
    Strong,
    /// With every change up to the one that returned this `Consistency-Token`.
    AtLeast(ConsistencyToken),
}

impl Consistency {
    /// Reads `"minimize_latency"`, `"fresh"`, `"strong"`, `"at_least: <token>"` or `{"at_least": "<token>"}`.
    pub fn read(value: &Value) -> Result<Self, Refusal> {
        let token = match value {
            Value::String(word) => match word.as_str() {
                "minimize_latency" => return Ok(Self::MinimizeLatency),
                "fresh" => return Ok(Self::Fresh),
                "strong" => return Ok(Self::Strong),
                other => other.strip_prefix(AT_LEAST).map(str::trim_start),
            },
            Value::Object(members) if members.len() == 1 => {
                members.get("at_least").and_then(Value::as_str)
            }
            _ => None,
        };
        let token = token.ok_or_else(|| {
            Refusal::new(
                "must be `minimize_latency`, `fresh`, `strong` or `{\"at_least\": \"<token>\"}`",
            )
        })?;
        ConsistencyToken::read(token).map(Self::AtLeast).ok_or_else(|| {
            Refusal::new("must name the `Consistency-Token` of an answer: it is no such token")
        })
    }

    /// What the store is asked for. What is validated now holds every change that was acknowledged before, and
    /// so the one that a token stands for.
    pub fn level(&self) -> store::Consistency {
        match self {
            Self::MinimizeLatency => store::Consistency::MinimizeLatency,
            Self::Fresh | Self::AtLeast(_) => store::Consistency::Fresh,
            Self::Strong => store::Consistency::Strong,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_level_is_read_and_a_token_in_either_form() {
        let token = Consistency::AtLeast(ConsistencyToken(1));
        for (sent, read) in [
            (json!("minimize_latency"), Consistency::MinimizeLatency),
            (json!("fresh"), Consistency::default()),
            (json!("strong"), Consistency::Strong),
            (json!("at_least:ct1-1"), token.clone()),
            (json!("at_least: ct1-1"), token.clone()),
            (json!({"at_least": "ct1-1"}), token),
        ] {
            assert_eq!(Consistency::read(&sent), Ok(read), "{sent}");
        }
    }

    #[test]
    fn what_is_no_level_and_what_is_no_token_is_refused() {
        for bad in [
            json!("Fresh"),
            json!(""),
            json!(1),
            json!(["fresh"]),
            json!({}),
            json!({"at_least": 1}),
            json!({"at_least": "ct1-1", "more": 1}),
            json!({"at_least": "ct1-"}),
            json!({"at_least": "ct1-+1"}),
            json!({"at_least": "t-1"}),
            json!({"at_least": ""}),
            json!({"at_least": "a b"}),
            json!("at_least:"),
            json!({"at_least": format!("ct1-{}", "9".repeat(40))}),
        ] {
            assert!(Consistency::read(&bad).is_err(), "{bad}");
        }
    }
}
