//! Lambda's event source mappings and EventBridge's schedules: what invokes functions besides HTTP.
//!
//! **Invariant:** what is invoked by what comes from the template alone, and each function gets the
//! event that it would get on Lambda. Delivery is at least once: what was handled is forgotten
//! after the function has answered, never before.

mod batch;
mod handler;
mod queue;
mod scheduled;
mod stream;

pub use handler::{Handler, HandlerError};

use crate::embedded::{Embedded, EmbeddedError};
use crate::messaging::Messaging;
use crate::template::{Function, Template, Trigger};
use queue::QueueMapping;
use scheduled::Scheduled;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use stream::StreamMapping;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long a stream keeps a record that every function has had.
const STREAM_SECONDS: i64 = 86_400;
/// How often older records are looked for.
const TRIM_INTERVAL: Duration = Duration::from_secs(3_600);
/// How long invocations under way may still take once the pump is told to stop.
const SHUTDOWN_SECONDS_MAX: u64 = 5;
/// How long a source waits after a failure below it.
const PAUSE: Duration = Duration::from_secs(1);
/// Invocations of one drain. Only functions that feed themselves reach it.
const DRAIN_INVOCATIONS_MAX: u64 = 100_000;

/// What carries events to functions.
#[derive(Debug)]
pub struct Pump {
    sources: Vec<Arc<Source>>,
    tables: Vec<String>,
    embedded: Embedded,
    messaging: Messaging,
}

/// What was done until nothing was left to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drained {
    /// How many times a function was invoked.
    pub invocations: u64,
    /// How many of these failed, in whole or in part.
    pub failures: u64,
}

/// Why events cannot be carried.
#[derive(Debug, thiserror::Error)]
pub enum PumpError {
    /// The template names a function that is not there.
    #[error("`{function}` in the template has events, but no function `{folder}` is mounted")]
    NotMounted {
        /// The logical id in the template.
        function: String,
        /// Its folder.
        folder: String,
    },
    /// A function that nothing would invoke.
    #[error("the function `{folder}` is mounted, but no event in the template invokes it")]
    NotInvoked {
        /// Its folder.
        folder: String,
    },
    /// A table without a stream.
    #[error("`{function}` in the template reads the stream of `{table}`, which has none")]
    NoStream {
        /// The logical id of the function.
        function: String,
        /// The logical id of the table.
        table: String,
    },
    /// The tables cannot be read.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    /// The messages, or the positions in the streams, cannot be read or written.
    #[error("the embedded queues failed: {0}")]
    Messages(#[from] rusqlite::Error),
    /// Functions that feed themselves.
    #[error("the functions were still invoked after {DRAIN_INVOCATIONS_MAX} invocations")]
    Endless,
}

enum Source {
    Stream(Box<StreamMapping>),
    Queue(QueueMapping),
    Schedule(Scheduled),
}

/// What a source did when it was asked to do the next thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nothing was to be done.
    Idle,
    /// The function did all it was given.
    Done,
    /// The function failed, in whole or in part.
    Failed {
        /// Whether the next step is another one: after this one less is left to do, or later.
        progress: bool,
        /// How long to wait before that.
        pause: Duration,
    },
}

impl Pump {
    /// Joins the template's events with the `functions`, which are named by folder. Every function
    /// with events must be there, and none without. The tables must have been made.
    pub fn new(
        template: &Template,
        functions: HashMap<String, Handler>,
        embedded: &Embedded,
        messaging: &Messaging,
    ) -> Result<Self, PumpError> {
        let mut pump = Self {
            sources: Vec::new(),
            tables: template.tables.iter().map(|table| table.id.clone()).collect(),
            embedded: embedded.clone(),
            messaging: messaging.clone(),
        };
        let mut idle: BTreeSet<&String> = functions.keys().collect();
        for function in template.functions.iter().filter(|function| !function.sources.is_empty()) {
            let folder = &function.folder;
            let handler = functions.get(folder).ok_or_else(|| PumpError::NotMounted {
                function: function.id.clone(),
                folder: folder.clone(),
            })?;
            idle.remove(folder);
            for source in &function.sources {
                let source = pump.source(function, &source.name, &source.trigger, handler)?;
                pump.sources.push(Arc::new(source));
            }
        }
        match idle.pop_first() {
            Some(folder) => Err(PumpError::NotInvoked { folder: folder.clone() }),
            None => Ok(pump),
        }
    }

    fn source(
        &self,
        function: &Function,
        name: &str,
        trigger: &Trigger,
        handler: &Handler,
    ) -> Result<Source, PumpError> {
        let Self { embedded, messaging, .. } = self;
        let handler = handler.clone();
        Ok(match trigger {
            Trigger::Stream(trigger) => {
                let mapping = StreamMapping::new(function, trigger, handler, embedded, messaging)?;
                Source::Stream(Box::new(mapping))
            }
            Trigger::Queue(trigger) => {
                Source::Queue(QueueMapping::new(function, trigger, handler, messaging))
            }
            Trigger::Schedule(trigger) => Source::Schedule(Scheduled::new(
                function,
                name,
                trigger,
                handler,
                messaging.clock().clone(),
            )),
        })
    }

    /// Invokes functions until nothing is left to do at the present moment, one at a time and
    /// without waiting: a failed batch of a stream is repeated at once, batching windows are
    /// skipped. What is due later (a message that failed and is hidden, a schedule) is left, and so
    /// is a batch that fails again and again and may be repeated without end.
    pub async fn drain(&self) -> Result<Drained, PumpError> {
        let mut drained = Drained::default();
        let mut stuck = vec![false; self.sources.len()];
        loop {
            let before = drained.invocations;
            for (source, stuck) in self.sources.iter().zip(&mut stuck) {
                while !*stuck {
                    match source.step(false).await? {
                        Step::Idle => break,
                        Step::Done => {}
                        Step::Failed { progress, .. } => {
                            drained.failures += 1;
                            *stuck = !progress;
                        }
                    }
                    drained.invocations += 1;
                    if drained.invocations >= DRAIN_INVOCATIONS_MAX {
                        return Err(PumpError::Endless);
                    }
                }
            }
            if drained.invocations == before {
                return Ok(drained);
            }
        }
    }

    /// Invokes functions as things happen until `shutdown`, then lets those under way finish, for
    /// at most five seconds.
    pub async fn run(&self, shutdown: impl Future<Output = ()> + Send) {
        let (stop, stopped) = watch::channel(());
        let mut tasks = JoinSet::new();
        for source in &self.sources {
            for _ in 0..source.workers() {
                tasks.spawn(work(Arc::clone(source), stopped.clone()));
            }
        }
        let trimming = async {
            loop {
                if let Err(error) = self.trim() {
                    tracing::warn!(%error, "streams_not_trimmed");
                }
                tokio::time::sleep(TRIM_INTERVAL).await;
            }
        };
        tokio::select! {
            () = shutdown => {}
            () = trimming => {}
        }
        drop(stop);
        let finished = async { while tasks.join_next().await.is_some() {} };
        let allowed = Duration::from_secs(SHUTDOWN_SECONDS_MAX);
        if tokio::time::timeout(allowed, finished).await.is_err() {
            tracing::warn!("functions_under_way_were_ended");
        }
    }

    /// Deletes the records of streams that are older than 24 hours and that every function has had,
    /// and returns how many that were. The embedded engine itself keeps them for ever.
    pub fn trim(&self) -> Result<usize, PumpError> {
        let before = self.messaging.clock().now().as_seconds() - STREAM_SECONDS;
        self.trim_before(before)
    }

    fn trim_before(&self, before: i64) -> Result<usize, PumpError> {
        let mut trimmed = 0;
        for table in &self.tables {
            let Some(stream) = self.embedded.stream(table)? else { continue };
            let mut through = stream.newest.clone();
            for source in &self.sources {
                if let Source::Stream(mapping) = &**source
                    && mapping.reads(table)
                {
                    // Texts of one length, so they sort as the numbers do.
                    through = through.min(mapping.position()?);
                }
            }
            trimmed += self.embedded.trim_stream(&stream, &through, before)?;
        }
        Ok(trimmed)
    }
}

impl Source {
    async fn step(&self, with_windows: bool) -> Result<Step, PumpError> {
        match self {
            Self::Stream(mapping) => mapping.step(with_windows).await,
            Self::Queue(mapping) => mapping.step(with_windows).await,
            Self::Schedule(scheduled) => Ok(scheduled.step().await),
        }
    }

    fn workers(&self) -> usize {
        match self {
            Self::Queue(mapping) => mapping.workers(),
            Self::Stream(_) | Self::Schedule(_) => 1,
        }
    }

    /// What changes when there may be something to do, where anything tells.
    fn wakes(&self) -> Option<watch::Receiver<()>> {
        match self {
            Self::Stream(mapping) => Some(mapping.wakes()),
            Self::Queue(mapping) => mapping.wakes(),
            Self::Schedule(_) => None,
        }
    }

    /// How long there is nothing to do unless it is woken.
    fn rest(&self) -> Result<Duration, PumpError> {
        match self {
            Self::Stream(_) => Ok(stream::POLL),
            Self::Queue(mapping) => mapping.rest(),
            Self::Schedule(scheduled) => Ok(scheduled.rest()),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Stream(mapping) => mapping.name(),
            Self::Queue(mapping) => mapping.name(),
            Self::Schedule(scheduled) => scheduled.name(),
        };
        f.write_str(&name)
    }
}

/// Does what a source has to do until the sender of `stopped` is gone.
async fn work(source: Arc<Source>, mut stopped: watch::Receiver<()>) {
    let mut wakes = source.wakes();
    while stopped.has_changed().is_ok() {
        // Before the step, or what comes during it would go unnoticed.
        if let Some(wakes) = &mut wakes {
            wakes.mark_unchanged();
        }
        let (pause, idle) = match next(&source).await {
            Ok(None) => continue,
            Ok(Some(pause)) => pause,
            Err(error) => {
                tracing::error!(%error, source = ?source, "event_source_failed");
                (PAUSE, false)
            }
        };
        let woken = async {
            match &mut wakes {
                Some(wakes) if idle => drop(wakes.changed().await),
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = stopped.changed() => return,
            () = woken => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// One step, and how long to wait after it at most and whether a wake ends that.
async fn next(source: &Source) -> Result<Option<(Duration, bool)>, PumpError> {
    Ok(match source.step(true).await? {
        Step::Idle => Some((source.rest()?, true)),
        Step::Done => None,
        Step::Failed { pause, .. } => Some((pause, false)),
    })
}

#[cfg(test)]
mod tests;
