//! The items of DynamoDB: copies awsim's SQLite file as of one moment, while awsim continues to
//! write.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

/// The name of awsim's SQLite file.
pub(crate) const LIVE: &str = "dynamodb.db";

/// A second connection to the file that awsim works on.
pub(crate) struct Tables {
    connection: Mutex<Connection>,
}

/// A copy, and the version of the live file that it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Copy {
    pub(crate) file: String,
    pub(crate) of: i64,
}

/// Whether the items have to be copied.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pinned {
    /// No item has changed since this copy.
    Unchanged(Copy),
    /// Items have changed. The snapshot of this version is held until [`Tables::copy`] is called.
    Held(i64),
}

impl Tables {
    /// Opens the file in the working folder `live`.
    pub(crate) fn open(live: &Path) -> Result<Self, rusqlite::Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(live.join(LIVE), flags)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Takes a snapshot of this moment, if anything has changed since the last copy.
    pub(crate) fn pin(&self, copied: Option<&Copy>) -> Result<Pinned, rusqlite::Error> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if !connection.is_autocommit() {
            // A copy that failed may have left its snapshot open.
            connection.execute_batch("ROLLBACK")?;
        }
        let version = connection.query_row("PRAGMA data_version", [], |row| row.get(0))?;
        if let Some(copy) = copied.filter(|copy| copy.of == version) {
            return Ok(Pinned::Unchanged(copy.clone()));
        }
        // The first read fixes the snapshot in SQLite's write-ahead log.
        connection.execute_batch("BEGIN")?;
        connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get::<_, i64>(0))?;
        Ok(Pinned::Held(version))
    }

    /// Copies the snapshot that is held, and releases it.
    pub(crate) fn copy(&self, to: &Path) -> Result<(), rusqlite::Error> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut target = Connection::open(to)?;
        // Nothing reads the copy before it is complete, so it needs no journal and does not wait
        // for the disk.
        target.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
        let backup = Backup::new(&connection, &mut target)?;
        while backup.step(-1)? != StepResult::Done {}
        drop(backup);
        connection.execute_batch("COMMIT")
    }
}

/// Calls `look` with each item whose text contains `marker`.
pub(crate) fn items_with(live: &Path, marker: &str, mut look: impl FnMut(&str)) -> Result<(), rusqlite::Error> {
    let connection = Connection::open_with_flags(live.join(LIVE), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let mut query = connection.prepare("SELECT attrs_json FROM items WHERE instr(attrs_json, ?1) > 0")?;
    let mut rows = query.query([marker])?;
    while let Some(row) = rows.next()? {
        look(row.get_ref(0)?.as_str()?);
    }
    Ok(())
}

/// What is wrong with a copy; `None` if it can be used.
pub(crate) fn check(file: &PathBuf) -> Result<Option<String>, rusqlite::Error> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let found: String = connection.query_row("PRAGMA quick_check", [], |row| row.get(0))?;
    Ok((found != "ok").then_some(found))
}
