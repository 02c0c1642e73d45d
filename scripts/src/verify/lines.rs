//! An export, read line by line: no table, no network.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use domain::id::TenantId;
use domain::ledger::fault::{Fault, Kind};
use domain::ledger::line::examine;
use domain::ledger::record::RECORD_BYTES_MAX;
use domain::ledger::verify::Verifier;
use serde_json::Value;

use super::report::{Report, tell};
use super::{Stop, THREADS, Task};
use crate::audit::place::{Place, tenant_default};
use crate::audit::progress::Progress;
use crate::audit::promise::tenant_in;

/// Bytes that are read while those before are hashed.
const PART_BYTES: usize = 4 * 1024 * 1024;

/// Parts that are kept ready.
const PARTS_AHEAD: usize = 2;

/// Verifies an export from its first record on.
pub(super) fn verify(file: &Path, place: &Place, task: &Task<'_>) -> Result<Report, Stop> {
    let (parts, bytes) = open(file)?;
    let name = name(file);
    let mut reading = Reading { parts, name: &name, pending: Vec::new(), is_over: false };
    reading.more()?;
    let said = || tenant_of(&reading.pending).or_else(|| tenant_in(task.checkpoints.first()?));
    let tenant = place.tenant.clone().or_else(said).map_or_else(tenant_default, Ok)?;
    let promises = task.promises(&tenant)?;
    let mut verifier = Verifier::new(tenant.clone());
    for promise in &promises {
        verifier.expect(promise.checkpoint.clone())?;
    }
    let mut progress = Progress::new("verified", task.is_verbose);
    let mut read = 0;
    while !reading.is_over || !reading.pending.is_empty() {
        let pending = within(&reading.pending, task.end, verifier.head().size());
        let is_end = pending.len() < reading.pending.len();
        let taken = take(&mut verifier, pending, &tenant, task, &mut progress);
        let taken = taken.map_err(|fault| located(&fault, &name))?;
        read += taken as u64;
        progress.at(verifier.head().size(), bytes.map(|bytes| (read, bytes)));
        let is_full = task.end == Some(verifier.head().size());
        if is_end || is_full {
            break;
        }
        reading.pending.drain(..taken);
        let is_too_long = reading.pending.len() > RECORD_BYTES_MAX;
        if (reading.is_over || is_too_long) && !reading.pending.is_empty() {
            last(&mut verifier, &reading.pending).map_err(|fault| located(&fault, &name))?;
            break;
        }
        reading.more()?;
    }
    progress.clear();
    let verified = verifier.finish().map_err(|fault| located_in(&fault, &name))?;
    let elapsed = progress.elapsed();
    let (trusted, has_segments) = ((0, 0), false);
    Ok(Report { tenant, place: name, trusted, has_segments, verified, promises, elapsed })
}

/// Takes the lines that are complete; how many bytes those have.
fn take(
    verifier: &mut Verifier,
    pending: &[u8],
    tenant: &TenantId,
    task: &Task<'_>,
    progress: &mut Progress,
) -> Result<usize, Fault> {
    if !task.is_verbose {
        return verifier.export(pending, THREADS);
    }
    let mut taken = 0;
    for line in pending.split_inclusive(|byte| *byte == b'\n') {
        let Some(record) = line.strip_suffix(b"\n") else { break };
        verifier.line(record)?;
        taken += line.len();
        let event = examine(record, tenant).map(|record| record.event_id).unwrap_or_default();
        let head = verifier.head();
        progress.clear();
        tell(&format!("record {}  entry {}  event `{event}`\n", head.size(), head.entry));
    }
    Ok(taken)
}

/// Takes a last line without its end: whole, or cut off.
fn last(verifier: &mut Verifier, line: &[u8]) -> Result<(), Fault> {
    let sequence = verifier.head().size() + 1;
    verifier.line(line).map_err(|fault| match fault.kind {
        Kind::NotCanonical { .. } if line.len() <= RECORD_BYTES_MAX => {
            Fault::of_record(sequence, None, Kind::Torn)
        }
        _ => fault,
    })
}

/// As many of the lines as there are up to the end.
fn within(pending: &[u8], end: Option<u64>, size: u64) -> &[u8] {
    let Some(end) = end else { return pending };
    let mut rest = end.saturating_sub(size);
    let ends = |byte: &u8| {
        rest -= u64::from(*byte == b'\n');
        rest == 0
    };
    let through = pending.iter().position(ends).map(|place| place + 1);
    through.and_then(|through| pending.get(..through)).unwrap_or(pending)
}

/// A fault of a record, with its line: records begin with the first line.
fn located(fault: &Fault, name: &str) -> Stop {
    if fault.first != fault.last {
        return located_in(fault, name);
    }
    Stop::Damaged(format!("{fault} (line {} of {name})", fault.first))
}

fn located_in(fault: &Fault, name: &str) -> Stop {
    Stop::Damaged(format!("{fault} (in {name})"))
}

fn name(file: &Path) -> String {
    if is_stdin(file) { "standard input".to_owned() } else { format!("`{}`", file.display()) }
}

fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

/// Whose the first record says it is.
fn tenant_of(part: &[u8]) -> Option<TenantId> {
    let line = part.split(|byte| *byte == b'\n').next()?;
    let record: Value = serde_json::from_slice(line).ok()?;
    TenantId::parse(record.get("tenant_id")?.as_str()?).ok()
}

/// What comes of a file, part by part, and ends where it does.
type Parts = Receiver<io::Result<Vec<u8>>>;

/// What is read and not verified yet.
struct Reading<'a> {
    parts: Parts,
    name: &'a str,
    pending: Vec<u8>,
    is_over: bool,
}

impl Reading<'_> {
    /// Waits for more.
    fn more(&mut self) -> Result<(), Stop> {
        match self.parts.recv() {
            Ok(Ok(part)) => self.pending.extend(part),
            Ok(Err(error)) => {
                return Err(Stop::Unable(format!("{} cannot be read: {error}", self.name)));
            }
            Err(_) => self.is_over = true,
        }
        Ok(())
    }
}

/// The parts of a file, read by a thread of their own, and how long it is where that is known.
fn open(file: &Path) -> Result<(Parts, Option<u64>), Stop> {
    let failed = |error| Stop::Unable(format!("{} cannot be read: {error}", name(file)));
    let (mut source, bytes): (Box<dyn Read + Send>, _) = if is_stdin(file) {
        (Box::new(io::stdin()), None)
    } else {
        let opened = File::open(file).map_err(failed)?;
        let found = opened.metadata().map_err(failed)?;
        (Box::new(opened), found.is_file().then_some(found.len()))
    };
    let (sender, parts) = sync_channel(PARTS_AHEAD);
    thread::spawn(move || {
        loop {
            let mut part = Vec::new();
            let read = source.by_ref().take(PART_BYTES as u64).read_to_end(&mut part);
            let part = match read {
                Ok(0) => return,
                Ok(_) => Ok(part),
                Err(error) => Err(error),
            };
            let is_error = part.is_err();
            // Nobody listens once a fault is found.
            if sender.send(part).is_err() || is_error {
                return;
            }
        }
    });
    Ok((parts, bytes))
}
