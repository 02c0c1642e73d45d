//! `epr events tail`: the last events, and new ones as they are stored.

use std::time::Duration;

use clap::Args;
use domain::time::Clock;
use serde_json::Value;

use super::seen::{Seen, WINDOW_SECONDS};
use super::{Event, Filter, Listing, PAGE_EVENTS_MAX};
use crate::moment::Moment;
use crate::remote::{Failure, Place, Remote};
use crate::say;

/// How many events are shown where nothing is said.
const EVENTS_DEFAULT: usize = 20;

/// Most events that are held to be shown oldest first.
const EVENTS_MAX: usize = 10_000;

/// How long to wait between two questions.
const PAUSE: Duration = Duration::from_millis(500);

/// Most questions go back so many seconds only, and every so many the whole window.
const WINDOW_SECONDS_SHORT: i64 = 5;
const ROUNDS_TO_WHOLE: u32 = 8;

/// What `epr events tail` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
One line for each event: when it happened, its type, its source, the thing it happened to, its delivery
(pending, succeeded or failed) as it stood when the line was written, and its id.

New events show within a second or two, each once. One that says of itself that it happened more than half
a minute before it was stored is not found by --follow; ask for it with --since.

Examples:
  epr events tail --follow
  epr events tail --since 1h --type entity.archived
  epr events tail --follow --limit 0 --json | jq .payload
  epr events tail --url https://abc123.execute-api.eu-west-1.amazonaws.com --tenant acme")]
pub(super) struct Arguments {
    /// Go on with new events, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// Of this type only
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// From this source only
    #[arg(long)]
    source: Option<String>,
    /// Not before this moment: a time, or how long ago, such as 5m
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// The last so many: 20, or with --since all; at most 10000
    #[arg(long, short = 'n', value_parser = clap::value_parser!(u16).range(0..=10_000))]
    limit: Option<u16>,
    /// Each event as the API gives it, as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// What was shown, and how to ask for more.
struct Tail {
    remote: Remote,
    filter: Filter,
    seen: Seen,
    json: bool,
}

/// Shows events until there are no more, or until Ctrl-C.
pub(super) async fn run(arguments: Arguments) -> Result<(), String> {
    let since = arguments.since.map(|since| since.seen_from(Clock::system().now()));
    let filter = Filter {
        event_type: arguments.event_type,
        source: arguments.source,
        from: since,
        ..Filter::default()
    };
    let default = if since.is_some() { EVENTS_MAX } else { EVENTS_DEFAULT };
    let limit = arguments.limit.map_or(default, usize::from);
    let remote = Remote::open(&arguments.place).await?;
    let mut tail = Tail { remote, filter, seen: Seen::default(), json: arguments.json };
    let shows = async {
        tail.begin(limit, arguments.follow).await?;
        if arguments.follow { tail.follow().await } else { Ok(()) }
    };
    tokio::select! {
        shown = shows => shown,
        () = interrupted() => Ok(()),
    }
}

/// Ends with Ctrl-C.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

impl Tail {
    /// Shows the last events. To go on from there, everything in the window must be known, shown or not.
    async fn begin(&mut self, limit: usize, follow: bool) -> Result<(), String> {
        let page = if follow { PAGE_EVENTS_MAX } else { limit };
        let mut listing = Listing::new(&self.remote, &self.filter, page);
        let mut last = Vec::new();
        while let Some(events) = listing.next().await? {
            let window = listing.date.map(|date| date.plus_seconds(-WINDOW_SECONDS));
            let mut is_known = !follow;
            for (event, body) in events {
                is_known |= window.is_some_and(|window| event.occurred_at < window);
                self.seen.note(&event);
                if last.len() < limit {
                    last.push((event, body));
                }
            }
            if last.len() == limit && is_known {
                break;
            }
        }
        if last.len() >= EVENTS_MAX {
            eprintln!("epr: there may be more; these are the last {EVENTS_MAX}");
        }
        self.seen.advance(listing.date);
        self.show(last);
        Ok(())
    }

    /// Shows what is new, and asks again, until something is wrong that will not pass.
    async fn follow(&mut self) -> Result<(), String> {
        let mut is_silent = false;
        for round in 1_u32.. {
            tokio::time::sleep(PAUSE).await;
            // After a silence much may be late.
            let is_whole = is_silent || round.is_multiple_of(ROUNDS_TO_WHOLE);
            let window = if is_whole { WINDOW_SECONDS } else { WINDOW_SECONDS_SHORT };
            match self.news(window).await {
                Ok(news) => {
                    if std::mem::take(&mut is_silent) {
                        eprintln!("epr: {} answers again", self.remote.url);
                    }
                    self.show(news);
                }
                Err(failure) if failure.is_passing => {
                    if !std::mem::replace(&mut is_silent, true) {
                        eprintln!("epr: {failure} Trying again until it does.");
                    }
                }
                Err(failure) => return Err(failure.into()),
            }
        }
        Ok(())
    }

    /// What is new, newest first: all of it or, after a failure, nothing, to be found the next time.
    async fn news(&mut self, window_seconds: i64) -> Result<Vec<(Event, Value)>, Failure> {
        let from = self.filter.from.max(self.seen.from(window_seconds));
        let filter = Filter { from, ..self.filter.clone() };
        let mut listing = Listing::new(&self.remote, &filter, PAGE_EVENTS_MAX);
        let mut found = Vec::new();
        while let Some(events) = listing.next().await? {
            found.extend(events);
        }
        let date = listing.date;
        found.retain(|(event, _)| self.seen.note(event));
        self.seen.advance(date);
        Ok(found)
    }

    /// Events that were found newest first, oldest first.
    fn show(&self, events: Vec<(Event, Value)>) {
        let lines = events
            .iter()
            .rev()
            .map(|(event, body)| if self.json { format!("{body}\n") } else { event.line() });
        let text: String = lines.collect();
        if !text.is_empty() {
            say(&text);
        }
    }
}
