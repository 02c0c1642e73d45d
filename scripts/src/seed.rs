//! `epr seed`: a believable demo tenant, made through the public API, and what to ask it.

mod demo;

use std::io::IsTerminal;

use clap::Args;
use reqwest::StatusCode;

use crate::remote::{Call, Place, Remote};
use crate::say;

/// The codes of refusals that say that what was to be made is there.
const ALREADY_THERE: [&str; 3] = ["id_taken", "name_taken", "assigned_otherwise"];

/// What `epr seed` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Run it again and it makes what is missing and leaves alone what is there.

Examples:
  epr seed
  epr seed --url http://127.0.0.1:9000 --tenant demo")]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
}

/// How many things were made, and how many were there.
#[derive(Default)]
struct Count {
    made: usize,
    there: usize,
}

/// Fills the tenant.
pub(crate) async fn run(arguments: Arguments) -> Result<(), String> {
    let remote = Remote::open(&arguments.place).await?;
    say(&format!("Filling tenant `{}` at {}:\n", remote.tenant, remote.url));
    for step in demo::steps()? {
        let count = make(&remote, &step).await?;
        let what = step.what;
        say(&format!("  {what:<12} {:>3} made, {:>3} there before\n", count.made, count.there));
    }
    say(&format!("\nNow ask it:\n{}\n", demo::questions(&remote.url, &remote.tenant)));
    Ok(())
}

async fn make(remote: &Remote, step: &demo::Step) -> Result<Count, String> {
    let mut count = Count::default();
    let shows_progress = std::io::stdout().is_terminal();
    for (done, request) in step.requests.iter().enumerate() {
        if shows_progress {
            say(&format!("\r  {:<12} {done:>3} of {}", step.what, step.requests.len()));
        }
        if send(remote, request).await? {
            count.made += 1;
        } else {
            count.there += 1;
        }
    }
    if shows_progress {
        say("\r");
    }
    Ok(count)
}

/// Sends one request; whether it made something.
async fn send(remote: &Remote, request: &demo::Request) -> Result<bool, String> {
    let call = Call {
        method: request.method(),
        path: &request.path,
        query: Vec::new(),
        body: Some(&request.body),
        idempotency_key: None,
    };
    match remote.call(&call).await {
        Ok(answer) => Ok(answer.status == StatusCode::CREATED),
        Err(failure)
            if failure.status == Some(StatusCode::CONFLICT)
                && ALREADY_THERE.contains(&failure.code.as_str()) =>
        {
            Ok(false)
        }
        Err(failure) => Err(failure.into()),
    }
}
