//! `epr replay`: publishes events again, chosen by how their delivery stands.

use std::collections::BTreeMap;
use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use domain::time::Clock;
use futures::StreamExt;
use reqwest::Method;
use uuid::Uuid;

use crate::events::{Event, Filter, Listing, PAGE_EVENTS_MAX};
use crate::moment::Moment;
use crate::remote::{Call, Failure, Place, Remote};
use crate::{plain, say};

/// Replays under way at once.
const REPLAYS_MAX: usize = 8;

/// How often progress is told where no terminal shows it.
const PROGRESS_EVENTS: usize = 100;

/// What `epr replay` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Each event is published at once, under the id that it always had, and its attempts are counted anew. What
cannot be published now stays pending, and the sweeper's. Events of one aggregate go one after the other,
oldest first. Each request carries an idempotency key of this run, so an answer that is lost is asked for
again without publishing twice.

An event that has been pending for less than a minute is on its way: to replay it may deliver it twice,
which a subscriber knows by its id. --until 1m leaves those out. --since and --until are about when an
event happened, not about when its delivery failed.

Ends with exit code 1 when one of them was not delivered.

Examples:
  epr replay --state failed --since 2h --dry-run
  epr replay --state failed --since 2h
  epr replay --state pending --until 10m --type entity.archived --limit 100")]
pub(crate) struct Arguments {
    /// Those that were given up, or those that are yet to be delivered
    #[arg(long)]
    state: State,
    /// Not before this moment: a time, or how long ago, such as 2h
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Before this moment
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// Of this type only
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// The newest so many only
    #[arg(long, short = 'n', value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Only show which
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    Failed,
    Pending,
}

/// An event that was replayed: how its delivery stands, and what there is to say about it.
struct Replayed {
    event_id: String,
    state: String,
    said: String,
}

/// Replays events.
pub(crate) async fn run(arguments: Arguments) -> Result<(), String> {
    let now = Clock::system().now();
    let filter = Filter {
        event_type: arguments.event_type,
        source: None,
        state: Some(match arguments.state {
            State::Failed => "failed",
            State::Pending => "pending",
        }),
        from: arguments.since.map(|since| since.seen_from(now)),
        to: arguments.until.map(|until| until.seen_from(now)),
    };
    let limit = arguments.limit.and_then(|limit| usize::try_from(limit).ok());
    let remote = Remote::open(&arguments.place).await?;
    let events = find(&remote, &filter, limit.unwrap_or(usize::MAX)).await?;
    if arguments.dry_run {
        let lines: String = events.iter().map(Event::line).collect();
        say(&format!("{lines}{} would be replayed; nothing was\n", events.len()));
        return Ok(());
    }
    report(&replay_all(&remote, events).await)
}

/// The newest events that pass, oldest first.
async fn find(remote: &Remote, filter: &Filter, limit: usize) -> Result<Vec<Event>, Failure> {
    let mut listing = Listing::new(remote, filter, limit.min(PAGE_EVENTS_MAX));
    let mut events = Vec::new();
    while events.len() < limit
        && let Some(page) = listing.next().await?
    {
        events.extend(page.into_iter().map(|(event, _)| event));
    }
    events.truncate(limit);
    events.reverse();
    Ok(events)
}

/// Replays events, those of one aggregate in their order.
async fn replay_all(remote: &Remote, events: Vec<Event>) -> Vec<Replayed> {
    let all = events.len();
    let run = Uuid::new_v4().simple().to_string();
    let mut lines: BTreeMap<String, Vec<Event>> = BTreeMap::new();
    for event in events {
        let line = match &event.aggregate_id {
            Some(_) => event.aggregate(),
            None => event.event_id.clone(),
        };
        lines.entry(line).or_default().push(event);
    }
    let replays = lines.into_values().map(|line| {
        let run = run.as_str();
        let replays = futures::stream::iter(line).then(move |event| async move {
            let key = format!("replay-{run}-{}", event.event_id);
            let outcome = replay(remote, &event.event_id, &key).await;
            Replayed::of(event.event_id, outcome)
        });
        replays.boxed()
    });
    let mut replays = futures::stream::iter(replays).flatten_unordered(REPLAYS_MAX);
    let mut done = Vec::new();
    while let Some(replayed) = replays.next().await {
        done.push(replayed);
        progress(done.len(), all);
    }
    done
}

/// Publishes an event again; it, as it stands then.
pub(crate) async fn replay(remote: &Remote, id: &str, key: &str) -> Result<Event, Failure> {
    let path = format!("/api/v1/events/{id}/replay");
    let call = Call {
        method: Method::POST,
        path: &path,
        query: Vec::new(),
        body: None,
        idempotency_key: Some(key),
    };
    Event::read(&remote.call(&call).await?.body)
}

fn progress(done: usize, all: usize) {
    if std::io::stderr().is_terminal() {
        eprint!("\rreplayed {done} of {all}{}", if done == all { "\n" } else { "" });
    } else if done.is_multiple_of(PROGRESS_EVENTS) {
        eprintln!("replayed {done} of {all}");
    }
}

/// Says what came of it; fails when something was not delivered.
fn report(replayed: &[Replayed]) -> Result<(), String> {
    let count = |state: &str| replayed.iter().filter(|one| one.state == state).count();
    let (all, succeeded) = (replayed.len(), count("succeeded"));
    let (pending, failed) = (count("pending"), all - succeeded - count("pending"));
    say(&format!("{all} replayed: {succeeded} succeeded, {pending} pending, {failed} failed\n"));
    if succeeded == all {
        return Ok(());
    }
    let left = replayed.iter().filter(|one| one.state != "succeeded");
    let lines = left
        .map(|Replayed { event_id, state, said }| format!("  {event_id}  {state:<7}  {said}\n"));
    say(&format!("not delivered:\n{}", lines.collect::<String>()));
    Err(format!("{} of {all} events were not delivered", all - succeeded))
}

impl Replayed {
    fn of(event_id: String, outcome: Result<Event, Failure>) -> Self {
        match outcome {
            Ok(event) => Self {
                event_id,
                state: event.delivery_state,
                said: plain(&event.last_error.unwrap_or_default()),
            },
            Err(failure) => Self { event_id, state: "failed".to_owned(), said: failure.into() },
        }
    }
}
