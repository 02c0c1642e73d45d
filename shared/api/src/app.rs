//! What a function is given: the store, the clock, the id source, and the types that exist.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use domain::entity_type::{Registry, TypeName};
use domain::event::DELIVERY_ATTEMPTS_MAX;
use domain::id::{Ids, TenantId};
use domain::ledger::checkpoint::Origin;
use domain::limit::plan::Plan;
use domain::time::Clock;
use store::{Chance, EpochSource, Limiter, Store, Tables};

use crate::cache::CacheConfig;
use crate::connector::OneConnector;
use crate::decision_log::AuditDecisions;
use crate::delivery::{Addresses, Messaging};
use crate::ledger::{DEPLOYMENT_DEFAULT, LedgerConfig, Notary};
use crate::secrets::{Sealed, Secrets};

/// How long one call to AWS may take, and with the SDK's own retries. DynamoDB answers in milliseconds;
/// what takes longer is lost, and better asked again than waited for.
const CALL_MILLISECONDS_MAX: u64 = 1_000;
const CALLS_MILLISECONDS_MAX: u64 = 2_500;

/// How often a request tries to publish what it has stored, where the environment does not say.
const PUBLISH_ATTEMPTS_DEFAULT: u32 = 2;

const AUDIT_DECISIONS: &str = "EPR_AUDIT_DECISIONS";
const DECISION_LOG_SAMPLE: &str = "EPR_DECISION_LOG_SAMPLE";
const ENTITY_TYPES: &str = "EPR_ENTITY_TYPES";

/// A function's surroundings. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    /// The tables.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// New ids.
    pub ids: Ids,
    /// The entity types.
    pub entity_types: Registry,
    /// The clients that messages are sent with.
    pub messaging: Messaging,
    /// Who signs the checkpoints of the audit ledger, in a function that publishes them.
    pub notary: Option<Notary>,
    /// The secrets that are kept elsewhere, in a function that needs some.
    pub secrets: Secrets,
    /// What the environment says.
    pub config: Config,
}

/// What the environment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `EPR_ENVIRONMENT`, such as `prod`.
    pub environment: String,
    /// `EPR_LOG_LEVEL`: `ERROR`, `WARN`, `INFO`, `DEBUG` or `TRACE`.
    pub log_level: String,
    /// `EPR_METRICS_NAMESPACE`: the CloudWatch namespace; without one no metrics are written.
    pub metrics_namespace: Option<String>,
    /// `EPR_CORE_TABLE`, `EPR_EVENTS_TABLE` and `EPR_AUDIT_TABLE`.
    pub tables: Tables,
    /// `EPR_EVENTS_TOPIC_ARN` and the like.
    pub addresses: Addresses,
    /// `EPR_EVENT_PUBLISH_ATTEMPTS`: how often a request tries to publish what it has stored; 1 to 5.
    pub publish_attempts: u32,
    /// `EPR_AUDIT_DEPLOYMENT` and the like.
    pub ledger: LedgerConfig,
    /// `EPR_DECISION_LOG_SAMPLE`: the share of requests whose decisions are written to the log, from 0 to 1;
    /// here in millionths. All of them, when not set.
    pub decision_log_millionths: u32,
    /// `EPR_AUDIT_DECISIONS`: of which decisions the audit ledger hears, `none`, `denies`, `misses` or `all`;
    /// of misses, when not set.
    pub audit_decisions: AuditDecisions,
    /// `EPR_PUBLIC_URL`: the address that clients know this deployment by, without a slash at its end. It is
    /// never taken from a request, whose `Host` says what its sender likes.
    pub public_url: Option<String>,
    /// `EPR_REDIS_URL` and the like: the cache that epochs are kept in; without one they are in the tables.
    pub cache: Option<CacheConfig>,
    /// `EPR_EPOCHS_ELSEWHERE`: whether epochs are kept in a cache that this function does not reach, so that nothing
    /// that decides may be remembered by it.
    pub epochs_are_elsewhere: bool,
    /// `EPR_ENTITY_TYPES`: types that entities may have beside the built-in ones, with commas between them.
    pub entity_types: Vec<TypeName>,
    /// `EPR_RATE_LIMITS`: a tier, or JSON as [`Plan::parse`] reads it; no limits, when `off` or not set.
    pub rate_limits: Option<Plan>,
    /// `EPR_TOKEN_ISSUERS`: who is trusted to say who calls, in JSON; nobody, when not set.
    pub token_issuers: String,
    /// `EPR_TOKEN_SECRET`: the secret of the issuer that is said to have it there.
    pub token_secret: Option<Sealed>,
}

/// What is wrong with the environment.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// A variable that must be set is not.
    #[error(
        "the environment variable `{0}` is not set; `template.yaml` sets it for every function"
    )]
    Missing(&'static str),
    /// A variable has a value that means nothing.
    #[error("the environment variable `{0}` must be {1}")]
    Invalid(&'static str, &'static str),
}

impl Config {
    /// Reads the environment, the only place that does.
    #[expect(clippy::disallowed_methods, reason = "this is where the rule says to read it")]
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// Reads named variables.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let required = |name| set(name).ok_or(ConfigError::Missing(name));
        let attempts = "EPR_EVENT_PUBLISH_ATTEMPTS";
        let publish_attempts = match set(attempts).map(|value| value.parse()) {
            None => PUBLISH_ATTEMPTS_DEFAULT,
            Some(Ok(value @ 1..=DELIVERY_ATTEMPTS_MAX)) => value,
            Some(_) => return Err(ConfigError::Invalid(attempts, "a number from 1 to 5")),
        };
        let deployment = "EPR_AUDIT_DEPLOYMENT";
        let ledger = LedgerConfig {
            deployment: set(deployment).unwrap_or_else(|| DEPLOYMENT_DEFAULT.to_owned()),
            key_id: set("EPR_AUDIT_KEY_ID"),
            anchor_bucket: set("EPR_AUDIT_ANCHOR_BUCKET"),
        };
        let origin =
            TenantId::parse("tenant").and_then(|any| Origin::new(&ledger.deployment, &any));
        if origin.is_err() {
            let form = "a host and a path, without scheme, spaces, `+` and a slash at the end";
            return Err(ConfigError::Invalid(deployment, form));
        }
        let share = set(DECISION_LOG_SAMPLE).map_or(Ok(1.0), |share| share.parse::<f64>());
        let share = share.ok().filter(|share| (0.0..=1.0).contains(share));
        let share =
            share.ok_or(ConfigError::Invalid(DECISION_LOG_SAMPLE, "a number from 0 to 1"))?;
        let audits = set(AUDIT_DECISIONS);
        let audit_decisions =
            audits.map_or(Some(AuditDecisions::default()), |name| AuditDecisions::parse(&name));
        let audit_decisions = audit_decisions
            .ok_or(ConfigError::Invalid(AUDIT_DECISIONS, "`none`, `denies`, `misses` or `all`"))?;
        let public_url = set("EPR_PUBLIC_URL").map(|url| url.trim_end_matches('/').to_owned());
        if !public_url.as_deref().is_none_or(is_address) {
            let form = "an address that begins with https:// or http://, without `?` and `#`";
            return Err(ConfigError::Invalid("EPR_PUBLIC_URL", form));
        }
        let entity_types = set(ENTITY_TYPES).unwrap_or_default();
        let entity_types = Registry::parse_names(&entity_types).map_err(|_| {
            let form = "names of small letters, digits and `_`, with commas between them";
            ConfigError::Invalid(ENTITY_TYPES, form)
        })?;
        Ok(Self {
            environment: set("EPR_ENVIRONMENT").unwrap_or_else(|| "local".to_owned()),
            log_level: set("EPR_LOG_LEVEL").unwrap_or_else(|| "INFO".to_owned()),
            metrics_namespace: set("EPR_METRICS_NAMESPACE"),
            tables: Tables {
                core: required("EPR_CORE_TABLE")?,
                events: required("EPR_EVENTS_TABLE")?,
                audit: required("EPR_AUDIT_TABLE")?,
            },
            addresses: Addresses {
                events_topic: set("EPR_EVENTS_TOPIC_ARN"),
                document_topic: set("EPR_DOCUMENT_VAULT_TOPIC_ARN"),
                audit_queue: set("EPR_AUDIT_SQS_URL"),
                dead_letter_queue: set("EPR_OUTBOX_DLQ_URL"),
                audit_dead_letter_queue: set("EPR_AUDIT_DLQ_URL"),
            },
            publish_attempts,
            decision_log_millionths: millionths(share),
            audit_decisions,
            ledger,
            cache: CacheConfig::from_variables(set)?,
            epochs_are_elsewhere: set("EPR_EPOCHS_ELSEWHERE").is_some(),
            public_url,
            entity_types,
            rate_limits: crate::limit::configured(set)?,
            token_issuers: set("EPR_TOKEN_ISSUERS").unwrap_or_default(),
            token_secret: set("EPR_TOKEN_SECRET").map(Sealed::new),
        })
    }
}

/// Whether a text is the address of a service: with a scheme and a host, without query and fragment.
fn is_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"?#\"<>\\^`{|}".contains(&byte);
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with('/') && rest.bytes().all(is_plain)
    })
}

/// A share from 0 to 1 in whole millionths.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most a million")]
fn millionths(share: f64) -> u32 {
    (share * 1_000_000.0).round() as u32
}

impl App {
    /// The surroundings on Lambda: reads the environment, starts the log, makes the one client.
    pub async fn from_env() -> Result<Self, ConfigError> {
        Self::from_env_with(|_| Messaging::default()).await
    }

    /// The surroundings on Lambda of a function that sends messages, with the clients it sends them by.
    pub async fn from_env_with(
        messaging: impl FnOnce(&SdkConfig) -> Messaging,
    ) -> Result<Self, ConfigError> {
        let (app, aws) = Self::on_aws().await?;
        Ok(app.with_messaging(messaging(&aws)))
    }

    /// The surroundings on Lambda of a function that publishes checkpoints of the audit ledger. Without a
    /// key it has no [`Notary`], and publishes none.
    #[cfg(feature = "aws-notary")]
    pub async fn from_env_with_notary() -> Result<Self, ConfigError> {
        let (app, aws) = Self::on_aws().await?;
        let notary = Notary::on_aws(&aws, &app.config.ledger);
        Ok(Self { notary, ..app })
    }

    /// The surroundings on Lambda of a function that needs secrets of Secrets Manager.
    #[cfg(feature = "aws-secrets")]
    pub async fn from_env_with_secrets() -> Result<Self, ConfigError> {
        let (app, aws) = Self::on_aws().await?;
        let secrets = app.secrets.clone().managed_by(aws_sdk_secretsmanager::Client::new(&aws));
        Ok(Self { secrets, ..app })
    }

    async fn on_aws() -> Result<(Self, SdkConfig), ConfigError> {
        let config = Config::from_env()?;
        crate::log_to_stdout(&config.log_level);
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(Duration::from_millis(CALL_MILLISECONDS_MAX))
            .operation_timeout(Duration::from_millis(CALLS_MILLISECONDS_MAX))
            .build();
        let aws = aws_config::defaults(aws_config::BehaviorVersion::latest());
        let aws = aws.timeout_config(timeouts).http_client(OneConnector::default()).load().await;
        let client = aws_sdk_dynamodb::Client::new(&aws);
        let app = Self::new(config, client, Clock::system(), Ids::by_time());
        let opened = app.config.cache.as_ref().map(|cache| cache.open(&aws, &app.clock));
        let app = match opened.transpose()? {
            Some((epochs, limiter)) => app.with_epochs(epochs).with_limiter(limiter),
            None => app,
        };
        Ok((app, aws))
    }

    /// The surroundings over a client, a clock and an id source.
    pub fn new(config: Config, client: aws_sdk_dynamodb::Client, clock: Clock, ids: Ids) -> Self {
        let store = Store::new(client, config.tables.clone(), ids.clone());
        let (messaging, notary) = (Messaging::default(), None);
        let entity_types = Registry::built_in().with(config.entity_types.iter().cloned());
        let secrets = Secrets::of(config.token_secret.clone());
        Self { store, clock, ids, entity_types, messaging, notary, secrets, config }
    }

    /// The same surroundings with clients to send messages by.
    #[must_use]
    pub fn with_messaging(self, messaging: Messaging) -> Self {
        Self { messaging, ..self }
    }

    /// The same surroundings with the epochs of what is remembered elsewhere than in the tables.
    #[must_use]
    pub fn with_epochs(self, epochs: EpochSource) -> Self {
        Self { store: self.store.with_epochs(epochs), ..self }
    }

    /// The same surroundings with chance from elsewhere.
    #[must_use]
    pub fn with_chance(self, chance: Chance) -> Self {
        Self { store: self.store.with_chance(chance), ..self }
    }

    /// The same surroundings with requests counted elsewhere than in the tables.
    #[must_use]
    pub fn with_limiter(self, limiter: Limiter) -> Self {
        Self { store: self.store.with_limiter(limiter), ..self }
    }

    /// The same surroundings with someone who signs checkpoints.
    #[must_use]
    pub fn with_notary(self, notary: Notary) -> Self {
        Self { notary: Some(notary), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The configuration with the tables and one variable more.
    fn with(more: &'static str, value: &str) -> Result<Config, ConfigError> {
        Config::from_variables(|name| match name {
            "EPR_CORE_TABLE" | "EPR_EVENTS_TABLE" | "EPR_AUDIT_TABLE" => Some("table".to_owned()),
            _ => (name == more).then(|| value.to_owned()),
        })
    }

    #[test]
    fn a_missing_variable_is_named() {
        let error = Config::from_variables(|_| None).unwrap_err();
        assert!(error.to_string().contains("`EPR_CORE_TABLE`"), "{error}");
    }

    #[test]
    fn an_empty_variable_is_as_good_as_none() {
        let config = Config::from_variables(|name| match name {
            "EPR_CORE_TABLE" | "EPR_EVENTS_TABLE" | "EPR_AUDIT_TABLE" => Some("table".to_owned()),
            _ => Some(String::new()),
        });
        let config = config.unwrap();
        assert_eq!((config.metrics_namespace, config.addresses), (None, Addresses::default()));
        assert_eq!(config.publish_attempts, PUBLISH_ATTEMPTS_DEFAULT);
    }

    #[test]
    fn a_deployment_that_no_origin_can_have_is_refused() {
        for bad in ["a b", "a+b", "a/"] {
            let refused = matches!(
                with("EPR_AUDIT_DEPLOYMENT", bad),
                Err(ConfigError::Invalid("EPR_AUDIT_DEPLOYMENT", _))
            );
            assert!(refused, "{bad}");
        }
    }

    #[test]
    fn a_public_address_has_a_scheme_and_a_host_and_no_query() {
        let of = |url| with("EPR_PUBLIC_URL", url);
        for good in ["https://epr.example.com", "http://127.0.0.1:8000", "https://a.b/c/"] {
            let url = of(good).unwrap().public_url;
            assert_eq!(url.as_deref(), Some(good.trim_end_matches('/')));
        }
        for bad in [
            "epr.example.com",
            "ftp://a",
            "https://",
            "https:///a",
            "https://a?b",
            "https://a#b",
            "https://a b",
        ] {
            assert!(matches!(of(bad), Err(ConfigError::Invalid("EPR_PUBLIC_URL", _))), "{bad}");
        }
    }

    #[test]
    fn further_entity_types_are_names_with_commas_between_them() {
        let of = |names| with("EPR_ENTITY_TYPES", names);
        let names = of("record,todo").unwrap().entity_types;
        assert_eq!(names.iter().map(TypeName::as_str).collect::<Vec<_>>(), ["record", "todo"]);
        for bad in ["Record", "record;todo", "a b"] {
            assert!(matches!(of(bad), Err(ConfigError::Invalid("EPR_ENTITY_TYPES", _))), "{bad}");
        }
    }

    #[test]
    fn a_number_of_attempts_that_is_none_is_refused() {
        for bad in ["0", "6", "two", "-1"] {
            let config = with("EPR_EVENT_PUBLISH_ATTEMPTS", bad);
            assert!(matches!(config, Err(ConfigError::Invalid(..))), "{bad}");
        }
    }

    #[test]
    fn which_decisions_are_audited_is_one_of_four_words_and_misses_without_one() {
        let of = |word| with(AUDIT_DECISIONS, word);
        for (word, meant) in [
            ("none", AuditDecisions::None),
            ("denies", AuditDecisions::Denies),
            ("misses", AuditDecisions::Misses),
            ("all", AuditDecisions::All),
            ("", AuditDecisions::Misses),
        ] {
            assert_eq!(of(word).unwrap().audit_decisions, meant, "{word}");
        }
        for bad in ["ALL", "some", "0"] {
            assert!(matches!(of(bad), Err(ConfigError::Invalid(AUDIT_DECISIONS, _))), "{bad}");
        }
    }

    #[test]
    fn a_share_of_decisions_is_from_none_to_all() {
        let of = |share| with(DECISION_LOG_SAMPLE, share);
        for (share, millionths) in [("", 1_000_000), ("1", 1_000_000), ("0.25", 250_000), ("0", 0)]
        {
            assert_eq!(of(share).unwrap().decision_log_millionths, millionths, "{share}");
        }
        for bad in ["-1", "1.1", "all", "NaN"] {
            let refused = of(bad);
            assert!(matches!(refused, Err(ConfigError::Invalid(DECISION_LOG_SAMPLE, _))), "{bad}");
        }
    }
}
