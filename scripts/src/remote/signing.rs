//! Signature Version 4 on requests to the deployed API, as its IAM authorizer asks.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_sqs::config::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use domain::time::Clock;
use reqwest::Request;
use reqwest::header::{HeaderName, HeaderValue};

use super::root_cause;

/// What API Gateway is called in a signature.
const SERVICE: &str = "execute-api";

/// Where signed requests are expected.
const SUFFIXES: [&str; 2] = [".amazonaws.com", ".amazonaws.com.cn"];

/// Signs requests with the credentials of this environment.
#[derive(Clone)]
pub(super) struct Signer {
    credentials: SharedCredentialsProvider,
    region: String,
    clock: Clock,
}

/// Whether a host is one of AWS.
pub(super) fn is_aws(host: &str) -> bool {
    SUFFIXES.iter().any(|suffix| host.ends_with(suffix))
}

/// The region in the name of an API's host: `<id>.execute-api.<region>.amazonaws.com`.
pub(super) fn region_in(host: &str) -> Option<&str> {
    let mut labels = host.split('.').skip(1);
    (labels.next() == Some(SERVICE)).then(|| labels.next()).flatten()
}

impl Signer {
    /// The signer for a host: credentials as every AWS tool finds them, and the host's region, else the
    /// configured one.
    pub(super) async fn of(host: &str) -> Result<Self, String> {
        let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
        let region = region_in(host).or(config.region().map(Region::as_ref));
        let region = region.ok_or("no AWS region is configured; set AWS_REGION or AWS_PROFILE")?;
        let credentials = config
            .credentials_provider()
            .ok_or("no AWS credentials are configured; set AWS_PROFILE")?;
        Ok(Self { credentials, region: region.to_owned(), clock: Clock::system() })
    }

    /// Adds the signature to a request that is otherwise complete.
    pub(super) async fn sign(&self, request: &mut Request) -> Result<(), String> {
        let credentials = self.credentials.provide_credentials().await.map_err(|error| {
            format!("no AWS credentials to sign with ({}); set AWS_PROFILE", root_cause(&error))
        })?;
        let identity = credentials.into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(SERVICE)
            .time(self.now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| error.to_string())?
            .into();
        let headers = request
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let body = request.body().and_then(|body| body.as_bytes()).unwrap_or_default();
        let signable = SignableRequest::new(
            request.method().as_str(),
            request.url().as_str(),
            headers,
            SignableBody::Bytes(body),
        );
        let signed = signable.and_then(|signable| sign(signable, &params));
        let (instructions, _) = signed.map_err(|error| root_cause(&error))?.into_parts();
        for (name, value) in instructions.headers() {
            let parsed = (HeaderName::try_from(name), HeaderValue::try_from(value));
            let (Ok(name), Ok(value)) = parsed else {
                return Err(format!("the signature cannot be sent as `{name}`"));
            };
            request.headers_mut().insert(name, value);
        }
        Ok(())
    }

    fn now(&self) -> SystemTime {
        let microseconds = u64::try_from(self.clock.now().as_microseconds()).unwrap_or_default();
        UNIX_EPOCH + Duration::from_micros(microseconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sqs::config::Credentials;
    use domain::time::Timestamp;
    use reqwest::Method;
    use reqwest::header::AUTHORIZATION;

    const URL: &str = "https://abc123.execute-api.eu-west-1.amazonaws.com/api/v1/events";

    /// The signature of a request, of whose making the time and the credentials are fixed.
    async fn signature(mut request: Request, headers: &[(&'static str, &'static str)]) -> String {
        let credentials = Credentials::new(
            "AKIDEXAMPLE",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            Some("a-session-token".to_owned()),
            None,
            "test",
        );
        let now = Timestamp::parse("2026-11-23T03:30:53Z").unwrap();
        let signer = Signer {
            credentials: SharedCredentialsProvider::new(credentials),
            region: "eu-west-1".to_owned(),
            clock: Clock::from_fn(move || now),
        };
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        signer.sign(&mut request).await.unwrap();
        assert_eq!(request.headers()["x-amz-security-token"], "a-session-token");
        request.headers()[AUTHORIZATION].to_str().unwrap().to_owned()
    }

    /// As botocore signs the same two requests.
    #[tokio::test]
    async fn a_request_is_signed_as_other_tools_sign_it() {
        let query = "?limit=200&from=2026-11-23T03%3A30%3A23.000000Z";
        let get = Request::new(Method::GET, format!("{URL}{query}").parse().unwrap());
        assert_eq!(
            signature(get, &[("x-tenant-id", "acme")]).await,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-west-1/execute-api/aws4_request, \
             SignedHeaders=host;x-amz-date;x-amz-security-token;x-tenant-id, \
             Signature=06317d9cd7d256d978044193e62037d5a48d06934cdfc5408505bd4156b50cad"
        );
        let mut post = Request::new(Method::POST, URL.parse().unwrap());
        *post.body_mut() = Some(r#"{"n":1}"#.into());
        let headers = [
            ("x-tenant-id", "acme"),
            ("idempotency-key", "k-1"),
            ("content-type", "application/json"),
        ];
        assert_eq!(
            signature(post, &headers).await,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-west-1/execute-api/aws4_request, \
             SignedHeaders=content-type;host;idempotency-key;x-amz-date;x-amz-security-token;x-tenant-id, \
             Signature=706738523d6a6bd4e465337d03fc29821912523f7c992ec2733514d416083efd"
        );
    }

    #[test]
    fn only_hosts_of_aws_are_sent_signatures_and_their_names_tell_the_region() {
        assert!(is_aws("abc123.execute-api.eu-west-1.amazonaws.com"));
        assert!(is_aws("abc123.execute-api.cn-north-1.amazonaws.com.cn"));
        for other in ["127.0.0.1", "amazonaws.com.example.com", "notamazonaws.com"] {
            assert!(!is_aws(other), "{other}");
        }
        assert_eq!(region_in("abc123.execute-api.eu-west-1.amazonaws.com"), Some("eu-west-1"));
        assert_eq!(region_in("sqs.eu-west-1.amazonaws.com"), None);
    }
}
