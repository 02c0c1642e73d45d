//! How long each function takes to start: the binaries as they are deployed, against Lambda's Runtime API, beside
//! a function in Python that gives the same answers. `scripts/cold-start.sh` prepares and runs it.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints what it found")]

mod report;
mod runtime;
mod start;
mod subject;
mod world;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

use crate::report::Row;
use crate::start::start;
use crate::subject::{Places, subjects};
use crate::world::Identity;

/// Threads of ours, which serve the Runtime API, tables, topics and queues.
const THREADS: usize = 2;

#[derive(Debug, Parser)]
struct Arguments {
    /// The folder with `<function>/bootstrap` or `<function>`
    #[arg(long)]
    binaries: PathBuf,
    /// How they were built, for the document
    #[arg(long, default_value = "not said")]
    built: String,
    /// The folder with `authorities.pem`, `server.pem` and `server.key`
    #[arg(long)]
    identity: PathBuf,
    /// The Python that has what `function.py` needs
    #[arg(long, requires = "function")]
    python: Option<PathBuf>,
    /// The folder with `function.py`
    #[arg(long)]
    function: Option<PathBuf>,
    /// Starts that are measured, of each
    #[arg(long, default_value_t = 100)]
    starts: usize,
    /// Only what has this in the name of its sample (`roles/get`); leaves the document as it is
    #[arg(long)]
    only: Option<String>,
    /// The document that is renewed
    #[arg(long)]
    document: Option<PathBuf>,
    /// The folder for what the functions print
    #[arg(long)]
    logs: PathBuf,
    /// Cargo says this to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let done = runtime
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(run(&arguments)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("cold-start: {reason}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), String> {
    let identity = Identity::read(&arguments.identity)?;
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let python = arguments.python.as_deref().zip(arguments.function.as_deref());
    let wanted = arguments.only.as_deref().unwrap_or_default();
    let places = Places { repository: &repository, binaries: &arguments.binaries, wanted, python };
    let subjects = subjects(&places)?.into_iter();
    let mut rows: Vec<Row> = subjects.map(|subject| Row { subject, starts: Vec::new() }).collect();
    let load_before = report::load_average();
    // In turns, so that whatever else the machine does meets all alike. The first turn is not counted: it reads
    // the files into memory, and Python writes down what it has compiled.
    for turn in 0..=arguments.starts {
        for row in &mut rows {
            let log = arguments.logs.join(format!("{}.log", row.subject.sample.replace('/', "-")));
            let started = start(&row.subject, &identity, &log).await?;
            if turn > 0 {
                row.starts.push(started);
            }
        }
        if turn.is_multiple_of(10) {
            eprintln!("{turn} of {}", arguments.starts);
        }
    }
    let figures = report::markdown(&rows, &arguments.built, &load_before);
    let figures = figures.map_err(|error| error.to_string())?;
    println!("{figures}");
    match &arguments.document {
        Some(document) if arguments.only.is_none() => report::renew(document, &figures),
        _ => Ok(()),
    }
}
