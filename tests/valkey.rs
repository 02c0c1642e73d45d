//! A cache for epochs: a real server that tests start, lie with and stop, and a wire before it that can be cut.

use std::io::{BufRead, BufReader};
use std::net::TcpListener as Probe;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicI64, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::time::{Clock, Timestamp};
use local::embedded::Embedded;
use local::messaging::Messaging;
use local::system::{Clients, Surroundings, System};
use redis::{Connection, FromRedisValue};
use store::{CacheAccess, CacheDoor, CacheLimits, EpochSource, Limiter, Valkey};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::{BEGINNING_MICROSECONDS, World};

/// The program, as Debian has it.
const PROGRAM: &str = "redis-server";
/// How long keys live, unless a test is about that.
const TTL: Duration = Duration::from_secs(300);
/// How often a port is drawn that turns out to be taken.
const PORTS_MAX: usize = 5;

/// A server in memory, on a free port of this machine, for as long as this lives.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// The server writes to it, and so it must not be closed.
    _said: BufReader<ChildStdout>,
    port: u16,
    connection: Mutex<Option<Open>>,
}

struct Open(Connection);

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Open")
    }
}

/// Limits that a busy machine keeps as well.
pub fn patient() -> CacheLimits {
    let long = Duration::from_secs(10);
    let limits = CacheLimits::default();
    CacheLimits { first: long, change: long, connection: long, command: long, ..limits }
}

impl Server {
    /// Starts one. `None`, with a word on standard error, where the program is not installed.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// Starts one with further arguments.
    pub fn start_with(arguments: &[&str]) -> Option<Self> {
        (0..PORTS_MAX).find_map(|_| {
            let port = Probe::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            Self::start_at(port, arguments).unwrap_or(None)
        })
    }

    /// Starts one on a port; an error where that is taken.
    pub fn start_at(port: u16, arguments: &[&str]) -> Result<Option<Self>, String> {
        let spawned = Command::new(PROGRAM)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--appendonly", "no", "--daemonize", "no", "--logfile", ""])
            .arg("--dir")
            .arg(std::env::temp_dir())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut child) = spawned else {
            skipped();
            return Ok(None);
        };
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while said.read_line(&mut line).unwrap() > 0 {
            if line.contains("Ready to accept connections") {
                let connection = Mutex::default();
                return Ok(Some(Self { child, _said: said, port, connection }));
            }
            line.clear();
        }
        child.wait().unwrap();
        Err(format!("port {port} is taken"))
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sends a command, past all that tests put in between.
    pub fn send<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let mut connection = self.connection.lock().unwrap();
        let open = || {
            let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).unwrap();
            Open(client.get_connection().unwrap())
        };
        let Open(connection) = connection.get_or_insert_with(open);
        redis::cmd(words[0]).arg(&words[1..]).query(connection).unwrap()
    }

    /// Every key of an epoch.
    pub fn keys(&self) -> Vec<String> {
        self.send(&["KEYS", "epr:epoch:{*"])
    }

    /// Loses the marks of all changes that are under way.
    pub fn lose_marks(&self) {
        let script = "for _, key in ipairs(redis.call('KEYS', 'epr:epoch:{*')) do \
                      local held = redis.call('GET', key) \
                      if held and held:sub(1, 1) == 'm' then redis.call('DEL', key) end end";
        self.send::<()>(&["EVAL", script, "0"]);
    }

    /// The epochs of this server, by a connection of their own.
    pub fn epochs(&self) -> EpochSource {
        epochs_at(self.port, None, patient())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether there is a server to start; if not, that is said on standard error.
pub fn is_installed() -> bool {
    let version = Command::new(PROGRAM).arg("--version").stdout(Stdio::null()).status();
    version.is_ok() || {
        skipped();
        false
    }
}

#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
fn skipped() {
    eprintln!("SKIPPED: `{PROGRAM}` is not installed (apt-get install {PROGRAM})");
}

/// Epochs in a cache to which a door leads.
pub fn epochs_behind(door: CacheDoor, limits: CacheLimits) -> EpochSource {
    EpochSource::valkey(Valkey::new(door, "epr", TTL, limits))
}

/// Epochs in whatever listens on a port.
pub fn epochs_at(port: u16, password: Option<&str>, limits: CacheLimits) -> EpochSource {
    epochs_behind(door_at(port, password), limits)
}

/// Counts of requests in whatever listens on a port, by a connection of their own.
pub fn limiter_at(port: u16, limits: CacheLimits) -> Limiter {
    Limiter::valkey(Valkey::new(door_at(port, None), "epr", TTL, limits))
}

fn door_at(port: u16, password: Option<&str>) -> CacheDoor {
    let access = CacheAccess {
        host: "127.0.0.1".to_owned(),
        port,
        tls: false,
        user: None,
        password: password.map(str::to_owned),
    };
    CacheDoor::fixed(access)
}

/// A port on which nothing listens.
pub fn closed_port() -> u16 {
    Probe::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl World {
    /// An instance over a database that others may have as well, with a memory of its own. Its clock stands.
    pub fn over(embedded: &Embedded, epochs: EpochSource) -> Self {
        Self::over_with(embedded, epochs, Clients::of)
    }

    /// The same with its own way to the database.
    pub fn over_with(
        embedded: &Embedded,
        epochs: EpochSource,
        clients: impl FnOnce(&Embedded, &Messaging) -> Clients,
    ) -> Self {
        let now = Timestamp::from_microseconds(BEGINNING_MICROSECONDS).unwrap();
        let surroundings = Surroundings {
            clock: Clock::from_fn(move || now),
            epochs: Some(epochs),
            ..Surroundings::default()
        };
        let system = System::start(embedded.clone(), clients, surroundings).unwrap();
        Self { system, now: Arc::new(AtomicI64::new(BEGINNING_MICROSECONDS)) }
    }
}

/// A wire before a server, which a test may cut, stall, or lead elsewhere.
#[derive(Debug)]
pub struct Wire {
    port: u16,
    to: Arc<AtomicU16>,
    stalled: watch::Sender<bool>,
    cuts: watch::Sender<u64>,
    accepting: JoinHandle<()>,
}

impl Wire {
    /// A wire to a port.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let to = Arc::new(AtomicU16::new(port));
        let (stalled, cuts) = (watch::Sender::new(false), watch::Sender::new(0));
        let (leads, stalls, cut) = (to.clone(), stalled.subscribe(), cuts.subscribe());
        let accepting = tokio::spawn(async move {
            loop {
                let (from, _) = listener.accept().await.unwrap();
                let port = leads.load(Ordering::SeqCst);
                tokio::spawn(carry(from, port, stalls.clone(), cut.clone()));
            }
        });
        Self { port: own, to, stalled, cuts, accepting }
    }

    /// Where the wire begins.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Holds back whatever is sent, or lets it go on.
    pub fn stall(&self, stalls: bool) {
        self.stalled.send_replace(stalls);
    }

    /// Ends all connections, and leads those to come to a port.
    pub fn lead_to(&self, port: u16) {
        self.to.store(port, Ordering::SeqCst);
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn carry(
    from: TcpStream,
    port: u16,
    stalls: watch::Receiver<bool>,
    mut cut: watch::Receiver<u64>,
) {
    let Ok(to) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    cut.mark_unchanged();
    let ((from_read, from_write), (to_read, to_write)) = (from.into_split(), to.into_split());
    tokio::select! {
        () = pump(from_read, to_write, stalls.clone()) => {}
        () = pump(to_read, from_write, stalls) => {}
        _ = cut.changed() => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut stalls: watch::Receiver<bool>) {
    let mut bytes = [0; 4_096];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        let goes_on = stalls.wait_for(|stalls| !stalls).await.is_ok();
        if !goes_on || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
