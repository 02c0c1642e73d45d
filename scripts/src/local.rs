//! `epr local`: the whole system on one port of this machine.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ::authorizer::development::{Development, NAME};
use ::authorizer::{Fetch, Issuer};
use api::{AuditDecisions, Sealed, Secrets};
use axum::Router;
use clap::Args;
use domain::entity_type::Registry;
use domain::limit::plan::Plan;
use domain::time::Clock;
use local::authorizer::{Authorizer, keys};
use local::server::{self, Services};
use local::system::{Surroundings, System};
use store::EpochSource;
use tokio::net::TcpListener;

/// How often expired receipts are deleted, in seconds. DynamoDB does so by itself.
const SWEEP_SECONDS: u64 = 60;

/// How long deliveries under way may still take at the end.
const PUMP_STOP: Duration = Duration::from_secs(5);

/// What `epr local` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
The routes are those of template.yaml, the functions those that run on Lambda, and the database is
DynamoDB's own API over SQLite. Without --auth there is no authentication: every caller is the service `local`,
in the tenant of the X-Tenant-Id header or else in `default`; so it listens on 127.0.0.1 only.

With --auth every request needs a token, as in a deployment: one of `epr token`, or of the issuers in
EPR_TOKEN_ISSUERS (docs/SECURITY.md). Tables, topics and queues beside the API stay open to this machine.

The topics and queues of the template are on the same port, for the AWS CLI and every other client:
  aws --endpoint-url http://127.0.0.1:8000 sqs list-queues

Set EPR_LOG_LEVEL to ERROR, WARN, INFO or DEBUG to see less or more; the log is JSON on standard output.

Examples:
  epr local                         keep data in .epr, listen on port 8000
  epr local --memory --port 9000    keep nothing
  epr local --data /var/lib/epr     keep data elsewhere
  epr local --auth                  let in who has a token
  epr local --entity-types record   let entities be of a type of your own
  epr local --rate-limits free      refuse a tenant that asks too often")]
pub(crate) struct Arguments {
    /// The port to listen on; 0 for any that is free
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// The folder that keeps the data; it survives restarts and `kill -9`
    #[arg(long, default_value = ".epr", conflicts_with = "memory")]
    data: PathBuf,
    /// Keep the data in memory, and nothing after the end
    #[arg(long)]
    memory: bool,
    /// Let in only who has a token
    #[arg(long)]
    auth: bool,
    /// Issuers that are trusted beside `epr token`, in JSON
    #[arg(
        long,
        env = "EPR_TOKEN_ISSUERS",
        value_name = "JSON",
        default_value = "",
        hide_env_values = true
    )]
    token_issuers: String,
    /// The secret of an issuer of --token-issuers. Meant to be set as a variable: arguments are seen by all
    #[arg(long, env = "EPR_TOKEN_SECRET", hide = true, hide_env_values = true)]
    token_secret: Option<String>,
    /// Entity types beside the built-in ones, with commas between them
    #[arg(long, env = "EPR_ENTITY_TYPES", value_name = "NAMES", default_value = "")]
    entity_types: String,
    /// Decisions that the audit ledger hears of: none, denies, misses (whose inputs had to be read) or all
    #[arg(
        long,
        env = "EPR_AUDIT_DECISIONS",
        value_name = "WHICH",
        default_value = "misses",
        value_parser = |name: &str| AuditDecisions::parse(name).ok_or("must be none, denies, misses or all"),
    )]
    audit_decisions: AuditDecisions,
    /// Limits on how often a tenant may ask: off, a tier, or JSON (docs/SECURITY.md)
    #[arg(long, env = "EPR_RATE_LIMITS", value_name = "LIMITS", default_value = "off")]
    rate_limits: String,
    /// Let functions in processes of their own write the tables: those of `cargo lambda watch`
    #[arg(long)]
    open_tables: bool,
}

/// Serves until Ctrl-C.
pub(crate) async fn run(arguments: Arguments) -> Result<(), String> {
    api::log_to_stdout(&api::log_level_from_env());
    let asked = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
    let listener = TcpListener::bind(asked).await.map_err(|error| {
        format!("cannot listen on {asked}: {error}; name another port with --port")
    })?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let entity_types = Registry::parse_names(&arguments.entity_types)
        .map_err(|refusal| format!("--entity-types: `{}` {refusal}", arguments.entity_types))?;
    let rate_limits = Plan::parse(&arguments.rate_limits)
        .map_err(|refusal| format!("--rate-limits: `{}` {refusal}", arguments.rate_limits))?;
    let public_url = Some(format!("http://{address}"));
    let clock = Clock::system();
    let (authorizer, keys) = authorizer(&arguments, &clock)?;
    let surroundings = Surroundings {
        authorizer,
        clock,
        public_url,
        entity_types,
        audit_decisions: arguments.audit_decisions,
        rate_limits,
        // Whoever else writes tells of it in the tables, as between functions on Lambda.
        epochs: arguments.open_tables.then(EpochSource::table),
        ..Surroundings::default()
    };
    let started = if arguments.memory {
        System::memory(surroundings)
    } else {
        System::open(&arguments.data, surroundings)
    };
    let system = started.map_err(|error| error.to_string())?;
    // Before the banner, which tells of Ctrl-C: from then on it must end the server in order.
    let stopped = stop_signal().map_err(|error| format!("cannot wait for Ctrl-C: {error}"))?;
    banner(address, &arguments, system.gateway.routes().len());
    let sweeper = tokio::spawn(sweep(system.clone()));
    let (stop_pump, pump_stops) = tokio::sync::oneshot::channel::<()>();
    let pump = system.pump.clone();
    let pump = tokio::spawn(async move {
        pump.run(async { drop(pump_stops.await) }).await;
    });
    let services = Services {
        messaging: system.messaging.router(),
        tables: if arguments.open_tables {
            system.embedded.router_to_write()
        } else {
            system.embedded.router()
        },
        docs: local::docs::router().map_err(|error| error.to_string())?,
        keys,
    };
    let served = server::serve(listener, system.gateway, Some(services), stopped).await;
    sweeper.abort();
    // After the last request, so that what it committed still has a chance to be delivered before the end;
    // what has not is delivered after the next start.
    drop(stop_pump);
    if tokio::time::timeout(PUMP_STOP, pump).await.is_err() {
        tracing::warn!("deliveries under way were cut short; they go on at the next start");
    }
    served.map_err(|error| error.to_string())?;
    eprintln!("epr local: stopped");
    Ok(())
}

/// Who is let in, and the keys of this machine's own issuer.
fn authorizer(
    arguments: &Arguments,
    clock: &Clock,
) -> Result<(Authorizer, Option<Router>), String> {
    if !arguments.auth {
        return Ok((Authorizer::off(), None));
    }
    let development = Development::open(&arguments.data).map_err(|error| error.to_string())?;
    let mut issuers =
        Issuer::parse_list(&arguments.token_issuers).map_err(|error| error.to_string())?;
    if issuers.iter().any(|issuer| issuer.name == NAME) {
        return Err(format!(
            "EPR_TOKEN_ISSUERS: `{NAME}` is the name of this machine's own issuer"
        ));
    }
    issuers.push(development.trusted());
    let secrets = Secrets::of(arguments.token_secret.clone().map(Sealed::new));
    let fetch = Fetch::everywhere(secrets);
    let authorizer = ::authorizer::Authorizer::new(issuers, &fetch, clock.clone());
    Ok((Authorizer::On(Box::new(authorizer)), Some(keys(&development.key_set()))))
}

fn banner(address: SocketAddr, arguments: &Arguments, routes: usize) {
    let data = if arguments.memory {
        "in memory: gone when this ends".to_owned()
    } else {
        let folder = arguments.data.canonicalize().unwrap_or_else(|_| arguments.data.clone());
        format!("in {}", folder.display())
    };
    let authentication = if arguments.auth {
        "on: `epr token` makes tokens; this listens on loopback only"
    } else {
        "off: every caller is `local`; so this listens on loopback only"
    };
    eprintln!(
        "EPR is up, with the {routes} routes of template.yaml

  address         http://{address}
  data            {data}
  authentication  {authentication}
  API             http://{address}/docs
  next            epr seed --url http://{address}
  queues, topics  aws --endpoint-url http://{address} sqs list-queues
  stop            Ctrl-C
"
    );
}

/// Deletes expired receipts from time to time, away from the threads that answer.
async fn sweep(system: System) {
    loop {
        tokio::time::sleep(Duration::from_secs(SWEEP_SECONDS)).await;
        let embedded = system.embedded.clone();
        match tokio::task::spawn_blocking(move || embedded.sweep_expired()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "expired items were not deleted"),
            Err(error) => tracing::warn!(%error, "the sweep of expired items ended early"),
        }
    }
}

/// Ends with Ctrl-C, or when the system asks the process to stop; counts from the call, not from the wait.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    })
}

/// Ends with Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
