//! What a verification found when it found nothing wrong.

use std::fmt;
use std::io::Write;
use std::time::Duration;

use domain::id::TenantId;
use domain::ledger::verify::Verified;

use crate::audit::progress::rate;
use crate::audit::promise::Promise;

/// A chain, or a part of one, of which everything is as it must be.
pub(super) struct Report {
    pub(super) tenant: TenantId,
    /// Where it was read, in words.
    pub(super) place: String,
    /// How many records were taken as they are, and how many segments those have.
    pub(super) trusted: (u64, u64),
    /// Whether it was read by segments.
    pub(super) has_segments: bool,
    pub(super) verified: Verified,
    pub(super) promises: Vec<Promise>,
    pub(super) elapsed: Duration,
}

/// Writes to standard output, also where nobody reads any more: a verification goes on regardless.
pub(crate) fn tell(text: &str) {
    let mut output = std::io::stdout().lock();
    // The exit code says the same to whoever still listens.
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tenant, place, trusted: (before, segments_before), .. } = self;
        let Verified { head, anchored } = &self.verified;
        let (size, records) = (head.size(), head.size() - before);
        write!(f, "OK: the audit chain of `{tenant}`: {records} records checked")?;
        if records > 0 {
            write!(f, " ({} to {size})", before + 1)?;
        }
        writeln!(f)?;
        writeln!(f, "  read from    {place}")?;
        if self.has_segments {
            writeln!(f, "  segments     {}", head.number - segments_before)?;
        }
        let root = head.frontier.root();
        writeln!(f, "  size         {size}")?;
        writeln!(f, "  root         {root}")?;
        writeln!(f, "               {} in a checkpoint", root.to_base64())?;
        writeln!(f, "  last entry   {}", head.entry)?;
        if let Some(at) = head.recorded_at {
            writeln!(f, "  recorded at  {at}")?;
        }
        if *before > 0 {
            writeln!(
                f,
                "  trusted      the {before} records before, as the end of segment \
                 {segments_before} has them; not checked"
            )?;
        }
        self.promises.iter().try_for_each(|promise| write_promise(f, promise))?;
        match size.saturating_sub(*anchored) {
            _ if self.promises.is_empty() => writeln!(
                f,
                "  vouched for  0 records: there is no checkpoint, so the chain is only consistent \
                 with itself"
            ),
            0 => writeln!(f, "  vouched for  all {anchored} records"),
            rest => writeln!(
                f,
                "  vouched for  {anchored} records; the {rest} after them are only consistent with \
                 these"
            ),
        }?;
        let (elapsed, rate) = (self.elapsed.as_secs_f64(), rate(records, self.elapsed));
        writeln!(f, "  took         {elapsed:.1} s, {rate} records/s")
    }
}

fn write_promise(f: &mut fmt::Formatter<'_>, promise: &Promise) -> fmt::Result {
    let Promise { checkpoint, source, is_signed } = promise;
    let size = checkpoint.size;
    if *is_signed {
        let origin = &checkpoint.origin;
        writeln!(f, "  checkpoint   {source}: {size} records, signed by `{origin}`")
    } else {
        writeln!(
            f,
            "  checkpoint   {source}: {size} records; its signature was NOT CHECKED: give --key"
        )
    }
}
