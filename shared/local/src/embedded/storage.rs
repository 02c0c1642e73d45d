//! Where the engine keeps its data, and what must be so before it may.

use super::{EmbeddedError, engine};
use dynoxide::Database;
use rusqlite::Connection;
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use uuid::Uuid;

const DATABASE_FILE: &str = "epr.db";
const LOCK_FILE: &str = "lock";
const WRITE_AHEAD_LOG: &str = "epr.db-wal";

/// The engine numbers each stream record one past the highest number so far, and looks for that
/// without an index: every write would read all stream records there are.
const STREAM_INDEX: &str = "CREATE INDEX IF NOT EXISTS _stream_records_by_number
    ON _stream_records (table_name, CAST(sequence_number AS INTEGER))";

/// A folder that no other server uses while this lives.
#[derive(Debug)]
pub(crate) struct DataFolder {
    pub(crate) path: PathBuf,
    _lock: File,
}

impl DataFolder {
    pub(super) fn hold(path: &Path) -> Result<Self, EmbeddedError> {
        let unusable = |source| EmbeddedError::Folder { folder: path.to_owned(), source };
        fs::create_dir_all(path).map_err(unusable)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK_FILE))
            .map_err(unusable)?;
        // The operating system drops the lock with the process, however that ends, so a crash
        // leaves nothing to clean up.
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(EmbeddedError::InUse { folder: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }

    pub(super) fn database(&self) -> PathBuf {
        self.path.join(DATABASE_FILE)
    }
}

/// A database in memory, shared by name so that it can be given its index.
pub(super) fn memory() -> Result<Database, EmbeddedError> {
    let name = format!("file:{}?mode=memory&cache=shared", Uuid::new_v4());
    let database = Database::new(&name).map_err(engine("open in memory"))?;
    index(Path::new(&name))?;
    Ok(database)
}

/// The database in `file`, made if it is missing.
pub(super) fn file(file: &Path) -> Result<Database, EmbeddedError> {
    let database =
        Database::new(&file.to_string_lossy()).map_err(engine("open its file `epr.db`"))?;
    index(file)?;
    // The engine opens SQLite at `synchronous = FULL`, one fsync for each commit. This pair is its
    // only way to `NORMAL`: with the write-ahead log that survives `kill -9` and is many times
    // faster, while a power cut may lose the last moments before it, never consistency.
    database
        .enable_bulk_loading()
        .and_then(|()| database.disable_bulk_loading())
        .map_err(engine("choose how it writes to disk"))?;
    Ok(database)
}

/// The database of a folder, to be read only. SQLite's write-ahead log lets others write meanwhile.
///
/// To read beside a writer SQLite needs a file of its own there, which a folder on a read-only disk cannot have.
/// There nobody writes either, so the file alone is read, unless it lacks what is in a write-ahead log: a
/// verifier must not take less for all.
pub(super) fn file_to_read(folder: &Path) -> Result<Database, EmbeddedError> {
    let unusable = |source| EmbeddedError::Folder { folder: folder.to_owned(), source };
    let file = folder.join(DATABASE_FILE).canonicalize().map_err(unusable)?;
    // The engine hands a location to SQLite as it is, and only the form of an address can say `mode=ro`.
    let path = file.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let opened = Database::new(&format!("file:{path}?mode=ro"));
    let log = fs::metadata(folder.join(WRITE_AHEAD_LOG));
    let is_whole =
        log.map_or_else(|error| error.kind() == ErrorKind::NotFound, |log| log.len() == 0);
    let opened = opened.or_else(|error| match is_whole {
        true if is_read_only(folder) => Database::new(&format!("file:{path}?mode=ro&immutable=1")),
        _ => Err(error),
    });
    opened.map_err(engine("open its file `epr.db` to read"))
}

fn is_read_only(folder: &Path) -> bool {
    let lock = File::options().write(true).open(folder.join(LOCK_FILE));
    lock.is_err_and(|error| error.kind() == ErrorKind::ReadOnlyFilesystem)
}

fn index(location: &Path) -> Result<(), EmbeddedError> {
    Connection::open(location)
        .and_then(|connection| connection.execute_batch(STREAM_INDEX))
        .map_err(|source| EmbeddedError::Storage { task: "index its streams", source })
}
