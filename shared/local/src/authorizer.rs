//! Who calls, as API Gateway's authorizer would tell the functions.
//!
//! **Invariant:** functions learn of a caller only through the context map made here, in the shape
//! that the deployed authorizer returns.

use serde_json::Value;
use std::collections::HashMap;

/// What runs before a route that is not open to everyone.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Authorizer {
    /// Lets everyone in. For one machine: [`crate::server::serve`] binds it to loopback only.
    Off,
}

impl Authorizer {
    /// Every caller is the service `local`, of no tenant: the functions take the one that the `X-Tenant-Id`
    /// header names, or else `default`, as they do for a caller signed by IAM.
    pub fn off() -> Self {
        Self::Off
    }

    /// Whether anyone who can connect is let in.
    pub fn is_off(&self) -> bool {
        matches!(self, Self::Off)
    }

    /// The `lambda` map of the request context.
    pub(crate) fn context(&self) -> HashMap<String, Value> {
        match self {
            Self::Off => {
                let context = [
                    ("principal_id", "local"),
                    ("principal_type", "service"),
                    ("scopes", ""),
                    ("via", api::VIA_LOCAL),
                ];
                context.map(|(name, value)| (name.to_owned(), value.into())).into()
            }
        }
    }
}
