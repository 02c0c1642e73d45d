//! The cache that deployed functions may keep epochs in: what the environment says of it, and how it is reached.
//!
//! Without the feature `valkey` there is no client of it, and a function that is told of one does not start:
//! who decides and who changes what decides must go by the same epochs.

#[cfg(feature = "valkey")]
mod serverless;
#[cfg(feature = "valkey")]
mod token;

use std::fmt;
use std::time::Duration;

use aws_config::SdkConfig;
use domain::time::Clock;
use store::{CacheAccess, EpochSource, Limiter};

use crate::app::ConfigError;

const URL: &str = "EPR_REDIS_URL";
const TOKEN: &str = "EPR_REDIS_TOKEN";
const USER: &str = "EPR_REDIS_USER";
const NAME: &str = "EPR_REDIS_CACHE_NAME";
const PREFIX: &str = "EPR_REDIS_CACHE_PREFIX";
const TTL: &str = "EPR_REDIS_CACHE_TTL";

const PREFIX_DEFAULT: &str = "epr";
const PREFIX_CHARACTERS_MAX: usize = 64;
const NAME_CHARACTERS_MAX: usize = 40;

/// How long a key lives, in seconds. It bounds what a cache can cost that forgets what it said was done.
const TTL_SECONDS_DEFAULT: u64 = 300;
const TTL_SECONDS_MIN: u64 = 10;
const TTL_SECONDS_MAX: u64 = 3_600;

/// Where Valkey and Redis listen.
const PORT_DEFAULT: u16 = 6379;

/// What the environment says of the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheConfig {
    /// `EPR_REDIS_URL` or `EPR_REDIS_CACHE_NAME`, with `EPR_REDIS_USER` and `EPR_REDIS_TOKEN`.
    pub place: CachePlace,
    /// `EPR_REDIS_CACHE_PREFIX`: what every key begins with; `epr`.
    pub prefix: String,
    /// `EPR_REDIS_CACHE_TTL`: how long a key lives; 300 s.
    pub ttl: Duration,
}

/// Where a cache is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CachePlace {
    /// At an address, with a password if any.
    Address(CacheAccess),
    /// A serverless cache of ElastiCache, to which IAM lets a user in.
    Serverless {
        /// Its name.
        name: String,
        /// The user's id, which is its name as well.
        user: String,
    },
}

impl fmt::Display for CachePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(access) => write!(f, "{access:?}"),
            Self::Serverless { name, .. } => write!(f, "the serverless cache `{name}`"),
        }
    }
}

impl CacheConfig {
    /// Reads the variables; `None` where there is to be no cache.
    pub(crate) fn from_variables(
        set: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Option<Self>, ConfigError> {
        let place = match (set(URL), set(NAME)) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                return Err(ConfigError::Invalid(NAME, "left out where `EPR_REDIS_URL` is set"));
            }
            (Some(url), None) => CachePlace::Address(CacheAccess {
                password: set(TOKEN),
                ..access(&url, set(USER)).map_err(|form| ConfigError::Invalid(URL, form))?
            }),
            (None, Some(name)) => {
                if set(TOKEN).is_some() {
                    let form = "left out where `EPR_REDIS_CACHE_NAME` is set: IAM lets the user in";
                    return Err(ConfigError::Invalid(TOKEN, form));
                }
                let user = set(USER).ok_or(ConfigError::Missing(USER))?;
                if !is_name(&user) {
                    let form = "the id of an ElastiCache user: letters, digits and hyphens";
                    return Err(ConfigError::Invalid(USER, form));
                }
                let name = name.to_ascii_lowercase();
                if !is_name(&name) {
                    let form = "the name of a serverless cache: letters, digits and hyphens";
                    return Err(ConfigError::Invalid(NAME, form));
                }
                CachePlace::Serverless { name, user }
            }
        };
        let prefix = set(PREFIX).unwrap_or_else(|| PREFIX_DEFAULT.to_owned());
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
        if prefix.len() > PREFIX_CHARACTERS_MAX || !prefix.bytes().all(is_plain) {
            let form = "at most 64 letters, digits, `.`, `_`, `:` and `-`";
            return Err(ConfigError::Invalid(PREFIX, form));
        }
        let ttl = set(TTL).map_or(Ok(TTL_SECONDS_DEFAULT), |ttl| ttl.parse());
        let ttl = ttl.ok().filter(|ttl| (TTL_SECONDS_MIN..=TTL_SECONDS_MAX).contains(ttl));
        let ttl = ttl.ok_or(ConfigError::Invalid(TTL, "a number of seconds from 10 to 3600"))?;
        Ok(Some(Self { place, prefix, ttl: Duration::from_secs(ttl) }))
    }

    /// The epochs in this cache, and the counts of requests. The connection is begun, and not waited for.
    #[cfg(feature = "valkey")]
    pub(crate) fn open(
        &self,
        aws: &SdkConfig,
        clock: &Clock,
    ) -> Result<(EpochSource, Limiter), ConfigError> {
        let door = match &self.place {
            CachePlace::Address(access) => store::CacheDoor::fixed(access.clone()),
            CachePlace::Serverless { name, user } => {
                serverless::door(name, user, aws, clock.clone())?
            }
        };
        let limits = store::CacheLimits::default();
        let cache = store::Valkey::new(door, &self.prefix, self.ttl, limits);
        cache.connect_ahead();
        tracing::info!(cache = %self.place, "epochs are kept in a cache");
        Ok((EpochSource::valkey(cache.clone()), Limiter::valkey(cache)))
    }

    /// There is no client of a cache in this build.
    #[cfg(not(feature = "valkey"))]
    pub(crate) fn open(
        &self,
        _: &SdkConfig,
        _: &Clock,
    ) -> Result<(EpochSource, Limiter), ConfigError> {
        let form = "left out for this function, which was built without the feature `valkey`";
        Err(ConfigError::Invalid(URL, form))
    }
}

/// Reads `redis://[user@]host[:port]`, or the same with `rediss`.
fn access(url: &str, user: Option<String>) -> Result<CacheAccess, &'static str> {
    if url.starts_with("https://") || url.starts_with("http://") {
        return Err("an address that begins with rediss:// or redis://. An https:// address of \
                    Upstash is that of its REST interface: take the one for Redis clients from its \
                    console, rediss://<name>.upstash.io:6379, with the password in `EPR_REDIS_TOKEN`");
    }
    let form = "`rediss://host:port`, or `redis://host:port` without TLS";
    let (tls, rest) = match (url.strip_prefix("rediss://"), url.strip_prefix("redis://")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return Err(form),
    };
    let (named, place) = match rest.rsplit_once('@') {
        Some((named, _)) if named.contains(':') => {
            return Err("without a password in it, which belongs into `EPR_REDIS_TOKEN`");
        }
        Some((named, place)) => (Some(named.to_owned()), place),
        None => (None, rest),
    };
    let place = place.strip_suffix('/').unwrap_or(place);
    // An IPv6 address is written in brackets, because it has colons of its own.
    let (host, port) = match place.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((host, port))) => {
            (host, port.strip_prefix(':').or((port.is_empty()).then_some("")))
        }
        Some(None) => return Err(form),
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, Some("")),
        },
    };
    let port = match port {
        Some("") => Some(PORT_DEFAULT),
        Some(port) => port.parse().ok().filter(|port| *port > 0),
        None => None,
    };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    match port {
        Some(port) if !host.is_empty() && host.bytes().all(is_host) => Ok(CacheAccess {
            host: host.to_owned(),
            port,
            tls,
            user: user.or(named).filter(|user| !user.is_empty()),
            password: None,
        }),
        _ => Err(form),
    }
}

/// Whether a text can be the name of a serverless cache, or the id of a user.
fn is_name(text: &str) -> bool {
    text.len() <= NAME_CHARACTERS_MAX
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&'static str, &str)]) -> Result<Option<CacheConfig>, ConfigError> {
        CacheConfig::from_variables(|name| {
            let of_name = variables.iter().find(|(of, _)| *of == name);
            of_name.map(|(_, value)| (*value).to_owned())
        })
    }

    fn address(url: &str) -> Result<CacheAccess, ConfigError> {
        match config(&[(URL, url)])?.unwrap().place {
            CachePlace::Address(access) => Ok(access),
            CachePlace::Serverless { .. } => panic!("{url}"),
        }
    }

    #[test]
    fn an_address_has_a_scheme_a_host_and_perhaps_a_port_and_a_user() {
        for (url, host, port, tls, user) in [
            ("redis://localhost", "localhost", 6379, false, None),
            ("rediss://cache.example.com:6380/", "cache.example.com", 6380, true, None),
            ("rediss://default@epr.upstash.io:6379", "epr.upstash.io", 6379, true, Some("default")),
            ("redis://[::1]:7000", "::1", 7000, false, None),
        ] {
            let access = address(url).unwrap();
            let named = access.user.as_deref();
            assert_eq!(
                (access.host.as_str(), access.port, access.tls, named),
                (host, port, tls, user)
            );
        }
        let bad = [
            "localhost:6379",
            "redis://",
            "redis://a:b",
            "redis://a:0",
            "redis://a/0",
            "redis://[::1",
        ];
        for bad in bad.into_iter().chain(["rediss://a?b", "rediss://a#insecure", "redis://a b"]) {
            assert!(matches!(address(bad), Err(ConfigError::Invalid(URL, _))), "{bad}");
        }
    }

    #[test]
    fn the_rest_address_of_upstash_is_refused_with_what_to_take_instead() {
        let refused = address("https://eu1-epr.upstash.io").unwrap_err().to_string();
        assert!(refused.contains("rediss://<name>.upstash.io:6379"), "{refused}");
    }

    #[test]
    fn a_password_is_never_shown_and_not_taken_from_the_address() {
        let shown = config(&[(URL, "redis://cache"), (TOKEN, "secret")]).unwrap().unwrap();
        let CachePlace::Address(access) = &shown.place else { panic!("{shown:?}") };
        assert_eq!(access.password.as_deref(), Some("secret"));
        assert!(!format!("{shown:?} {}", shown.place).contains("secret"));
        let refused = address("redis://default:secret@cache").unwrap_err().to_string();
        assert!(refused.contains(TOKEN) && !refused.contains("secret"), "{refused}");
    }

    #[test]
    fn a_serverless_cache_has_a_name_and_a_user_and_no_password() {
        let named = config(&[(NAME, "EPR-cache"), (USER, "epr-user")]).unwrap().unwrap();
        let (name, user) = ("epr-cache".to_owned(), "epr-user".to_owned());
        assert_eq!(named.place, CachePlace::Serverless { name, user });
        assert_eq!(config(&[(NAME, "cache")]).unwrap_err(), ConfigError::Missing(USER));
        for (more, value) in [(URL, "redis://a"), (TOKEN, "x"), (USER, "a b")] {
            let refused = config(&[(more, value), (NAME, "cache"), (USER, "user")]);
            assert!(matches!(refused, Err(ConfigError::Invalid(..))), "{more}");
        }
        assert!(config(&[(NAME, "a/b"), (USER, "user")]).is_err());
    }

    #[test]
    fn prefix_and_lifetime_are_bounded_and_count_only_with_a_cache() {
        assert_eq!(config(&[(PREFIX, "x y"), (TTL, "0"), (TOKEN, "x")]), Ok(None));
        let set = |name, value| config(&[(URL, "redis://a"), (name, value)]);
        let plain = set(PREFIX, "team:epr").unwrap().unwrap();
        assert_eq!((plain.prefix.as_str(), plain.ttl), ("team:epr", Duration::from_secs(300)));
        assert_eq!(set(TTL, "10").unwrap().unwrap().ttl, Duration::from_secs(10));
        for (name, bad) in
            [(TTL, "9"), (TTL, "3601"), (TTL, "1h"), (PREFIX, "a{b}"), (PREFIX, "a b")]
        {
            assert!(matches!(set(name, bad), Err(ConfigError::Invalid(..))), "{name}={bad}");
        }
    }
}
