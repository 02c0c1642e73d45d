//! Which function says who is calling: the default authorizer of the HTTP API.

use super::references::{FUNCTION, References};
use super::{TemplateError, typed};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

const HTTP_API: &str = "AWS::Serverless::HttpApi";

/// The Lambda authorizer that runs before every route that does not opt out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// The logical id of its function.
    pub function: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Api {
    auth: Auth,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Auth {
    default_authorizer: Option<String>,
    authorizers: BTreeMap<String, Declared>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Declared {
    function_arn: Value,
    authorizer_payload_format_version: Value,
    #[serde(default)]
    enable_simple_responses: bool,
}

/// The guard of an HTTP API; `None` where that has none, or one that is no function, such as `AWS_IAM`.
pub(super) fn guard(
    references: References<'_>,
    id: &str,
    kind: &str,
    properties: &Value,
) -> Result<Option<Guard>, TemplateError> {
    if kind != HTTP_API {
        return Ok(None);
    }
    let Api { auth: Auth { default_authorizer, mut authorizers } } = typed(id, properties)?;
    let declared = default_authorizer.and_then(|name| authorizers.remove(&name));
    let Some(declared) = declared else { return Ok(None) };
    let resource = format!("{id}.Auth");
    let arn = &declared.function_arn;
    let function = references.target(&resource, "FunctionArn", arn, (FUNCTION, "Arn"))?;
    // Other forms of request and answer exist, which no function here has.
    if declared.authorizer_payload_format_version != "2.0" || !declared.enable_simple_responses {
        let reason = "an authorizer must have payloads of version \"2.0\" and simple responses";
        return Err(TemplateError::refused(&resource, reason));
    }
    Ok(Some(Guard { function }))
}
