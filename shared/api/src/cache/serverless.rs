//! A serverless cache of ElastiCache: where it is, and who is let in.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_config::SdkConfig;
use aws_sdk_elasticache::Client;
use aws_sdk_elasticache::config::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_elasticache::error::DisplayErrorContext;
use aws_sdk_elasticache::types::ServerlessCache;
use domain::time::Clock;
use store::{CacheAccess, CacheDoor};

use super::{NAME, token::token};
use crate::app::ConfigError;

/// The state of a cache that answers.
const AVAILABLE: &str = "available";

/// How long it is not asked again where a cache is, in seconds: one of the same name may have been made anew.
const ENDPOINT_SECONDS: u64 = 60;

/// What it takes to find a cache and to be let in.
struct Serverless {
    client: Client,
    credentials: SharedCredentialsProvider,
    region: String,
    name: String,
    user: String,
    clock: Clock,
    /// Where it was when it was last asked for.
    endpoint: Mutex<Option<(Instant, Endpoint)>>,
}

/// A host and a port.
type Endpoint = (String, u16);

/// The way to a serverless cache. Each connection has a token of its own.
pub(super) fn door(
    name: &str,
    user: &str,
    aws: &SdkConfig,
    clock: Clock,
) -> Result<CacheDoor, ConfigError> {
    let of_aws = "used where AWS credentials and a region are configured";
    let (Some(credentials), Some(region)) = (aws.credentials_provider(), aws.region()) else {
        return Err(ConfigError::Invalid(NAME, of_aws));
    };
    let serverless = Arc::new(Serverless {
        client: Client::new(aws),
        credentials,
        region: region.to_string(),
        name: name.to_owned(),
        user: user.to_owned(),
        clock,
        endpoint: Mutex::default(),
    });
    Ok(CacheDoor::from_fn(move || {
        let serverless = serverless.clone();
        Box::pin(async move { serverless.access().await })
    }))
}

impl Serverless {
    async fn access(&self) -> Result<CacheAccess, String> {
        let (host, port) = self.endpoint().await?;
        let credentials = self.credentials.provide_credentials().await;
        let credentials = credentials.map_err(|error| {
            format!("no AWS credentials for the cache: {}", DisplayErrorContext(error))
        })?;
        let password = token(&self.name, &self.user, &self.region, credentials, self.now())?;
        let (user, password) = (Some(self.user.clone()), Some(password));
        Ok(CacheAccess { host, port, tls: true, user, password })
    }

    /// Where the cache is. It keeps its endpoint for as long as it lives.
    async fn endpoint(&self) -> Result<Endpoint, String> {
        let known = self.endpoint.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let is_recent = |at: &Instant| at.elapsed() < Duration::from_secs(ENDPOINT_SECONDS);
        if let Some((_, known)) = known.filter(|(at, _)| is_recent(at)) {
            return Ok(known);
        }
        let caches = self.client.describe_serverless_caches();
        let caches = caches.serverless_cache_name(&self.name).send().await.map_err(|error| {
            format!("the serverless cache `{}`: {}", self.name, DisplayErrorContext(error))
        })?;
        let found = endpoint_of(&self.name, caches.serverless_caches())?;
        *self.endpoint.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), found.clone()));
        Ok(found)
    }

    fn now(&self) -> SystemTime {
        let microseconds = u64::try_from(self.clock.now().as_microseconds()).unwrap_or_default();
        UNIX_EPOCH + Duration::from_micros(microseconds)
    }
}

/// The endpoint of the cache of this name, once it is there and available.
fn endpoint_of(name: &str, caches: &[ServerlessCache]) -> Result<Endpoint, String> {
    let of_name = |cache: &&ServerlessCache| cache.serverless_cache_name() == Some(name);
    let Some(cache) = caches.iter().find(of_name) else {
        return Err(format!("there is no serverless cache `{name}` in this region"));
    };
    let state = cache.status().unwrap_or("of unknown state");
    if state != AVAILABLE {
        return Err(format!("the serverless cache `{name}` is not available, but {state}"));
    }
    let endpoint = cache.endpoint().and_then(|endpoint| {
        let port = u16::try_from(endpoint.port()?).ok()?;
        Some((endpoint.address()?.to_owned(), port))
    });
    endpoint.ok_or_else(|| format!("the serverless cache `{name}` has no endpoint"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_elasticache::types::Endpoint as Listening;

    fn cache(state: &str) -> ServerlessCache {
        let endpoint = Listening::builder().address("epr.serverless.euw1.cache.example").port(6379);
        let named = ServerlessCache::builder().serverless_cache_name("epr").status(state);
        named.endpoint(endpoint.build()).build()
    }

    #[test]
    fn a_cache_is_used_when_it_is_available_and_otherwise_its_state_is_told() {
        let endpoint = ("epr.serverless.euw1.cache.example".to_owned(), 6379);
        assert_eq!(endpoint_of("epr", &[cache("available")]), Ok(endpoint));
        let creating = endpoint_of("epr", &[cache("creating")]).unwrap_err();
        assert!(creating.contains("`epr` is not available, but creating"), "{creating}");
        let none = endpoint_of("other", &[cache("available")]).unwrap_err();
        assert!(none.contains("no serverless cache `other`"), "{none}");
    }
}
