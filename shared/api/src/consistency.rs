//! How fresh a decision's inputs must be, as a request says it.

use domain::refusal::Refusal;
use serde_json::Value;

/// Longest consistency token, in bytes.
pub const CONSISTENCY_TOKEN_BYTES_MAX: usize = 256;

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
    AtLeast(String),
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
        let legal = token.bytes().all(|byte| byte.is_ascii_graphic());
        if token.is_empty() || token.len() > CONSISTENCY_TOKEN_BYTES_MAX || !legal {
            return Err(Refusal::new(
                "must name the `Consistency-Token` of an answer: it is no such token",
            ));
        }
        Ok(Self::AtLeast(token.to_owned()))
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
        let token = Consistency::AtLeast("t-1".to_owned());
        for (sent, read) in [
            (json!("minimize_latency"), Consistency::MinimizeLatency),
            (json!("fresh"), Consistency::default()),
            (json!("strong"), Consistency::Strong),
            (json!("at_least:t-1"), token.clone()),
            (json!("at_least: t-1"), token.clone()),
            (json!({"at_least": "t-1"}), token),
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
            json!({"at_least": "t", "more": 1}),
            json!({"at_least": ""}),
            json!({"at_least": "a b"}),
            json!("at_least:"),
            json!({"at_least": "x".repeat(CONSISTENCY_TOKEN_BYTES_MAX + 1)}),
        ] {
            assert!(Consistency::read(&bad).is_err(), "{bad}");
        }
    }
}
