//! `epr dlq redrive`: what a dead-letter queue holds, tried again.

use std::collections::HashSet;

use clap::Args;
use domain::id::EventId;
use domain::time::Clock;
use futures::future::join_all;
use serde_json::Value;
use uuid::Uuid;

use super::Where;
use super::letter::Letter;
use super::list::line;
use super::message::Held;
use super::moving::Moved;
use super::queues::{Found, Queues};
use crate::events::Event;
use crate::remote::{Call, Remote};
use crate::replay::replay;
use crate::{plain, say};

/// How long a message is hidden while it is tried again, in seconds: longer than a batch may take.
const HIDDEN_SECONDS: i32 = 300;

/// What `epr dlq redrive` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
What happens to a message depends on what it is (`epr dlq list QUEUE` says):

  event    the event is replayed over the API, unless it was delivered meanwhile
  audit    its entry is sent to the audit queue
  message  goes back to the queue it came from: by SQS itself (StartMessageMoveTask), or, with --limit and
           where SQS does not do so, one by one
  stream   stays: such a record says where in the stream something was, not what. The rows themselves are in
           the events table, and the sweeper delivers what is pending there every minute; `epr replay` does
           the same for what has failed. Once that is checked, --discard deletes the record

A message is deleted when what it stands for is safe elsewhere, and never before. If this ends half-way, some
may be both here and there: consumers know a repeated event or entry by its id. Those that it held come
back to the queue after five minutes.

Ends with exit code 1 when a message is left that was looked at.

Examples:
  epr dlq redrive OutboxDeadLetterQueue --dry-run
  epr dlq redrive OutboxDeadLetterQueue --limit 10
  epr dlq redrive AuditDeadLetterQueue")]
pub(super) struct Arguments {
    /// The dead-letter queue, as template.yaml calls it
    queue: String,
    /// Only show what is there
    #[arg(long)]
    dry_run: bool,
    /// At most so many messages
    #[arg(long, short = 'n', value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Delete records of streams, which cannot be sent anywhere
    #[arg(long)]
    discard: bool,
    #[command(flatten)]
    place: Where,
}

/// What a message came to.
enum Fate {
    /// What it stands for is safe elsewhere; where.
    Safe(&'static str),
    /// It must stay; why.
    Stays(String),
}

/// Tries again what a queue holds.
struct Redrive {
    queues: Queues,
    found: Found,
    remote: Remote,
    /// Whether the API is of the same deployment as the queues, as far as can be seen.
    is_together: bool,
    discard: bool,
    run: String,
}

/// Tries again what a queue holds.
pub(super) async fn run(arguments: Arguments) -> Result<(), String> {
    let place = &arguments.place;
    let queues = Queues::open(place).await?;
    let found = queues.find(&arguments.queue, place.queue_url.as_deref()).await?;
    let limit = arguments.limit.and_then(|limit| usize::try_from(limit).ok());
    if arguments.dry_run {
        let held = queues.peek(&found.url, limit.unwrap_or(usize::MAX), HIDDEN_SECONDS).await?;
        let now = Clock::system().now();
        let lines: String = held.iter().map(|one| line(&found, one, now)).collect();
        say(&format!("{lines}{} would be tried again; nothing was\n", held.len()));
        return Ok(());
    }
    // SQS can move all of a queue only, and only to queues.
    if limit.is_none() && !found.declared.sources.is_empty() && !found.declared.takes_others {
        match queues.move_back(&found).await? {
            Moved::Done => return Ok(()),
            Moved::NotOffered(reason) => eprintln!("epr: {reason}; sending one by one"),
        }
    }
    let redrive = Redrive {
        is_together: queues.is_local == place.place.is_local(),
        remote: Remote::open(&place.place).await?,
        discard: arguments.discard,
        run: Uuid::new_v4().simple().to_string(),
        queues,
        found,
    };
    redrive.all(limit.unwrap_or(usize::MAX)).await
}

impl Redrive {
    /// Up to `max` messages, in batches, each message for itself.
    async fn all(&self, max: usize) -> Result<(), String> {
        let url = &self.found.url;
        let (mut seen, mut kept, mut safe) = (HashSet::new(), Vec::new(), 0_usize);
        let ended = loop {
            if seen.len() >= max {
                break Ok(());
            }
            let mut batch = match self.queues.take(url, max - seen.len(), HIDDEN_SECONDS).await {
                Ok(batch) => batch,
                Err(reason) => break Err(reason),
            };
            batch.retain(|one| seen.insert(one.id().to_owned()));
            if batch.is_empty() {
                break Ok(());
            }
            let fates = join_all(batch.iter().map(|one| self.settle(one))).await;
            for (one, fate) in batch.into_iter().zip(fates) {
                match fate {
                    Fate::Safe(to) => {
                        safe += 1;
                        self.tell(&one, to);
                    }
                    Fate::Stays(reason) => {
                        self.tell(&one, &format!("stays: {reason}"));
                        kept.push(one);
                    }
                }
            }
        };
        // What is not put back comes back by itself.
        if let Err(reason) = self.queues.release(url, &kept).await {
            eprintln!("epr: {reason}; what stays shows again after {HIDDEN_SECONDS} seconds");
        }
        let (name, left) = (&self.found.declared.name, kept.len());
        say(&format!("{name}: {safe} sent back, {left} left\n"));
        ended?;
        if left == 0 {
            return Ok(());
        }
        Err(format!("{name} still holds {left} of them, for the reasons above"))
    }

    fn tell(&self, held: &Held, fate: &str) {
        let id = held.said.event_id.as_deref().unwrap_or(held.id());
        say(&format!("{:<7}  {}  {}\n", held.said.kind, plain(id), plain(fate)));
    }

    /// Makes safe what a message stands for, and then deletes it.
    async fn settle(&self, held: &Held) -> Fate {
        let to = match self.secure(held).await {
            Ok(to) => to,
            Err(reason) => return Fate::Stays(reason),
        };
        match self.queues.delete(&self.found.url, held).await {
            Ok(()) => Fate::Safe(to),
            Err(reason) => Fate::Stays(format!("{to}, but not deleted here: {reason}")),
        }
    }

    /// Makes safe what a message stands for; says where it is now.
    async fn secure(&self, held: &Held) -> Result<&'static str, String> {
        match &held.letter {
            Letter::Event { tenant_id, event_id } => self.event(held, tenant_id, event_id).await,
            Letter::Audit { entry: Some(entry), .. } => self.entry(entry).await,
            Letter::Audit { event_id, entry: None } => Err(format!(
                "the letter does not hold its audit entry; it is in the events table, under {event_id}"
            )),
            Letter::Stream { .. } | Letter::Schedule if self.discard => Ok("discarded"),
            Letter::Stream { shard, first, last } => Err(format!(
                "a record of {shard}, {first} to {last}, has no content to send: the sweeper delivers what \
                 is pending in the table; --discard deletes the record"
            )),
            Letter::Schedule => Err(
                "the schedule's next run does what this one did not; --discard deletes the record"
                    .to_owned(),
            ),
            Letter::Message { source } => self.send_back(held, source.as_deref()).await,
        }
    }

    async fn event(&self, held: &Held, tenant: &str, id: &str) -> Result<&'static str, String> {
        if !self.is_together {
            return Err(
                "its event is of another deployment than --url; name that one's API".to_owned()
            );
        }
        // Anyone who may send to the queue wrote this, and it becomes part of a path.
        EventId::parse(id).map_err(|refusal| format!("its event id {refusal}"))?;
        let remote = self.remote.of_tenant(tenant);
        let path = format!("/api/v1/events/{id}");
        let there = Event::read(&remote.call(&Call::get(&path, Vec::new())).await?.body)?;
        if there.delivery_state == "succeeded" {
            return Ok("was delivered meanwhile");
        }
        let key = format!("dlq-{}-{}", self.run, held.id());
        // Pending, it is the sweeper's, which writes another letter should it have to give up again.
        match replay(&remote, id, &key).await?.delivery_state.as_str() {
            "succeeded" => Ok("delivered"),
            "pending" => Ok("pending in the outbox again"),
            other => Err(format!("its delivery is `{other}` after a replay")),
        }
    }

    async fn entry(&self, entry: &Value) -> Result<&'static str, String> {
        let queue = self.queues.audit_queue();
        let queue = queue.ok_or("nothing says where the audit queue is; set EPR_AUDIT_SQS_URL")?;
        self.queues.send(&queue, &entry.to_string()).await?;
        Ok("sent to the audit queue")
    }

    /// To the queue that SQS moved it from; for what someone sent here, to the only one it can be from.
    async fn send_back(&self, held: &Held, source: Option<&str>) -> Result<&'static str, String> {
        let url = match (source, self.found.declared.sources.as_slice()) {
            (Some(arn), _) => self.queues.url_of_arn(arn).await?,
            (None, [(only, _)]) => self
                .queues
                .known(only)
                .ok_or_else(|| format!("nothing says where `{only}` is, which it came from"))?,
            (None, _) => return Err("nothing says which queue it came from".to_owned()),
        };
        self.queues.send_on(&url, held).await?;
        Ok("sent back to its queue")
    }
}
