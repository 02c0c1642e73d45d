//! DynamoDB in this process: an embedded engine below the real SDK client, without a socket.
//!
//! **Invariant:** there is no second client and no trait to stand in for one. Expressions, encoding,
//! errors and retries are the SDK's own; only the wire is short. The engine never produces
//! `TransactionConflict` or throttling: a test that needs them wraps [`Embedded::http_client`].

mod connector;
mod operations;
mod replays;
mod storage;
mod streams;
mod tables;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Builder, Region, SharedHttpClient, StalledStreamProtectionConfig,
};
use dynoxide::{Database, DynoxideError};
use replays::Replays;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::{EpochSource, InProcess};
use tokio::sync::watch;

pub(crate) use storage::DataFolder;
pub use streams::{HORIZON, Stream};

/// An embedded DynamoDB. Clones are cheap and share the data.
#[derive(Clone)]
pub struct Embedded {
    database: Database,
    replays: Arc<Replays>,
    folder: Option<Arc<DataFolder>>,
    /// Changes after each write.
    writes: Arc<watch::Sender<()>>,
    epochs: InProcess,
}

/// Why the embedded DynamoDB cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// The folder cannot be made, read or written.
    #[error("cannot use the data folder `{}`: {source}", folder.display())]
    Folder {
        /// The folder as it was named.
        folder: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// Two servers on one folder would each miss the other's changes.
    #[error(
        "the data folder `{}` is in use by another server: stop that one or name another folder",
        folder.display()
    )]
    InUse {
        /// The folder as it was named.
        folder: PathBuf,
    },
    /// The folder holds tables in another form than this version's template declares.
    #[error(
        "the data folder `{}` was made by another version, {difference}: move it away or name \
         another folder, then start again",
        folder.display()
    )]
    OtherVersion {
        /// The folder as it was named.
        folder: PathBuf,
        /// Which table differs, and in what.
        difference: String,
    },
    /// SQLite, below the engine, failed while the database was opened.
    #[error("the embedded database cannot {task}: {source}")]
    Storage {
        /// What was asked of it.
        task: &'static str,
        /// What it answered.
        source: rusqlite::Error,
    },
    /// The engine failed.
    #[error("the embedded database cannot {task}: {source}")]
    Engine {
        /// What was asked of it.
        task: String,
        /// What it answered.
        source: DynoxideError,
    },
}

impl Embedded {
    /// Tables that live as long as this value and its clients.
    pub fn memory() -> Result<Self, EmbeddedError> {
        Ok(Self::on(storage::memory()?, None))
    }

    /// Tables kept in `folder`, which is made if it is missing and is this process's alone until
    /// the last clone and client is dropped.
    ///
    /// What was written survives the end of the process, however that ends. A power cut may lose
    /// the last moments before it.
    pub fn open(folder: &Path) -> Result<Self, EmbeddedError> {
        let held = DataFolder::hold(folder)?;
        let database = storage::file(&held.database())?;
        Ok(Self::on(database, Some(Arc::new(held))))
    }

    /// Tables kept in `folder`, to be read only, also while a server has the folder: nothing is made,
    /// changed or locked, and what a client of this tries to write fails. Each read sees what was
    /// written before it.
    pub fn open_to_read(folder: &Path) -> Result<Self, EmbeddedError> {
        Ok(Self::on(storage::file_to_read(folder)?, None))
    }

    fn on(database: Database, folder: Option<Arc<DataFolder>>) -> Self {
        let writes = Arc::new(watch::Sender::new(()));
        Self { database, replays: Arc::default(), folder, writes, epochs: InProcess::default() }
    }

    /// The epochs of what is in the tables: this process alone writes them.
    pub fn epochs(&self) -> EpochSource {
        EpochSource::in_process(self.epochs.clone())
    }

    /// The real SDK client on this database.
    pub fn client(&self) -> Client {
        Client::from_conf(self.config().build())
    }

    /// The real SDK client over `http_client`, which is to end in [`Self::http_client`] and may
    /// fail, delay or repeat requests before that.
    pub fn client_with(&self, http_client: SharedHttpClient) -> Client {
        Client::from_conf(self.config().http_client(http_client).build())
    }

    /// What [`Self::client`] is built from, for a client that differs in its retries or timeouts.
    pub fn config(&self) -> Builder {
        aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .endpoint_url("http://embedded.invalid")
            // The engine checks no signature, and signing is a fifth of a read's time.
            .allow_no_auth()
            // Answers are whole before the SDK sees them, so no stream can stall.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .http_client(self.http_client())
    }

    /// The wire below the SDK client.
    pub fn http_client(&self) -> SharedHttpClient {
        connector::http_client(self.clone())
    }

    /// Serves reads of the tables that come over a socket, for any client of DynamoDB. What is written goes
    /// through the API, which alone knows what a row means.
    pub fn router(&self) -> axum::Router {
        connector::router(self.clone(), operations::is_read)
    }

    /// Serves reads and writes of items that come over a socket, for functions that run in processes of their
    /// own. Who works on the same tables in this process must keep epochs in them: of such a write
    /// [`Self::epochs`] never hears.
    pub fn router_to_write(&self) -> axum::Router {
        connector::router(self.clone(), operations::is_of_items)
    }

    /// The folder that the tables are kept in, unless they are in memory.
    pub(crate) fn folder(&self) -> Option<Arc<DataFolder>> {
        self.folder.clone()
    }

    /// Deletes what has expired from all tables with a TTL, and returns how many items that were.
    ///
    /// The engine does so only when asked, whereas DynamoDB does by itself within days. This blocks
    /// the thread; other requests get their turn between pages.
    pub fn sweep_expired(&self) -> Result<usize, EmbeddedError> {
        let swept = self.database.sweep_ttl().map_err(engine("delete expired items"));
        self.writes.send_replace(());
        swept
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("folder", &self.folder).finish_non_exhaustive()
    }
}

fn engine(task: impl Into<String>) -> impl FnOnce(DynoxideError) -> EmbeddedError {
    move |source| EmbeddedError::Engine { task: task.into(), source }
}

#[cfg(test)]
mod reading_tests;
#[cfg(test)]
mod tests;
