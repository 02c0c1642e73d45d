//! The log: flat JSON, one line a request.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::UtcTime;

use crate::observe::Observed;

/// Whose lines are written at the level that is asked for.
const OWN: [&str; 9] = [
    "api",
    "audit_verify",
    "decision",
    "events",
    "local",
    "outbox_relay",
    "outbox_sweeper",
    "request",
    "store",
];

/// Starts the log of this process: JSON lines on standard output, at that level and above.
///
/// A second call changes nothing. What the libraries say is kept to warnings.
pub fn log_to_stdout(level: &str) {
    let filter =
        EnvFilter::try_new(format!("warn,{}", OWN.map(|own| format!("{own}={level}")).join(",")))
            .unwrap_or_else(|_| EnvFilter::new("warn,request=info"));
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .with_timer(UtcTime::rfc_3339())
        .with_env_filter(filter)
        .with_writer(std::io::stdout)
        .try_init();
}

/// The level that `EPR_LOG_LEVEL` asks for; `INFO` without it.
#[expect(clippy::disallowed_methods, reason = "the log starts before anything else is configured")]
pub fn log_level_from_env() -> String {
    std::env::var("EPR_LOG_LEVEL")
        .ok()
        .filter(|level| !level.is_empty())
        .unwrap_or_else(|| "INFO".to_owned())
}

/// The line of a request. An unexpected failure is an error, with its cause, which the client never sees.
pub(crate) fn request_line(environment: &str, observed: &Observed<'_>) {
    let Observed {
        function,
        ids,
        tenant_id,
        principal,
        via,
        actor,
        method,
        route,
        status,
        cold_start,
        usage,
        ..
    } = observed;
    macro_rules! line {
        ($level:ident $(, $name:ident = $value:expr)*) => {
            tracing::$level!(
                target: "request",
                service = "epr",
                environment,
                function,
                request_id = ids.request_id,
                trace_id = ids.trace_id,
                tenant_id,
                principal,
                via,
                actor,
                method,
                route,
                status,
                duration_ms = observed.duration_milliseconds,
                cold_start,
                consumed_capacity = usage.read_units + usage.write_units,
                round_trips = usage.round_trips,
                $($name = $value,)*
                "{method} {route} {status}"
            )
        };
    }
    match observed.cause {
        Some(cause) => line!(error, cause = cause),
        None => line!(info),
    }
}
