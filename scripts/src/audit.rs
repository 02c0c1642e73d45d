//! `epr audit`: records, checkpoints and proofs out of the ledger, as others can verify them.

mod checkpoint;
mod export;
mod output;
pub(crate) mod place;
pub(crate) mod progress;
pub(crate) mod promise;
mod proof;
pub(crate) mod segments;

use clap::{Args, Subcommand};

pub(crate) use proof::verify_proof;

/// What `epr audit` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
The ledger is read where it is stored: in the data folder of `epr local` (--data, or .epr where there is one),
or in the audit table of a deployment (--audit-table, EPR_AUDIT_TABLE). `epr verify-audit-chain` verifies it.

Examples:
  epr audit export --out acme.ndjson --tenant acme
  epr audit checkpoint --out acme.checkpoint --tenant acme
  epr audit proof 6f4e1a2c-cc1b-4f79-b803-b0f7d8b7f02a --out it.tlog-proof --record it.json
  epr audit verify-proof it.tlog-proof it.json --key epr.vkey")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write records in their canonical form, one in a line
    Export(export::Arguments),
    /// Write the latest signed checkpoint (C2SP signed-note)
    Checkpoint(checkpoint::Arguments),
    /// Write the proof that a record is in the chain (C2SP tlog-proof)
    Proof(proof::Arguments),
    /// Verify such a proof, without the ledger
    VerifyProof(proof::VerifyArguments),
}

/// Does what was asked, but for verifying, which has exit codes of its own.
pub(crate) async fn run(arguments: Arguments) -> Result<(), String> {
    match arguments.command {
        Command::Export(arguments) => export::run(&arguments).await,
        Command::Checkpoint(arguments) => checkpoint::run(&arguments).await,
        Command::Proof(arguments) => proof::run(&arguments).await,
        Command::VerifyProof(_) => Ok(()),
    }
}
