//! `epr events`: the ledger of platform events, as it grows; and how its pages are read.

mod seen;
mod tail;

use clap::{Args, Subcommand};
use domain::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::remote::{Answer, Call, Failure, Remote};

const PATH: &str = "/api/v1/events";

/// Most events of a page that the API gives.
pub(crate) const PAGE_EVENTS_MAX: usize = 200;

/// What `epr events` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  epr events tail                   the last 20 events
  epr events tail --follow          and new ones as they are stored")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the last events, oldest first, and with --follow new ones as they are stored
    Tail(tail::Arguments),
}

/// Does what was asked.
pub(crate) async fn run(arguments: Arguments) -> Result<(), String> {
    match arguments.command {
        Command::Tail(arguments) => tail::run(arguments).await,
    }
}

/// Which events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) event_type: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) state: Option<&'static str>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
}

/// An event, as far as it matters here.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Event {
    pub(crate) event_id: String,
    pub(crate) event_type: String,
    pub(crate) source: String,
    pub(crate) occurred_at: Timestamp,
    pub(crate) aggregate_type: Option<String>,
    pub(crate) aggregate_id: Option<String>,
    pub(crate) delivery_state: String,
    pub(crate) last_error: Option<String>,
}

impl Event {
    /// Reads what the API answers.
    pub(crate) fn read(body: &Value) -> Result<Self, Failure> {
        Self::deserialize(body)
            .map_err(|error| Failure::ours(format!("an answer that is no event: {error}")))
    }

    /// The thing it happened to.
    pub(crate) fn aggregate(&self) -> String {
        match (&self.aggregate_type, &self.aggregate_id) {
            (Some(kind), Some(id)) => format!("{kind}/{id}"),
            _ => "-".to_owned(),
        }
    }

    /// One line: when, what, who says so, of what, how its delivery stands, which.
    pub(crate) fn line(&self) -> String {
        let Self { event_id, event_type, source, occurred_at, delivery_state, .. } = self;
        let aggregate = self.aggregate();
        format!(
            "{occurred_at}  {event_type:<24}  {source:<23}  {aggregate:<24}  {delivery_state:<9}  {event_id}\n"
        )
    }
}

/// The events that pass a filter, page by page, newest first.
pub(crate) struct Listing<'a> {
    remote: &'a Remote,
    query: Vec<(&'static str, String)>,
    cursor: Option<String>,
    is_over: bool,
    /// When the first page was answered, by the clock over there.
    pub(crate) date: Option<Timestamp>,
}

impl<'a> Listing<'a> {
    /// Nothing is read yet.
    pub(crate) fn new(remote: &'a Remote, filter: &Filter, page_events: usize) -> Self {
        let text = |moment: Option<Timestamp>| moment.map(|moment| moment.to_string());
        let fields = [
            ("event_type", filter.event_type.clone()),
            ("source", filter.source.clone()),
            ("delivery_state", filter.state.map(str::to_owned)),
            ("from", text(filter.from)),
            ("to", text(filter.to)),
            ("limit", Some(page_events.clamp(1, PAGE_EVENTS_MAX).to_string())),
        ];
        let query = fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        Self { remote, query, cursor: None, is_over: false, date: None }
    }

    /// The next page, each event with its body; `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<(Event, Value)>>, Failure> {
        if self.is_over {
            return Ok(None);
        }
        let mut query = self.query.clone();
        query.extend(self.cursor.clone().map(|cursor| ("cursor", cursor)));
        let read = self.remote.call(&Call::get(PATH, query)).await;
        let Answer { date, body: mut page, .. } = read.map_err(|mut failure| {
            // A cursor may be of a server that is gone: to begin anew may do.
            failure.is_passing |= self.cursor.is_some();
            failure
        })?;
        self.date = self.date.or(date);
        self.cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
        self.is_over = self.cursor.is_none();
        let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) else {
            return Err(Failure::ours("an answer that is no list".to_owned()));
        };
        let events = items.into_iter().map(|body| Ok((Event::read(&body)?, body)));
        events.collect::<Result<_, _>>().map(Some)
    }
}
