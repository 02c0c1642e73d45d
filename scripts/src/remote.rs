//! A running system as one tenant sees it: requests to it, and its answers in words.

mod signing;

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use clap::Args;
use domain::time::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;

use signing::Signer;

/// How long a request may take; the slowest function has 20 seconds.
const REQUEST_SECONDS_MAX: u64 = 40;
const CONNECT_SECONDS_MAX: u64 = 5;

/// How often a request is sent that may be sent again, and the pause after the first time.
const ATTEMPTS_MAX: u32 = 4;
const PAUSE: Duration = Duration::from_millis(250);
const PAUSE_SECONDS_MAX: u64 = 10;

/// Where the running system is, and whose data is meant.
#[derive(Clone, Debug, Args)]
pub(crate) struct Place {
    /// The running system. Requests to `*.amazonaws.com` are signed with the AWS credentials found here
    #[arg(long, default_value = "http://127.0.0.1:8000", value_parser = address)]
    url: Url,
    /// The tenant whose data it is
    #[arg(long, default_value = "default")]
    tenant: String,
}

/// A running system as one tenant sees it. Clones share their connections.
#[derive(Clone)]
pub(crate) struct Remote {
    client: reqwest::Client,
    /// Without a slash at its end.
    pub(crate) url: String,
    pub(crate) tenant: String,
    signer: Option<Signer>,
}

/// A request.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Option<&'a Value>,
    /// With one, a request whose answer was lost is sent again.
    pub(crate) idempotency_key: Option<&'a str>,
}

/// An answer that is a success.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// When it was given, by the clock over there, in whole seconds.
    pub(crate) date: Option<Timestamp>,
    pub(crate) body: Value,
}

/// Why a request did not get what it asked for.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The status, where there was an answer.
    pub(crate) status: Option<StatusCode>,
    /// The stable name of the reason, where the answer gives one.
    pub(crate) code: String,
    /// Whether the same request may succeed later.
    pub(crate) is_passing: bool,
    /// When the answer says so, after how many seconds.
    retry_after: Option<u64>,
    reason: String,
}

impl Place {
    /// A place that no argument names.
    pub(crate) fn of(url: &str, tenant: &str) -> Result<Self, String> {
        let reading = |reason| format!("`{url}` {reason}");
        Ok(Self { url: address(url).map_err(reading)?, tenant: tenant.to_owned() })
    }

    /// Whether the system is on this machine.
    pub(crate) fn is_local(&self) -> bool {
        is_loopback(&self.url)
    }

    /// The AWS region in its name.
    pub(crate) fn region(&self) -> Option<&str> {
        self.url.host_str().and_then(signing::region_in)
    }

    /// Its address, without a slash at its end.
    pub(crate) fn address(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }
}

/// Whether an address is of this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn address(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error| format!("is no address ({error})"))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        _ => Err("must begin with http:// or https://".to_owned()),
    }
}

impl<'a> Call<'a> {
    /// A request that changes nothing.
    pub(crate) fn get(path: &'a str, query: Vec<(&'static str, String)>) -> Self {
        Self { method: Method::GET, path, query, body: None, idempotency_key: None }
    }

    fn may_be_repeated(&self) -> bool {
        self.method == Method::GET || self.idempotency_key.is_some()
    }
}

impl Remote {
    /// The system at a place. Nothing is sent yet.
    pub(crate) async fn open(place: &Place) -> Result<Self, String> {
        // Refused when the AWS SDK was first, which installs the same.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(CONNECT_SECONDS_MAX))
            .timeout(Duration::from_secs(REQUEST_SECONDS_MAX))
            // Where a signed request may go is not for the answer to say.
            .redirect(Policy::none());
        if place.is_local() {
            client = client.no_proxy();
        }
        // RFC 6761: every name below `localhost` is of this machine, whatever a resolver says.
        if let Some(host) = place.url.host_str().filter(|host| host.ends_with(".localhost")) {
            client = client.no_proxy().resolve(host, (Ipv4Addr::LOCALHOST, 0).into());
        }
        let client = client.build().map_err(|error| root_cause(&error))?;
        let signer = match place.url.host_str() {
            Some(host) if signing::is_aws(host) => Some(Signer::of(host).await?),
            _ => None,
        };
        let (url, tenant) = (place.address().to_owned(), place.tenant.clone());
        Ok(Self { client, url, tenant, signer })
    }

    /// The same system as another tenant sees it.
    pub(crate) fn of_tenant(&self, tenant: &str) -> Self {
        Self { tenant: tenant.to_owned(), ..self.clone() }
    }

    /// The answer, where it is a success. A request that may be repeated is, a few times, when the answer
    /// says that it was not the time for it.
    pub(crate) async fn call(&self, call: &Call<'_>) -> Result<Answer, Failure> {
        let mut attempt = 1;
        loop {
            let failure = match self.send(call).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            // A read that finds nobody is told at once; a write may have been cut off half-way.
            let is_lost = failure.status.is_none() && call.method == Method::GET;
            let ends = !failure.is_passing || is_lost || !call.may_be_repeated();
            if ends || attempt == ATTEMPTS_MAX {
                return Err(failure);
            }
            let pause = failure.retry_after.map_or(PAUSE * (1 << attempt), Duration::from_secs);
            tokio::time::sleep(pause.min(Duration::from_secs(PAUSE_SECONDS_MAX))).await;
            attempt += 1;
        }
    }

    async fn send(&self, call: &Call<'_>) -> Result<Answer, Failure> {
        let url = format!("{}{}", self.url, call.path);
        let mut request = self.client.request(call.method.clone(), &url);
        request = request.header("x-tenant-id", &self.tenant);
        if !call.query.is_empty() {
            request = request.query(&call.query);
        }
        if let Some(key) = call.idempotency_key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = call.body {
            request = request.json(body);
        }
        let mut request = request.build().map_err(|error| Failure::ours(root_cause(&error)))?;
        if let Some(signer) = &self.signer {
            signer.sign(&mut request).await.map_err(Failure::ours)?;
        }
        let answer = self.client.execute(request).await.map_err(|error| self.silent(&error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await.map_err(|error| self.silent(&error))?;
        let body: Option<Value> = serde_json::from_slice(&body).ok();
        match body {
            Some(body) if status.is_success() => {
                Ok(Answer { status, date: date_in(&headers), body })
            }
            body => Err(self.refused(call, status, &headers, &body.unwrap_or_default())),
        }
    }

    fn silent(&self, error: &reqwest::Error) -> Failure {
        let (url, cause) = (&self.url, root_cause(error));
        let hint = match self.signer {
            Some(_) => "is --url right, and can this machine reach it?",
            None => "is `epr local` running, and is --url right?",
        };
        let reason = format!("{url} does not answer ({cause}); {hint}");
        Failure { is_passing: true, ..Failure::ours(reason) }
    }

    /// An answer that is a problem in the API's words, or in API Gateway's.
    fn refused(
        &self,
        call: &Call<'_>,
        status: StatusCode,
        headers: &HeaderMap,
        body: &Value,
    ) -> Failure {
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let said = text("detail").or(text("message")).or(text("Message")).unwrap_or("no reason");
        let mut reason = format!("{}{} answered {status}: {said}", self.url, call.path);
        let faults = body.get("errors").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        // One alone is the detail.
        for fault in faults.iter().filter(|_| faults.len() > 1) {
            let text = |name: &str| fault.get(name).and_then(Value::as_str).unwrap_or_default();
            reason += &format!("; `{}` {}", text("pointer"), text("detail"));
        }
        let is_unknown = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status);
        if is_unknown && self.signer.is_some() {
            reason += "; the request was signed, so ask whether these AWS credentials \
                       (AWS_PROFILE) may `execute-api:Invoke` there";
        }
        let is_passing = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        let after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        Failure {
            status: Some(status),
            code: text("code").unwrap_or_default().to_owned(),
            is_passing,
            retry_after: after.and_then(|seconds| seconds.parse().ok()),
            reason,
        }
    }
}

impl Failure {
    /// One that has nothing to do with the other side.
    pub(crate) fn ours(reason: String) -> Self {
        Self { status: None, code: String::new(), is_passing: false, retry_after: None, reason }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl From<Failure> for String {
    fn from(failure: Failure) -> Self {
        failure.reason
    }
}

fn date_in(headers: &HeaderMap) -> Option<Timestamp> {
    let date = rfc2822::parse(headers.get(DATE)?.to_str().ok()?).ok()?;
    Timestamp::from_microseconds(date.timestamp().as_microsecond())
}

/// What an error comes from, which says more than what it is wrapped in.
pub(crate) fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
