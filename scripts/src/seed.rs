//! `epr seed`: a believable demo tenant, made through the public API, and what to ask it.

mod demo;

use std::io::IsTerminal;

use clap::Args;
use reqwest::StatusCode;
use serde::Deserialize;

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
    /// The running system
    #[arg(long, default_value = "http://127.0.0.1:8000")]
    url: String,
    /// The tenant to fill
    #[arg(long, default_value = "default")]
    tenant: String,
}

/// A running system as one tenant sees it.
struct Api {
    client: reqwest::Client,
    url: String,
    tenant: String,
}

/// What an answer says, as far as it matters here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    code: String,
    detail: String,
}

/// How many things were made, and how many were there.
#[derive(Default)]
struct Count {
    made: usize,
    there: usize,
}

/// Fills the tenant.
pub(crate) async fn run(arguments: Arguments) -> Result<(), String> {
    let api = Api {
        client: reqwest::Client::new(),
        url: arguments.url.trim_end_matches('/').to_owned(),
        tenant: arguments.tenant,
    };
    say(&format!("Filling tenant `{}` at {}:\n", api.tenant, api.url));
    for step in demo::steps()? {
        let count = api.make(&step).await?;
        let what = step.what;
        say(&format!("  {what:<12} {:>3} made, {:>3} there before\n", count.made, count.there));
    }
    say(&format!("\nNow ask it:\n{}\n", demo::questions(&api.url, &api.tenant)));
    Ok(())
}

impl Api {
    async fn make(&self, step: &demo::Step) -> Result<Count, String> {
        let mut count = Count::default();
        let shows_progress = std::io::stdout().is_terminal();
        for (done, request) in step.requests.iter().enumerate() {
            if shows_progress {
                say(&format!("\r  {:<12} {done:>3} of {}", step.what, step.requests.len()));
            }
            if self.send(request).await? {
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
    async fn send(&self, request: &demo::Request) -> Result<bool, String> {
        let url = format!("{}{}", self.url, request.path);
        let sending = self.client.request(request.method(), &url);
        let sent = sending.header("X-Tenant-Id", &self.tenant).json(&request.body).send().await;
        let answer = sent.map_err(|error| {
            format!("{url} does not answer ({error}); is `epr local` running, and is --url right?")
        })?;
        let status = answer.status();
        let said: Said = answer.json().await.unwrap_or_default();
        match status {
            StatusCode::CREATED => Ok(true),
            StatusCode::OK => Ok(false),
            StatusCode::CONFLICT if ALREADY_THERE.contains(&said.code.as_str()) => Ok(false),
            _ => Err(format!("{url} answered {status}: {}", said.detail)),
        }
    }
}
