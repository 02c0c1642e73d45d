//! `epr doctor`: whether a system is whole, a line for each thing that must hold.
//!
//! **Invariant:** nothing is changed, and no secret is shown.

mod findings;
mod queues;
mod running;
#[cfg(feature = "deployments")]
mod stack;

use std::process::ExitCode;

use clap::Args;

use crate::remote::{Place, Remote};
use findings::Findings;

/// Exit code of what could not be tried.
const UNABLE: u8 = 2;

/// Where `epr local` is, unless it was told another port.
const URL_LOCAL: &str = "http://127.0.0.1:8000";

/// What `epr doctor` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Of `epr local`: whether it answers, its clock, its dead-letter queues, events that were not delivered, and the
head of the audit ledger.

Of a stack as well: its tables with their keys, indexes, streams, time to live and recovery; its queues, with where
they redrive to; subscriptions; functions, what they are told of the rest and what invokes them; the key that signs
checkpoints; the cache; and how far each chain of the ledger is verified. It reads with the AWS credentials found
here (AWS_PROFILE, AWS_REGION), which need to list and describe, and to read the core and the audit table. For a
stack, `epr` must have been built for it: `cargo epr-aws doctor --stack NAME`.

A line begins with `ok`, with `warn` for what works and should be looked at, or with `WRONG`.

Exit codes: 0 nothing is wrong; 1 something is; 2 it could not be tried.

Examples:
  epr doctor
  epr doctor --url http://127.0.0.1:9000 --tenant acme
  cargo epr-aws doctor --stack epr-prod")]
pub(crate) struct Arguments {
    /// The stack of a deployment, by its name
    #[arg(long, value_name = "NAME", conflicts_with = "local")]
    stack: Option<String>,
    /// What `epr local` runs on this machine; the default
    #[arg(long)]
    local: bool,
    /// Where the API answers; without it port 8000 of this machine, or what the stack says
    #[arg(long)]
    url: Option<String>,
    /// The tenant whose chain and events are looked at in `epr local`
    #[arg(long, default_value = "default", conflicts_with = "stack")]
    tenant: String,
}

/// Looks at everything, and says how it is.
pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    let mut findings = Findings::default();
    let done = match &arguments.stack {
        Some(name) => of_stack(name, arguments.url.as_deref(), &mut findings).await,
        None => of_local(&arguments, &mut findings).await,
    };
    match done {
        Ok(()) => findings.ended(),
        Err(reason) => {
            crate::failed(&reason);
            ExitCode::from(UNABLE)
        }
    }
}

async fn of_local(arguments: &Arguments, findings: &mut Findings) -> Result<(), String> {
    let place = Place::of(arguments.url.as_deref().unwrap_or(URL_LOCAL), &arguments.tenant)?;
    let remote = Remote::open(&place).await?;
    if running::answers(&remote, findings).await {
        running::queues(&place, findings).await?;
        running::events(&remote, findings).await;
        running::ledger(&remote, findings).await;
    }
    Ok(())
}

#[cfg(feature = "deployments")]
async fn of_stack(name: &str, url: Option<&str>, findings: &mut Findings) -> Result<(), String> {
    stack::check(name, url, findings).await
}

#[cfg(not(feature = "deployments"))]
#[expect(clippy::unused_async, reason = "as the one that asks AWS")]
async fn of_stack(_: &str, _: Option<&str>, _: &mut Findings) -> Result<(), String> {
    Err("this `epr` was built without what looks at stacks; in a checkout, \
         `cargo epr-aws doctor --stack NAME` builds one with it"
        .to_owned())
}
