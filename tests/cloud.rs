//! The key service and a bucket, below the real SDK clients: as much of both as the ledger's notary asks for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use api::ledger::{Anchors, Notary, Signer};
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, SharedHttpClient};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use local::wire;
use serde_json::{Value, json};

/// What the 32 bytes of a public key of Ed25519 follow (RFC 8410, section 4).
const ED25519: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// How one of the two services does not do what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It refuses, with this status and error.
    Refuses(u16, &'static str),
    /// It is not reached.
    Unreachable,
    /// It does what it is asked, and its answer is lost.
    Silent,
}

/// The key and the bucket. Clones are the same.
#[derive(Clone)]
pub struct Cloud(Arc<Mutex<State>>);

struct State {
    key: SigningKey,
    signs_with: SigningKey,
    kind: Vec<u8>,
    objects: BTreeMap<String, String>,
    trouble: Option<(&'static str, Trouble)>,
    asked: Vec<(String, Value)>,
}

impl fmt::Debug for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cloud")
    }
}

impl Default for Cloud {
    fn default() -> Self {
        let key = SigningKey::from_bytes(&[3; 32]);
        Self(Arc::new(Mutex::new(State {
            signs_with: key.clone(),
            key,
            kind: ED25519.to_vec(),
            objects: BTreeMap::new(),
            trouble: None,
            asked: Vec::new(),
        })))
    }
}

impl Cloud {
    /// The notary of a function on AWS, over these.
    pub fn notary(&self, deployment: &str) -> Notary {
        let credentials = Credentials::new("key", "secret", None, None, "tests");
        let kms = aws_sdk_kms::Config::builder()
            .behavior_version(aws_sdk_kms::config::BehaviorVersion::latest())
            .region(aws_sdk_kms::config::Region::from_static("eu-west-1"))
            .credentials_provider(credentials.clone())
            .retry_config(RetryConfig::disabled())
            .http_client(self.wire());
        let s3 = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-west-1"))
            .credentials_provider(credentials)
            .retry_config(RetryConfig::disabled())
            .http_client(self.wire());
        let kms = aws_sdk_kms::Client::from_conf(kms.build());
        let s3 = aws_sdk_s3::Client::from_conf(s3.build());
        let signer = Signer::of_client(kms, "alias/audit".to_owned());
        Notary::new(deployment, signer, Anchors::of_client(s3, "anchors"))
    }

    /// The public half of the key.
    pub fn public_key(&self) -> [u8; 32] {
        self.with(|state| state.key.verifying_key().to_bytes())
    }

    /// From now on an operation is in trouble, or none is.
    pub fn trouble(&self, trouble: impl Into<Option<(&'static str, Trouble)>>) {
        self.with(|state| state.trouble = trouble.into());
    }

    /// From now on another key signs than the one that is shown.
    pub fn sign_with_another_key(&self) {
        self.with(|state| state.signs_with = SigningKey::from_bytes(&[4; 32]));
    }

    /// From now on it is another key.
    pub fn replace_key(&self) {
        self.sign_with_another_key();
        self.with(|state| state.key = state.signs_with.clone());
    }

    /// From now on the key is of another kind (P-256).
    pub fn change_kind(&self) {
        self.with(|state| state.kind = vec![0x30, 0x59, 0x30, 0x13]);
    }

    /// What is in the bucket.
    pub fn objects(&self) -> BTreeMap<String, String> {
        self.with(|state| state.objects.clone())
    }

    /// Changes what is in the bucket, as its owner could.
    pub fn change(&self, change: impl FnOnce(&mut BTreeMap<String, String>)) {
        self.with(|state| change(&mut state.objects));
    }

    /// What was asked since this was last called: operations, with what each was told.
    pub fn asked(&self) -> Vec<(String, Value)> {
        self.with(|state| std::mem::take(&mut state.asked))
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn wire(&self) -> SharedHttpClient {
        let cloud = self.clone();
        wire::ends_in(move |request| {
            let answer = cloud.with(|state| state.answer(&request));
            std::future::ready(answer)
        })
    }
}

impl State {
    fn answer(&mut self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let target = target.strip_prefix("TrentService.").unwrap_or_default().to_owned();
        let is_kms = !target.is_empty();
        let body = request.body().bytes().unwrap();
        let (operation, told) = if is_kms {
            (target, serde_json::from_slice(body).unwrap())
        } else {
            let header = |name| request.headers().get(name).unwrap_or_default();
            let told = json!({
                "uri": request.uri(),
                "if_none_match": header("if-none-match"),
                "body": String::from_utf8_lossy(body),
            });
            (request.method().to_owned(), told)
        };
        self.asked.push((operation.clone(), told.clone()));
        assert!(request.headers().get("authorization").is_some(), "{operation} is not signed");
        let trouble = self.trouble.filter(|(of, _)| *of == operation).map(|(_, trouble)| trouble);
        match trouble {
            Some(Trouble::Refuses(status, error)) => return Ok(error_of(is_kms, status, error)),
            Some(Trouble::Unreachable) => {
                return Err(ConnectorError::io("no route to it".into()));
            }
            Some(Trouble::Silent) | None => {}
        }
        let done = match operation.as_str() {
            "GetPublicKey" => {
                let der = [&self.kind[..], self.key.verifying_key().as_bytes()].concat();
                ok(&json!({"PublicKey": STANDARD.encode(der)}).to_string())
            }
            "Sign" => {
                let message = STANDARD.decode(told["Message"].as_str().unwrap()).unwrap();
                let signature = self.signs_with.sign(&message).to_bytes();
                ok(&json!({"Signature": STANDARD.encode(signature)}).to_string())
            }
            _ => self.object(&operation, &told),
        };
        match trouble {
            Some(_) => Err(ConnectorError::timeout("nothing came back".into())),
            None => Ok(done),
        }
    }

    fn object(&mut self, method: &str, told: &Value) -> HttpResponse {
        let uri = told["uri"].as_str().unwrap();
        let place = uri.strip_prefix("https://anchors.s3.eu-west-1.amazonaws.com/").unwrap();
        let place = place.split('?').next().unwrap().to_owned();
        match (method, self.objects.get(&place)) {
            ("GET", Some(there)) => ok(there),
            ("GET", None) => error_of(false, 404, "NoSuchKey"),
            ("PUT", Some(_)) if told["if_none_match"] == "*" => {
                error_of(false, 412, "PreconditionFailed")
            }
            ("PUT", _) => {
                self.objects.insert(place, told["body"].as_str().unwrap().to_owned());
                ok("")
            }
            (other, _) => error_of(false, 405, other),
        }
    }
}

fn ok(body: &str) -> HttpResponse {
    HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::from(body))
}

fn error_of(is_kms: bool, status: u16, error: &str) -> HttpResponse {
    let body = if is_kms {
        json!({"__type": error, "message": "planned by the test"}).to_string()
    } else {
        format!("<Error><Code>{error}</Code><Message>planned by the test</Message></Error>")
    };
    HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body))
}
