//! `epr dlq list`: the dead-letter queues, or what one of them holds.

use clap::Args;
use domain::time::{Clock, Timestamp};
use serde_json::json;

use super::Where;
use super::message::Held;
use super::queues::{Found, Queues};
use crate::moment::age;
use crate::{plain, say};

/// How long a message that is looked at is hidden from others, in seconds, unless it is put back before.
const PEEK_SECONDS: i32 = 30;

/// Most characters of a reason in a line.
const REASON_CHARACTERS_MAX: usize = 100;

/// What `epr dlq list` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Without QUEUE, one line for each dead-letter queue: how many messages can be received, how many are with
a receiver, and which queues it takes messages from. On AWS the numbers are SQS's own guess.

With QUEUE, one line for each message: how long ago it was sent, what it is, how often it was tried, the id
of its event, what happened, and why it was given up. It is

  event    an event that was given up; it is in the ledger, and can be replayed
  audit    an audit entry that was given up
  stream   records of a stream that the relay could not handle: where they are, not what they hold
  run      a run of a schedule that could not be begun
  message  a message that the consumer of another queue could not handle

To look at a message is to receive it: it is put back at once (or, if this ends half-way, after 30 seconds),
and the queue counts one more receive. A dead-letter queue has no limit to them, so this has no effect.

Examples:
  epr dlq list
  epr dlq list OutboxDeadLetterQueue --limit 10
  epr dlq list AuditDeadLetterQueue --json | jq .reason
  EPR_OUTBOX_DLQ_URL=https://sqs.eu-west-1.amazonaws.com/111122223333/dead-letters \\
    epr dlq list OutboxDeadLetterQueue")]
pub(super) struct Arguments {
    /// The dead-letter queue, as template.yaml calls it
    queue: Option<String>,
    /// Each queue or message as one line of JSON
    #[arg(long)]
    json: bool,
    /// At most so many messages
    #[arg(long, short = 'n', default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
    #[command(flatten)]
    place: Where,
}

/// Lists queues, or messages.
pub(super) async fn run(arguments: Arguments) -> Result<(), String> {
    let queues = Queues::open(&arguments.place).await?;
    let url = arguments.place.queue_url.as_deref();
    match (&arguments.queue, url) {
        (Some(name), url) => {
            let found = queues.find(name, url).await?;
            let held = queues.peek(&found.url, usize::from(arguments.limit), PEEK_SECONDS).await?;
            show(&found, &held, arguments.json);
            Ok(())
        }
        (None, Some(_)) => Err("say which queue --queue-url is, as template.yaml calls it: \
             `epr dlq list OutboxDeadLetterQueue --queue-url …`"
            .to_owned()),
        (None, None) => all(&queues, arguments.json).await,
    }
}

/// One line for each queue. Fails when a queue could not be asked, after the others.
async fn all(queues: &Queues, as_json: bool) -> Result<(), String> {
    let mut unknown = Vec::new();
    if !as_json {
        say(&format!("{:<28}  {:>8}  {:>9}  messages of\n", "queue", "waiting", "in flight"));
    }
    for declared in queues.declared() {
        let depth = match queues.url_of(&declared).await {
            Ok(url) => queues.depth(&url).await,
            Err(reason) => Err(reason),
        };
        let sources: Vec<&str> = declared.sources.iter().map(|(name, _)| name.as_str()).collect();
        match depth {
            Ok(depth) if as_json => {
                let line = json!({
                    "queue": declared.name, "waiting": depth.visible, "in_flight": depth.in_flight,
                    "sources": sources, "takes_letters": declared.takes_others,
                });
                say(&format!("{line}\n"));
            }
            Ok(depth) => {
                let others = if declared.takes_others { "the outbox" } else { "" };
                let sources: Vec<_> =
                    sources.into_iter().chain([others]).filter(|one| !one.is_empty()).collect();
                say(&format!(
                    "{:<28}  {:>8}  {:>9}  {}\n",
                    declared.name,
                    depth.visible,
                    depth.in_flight,
                    sources.join(", ")
                ));
            }
            Err(reason) => unknown.push(reason),
        }
    }
    if unknown.is_empty() { Ok(()) } else { Err(unknown.join("\nepr: ")) }
}

fn show(found: &Found, held: &[Held], as_json: bool) {
    let now = Clock::system().now();
    let lines: String = held
        .iter()
        .map(|one| if as_json { json_line(found, one) } else { line(found, one, now) })
        .collect();
    say(&lines);
    if !as_json && held.is_empty() {
        say(&format!("{} is empty\n", found.declared.name));
    }
}

/// What is told of a message in one line.
pub(super) fn line(found: &Found, held: &Held, now: Timestamp) -> String {
    let said = &held.said;
    let age = held.sent_at().map_or("?".to_owned(), |sent_at| age(now.as_seconds() - sent_at));
    let attempts = attempts(found, held).map_or("?".to_owned(), |attempts| attempts.to_string());
    let id = said.event_id.as_deref().unwrap_or("-");
    let reason: String = plain(&said.reason).chars().take(REASON_CHARACTERS_MAX).collect();
    let (id, what) = (plain(id), plain(&said.what));
    format!("{age:>5}  {:<7}  {attempts:>3} tries  {id:<36}  {what}  {reason}\n", said.kind)
}

fn json_line(found: &Found, held: &Held) -> String {
    let said = &held.said;
    let sent_at =
        held.sent_at().and_then(|seconds| Timestamp::from_microseconds(seconds * 1_000_000));
    let line = json!({
        "queue": found.declared.name,
        "message_id": held.id(),
        "kind": said.kind,
        "event_id": said.event_id,
        "what": said.what,
        "attempts": attempts(found, held),
        "reason": said.reason,
        "sent_at": sent_at,
        "receives_here": held.received(),
        "body": held.body(),
    });
    format!("{line}\n")
}

/// How often it was tried: as the letter says, or as often as its queue lets a consumer try.
fn attempts(found: &Found, held: &Held) -> Option<u64> {
    let only = match found.declared.sources.as_slice() {
        [(_, receives)] => Some(u64::from(*receives)),
        _ => None,
    };
    held.said.attempts.or(only)
}
