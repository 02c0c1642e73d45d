//! Epochs in Valkey, or Redis from version 7.0: for any number of processes, without a read of the tables.
//!
//! **Invariant:** an epoch that anyone was told before a change was acknowledged is told to nobody after it.
//!
//! A key for each scope holds one of three things. *Nothing*: whoever asks puts a random number there. *A
//! number*: that is the epoch. *Marks*: of writers whose changes are under way, each until 30 s from when it
//! was put there; then the epoch cannot be told, and inputs are read again.
//!
//! - A **reader** sends one command for each scope, all in one trip, and before it reads any input:
//!   `SET key number NX GET PX ttl`. It gives what the key holds, or puts the number there if it holds nothing.
//!   A number is drawn for one command and never sent again, so whatever stands there was there since the
//!   command that first put it there.
//! - A **writer** first marks the keys of what it moves. If that cannot be done, the change is refused, and
//!   nothing was written. Then it commits. Then it takes its mark off, which deletes *whatever* else the key
//!   holds, but for other writers' marks. Only then is the change acknowledged; if this cannot be done, it is
//!   not, and is answered like one of which nobody knows whether it was done.
//!
//! Why the invariant holds. Let a writer take its mark off at S: after its commit, before its
//! acknowledgement. After S the key holds nothing, or marks of others, whose going leaves nothing or, by an
//! acknowledgement, nothing either. So a number that is told after S was put there after S; and what is read
//! under it is read after the commit. It does not matter what was lost before S: a mark that was evicted,
//! flushed or overwritten lets a reader put its number there and read what was before, and S deletes that
//! number. Nor does it matter how late a command arrives: a late number is new, a late mark only hides an
//! epoch, and a late removal only deletes a number.
//!
//! What the marks are for is what ends without S: a request that is abandoned, a process that dies, an answer
//! of the database that never comes. Such a change is not acknowledged, and may still be made. Its mark hides
//! the epoch for longer than a transaction can be on its way, and with it goes all that was told before.
//! Marks of several writers stand side by side ([`MARKS`], one script), or one writer's end would take off
//! the mark of another that is yet to commit. (Where such a mark is lost as well, the change is seen when
//! the number expires.)
//!
//! What a cache with replicas adds is that it may forget what it said was done, and hold an old number again.
//! Therefore an epoch is that number *and* the connection by which it was told ([`Live::era`]): who has to
//! connect again believes nothing from before. Replicas, and who was one made since, refuse the reader's
//! command, because it writes. What remains is a cache of which two halves both believe that they are the
//! primary, or a proxy that hides the change of primaries: then an epoch may be told for as long as its key
//! lives (`EPR_REDIS_CACHE_TTL`). A restart, a flush and an eviction only cost reads.

mod link;

use std::sync::Arc;
use std::time::Duration;

use domain::id::TenantId;
use redis::Value;
use tokio::time::Instant;

use super::access::CacheDoor;
use super::{Epoch, Epochs, Scope};
use crate::error::Error;
use crate::{key, meter, pause};
pub use link::Limits;
use link::{Link, Live, Patience, Trouble};

/// How long a mark stands that nobody takes off: longer than a transaction can still be on its way.
const MARK_MILLISECONDS: u64 = 30_000;

/// How long the store goes on taking a mark off, in milliseconds.
const SETTLE_MILLISECONDS_MAX: u64 = 1_000;

/// How often a mark is put: the second time by a new connection, because an old one may have died unseen.
const ANNOUNCE_ATTEMPTS_MAX: u32 = 2;

/// From this the pauses between attempts grow.
const PAUSE_MILLISECONDS_FIRST: u64 = 10;

/// Puts marks, and takes them off.
const MARKS: &str = include_str!("valkey/marks.lua");

/// What marks begin with.
const MARKED: &[u8] = b"m";

/// The epochs of a cache. Clones share its connection.
#[derive(Clone, Debug)]
pub struct Valkey {
    link: Arc<Link>,
    prefix: Arc<str>,
    ttl_milliseconds: u64,
}

/// A change under way, whose writer has marked these keys. Dropped, as when its request is abandoned, it
/// leaves its marks where they are.
#[derive(Debug)]
pub(crate) struct Marked {
    keys: Vec<String>,
    writer: String,
}

impl Valkey {
    /// Epochs under keys that begin with `prefix` and live for `ttl`. Nothing is connected yet.
    pub fn new(door: CacheDoor, prefix: &str, ttl: Duration, limits: Limits) -> Self {
        let link = Link::new(door, limits, key::cached_probe(prefix));
        let ttl_milliseconds = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        Self { link: Arc::new(link), prefix: prefix.into(), ttl_milliseconds }
    }

    /// What every key begins with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Runs a script over one key, for someone who can do without.
    pub(crate) async fn script(
        &self,
        script: &str,
        key: &str,
        arguments: &[String],
    ) -> Result<Value, Error> {
        let unavailable = |trouble: Trouble| Error::Unavailable(trouble.to_string());
        let live = self.link.live(Patience::OfReader).await.map_err(unavailable)?;
        let mut asked = redis::pipe();
        asked.cmd("EVAL").arg(script).arg(1).arg(key).arg(arguments);
        let mut answers = self.link.ask(&live, &asked).await.map_err(unavailable)?;
        match answers.pop() {
            Some(answer @ Value::Array(_)) => Ok(answer),
            other => Err(unavailable(Trouble::of_answer(other.as_slice()))),
        }
    }

    /// Begins to connect, so that the first question need not wait for all of it.
    pub fn connect_ahead(&self) {
        self.link.begin();
    }

    /// The epochs of these scopes; those that cannot be told are left out.
    pub(super) async fn read(&self, tenant: &TenantId, scopes: &[Scope]) -> Epochs {
        if scopes.is_empty() {
            return Epochs::default();
        }
        let told = self.told(tenant, scopes).await.unwrap_or_else(|trouble| {
            tracing::debug!(%trouble, "no epoch was told");
            vec![Told::Nothing; scopes.len()]
        });
        if told.contains(&Told::Nothing) {
            meter::epochs_unread();
        }
        let epochs = scopes.iter().cloned().zip(told).filter_map(|(scope, told)| match told {
            Told::Epoch(epoch) => Some((scope, epoch)),
            Told::Marked | Told::Nothing => None,
        });
        epochs.collect()
    }

    async fn told(&self, tenant: &TenantId, scopes: &[Scope]) -> Result<Vec<Told>, Trouble> {
        let live = self.link.live(Patience::OfReader).await?;
        let mut asked = redis::pipe();
        let mut numbers = Vec::with_capacity(scopes.len());
        for scope in scopes {
            let number = random()?;
            numbers.push(number);
            asked.cmd("SET").arg(self.key(tenant, scope)).arg(spelled(number));
            asked.arg("NX").arg("GET").arg("PX").arg(self.ttl_milliseconds);
        }
        let held = self.link.ask(&live, &asked).await?;
        Ok(held
            .iter()
            .zip(numbers)
            .map(|(held, number)| Told::of(held, number, live.era))
            .collect())
    }

    /// Marks the keys of what is about to move.
    pub(super) async fn announce(
        &self,
        tenant: &TenantId,
        scopes: &[Scope],
    ) -> Result<Marked, Error> {
        let keys = scopes.iter().map(|scope| self.key(tenant, scope)).collect();
        let refused = |trouble: Trouble| Error::Epochs(trouble.to_string());
        let marked = Marked { keys, writer: format!("{:016x}", random().map_err(refused)?) };
        if marked.keys.is_empty() {
            return Ok(marked);
        }
        self.mark_somehow(&marked)
            .await
            .inspect_err(|_| meter::epochs_unread())
            .map_err(refused)?;
        Ok(marked)
    }

    /// Puts the marks, by a second connection where the first fails.
    async fn mark_somehow(&self, marked: &Marked) -> Result<(), Trouble> {
        let mut attempt = 1;
        loop {
            let live = self.link.live(Patience::OfWriter).await?;
            match self.mark(&live, marked, MARK_MILLISECONDS).await {
                Err(_) if attempt < ANNOUNCE_ATTEMPTS_MAX => attempt += 1,
                done => return done,
            }
        }
    }

    /// Takes the marks off, and moves the epochs.
    pub(super) async fn settle(&self, marked: Marked) -> Result<(), Error> {
        if marked.keys.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        let mut attempt = 1;
        loop {
            let Err(trouble) = self.unmark(&marked).await else { return Ok(()) };
            if began.elapsed() > Duration::from_millis(SETTLE_MILLISECONDS_MAX) {
                meter::epochs_unread();
                return Err(Error::Unavailable(format!(
                    "done, and the epochs not moved: {trouble}"
                )));
            }
            tokio::time::sleep(pause::Chance::system().pause(PAUSE_MILLISECONDS_FIRST, attempt))
                .await;
            attempt += 1;
        }
    }

    /// Takes the marks of a change off that was not made. Where that fails they go by themselves.
    pub(super) async fn cancel(&self, marked: Marked) {
        if !marked.keys.is_empty() {
            let _ = self.unmark(&marked).await;
        }
    }

    async fn unmark(&self, marked: &Marked) -> Result<(), Trouble> {
        let live = self.link.live(Patience::OfWriter).await?;
        self.mark(&live, marked, 0).await
    }

    /// Takes the marks off where they still are, and leaves what else is there: a
    /// [`Defect`](super::Defect).
    #[cfg(feature = "defects")]
    pub(super) async fn settle_own(&self, marked: Marked) -> Result<(), Error> {
        if marked.keys.is_empty() {
            return Ok(());
        }
        let mut asked = redis::pipe();
        for key in &marked.keys {
            let script = "local held = redis.call('GET', KEYS[1]) or '' \
                          return held:find(ARGV[1]) and redis.call('DEL', KEYS[1])";
            asked.cmd("EVAL").arg(script).arg(1).arg(key).arg(&marked.writer);
        }
        loop {
            let unavailable = |trouble: Trouble| Error::Unavailable(trouble.to_string());
            let live = self.link.live(Patience::OfWriter).await.map_err(unavailable)?;
            if self.link.ask(&live, &asked).await.is_ok() {
                return Ok(());
            }
        }
    }

    /// Has the marks of a writer stand for so long; 0 takes them off.
    async fn mark(&self, live: &Live, marked: &Marked, milliseconds: u64) -> Result<(), Trouble> {
        let mut asked = redis::pipe();
        asked.cmd("EVAL").arg(MARKS).arg(marked.keys.len()).arg(&marked.keys);
        asked.arg(&marked.writer).arg(milliseconds);
        match self.link.ask(live, &asked).await?.as_slice() {
            [Value::Int(_)] => Ok(()),
            other => Err(Trouble::of_answer(other)),
        }
    }

    fn key(&self, tenant: &TenantId, scope: &Scope) -> String {
        match scope {
            Scope::Principal(principal) => key::cached_epoch(&self.prefix, tenant, principal),
            _ => {
                let name = scope.shared().unwrap_or_default();
                key::cached_shared_epoch(&self.prefix, tenant, name)
            }
        }
    }
}

/// What a reader was told of one scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Epoch(Epoch),
    /// That someone is changing it.
    Marked,
    /// Nothing that can be understood.
    Nothing,
}

impl Told {
    /// What a key held, or the number that was put there when it held nothing; by the connection of an era.
    fn of(held: &Value, number: u64, era: u64) -> Self {
        let number = match held {
            Value::Nil => Some(number),
            Value::BulkString(held) if held.starts_with(MARKED) => return Self::Marked,
            Value::BulkString(held) => read_number(held),
            _ => None,
        };
        number.map_or(Self::Nothing, |number| Self::Epoch(Epoch(number ^ era)))
    }
}

/// How a number is written.
fn spelled(number: u64) -> String {
    format!("e{number:016x}")
}

/// Reads a number as [`spelled`] writes it, and in no other way.
fn read_number(held: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(held).ok()?.strip_prefix('e')?;
    let number = u64::from_str_radix(digits, 16).ok()?;
    (spelled(number).as_bytes() == held).then_some(number)
}

fn random() -> Result<u64, Trouble> {
    getrandom::u64().map_err(|error| Trouble::new(format!("no randomness: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_and_nothing_are_epochs() {
        let told = |held: &str| Told::of(&Value::BulkString(held.as_bytes().to_vec()), 7, 0);
        assert_eq!(Told::of(&Value::Nil, 7, 0), Told::Epoch(Epoch(7)));
        assert_eq!(told("e00000000000000ff"), Told::Epoch(Epoch(255)));
        assert_eq!(told("m 0a@1700000000000"), Told::Marked);
        for garbage in
            ["", "e", "eff", "e+0000000000000ff", "e00000000000000FF", "x", "1", "\u{fe}"]
        {
            assert_eq!(told(garbage), Told::Nothing, "{garbage}");
        }
        for other in [Value::Okay, Value::Int(7), Value::Array(Vec::new())] {
            assert_eq!(Told::of(&other, 7, 0), Told::Nothing);
        }
    }

    #[test]
    fn the_same_number_by_another_connection_is_another_epoch() {
        assert_ne!(Told::of(&Value::Nil, 7, 1), Told::of(&Value::Nil, 7, 2));
    }
}
