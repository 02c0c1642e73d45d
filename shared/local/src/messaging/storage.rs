//! Where messages are kept: SQLite, in memory or in a file of the data folder.

use super::{Messaging, MessagingError};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::path::Path;
use std::sync::PoisonError;

const DATABASE_FILE: &str = "messages.db";

/// Times are milliseconds of Unix time. A message is visible from `visible_at` on, and in flight
/// before that when it has a `receipt`.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS messages (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        queue TEXT NOT NULL,
        id TEXT NOT NULL,
        body TEXT NOT NULL,
        attributes TEXT NOT NULL,
        trace TEXT,
        source TEXT,
        sent_at INTEGER NOT NULL,
        visible_at INTEGER NOT NULL,
        received INTEGER NOT NULL DEFAULT 0,
        first_received_at INTEGER,
        receipt TEXT
    );
    CREATE INDEX IF NOT EXISTS messages_by_visibility ON messages (queue, visible_at, number);
    CREATE INDEX IF NOT EXISTS messages_received ON messages (queue, received, visible_at)
        WHERE received > 0;
    CREATE INDEX IF NOT EXISTS messages_by_age ON messages (queue, sent_at);
    CREATE TABLE IF NOT EXISTS positions (
        mapping TEXT PRIMARY KEY,
        sequence_number TEXT NOT NULL
    ) WITHOUT ROWID;";

pub(super) fn memory() -> Result<Connection, MessagingError> {
    prepared(Connection::open_in_memory())
}

pub(super) fn file(folder: &Path) -> Result<Connection, MessagingError> {
    prepared(Connection::open(folder.join(DATABASE_FILE)))
}

/// With the write-ahead log, `NORMAL` survives `kill -9` without an fsync for each commit.
fn prepared(opened: rusqlite::Result<Connection>) -> Result<Connection, MessagingError> {
    let prepare = |connection: Connection| {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.execute_batch(SCHEMA)?;
        Ok(connection)
    };
    opened.and_then(prepare).map_err(|source| MessagingError::Storage { task: "opened", source })
}

impl Messaging {
    /// Does all of `run` or, when that fails, nothing.
    pub(super) fn transaction<T>(
        &self,
        run: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let mut connection = self.0.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction()?;
        let done = run(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    /// The last sequence number that an event source mapping is done with.
    pub(crate) fn position(&self, mapping: &str) -> rusqlite::Result<Option<String>> {
        self.transaction(|store| {
            store
                .prepare_cached("SELECT sequence_number FROM positions WHERE mapping = ?1")?
                .query_row([mapping], |row| row.get(0))
                .optional()
        })
    }

    /// Remembers the last sequence number that an event source mapping is done with.
    pub(crate) fn set_position(&self, mapping: &str, sequence: &str) -> rusqlite::Result<()> {
        self.transaction(|store| {
            store
                .prepare_cached("INSERT OR REPLACE INTO positions VALUES (?1, ?2)")?
                .execute(params![mapping, sequence])
                .map(drop)
        })
    }
}
