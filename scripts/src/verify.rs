//! `epr verify-audit-chain`: recomputes a chain of the audit ledger, and names the first fault.
//!
//! **Invariant:** success is said only of what was read and recomputed. A reader of the output who goes
//! away early changes nothing about the exit code.

mod index;
mod lines;
mod report;
mod segments;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use domain::id::TenantId;
use domain::ledger::fault::Fault;
use domain::ledger::note::VerifierKey;

use crate::audit::place::Place;
use crate::audit::promise::{Promise, key};
use crate::plain;

pub(crate) use report::tell;

/// Threads that unpack and hash.
const THREADS: usize = 2;

/// Exit code of what could not be tried.
const UNABLE: u8 = 2;

/// What `epr verify-audit-chain` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Reads every record of a tenant's chain, recomputes its hashes, its Merkle tree and its segments, and stops at
the first fault. Three sources, the first that is named: an export (which needs no network), the data folder of
`epr local`, the audit table of a deployment. Without any, the folder `.epr` where there is one.

A chain by itself cannot show that its end is gone or that all of it was written anew. A signed checkpoint can:
give the latest you have with --checkpoint, and the key that signs with --key. The latest one that was published
beside the chain is held against it in any case.

Of a data folder or a table whole segments are read, so a window begins and ends with one. What stands before
--start-sequence is trusted as it is.

Exit codes: 0 nothing is wrong (an empty chain included); 1 something is; 2 it could not be tried.

Examples:
  epr verify-audit-chain                              the data folder .epr, also while `epr local` runs
  epr verify-audit-chain --verbose --tenant acme
  epr verify-audit-chain --audit-table epr-AuditTable-1A2B3C --key epr.vkey
  epr verify-audit-chain --from-export acme.ndjson --checkpoint acme.checkpoint --key epr.vkey
  epr audit export --out - | epr verify-audit-chain --from-export -")]
pub(crate) struct Arguments {
    /// Begin with the segment of this record
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    start_sequence: u64,
    /// End with the segment of this record
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    end_sequence: Option<u64>,
    /// A checkpoint that the chain must extend; more than one narrow a fault
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// The key that verifies the checkpoints: `name+id+base64`, or a file with it
    #[arg(long, value_name = "VKEY_OR_FILE")]
    key: Option<String>,
    /// Read an export (`epr audit export`) instead; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    from_export: Option<PathBuf>,
    /// Also ask the index for each record: one more read of each
    #[arg(long, conflicts_with = "from_export")]
    index: bool,
    /// Show each segment, or each record of an export
    #[arg(long, short)]
    verbose: bool,
    #[command(flatten)]
    place: Place,
}

/// Why success cannot be said.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Something is wrong with the chain, or with what it is held against.
    Damaged(String),
    /// It could not be tried.
    Unable(String),
}

impl From<String> for Stop {
    fn from(reason: String) -> Self {
        Self::Unable(reason)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Damaged(fault.to_string())
    }
}

/// What to verify, and how.
struct Task<'a> {
    start: u64,
    end: Option<u64>,
    key: Option<&'a VerifierKey>,
    checkpoints: &'a [PathBuf],
    asks_index: bool,
    is_verbose: bool,
}

/// Verifies what was asked for.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Stop> {
    let Arguments { start_sequence, end_sequence, from_export, place, .. } = arguments;
    if end_sequence.is_some_and(|end| end < *start_sequence) {
        return Err(Stop::Unable("--end-sequence lies before --start-sequence".to_owned()));
    }
    let key = arguments.key.as_deref().map(key).transpose()?;
    let task = Task {
        start: *start_sequence,
        end: *end_sequence,
        key: key.as_ref(),
        checkpoints: &arguments.checkpoint,
        asks_index: arguments.index,
        is_verbose: arguments.verbose,
    };
    let report = match from_export {
        Some(_) if task.start > 1 => {
            let reason = "an export is verified from its first record: leave --start-sequence out";
            return Err(Stop::Unable(reason.to_owned()));
        }
        Some(file) => tokio::task::block_in_place(|| lines::verify(file, place, &task))?,
        None => segments::verify(&place.open().await?, &task).await?,
    };
    tell(&report.to_string());
    Ok(())
}

impl Task<'_> {
    /// The checkpoints that were given.
    fn promises(&self, tenant: &TenantId) -> Result<Vec<Promise>, Stop> {
        let read = |file: &PathBuf| Promise::of_file(file, self.key, tenant);
        let promises = self.checkpoints.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        for Promise { checkpoint, source, .. } in &promises {
            if self.end.is_some_and(|end| end < checkpoint.size) {
                return Err(Stop::Unable(format!(
                    "the checkpoint {source} is of {} records: --end-sequence must not be less",
                    checkpoint.size
                )));
            }
        }
        Ok(promises)
    }
}

/// The exit code of a verification; says why it is not success.
pub(crate) fn ended(outcome: Result<(), Stop>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Damaged(fault)) => {
            tell(&format!("FAILED: {}\n", plain(&fault)));
            crate::failed("the verification failed")
        }
        Err(Stop::Unable(reason)) => {
            crate::failed(&reason);
            ExitCode::from(UNABLE)
        }
    }
}
