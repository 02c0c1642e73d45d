//! `epr`: the operator's command line, and the repository's own tasks.
#![expect(clippy::print_stderr, reason = "a command says on standard error why it failed")]

mod ask;
mod assertions;
mod audit;
mod aws;
mod bootstrap;
mod compliance;
mod dlq;
mod doctor;
mod events;
mod local;
mod moment;
mod openapi;
mod remote;
mod replay;
mod seed;
mod token;
mod verify;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// EPR, the Entity & Permissions Core: who may do what, what happened, and proof of it.
#[derive(Debug, Parser)]
#[command(
    name = "epr",
    version,
    about,
    after_help = "\
Begin with:
  epr local            start the whole system on this machine
  epr seed             fill it with a demo tenant, and learn what to ask it

In a checkout, `cargo local` and `cargo epr <command>` build and run the same."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the whole system on this machine, on one port, with an embedded database
    Local(local::Arguments),
    /// Make the first tenant of a running system, its admin, and a key to call with; once
    Bootstrap(bootstrap::Arguments),
    /// Fill a running system with a demo tenant: issuers, SPVs, offerings, investors, roles, assignments
    Seed(seed::Arguments),
    /// Make a token to call `epr local --auth` with
    Token(token::Arguments),
    /// Ask a running system whether a principal may do something, and why
    Check(ask::Check),
    /// List the principals who may do something
    WhoCan(ask::WhoCan),
    /// List what a principal may do on an entity, or on which entities it may do something
    WhatCan(ask::WhatCan),
    /// Try assertion files: what must be allowed and denied, without a running system
    Test(assertions::Arguments),
    /// Show the events of a running system, as they happen
    Events(events::Arguments),
    /// Publish events again, chosen by how their delivery stands
    Replay(replay::Arguments),
    /// Show what was given up and lies in the dead-letter queues, and try it again
    Dlq(dlq::Arguments),
    /// Look whether everything of a system is there and well
    Doctor(doctor::Arguments),
    /// Recompute the audit ledger of a tenant and say what is wrong with it, if anything is
    VerifyAuditChain(verify::Arguments),
    /// Take records, checkpoints and proofs out of the audit ledger, for others to verify
    Audit(audit::Arguments),
    /// Show of every route that changes something what guards it and what it leaves behind
    Compliance(compliance::Arguments),
    /// Write the OpenAPI document of every endpoint, made from the code
    Openapi(openapi::Arguments),
}

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("cannot start: {error}")),
    };
    let done = match Cli::parse().command {
        Command::Local(arguments) => runtime.block_on(local::run(arguments)),
        Command::Bootstrap(arguments) => runtime.block_on(bootstrap::run(arguments)),
        Command::Seed(arguments) => runtime.block_on(seed::run(arguments)),
        Command::Token(arguments) => token::run(arguments),
        Command::Check(arguments) => return runtime.block_on(ask::check(arguments)),
        Command::WhoCan(arguments) => runtime.block_on(ask::who_can(arguments)),
        Command::WhatCan(arguments) => runtime.block_on(ask::what_can(arguments)),
        Command::Test(arguments) => return runtime.block_on(assertions::run(arguments)),
        Command::Events(arguments) => runtime.block_on(events::run(arguments)),
        Command::Replay(arguments) => runtime.block_on(replay::run(arguments)),
        Command::Dlq(arguments) => runtime.block_on(dlq::run(arguments)),
        Command::Doctor(arguments) => return runtime.block_on(doctor::run(arguments)),
        Command::VerifyAuditChain(arguments) => {
            return verify::ended(runtime.block_on(verify::run(&arguments)));
        }
        Command::Audit(audit::Arguments { command: audit::Command::VerifyProof(arguments) }) => {
            return verify::ended(audit::verify_proof(&arguments));
        }
        Command::Audit(arguments) => runtime.block_on(audit::run(arguments)),
        Command::Compliance(arguments) => compliance::run(&arguments),
        Command::Openapi(arguments) => openapi::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// Writes to standard output at once. Where nobody reads any more, as behind `| head`, the command ends.
fn say(text: &str) {
    let mut output = std::io::stdout().lock();
    if output.write_all(text.as_bytes()).and_then(|()| output.flush()).is_err() {
        std::process::exit(0);
    }
}

/// A text of someone else's as part of one line: without what would move the cursor of a terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Exit code 1 with a reason that says what to do.
fn failed(reason: &str) -> ExitCode {
    eprintln!("epr: {reason}");
    ExitCode::FAILURE
}
