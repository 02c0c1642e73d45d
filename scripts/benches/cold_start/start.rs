//! One start: from the moment a process is made until it has answered its first event.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use crate::runtime::{self, Heard};
use crate::subject::Subject;
use crate::world::{Identity, World};

/// A process that has said nothing for so long never will.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// What was measured of one start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// From before the process was made until it first asked for an event.
    pub(crate) init: Duration,
    /// From there until the answer to the event had arrived.
    pub(crate) answer: Duration,
    /// The most memory that it held, in KiB.
    pub(crate) peak_kibibytes: u64,
}

/// A process that ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended by itself, or ends now.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts it in a world of its own. What the process prints is in the file `log`.
pub(crate) async fn start(
    subject: &Subject,
    identity: &Identity,
    log: &Path,
) -> Result<Start, String> {
    let world = World::open(identity, subject.wants_records()).await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(told)?;
    let api = listener.local_addr().map_err(told)?.to_string();
    let (heard, mut hearing) = unbounded_channel();
    let router = runtime::router(subject.event(), heard);
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let output = File::create(log).map_err(told)?;
    let mut command = subject.command(&api, &world, identity);
    command.stdin(Stdio::null()).stderr(output.try_clone().map_err(told)?).stdout(output);
    let began = Instant::now();
    let running = Running(command.spawn().map_err(told)?);
    let measured = measure(subject, began, &running, &mut hearing).await;
    serving.abort();
    measured.map_err(|reason| {
        let said = fs::read_to_string(log).unwrap_or_default();
        format!("{}, asked {}: {reason}\n{said}", subject.name, subject.sample)
    })
}

async fn measure(
    subject: &Subject,
    began: Instant,
    running: &Running,
    hearing: &mut UnboundedReceiver<Heard>,
) -> Result<Start, String> {
    let Heard::Polled(polled) = next(hearing).await? else {
        return Err("it answered what it was not asked".to_owned());
    };
    let Heard::Answered(answered, answer) = next(hearing).await? else {
        return Err("it asked for a second event before it answered the first".to_owned());
    };
    if let Some(fault) = subject.fault(&answer) {
        return Err(format!("its answer is {fault}"));
    }
    // When it asks for more, it is done with what comes after the answer.
    next(hearing).await?;
    let peak_kibibytes = peak(running.0.id())?;
    Ok(Start { init: polled - began, answer: answered - polled, peak_kibibytes })
}

async fn next(hearing: &mut UnboundedReceiver<Heard>) -> Result<Heard, String> {
    match timeout(SILENCE_MAX, hearing.recv()).await {
        Ok(Some(Heard::Failed(why))) => Err(why),
        Ok(Some(heard)) => Ok(heard),
        Ok(None) | Err(_) => Err("it said nothing".to_owned()),
    }
}

/// The most memory that a process has held so far, as the system counts it.
fn peak(process: u32) -> Result<u64, String> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).map_err(told)?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| "the system does not tell its memory".to_owned())
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
