//! `epr audit export`: the canonical records of a chain, one in a line.

use std::path::PathBuf;

use clap::Args;
use domain::ledger::segment::Segment;
use futures::StreamExt;
use store::ledger::StoredSegment;

use super::output::Output;
use super::place::{Ledger, Place};
use super::progress::Progress;
use super::segments::windows;

/// What `epr audit export` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Each line is the canonical form (RFC 8785) of one record, whose SHA-256 after a zero byte is its leaf in the
chain's Merkle tree. An export from the first record on is verified by
  epr verify-audit-chain --from-export FILE --checkpoint CHECKPOINT --key VKEY
and a later part of one by nobody alone. A file has its name only once it is whole; until then it ends in
.partial. Nothing is verified here but that no segment is missing.

Examples:
  epr audit export --out acme.ndjson --tenant acme
  epr audit export --from-sequence 1000 --to-sequence 1999
  epr audit export --out - | epr verify-audit-chain --from-export -")]
pub(crate) struct Arguments {
    /// Begin with this record
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    from_sequence: u64,
    /// End with this record
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    to_sequence: Option<u64>,
    /// Write to this file; without it, or with `-`, to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// Writes them.
pub(super) async fn run(arguments: &Arguments) -> Result<(), String> {
    let Arguments { from_sequence: from, to_sequence, out, place } = arguments;
    let ledger = place.open().await?;
    let (store, tenant) = (&ledger.store, &ledger.tenant);
    let last = store.ledger_last(tenant).await.map_err(|error| ledger.said(&error))?;
    let (size, last) = last.map_or((0, 0), |last| (last.last(), last.number));
    let to = to_sequence.unwrap_or(size).min(size);
    let mut output = Output::open(out.as_deref())?;
    let written = if *from <= to {
        let first = store.ledger_segment_of(tenant, *from).await;
        let first = first.map_err(|error| ledger.said(&error))?.unwrap_or(1);
        let through = store.ledger_segment_of(tenant, to).await;
        let through = through.map_err(|error| ledger.said(&error))?.unwrap_or(last);
        write(&ledger, (*from, to), (first, through), &mut output).await?
    } else {
        0
    };
    output.finish()?;
    let range = if written > 0 { format!(" ({from} to {to})") } else { String::new() };
    eprintln!("{written} records of `{tenant}`{range} exported from {}", ledger.place);
    Ok(())
}

/// Writes the records of a range, which the segments of a range hold; how many.
async fn write(
    ledger: &Ledger,
    (from, to): (u64, u64),
    (first, through): (u64, u64),
    output: &mut Output,
) -> Result<u64, String> {
    let mut progress = Progress::new("exported", false);
    let mut reads = windows(ledger, first, Some(through));
    let (mut number, mut written) = (first, 0);
    while number <= through
        && let Some(window) = reads.next().await
    {
        for segment in window.map_err(|error| ledger.said(&error))? {
            if segment.commit.number > through {
                break;
            }
            if segment.commit.number != number {
                return Err(incomplete(ledger, number, "is missing"));
            }
            let lines = tokio::task::block_in_place(|| lines(&segment, from, to))
                .map_err(|reason| incomplete(ledger, number, &reason))?;
            output.write(&lines.bytes)?;
            written += lines.count;
            number += 1;
        }
        progress.at(written, Some((written, to - from + 1)));
    }
    progress.clear();
    if number <= through {
        return Err(incomplete(ledger, number, "is missing"));
    }
    Ok(written)
}

struct Lines {
    bytes: Vec<u8>,
    count: u64,
}

/// The records of a segment that are in a range, each with a line feed after it.
fn lines(segment: &StoredSegment, from: u64, to: u64) -> Result<Lines, String> {
    let commit = &segment.commit;
    let body = segment.body.as_deref().ok_or("has lost its body")?;
    let body = Segment::decode(body).map_err(|refusal| format!("has a body that {refusal}"))?;
    let records = body.records();
    if records.len() != usize::from(commit.count) {
        return Err("has another number of records than its commit says".to_owned());
    }
    let wanted = (commit.first()..).zip(records).filter(|(at, _)| (from..=to).contains(at));
    let mut lines = Lines { bytes: Vec::new(), count: 0 };
    for (_, record) in wanted {
        lines.bytes.extend_from_slice(record);
        lines.bytes.push(b'\n');
        lines.count += 1;
    }
    Ok(lines)
}

fn incomplete(ledger: &Ledger, number: u64, reason: &str) -> String {
    let tenant = &ledger.tenant;
    format!("segment {number} of `{tenant}` {reason}; `epr verify-audit-chain` says more")
}
