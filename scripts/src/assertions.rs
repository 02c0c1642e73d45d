//! `epr test`: assertion files. What is given, and what must be allowed and denied then, decided by the
//! whole system in this process, without a server.

mod file;
mod report;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::assertions::file::File;
use crate::assertions::world::World;
use crate::say;

/// Exit code where an assertion does not hold.
const FAILED: u8 = 1;
/// Exit code where the assertions could not be tried.
const UNABLE: u8 = 2;

/// What `epr test` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
A file says what there is and what must follow; docs/authorization.md has all there is to say of it:

  roles:
    - {id: reader, permissions: [\"document:read\"]}
  entities:
    - {id: acme, type: issuer}
  assignments:
    - {principal: alice, role: reader, on: acme}
  tests:
    - allow: alice document:read acme
    - deny: bob document:read acme
      reason: unknown_principal

Ends with exit code 0 when all hold, 1 when one does not, and 2 when they could not be tried.

Examples:
  epr test docs/examples/tests.yaml
  epr test permissions/*.yaml --junit target/permissions.xml")]
pub(crate) struct Arguments {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Also write what came of it in JUnit's form
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// An assertion, with what is wrong with it, if anything is.
pub(crate) struct Outcome {
    file: String,
    name: String,
    fault: Option<Fault>,
}

/// How an answer differs.
pub(crate) struct Fault {
    expected: String,
    answered: String,
}

/// Tries every assertion of every file.
pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    let mut outcomes = Vec::new();
    for path in &arguments.files {
        match tried(path).await {
            Ok(of_file) => outcomes.extend(of_file),
            Err(reason) => return unable(&format!("{}: {reason}", path.display())),
        }
    }
    say(&report::text(&outcomes));
    if let Some(path) = &arguments.junit
        && let Err(error) = std::fs::write(path, report::junit(&outcomes))
    {
        return unable(&format!("{}: {error}", path.display()));
    }
    if outcomes.iter().all(|outcome| outcome.fault.is_none()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    }
}

fn unable(reason: &str) -> ExitCode {
    crate::failed(reason);
    ExitCode::from(UNABLE)
}

async fn tried(path: &std::path::Path) -> Result<Vec<Outcome>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let file = File::parse(&text)?;
    let world = World::of(&file).await?;
    let mut outcomes = Vec::new();
    for test in &file.tests {
        let fault = world.try_one(test).await.map_err(|reason| format!("{test}: {reason}"))?;
        outcomes.push(Outcome { file: path.display().to_string(), name: test.to_string(), fault });
    }
    Ok(outcomes)
}
