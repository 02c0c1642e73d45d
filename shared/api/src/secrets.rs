//! Secrets: one that the environment may hold, and those that Secrets Manager keeps.
//!
//! **Invariant:** none of them is ever written: what holds one says so and no more when it is printed.

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "aws-secrets")]
use aws_sdk_secretsmanager::{Client, error::DisplayErrorContext};

/// A text that is not to be seen.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Arc<str>);

impl Sealed {
    /// Seals a text.
    pub fn new(text: String) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed")
    }
}

/// Where a function finds secrets. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    variable: Option<Sealed>,
    #[cfg(feature = "aws-secrets")]
    client: Option<Client>,
}

impl Secrets {
    /// Those of the environment.
    pub fn of(variable: Option<Sealed>) -> Self {
        Self {
            variable,
            #[cfg(feature = "aws-secrets")]
            client: None,
        }
    }

    /// The same, and those that Secrets Manager keeps.
    #[cfg(feature = "aws-secrets")]
    #[must_use]
    pub fn managed_by(self, client: Client) -> Self {
        Self { client: Some(client), ..self }
    }

    /// The secret of `EPR_TOKEN_SECRET`.
    pub fn variable(&self) -> Option<&Sealed> {
        self.variable.as_ref()
    }

    /// A secret of Secrets Manager, by its ARN.
    #[cfg(feature = "aws-secrets")]
    pub async fn managed(&self, arn: &str) -> Result<Sealed, String> {
        let client = self.client.as_ref().ok_or(ELSEWHERE)?;
        let read = client.get_secret_value().secret_id(arn).send().await;
        let read = read.map_err(|error| DisplayErrorContext(error).to_string())?;
        read.secret_string.map(Sealed::new).ok_or_else(|| format!("`{arn}` holds no text"))
    }

    /// A secret of Secrets Manager, which this process has no client of.
    #[cfg(not(feature = "aws-secrets"))]
    pub async fn managed(&self, _: &str) -> Result<Sealed, String> {
        Err(ELSEWHERE.to_owned())
    }
}

const ELSEWHERE: &str =
    "Secrets Manager is read by the deployed function only; name a file instead";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        let secrets = Secrets::of(Some(Sealed::new("correct horse".to_owned())));
        assert!(!format!("{secrets:?}").contains("horse"));
        assert_eq!(secrets.variable().map(Sealed::reveal), Some("correct horse"));
    }
}
