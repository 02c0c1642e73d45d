//! The connection to the cache: made in the background, given up at the first command that is not answered in
//! time, and made again.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, Pipeline, RedisError, Value,
};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::random;
use crate::epochs::access::{CacheAccess, CacheDoor};
use crate::pause::Chance;

/// From this the pauses between attempts to connect grow, up to 64 times it.
const PAUSE_MILLISECONDS_FIRST: u64 = 50;
const PAUSE_DOUBLINGS_MAX: u32 = 5;

/// How many attempts have failed in a row when a change is refused at once: before that it waits for the next.
const FAILURES_MAX: u32 = 2;

/// How long the key lives by which a connection is tried out.
const PROBE_MILLISECONDS: u64 = 1_000;

/// How long anyone waits for the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For the first connection of a process, from when it is begun, before a question is answered without.
    pub first: Duration,
    /// For a connection, before a change is refused.
    pub change: Duration,
    /// For a connection in all, with nobody waiting.
    pub connection: Duration,
    /// For the answer to a command.
    pub command: Duration,
    /// How long a connection lasts before it shows its password again.
    pub admission: Duration,
}

impl Default for Limits {
    /// 250 ms, 1 s, 2 s and 100 ms: within one region a command takes less than one. And 6 hours: a cache that
    /// lets in by tokens of AWS ends a connection 12 hours after the last.
    fn default() -> Self {
        Self {
            first: Duration::from_millis(250),
            change: Duration::from_secs(1),
            connection: Duration::from_secs(2),
            command: Duration::from_millis(100),
            admission: Duration::from_hours(6),
        }
    }
}

/// Who waits for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// Someone who can do without.
    OfReader,
    /// Someone who cannot.
    OfWriter,
}

/// What is wrong with the cache. Holds no password.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Trouble(Arc<str>);

impl Trouble {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into().into())
    }

    /// An answer that is none to what was asked.
    pub(super) fn of_answer(answer: &[Value]) -> Self {
        match answer {
            [Value::ServerError(error), ..] => Self::new(error.to_string()),
            _ => Self::new("the cache answers what it was not asked"),
        }
    }
}

impl From<RedisError> for Trouble {
    fn from(error: RedisError) -> Self {
        Self::new(error.to_string())
    }
}

/// A connection that works, as far as is known.
#[derive(Clone)]
pub(super) struct Live {
    connection: MultiplexedConnection,
    /// A random number that no other connection has.
    pub(super) era: u64,
}

/// The way to the cache. Any number of questions share its one connection.
pub(super) struct Link {
    door: CacheDoor,
    limits: Limits,
    probe: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    live: Option<Live>,
    /// When the connection last showed its password.
    admitted_at: Option<Instant>,
    /// The attempt under way: when it was begun, and what ends with it.
    attempt: Option<(Instant, watch::Receiver<()>)>,
    /// Whether an attempt has ever ended.
    has_tried: bool,
    /// Attempts that have failed since the last that has not.
    failures: u32,
    not_before: Option<Instant>,
    trouble: Option<Trouble>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Link {
    pub(super) fn new(door: CacheDoor, limits: Limits, probe: String) -> Self {
        Self { door, limits, probe, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, if there is one or it can be waited for.
    pub(super) async fn live(self: &Arc<Self>, patience: Patience) -> Result<Live, Trouble> {
        let until = Instant::now() + self.limits.change;
        loop {
            self.begin();
            let next = self.state().next(patience);
            match next {
                Next::Is(live) => return Ok(live),
                Next::Ends(mut attempt, begun) => {
                    let first = begun + self.limits.first;
                    let until = if patience == Patience::OfReader { first } else { until };
                    // It ends by its sender being dropped, however it ends.
                    if timeout_at(until, attempt.changed()).await.is_err() {
                        return Err(Trouble::new("there is no connection yet"));
                    }
                }
                Next::Begins(at) if at < until => tokio::time::sleep_until(at).await,
                Next::Begins(_) | Next::Never => return Err(self.state().why_not()),
            }
        }
    }

    /// Begins to connect, where there is no connection, nobody is at it, and it did not fail just now.
    pub(super) fn begin(self: &Arc<Self>) {
        let mut state = self.state();
        let now = Instant::now();
        if let Some(live) = state.live.clone() {
            let is_due = |at: Instant| now > at + self.limits.admission;
            if state.admitted_at.is_some_and(is_due) {
                state.admitted_at = Some(now);
                tokio::spawn(self.clone().readmit(live));
            }
            return;
        }
        // An attempt whose runtime has ended has ended with it.
        let is_under_way = |(_, end): &(Instant, watch::Receiver<()>)| end.has_changed().is_ok();
        if state.attempt.as_ref().is_some_and(is_under_way)
            || state.not_before.is_some_and(|at| now < at)
        {
            return;
        }
        let (end, ends) = watch::channel(());
        state.attempt = Some((now, ends));
        tokio::spawn(self.clone().attempt(end));
    }

    /// One attempt. Whoever waits for it goes on when `_end` is dropped.
    async fn attempt(self: Arc<Self>, _end: watch::Sender<()>) {
        let late = || Trouble::new("connecting takes too long");
        let opened = timeout(self.limits.connection, self.open()).await;
        let opened = opened.unwrap_or_else(|_| Err(late()));
        let mut state = self.state();
        state.attempt = None;
        state.has_tried = true;
        match opened {
            Ok(live) => {
                state.live = Some(live);
                state.admitted_at = Some(Instant::now());
                (state.failures, state.not_before, state.trouble) = (0, None, None);
            }
            Err(trouble) => {
                let doublings = state.failures.min(PAUSE_DOUBLINGS_MAX);
                state.not_before = Some(
                    Instant::now() + Chance::system().pause(PAUSE_MILLISECONDS_FIRST, doublings),
                );
                state.failures += 1;
                let failures = state.failures;
                tracing::warn!(failures, %trouble, "no connection to the cache of epochs");
                state.trouble = Some(trouble);
            }
        }
    }

    /// Connects, and sees whether what readers send is understood: by an older server or a replica it is not.
    async fn open(&self) -> Result<Live, Trouble> {
        let access = self.door.access().await.map_err(Trouble::new)?;
        let client = client(&access)?;
        // The limits are ours alone.
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        let mut live = Live { connection, era: random()? };
        let mut probe = redis::pipe();
        probe.cmd("SET").arg(&self.probe).arg("").arg("NX").arg("GET");
        probe.arg("PX").arg(PROBE_MILLISECONDS);
        match send(&mut live.connection, &probe).await?.as_slice() {
            [Value::Nil | Value::BulkString(_)] => Ok(live),
            other => Err(Trouble::of_answer(other)),
        }
    }

    /// Shows the password again, which by now may be another.
    async fn readmit(self: Arc<Self>, mut live: Live) {
        let access = self.door.access().await;
        let Ok(CacheAccess { user: Some(user), password: Some(password), .. }) = access else {
            return;
        };
        let mut shown = redis::pipe();
        shown.cmd("AUTH").arg(user).arg(password);
        match timeout(self.limits.connection, send(&mut live.connection, &shown)).await {
            Ok(Ok(answer)) if answer == [Value::Okay] => {}
            Ok(Ok(answer)) => self.give_up(&live, &Trouble::of_answer(&answer)),
            Ok(Err(trouble)) => self.give_up(&live, &trouble),
            Err(_) => self.give_up(&live, &Trouble::new("no answer to the password")),
        }
    }

    /// Sends commands. A connection that does not answer in time, or answers for a cache that cannot be asked,
    /// is given up: it may be the way to one that is no longer the primary.
    pub(super) async fn ask(&self, live: &Live, asked: &Pipeline) -> Result<Vec<Value>, Trouble> {
        let mut connection = live.connection.clone();
        let answer = match timeout(self.limits.command, send(&mut connection, asked)).await {
            Ok(answer) => answer,
            Err(_) => Err(Trouble::new("no answer in time")),
        };
        match &answer {
            Err(trouble) => self.give_up(live, trouble),
            Ok(values) if values.iter().any(is_of_no_primary) => {
                self.give_up(live, &Trouble::of_answer(values));
            }
            Ok(_) => {}
        }
        answer
    }

    fn give_up(&self, live: &Live, trouble: &Trouble) {
        let mut state = self.state();
        // Another may have done so, and there may be a new one.
        if state.live.take_if(|current| current.era == live.era).is_some() {
            tracing::warn!(%trouble, "the connection to the cache of epochs is given up");
            state.trouble = Some(trouble.clone());
        }
    }
}

/// What someone who wants a connection can do.
enum Next {
    /// Take it.
    Is(Live),
    /// Wait for the end of an attempt that was begun then.
    Ends(watch::Receiver<()>, Instant),
    /// Wait for the moment of the next attempt.
    Begins(Instant),
    /// Do without.
    Never,
}

impl State {
    fn next(&self, patience: Patience) -> Next {
        if let Some(live) = &self.live {
            return Next::Is(live.clone());
        }
        if patience == Patience::OfReader && self.has_tried {
            return Next::Never;
        }
        match (&self.attempt, self.not_before) {
            (Some((begun, attempt)), _) => Next::Ends(attempt.clone(), *begun),
            (None, Some(at)) if patience == Patience::OfWriter && self.failures <= FAILURES_MAX => {
                Next::Begins(at)
            }
            _ => Next::Never,
        }
    }

    fn why_not(&self) -> Trouble {
        self.trouble.clone().unwrap_or_else(|| Trouble::new("there is no connection yet"))
    }
}

/// Sends commands and gives the answer to each, errors among them.
async fn send(
    connection: &mut MultiplexedConnection,
    asked: &Pipeline,
) -> Result<Vec<Value>, Trouble> {
    Ok(connection.send_packed_commands(asked, 0, asked.len()).await?)
}

/// Whether an answer says that this is no primary that can be asked now.
fn is_of_no_primary(answer: &Value) -> bool {
    let codes = ["CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "NOAUTH", "READONLY"];
    matches!(answer, Value::ServerError(error) if codes.contains(&error.code()))
}

fn client(access: &CacheAccess) -> Result<Client, Trouble> {
    let (host, port) = (access.host.clone(), access.port);
    let address = if access.tls {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    };
    let info = address.into_connection_info()?;
    let mut settings = info.redis_settings().clone();
    if let Some(user) = &access.user {
        settings = settings.set_username(user);
    }
    if let Some(password) = &access.password {
        settings = settings.set_password(password);
    }
    let info = info.set_redis_settings(settings);
    Ok(Client::open(info.set_tcp_settings(TcpSettings::default().set_nodelay(true)))?)
}
