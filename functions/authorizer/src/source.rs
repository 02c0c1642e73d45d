//! Where the keys of an issuer come from, and how they are fetched.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use api::Secrets;
use futures::FutureExt;
use futures::future::BoxFuture;
use reqwest::header::ACCEPT;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};

/// Largest set of keys, in bytes.
pub const KEYS_BYTES_MAX: usize = 256 * 1024;

/// How long an issuer may take to answer: a caller waits for it.
const CONNECT_SECONDS_MAX: u64 = 2;
const ANSWER_SECONDS_MAX: u64 = 3;

/// Where the keys of an issuer come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A set of public keys (JWKS, RFC 7517) at an address.
    Published(Arc<str>),
    /// A set of public keys that is at hand.
    Given(Arc<str>),
    /// The secret of an HMAC.
    Secret(Secret),
}

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// In the variable `EPR_TOKEN_SECRET`.
    Variable,
    /// In a file.
    File(PathBuf),
    /// In Secrets Manager, under its ARN.
    Managed(Arc<str>),
}

/// The text of a source on its way, or why it does not come.
pub type Fetching = BoxFuture<'static, Result<Vec<u8>, String>>;

/// How keys are fetched. Cheap to clone.
#[derive(Clone)]
pub struct Fetch(Arc<dyn Fn(Source) -> Fetching + Send + Sync>);

impl fmt::Debug for Fetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fetch")
    }
}

impl Fetch {
    /// From where each source is.
    pub fn everywhere(secrets: Secrets) -> Self {
        let client = Arc::new(OnceLock::new());
        Self::from_fn(move |source| {
            let (client, secrets) = (Arc::clone(&client), secrets.clone());
            async move {
                match source {
                    Source::Published(url) => published(client.get_or_init(client_of), &url).await,
                    Source::Given(keys) => Ok(keys.as_bytes().to_vec()),
                    Source::Secret(secret) => read(&secrets, secret).await,
                }
            }
            .boxed()
        })
    }

    /// From anywhere else.
    pub fn from_fn(fetch: impl Fn(Source) -> Fetching + Send + Sync + 'static) -> Self {
        Self(Arc::new(fetch))
    }

    /// The text with the keys of a source.
    pub(crate) async fn fetch(&self, source: &Source) -> Result<Vec<u8>, String> {
        (self.0)(source.clone()).await
    }
}

/// Made when it is first needed: it reads the certificates of the machine.
fn client_of() -> Result<Client, String> {
    // Refused where it was done before, with the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = Client::builder()
        .connect_timeout(Duration::from_secs(CONNECT_SECONDS_MAX))
        .timeout(Duration::from_secs(ANSWER_SECONDS_MAX))
        // Where the keys are is for the configuration to say.
        .redirect(Policy::none());
    client.build().map_err(|error| error.to_string())
}

async fn published(client: &Result<Client, String>, url: &str) -> Result<Vec<u8>, String> {
    let client = client.as_ref().map_err(Clone::clone)?;
    let failed = |error: reqwest::Error| error.without_url().to_string();
    let request = client.get(url).header(ACCEPT, "application/json");
    let mut answer = request.send().await.map_err(failed)?;
    if answer.status() != StatusCode::OK {
        return Err(format!("it answered {}", answer.status()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > KEYS_BYTES_MAX {
            return Err(format!("it is larger than {KEYS_BYTES_MAX} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

async fn read(secrets: &Secrets, secret: Secret) -> Result<Vec<u8>, String> {
    match secret {
        Secret::Variable => {
            let secret = secrets.variable();
            let bytes = secret.map(|secret| secret.reveal().as_bytes().to_vec());
            bytes.ok_or_else(|| "EPR_TOKEN_SECRET is not set".to_owned())
        }
        Secret::File(path) => {
            std::fs::read(&path).map_err(|error| format!("`{}`: {error}", path.display()))
        }
        Secret::Managed(arn) => {
            secrets.managed(&arn).await.map(|secret| secret.reveal().as_bytes().to_vec())
        }
    }
}
