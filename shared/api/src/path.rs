//! The parameters of a path.

use axum::extract::{FromRequestParts, RawPathParams};
use domain::refusal::Refusal;
use http::request::Parts;

use crate::problem::Problem;

/// The parameters of a path by name, percent-decoded.
#[derive(Clone, Debug)]
pub struct PathParameters(Vec<(String, String)>);

impl PathParameters {
    /// A parameter, where the route has it.
    pub fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// Reads a parameter. One that is malformed names nothing that exists: 404 with `what`.
    pub fn read<T>(
        &self,
        name: &str,
        what: &str,
        read: impl FnOnce(&str) -> Result<T, Refusal>,
    ) -> Result<T, Problem> {
        let value = self
            .find(name)
            .ok_or_else(|| Problem::defect(format!("the route has no parameter `{name}`")))?;
        read(value).map_err(|_| Problem::not_found(what, value))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathParameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let parameters = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::malformed("the path is not percent-encoded UTF-8"))?;
        Ok(Self(
            parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        ))
    }
}
