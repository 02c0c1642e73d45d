//! What a function is given: the store, the clock, the id source, and the types that exist.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use domain::entity_type::Registry;
use domain::id::Ids;
use domain::time::Clock;
use store::{Store, Tables};

/// How long one call to AWS may take, and with the SDK's own retries. DynamoDB answers in milliseconds;
/// what takes longer is lost, and better asked again than waited for.
const CALL_MILLISECONDS_MAX: u64 = 1_000;
const CALLS_MILLISECONDS_MAX: u64 = 2_500;

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
    /// What logs and metrics are told.
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
    /// `EPR_CORE_TABLE` and `EPR_EVENTS_TABLE`.
    pub tables: Tables,
}

/// What is wrong with the environment.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// A variable that must be set is not.
    #[error(
        "the environment variable `{0}` is not set; `template.yaml` sets it for every function"
    )]
    Missing(&'static str),
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
        Ok(Self {
            environment: set("EPR_ENVIRONMENT").unwrap_or_else(|| "local".to_owned()),
            log_level: set("EPR_LOG_LEVEL").unwrap_or_else(|| "INFO".to_owned()),
            metrics_namespace: set("EPR_METRICS_NAMESPACE"),
            tables: Tables {
                core: required("EPR_CORE_TABLE")?,
                events: required("EPR_EVENTS_TABLE")?,
            },
        })
    }
}

impl App {
    /// The surroundings on Lambda: reads the environment, starts the log, makes the one client.
    pub async fn from_env() -> Result<Self, ConfigError> {
        let config = Config::from_env()?;
        crate::log_to_stdout(&config.log_level);
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(Duration::from_millis(CALL_MILLISECONDS_MAX))
            .operation_timeout(Duration::from_millis(CALLS_MILLISECONDS_MAX))
            .build();
        let aws = aws_config::defaults(aws_config::BehaviorVersion::latest());
        let aws = aws.timeout_config(timeouts).load().await;
        Ok(Self::new(config, aws_sdk_dynamodb::Client::new(&aws), Clock::system(), Ids::by_time()))
    }

    /// The surroundings over a client, a clock and an id source.
    pub fn new(config: Config, client: aws_sdk_dynamodb::Client, clock: Clock, ids: Ids) -> Self {
        let store = Store::new(client, config.tables.clone(), ids.clone());
        Self { store, clock, ids, entity_types: Registry::built_in(), config }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_variable_is_named() {
        let error = Config::from_variables(|_| None).unwrap_err();
        assert!(error.to_string().contains("`EPR_CORE_TABLE`"), "{error}");
    }

    #[test]
    fn an_empty_variable_is_as_good_as_none() {
        let config = Config::from_variables(|name| match name {
            "EPR_CORE_TABLE" | "EPR_EVENTS_TABLE" => Some("table".to_owned()),
            _ => Some(String::new()),
        });
        assert_eq!(config.unwrap().metrics_namespace, None);
    }
}
