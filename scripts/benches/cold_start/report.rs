//! The figures of a run as a table, on the screen and in `docs/cold-start.md`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::thread::available_parallelism;
use std::time::Duration;

use crate::start::Start;
use crate::subject::Subject;

/// Between these lines of the document stands what a run found.
const BEGINNING: &str =
    "<!-- Between here and the end mark: written by scripts/cold-start.sh. -->\n";
const END: &str = "<!-- The end mark. -->\n";

/// All starts of one subject.
pub(crate) struct Row {
    pub(crate) subject: Subject,
    pub(crate) starts: Vec<Start>,
}

impl Row {
    fn milliseconds(&self, share: usize, of: impl Fn(&Start) -> Duration) -> f64 {
        let mut durations: Vec<Duration> = self.starts.iter().map(of).collect();
        durations.sort_unstable();
        percentile(&durations, share).unwrap_or_default().as_secs_f64() * 1e3
    }

    fn init(&self, share: usize) -> f64 {
        self.milliseconds(share, |start| start.init)
    }

    fn answer(&self, share: usize) -> f64 {
        self.milliseconds(share, |start| start.answer)
    }

    fn whole(&self, share: usize) -> f64 {
        self.milliseconds(share, |start| start.init + start.answer)
    }

    fn peak_mebibytes(&self) -> f64 {
        let peak = self.starts.iter().map(|start| start.peak_kibibytes).max();
        let peak = u32::try_from(peak.unwrap_or_default()).unwrap_or(u32::MAX);
        f64::from(peak) / 1024.0
    }
}

/// The nearest rank: of 100 starts the 99th percentile is the second slowest, of fewer the slowest.
fn percentile<T: Copy>(sorted: &[T], share: usize) -> Option<T> {
    let rank = (sorted.len() * share).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// What else the machine does: processes that wanted a core, in the minute before.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// The machine, the load, the table, and how far ahead of Python.
pub(crate) fn markdown(
    rows: &[Row],
    built: &str,
    load_before: &str,
) -> Result<String, std::fmt::Error> {
    let cores = available_parallelism().map_or(0, usize::from);
    let starts = rows.first().map_or(0, |row| row.starts.len());
    let mut text = String::new();
    writeln!(
        text,
        "{starts} starts of each; {cores} cores, {}; load average {load_before} when the run began and {} when it \
         ended. Binaries: {built}.\n",
        std::env::consts::ARCH,
        load_average()
    )?;
    writeln!(
        text,
        "| function | asked first | init, ms | p99 | then its answer, ms | p99 | both, ms | p99 | memory, MiB |"
    )?;
    writeln!(text, "|---|---|--:|--:|--:|--:|--:|--:|--:|")?;
    for row in rows {
        let name = if row.subject.is_python() { "*Python*" } else { &row.subject.name };
        writeln!(
            text,
            "| {name} | `{}` | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} |",
            row.subject.sample,
            row.init(50),
            row.init(99),
            row.answer(50),
            row.answer(99),
            row.whole(50),
            row.whole(99),
            row.peak_mebibytes()
        )?;
    }
    for (ours, theirs) in pairs(rows) {
        writeln!(
            text,
            "\n`{}`: Python takes {:.0} times as long to init, {:.0} times as long until its first answer is there, \
             and {:.1} times the memory.",
            ours.subject.sample,
            theirs.init(50) / ours.init(50),
            theirs.whole(50) / ours.whole(50),
            theirs.peak_mebibytes() / ours.peak_mebibytes()
        )?;
    }
    Ok(text)
}

/// What both were asked: ours, and that in Python.
fn pairs(rows: &[Row]) -> impl Iterator<Item = (&Row, &Row)> {
    let (python, ours): (Vec<&Row>, Vec<&Row>) =
        rows.iter().partition(|row| row.subject.is_python());
    ours.into_iter().filter_map(move |ours| {
        let same = |row: &&&Row| row.subject.sample == ours.subject.sample;
        python.iter().find(same).map(|theirs| (ours, *theirs))
    })
}

/// Puts the figures between the marks of the document.
pub(crate) fn renew(document: &Path, figures: &str) -> Result<(), String> {
    let told = |error: std::io::Error| format!("{}: {error}", document.display());
    let text = fs::read_to_string(document).map_err(told)?;
    let parts = text.split_once(BEGINNING);
    let parts = parts.and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.ok_or_else(|| format!("{}: has no marks", document.display()))?;
    fs::write(document, format!("{before}{BEGINNING}\n{figures}\n{END}{after}")).map_err(told)
}
