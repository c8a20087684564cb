//! The items of DynamoDB: copies of awsim's SQLite file, of one moment, while awsim goes on writing.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

/// awsim's name of its file.
pub(crate) const LIVE: &str = "dynamodb.db";

/// A second connection to the file that awsim works on.
pub(crate) struct Tables {
    connection: Mutex<Connection>,
}

/// A copy, and the version of the live file that it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Copy {
    pub(crate) file: String,
    pub(crate) of: i64,
}

/// What of the items has to be written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pinned {
    /// Nothing: no item changed since this copy.
    Unchanged(Copy),
    /// The moment of this version is held until [`Tables::copy`] has been called.
    Held(i64),
}

impl Tables {
    /// Of the server that works in `live`.
    pub(crate) fn open(live: &Path) -> Result<Self, rusqlite::Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(live.join(LIVE), flags)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Holds this moment, if anything changed since the last copy.
    pub(crate) fn pin(&self, copied: Option<&Copy>) -> Result<Pinned, rusqlite::Error> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if !connection.is_autocommit() {
            // A copy that failed has left its moment behind.
            connection.execute_batch("ROLLBACK")?;
        }
        let version = connection.query_row("PRAGMA data_version", [], |row| row.get(0))?;
        if let Some(copy) = copied.filter(|copy| copy.of == version) {
            return Ok(Pinned::Unchanged(copy.clone()));
        }
        // The first read is what holds the moment, in SQLite's write-ahead log.
        connection.execute_batch("BEGIN")?;
        connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get::<_, i64>(0))?;
        Ok(Pinned::Held(version))
    }

    /// Copies the moment that is held, and lets it go.
    pub(crate) fn copy(&self, to: &Path) -> Result<(), rusqlite::Error> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut target = Connection::open(to)?;
        // Nobody reads the copy before it's whole: it needs neither a journal nor to wait for the disk meanwhile.
        target.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
        let backup = Backup::new(&connection, &mut target)?;
        while backup.step(-1)? != StepResult::Done {}
        drop(backup);
        connection.execute_batch("COMMIT")
    }
}

/// The items in whose text `marker` appears, each given to `look`.
pub(crate) fn items_with(live: &Path, marker: &str, mut look: impl FnMut(&str)) -> Result<(), rusqlite::Error> {
    let connection = Connection::open_with_flags(live.join(LIVE), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let mut query = connection.prepare("SELECT attrs_json FROM items WHERE instr(attrs_json, ?1) > 0")?;
    let mut rows = query.query([marker])?;
    while let Some(row) = rows.next()? {
        look(row.get_ref(0)?.as_str()?);
    }
    Ok(())
}

/// What is wrong with a copy; nothing if it can be used.
pub(crate) fn check(file: &PathBuf) -> Result<Option<String>, rusqlite::Error> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let found: String = connection.query_row("PRAGMA quick_check", [], |row| row.get(0))?;
    Ok((found != "ok").then_some(found))
}
