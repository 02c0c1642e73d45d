//! `epr audit checkpoint`: the latest signed checkpoint of a chain.

use std::path::PathBuf;

use clap::Args;

use super::output::put;
use super::place::{Ledger, Place};

/// What `epr audit checkpoint` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Keep it somewhere else: what it says of the chain can then not be taken back.

Examples:
  epr audit checkpoint
  epr audit checkpoint --tenant acme --out acme.checkpoint")]
pub(crate) struct Arguments {
    /// Write to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// Writes it.
pub(super) async fn run(arguments: &Arguments) -> Result<(), String> {
    let ledger = arguments.place.open().await?;
    put(arguments.out.as_deref(), signed(&ledger).await?.as_bytes())
}

/// The latest signed checkpoint.
pub(super) async fn signed(ledger: &Ledger) -> Result<String, String> {
    let note = ledger.store.ledger_signed(&ledger.tenant).await;
    note.map_err(|error| ledger.said(&error))?.ok_or_else(|| {
        let (place, tenant) = (&ledger.place, &ledger.tenant);
        format!(
            "no checkpoint of `{tenant}` is published yet in {place}; the scheduled verifier does"
        )
    })
}
