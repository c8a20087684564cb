//! The folder: locks it, reads it, and replaces its content.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use pmp_local_dynamodb::Database;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::tables::{self, Restored};
use super::{SCHEMA, Saved, StateError};
use crate::World;

const STATE: &str = "state.zst";
const WORLD: &str = "world.json";
const LOCK: &str = "lock";
const BINARIES: &str = "binaries";
/// The working folder of a server that wrote form 1 of the state.
const WORKING: &str = "live";
/// The suffix of a file that is not complete yet.
const UNFINISHED: &str = ".tmp";

/// A folder that this process owns.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Locked while this process owns the folder. The system releases the lock when the process
    /// ends, however it ends.
    lock: File,
}

impl Drop for Folder {
    /// Unlocks the file. Closing it would not be enough: a child process that is just being started
    /// has it open as well, until it runs its own program.
    fn drop(&mut self) {
        let _ends_with_the_process = self.lock.unlock();
    }
}

/// The state that was in the folder.
pub(crate) struct Loaded {
    pub(crate) saved: Saved,
    pub(crate) world: World,
    pub(crate) tables: Restored,
}

impl Folder {
    /// Locks the folder. It is created if it does not exist.
    pub(crate) fn take(path: &Path) -> Result<Self, StateError> {
        fs::create_dir_all(path).map_err(|source| failed("create the folder", path, source))?;
        if let Some(found) = foreign(path)? {
            return Err(StateError::Foreign { folder: path.to_owned(), found });
        }
        let lock = path.join(LOCK);
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&lock);
        let mut file = open.map_err(|source| failed("open", &lock, source))?;
        if file.try_lock().is_err() {
            let mut holder = String::new();
            // The text only helps a person to find the other server.
            let _unreadable = file.read_to_string(&mut holder);
            return Err(StateError::InUse { folder: path.to_owned(), holder: holder.trim().to_owned() });
        }
        let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(|source| failed("write", &lock, source))?;
        Ok(Self { path: path.to_owned(), lock: file })
    }

    /// Reads the state. `None` if there is none.
    pub(crate) fn load(&self) -> Result<Option<Loaded>, StateError> {
        let Some(text) = self.read_state()? else { return Ok(None) };
        #[derive(Deserialize)]
        struct Form {
            schema: String,
        }
        let form: Form = serde_json::from_slice(&text).map_err(|error| self.damaged(STATE, error))?;
        if form.schema != SCHEMA {
            let (folder, found) = (self.path.clone(), form.schema);
            return Err(StateError::OtherVersion { folder, found, expected: SCHEMA });
        }
        let saved: Saved = serde_json::from_slice(&text).map_err(|error| self.damaged(STATE, error))?;
        let world = self.read_world(&saved.world)?;
        let find = |name: &str| fs::read(self.path.join(BINARIES).join(name));
        let tables = tables::read(&self.path.join(&saved.tables), find);
        let tables = tables.map_err(|error| self.damaged(&saved.tables, error))?;
        self.tidy(&saved.tables)?;
        Ok(Some(Loaded { saved, world, tables }))
    }

    /// Writes the world that the state begins with, and returns its digest.
    pub(crate) fn begin(&self, world: &World) -> Result<String, StateError> {
        let text = serde_json::to_vec(world).map_err(|error| self.damaged(WORLD, error))?;
        self.replace(WORLD, &text)?;
        Ok(digest(&text))
    }

    /// Makes `saved` the current state. The tables that it names must already be in the folder.
    pub(crate) fn save(&self, saved: &Saved) -> Result<(), StateError> {
        let compressed = compress(saved).map_err(|source| failed("compress", &self.path.join(STATE), source))?;
        self.replace(STATE, &compressed)?;
        self.tidy(&saved.tables)
    }

    /// Writes tables into a new file of this name. The large values among them that are not in the
    /// folder yet are written before, and their names are added to `binaries`.
    pub(crate) fn place_tables(
        &self,
        name: &str,
        databases: &[Database],
        binaries: &mut BTreeSet<String>,
    ) -> Result<(), StateError> {
        self.place(name, |path| {
            let keep = |value: &pmp_local_dynamodb::Binary| {
                if binaries.insert(value.digest().to_owned())
                    && let Err(error) = self.keep_binary(value.digest(), value.bytes())
                {
                    binaries.remove(value.digest());
                    return Err(error);
                }
                Ok(())
            };
            tables::write(databases, path, keep).map_err(StateError::from)
        })
    }

    fn keep_binary(&self, name: &str, value: &[u8]) -> io::Result<()> {
        fs::create_dir_all(self.path.join(BINARIES))?;
        self.replace(&format!("{BINARIES}/{name}"), value).map_err(io::Error::other)
    }

    /// Writes a file of this name with `write`. The file gets its name only when it is complete.
    fn place(&self, name: &str, write: impl FnOnce(&Path) -> Result<(), StateError>) -> Result<(), StateError> {
        let (path, unfinished) = (self.path.join(name), self.path.join(format!("{name}{UNFINISHED}")));
        let _there_was_none = fs::remove_file(&unfinished);
        write(&unfinished)?;
        let synced = File::open(&unfinished).and_then(|file| file.sync_all());
        let placed = synced.and_then(|()| fs::rename(&unfinished, &path)).and_then(|()| sync_folder(&path));
        placed.map_err(|source| failed("write", &path, source))
    }

    /// Deletes the large binary values that are not among `kept`.
    pub(crate) fn keep_binaries(&self, kept: impl Fn(&str) -> bool) -> Result<(), StateError> {
        let folder = self.path.join(BINARIES);
        for name in names(&folder)?.iter().filter(|name| !kept(name)) {
            let path = folder.join(name);
            fs::remove_file(&path).map_err(|source| failed("delete", &path, source))?;
        }
        Ok(())
    }

    /// The error of a state that was read, but that a service cannot use.
    pub(crate) fn unusable(&self, problem: &dyn std::error::Error) -> StateError {
        self.damaged(STATE, problem)
    }

    fn replace(&self, name: &str, content: &[u8]) -> Result<(), StateError> {
        self.place(name, |path| fs::write(path, content).map_err(|source| failed("write", path, source)))
    }

    fn read_state(&self) -> Result<Option<Vec<u8>>, StateError> {
        let path = self.path.join(STATE);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(failed("read", &path, source)),
        };
        zstd::decode_all(file).map(Some).map_err(|error| self.damaged(STATE, error))
    }

    fn read_world(&self, expected: &str) -> Result<World, StateError> {
        let text = fs::read(self.path.join(WORLD)).map_err(|error| self.damaged(WORLD, error))?;
        if digest(&text) != expected {
            return Err(self.damaged(WORLD, "is not the one that the state grew from"));
        }
        serde_json::from_slice(&text).map_err(|error| self.damaged(WORLD, error))
    }

    /// Deletes what an earlier state left behind.
    fn tidy(&self, tables: &str) -> Result<(), StateError> {
        let old = |name: &&String| name.starts_with("tables-") && *name != tables || name.ends_with(UNFINISHED);
        for name in names(&self.path)?.iter().filter(old) {
            let path = self.path.join(name);
            fs::remove_file(&path).map_err(|source| failed("delete", &path, source))?;
        }
        Ok(())
    }

    fn damaged(&self, file: &str, problem: impl ToString) -> StateError {
        let (folder, file) = (self.path.clone(), file.to_owned());
        StateError::Damaged { folder, file, problem: format!("cannot be used: {}", problem.to_string()) }
    }
}

/// Whether a folder holds a state, complete or unfinished.
///
/// # Errors
/// The folder cannot be listed.
pub fn is_one(path: &Path) -> Result<bool, StateError> {
    Ok(path.exists() && names(path)?.into_iter().any(|name| name != LOCK))
}

/// Deletes a state in any condition, unless a server is using it.
///
/// # Errors
/// A server is using the folder, the folder holds files of something else, or a file cannot be
/// deleted.
pub fn clear(path: &Path) -> Result<(), StateError> {
    if !path.exists() {
        return Ok(());
    }
    let folder = Folder::take(path)?;
    // The main file is deleted first: if the process is killed in between, there is no state left,
    // rather than half of one.
    for name in std::iter::once(STATE.to_owned()).chain(names(path)?).filter(|name| name != LOCK) {
        let target = folder.path.join(&name);
        let deleted = if target.is_dir() { fs::remove_dir_all(&target) } else { fs::remove_file(&target) };
        match deleted {
            Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(failed("delete", &target, source)),
            _ => {}
        }
    }
    Ok(())
}

/// The name of a file in the folder that does not belong to a state.
fn foreign(path: &Path) -> Result<Option<String>, StateError> {
    let ours = |name: &str| {
        let name = name.strip_suffix(UNFINISHED).unwrap_or(name);
        [STATE, WORLD, LOCK, BINARIES, WORKING].contains(&name)
            || (name.starts_with("tables-") && (name.ends_with(".zst") || name.ends_with(".db")))
    };
    Ok(names(path)?.into_iter().find(|name| !ours(name)))
}

fn names(folder: &Path) -> Result<Vec<String>, StateError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|source| failed("read", folder, source))?,
    };
    let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    entries.map(name).collect::<io::Result<_>>().map_err(|source| failed("read", folder, source))
}

fn compress(saved: &Saved) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1)?;
    encoder.include_checksum(true)?;
    let text = serde_json::to_vec(saved)?;
    encoder.write_all(&text)?;
    encoder.finish()
}

/// Syncs the folder, so that a new name survives a crash of the machine as well.
fn sync_folder(file: &Path) -> io::Result<()> {
    file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

pub(crate) fn digest(text: &[u8]) -> String {
    Sha256::digest(text).iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

fn failed(what: &'static str, path: &Path, source: io::Error) -> StateError {
    StateError::Io { what, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use pmp_protocol::Coded;

    use super::super::Parts;
    use super::*;

    fn saved(folder: &Folder, generation: u64) -> Saved {
        let tables = format!("tables-{generation}.zst");
        folder.place_tables(&tables, &[], &mut BTreeSet::new()).unwrap();
        let (schema, saved_at) = (SCHEMA.to_owned(), Timestamp::UNIX_EPOCH);
        let world = folder.begin(&World::default()).unwrap();
        Saved { schema, saved_at, generation, world, tables, parts: Parts { sns: "x".into(), ..Parts::default() } }
    }

    #[test]
    fn what_is_saved_is_loaded_and_what_was_before_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::take(dir.path()).unwrap();
        assert!(folder.load().unwrap().is_none());
        folder.save(&saved(&folder, 1)).unwrap();
        folder.save(&saved(&folder, 2)).unwrap();
        drop(folder);
        let loaded = Folder::take(dir.path()).unwrap().load().unwrap().unwrap();
        assert_eq!((loaded.saved.generation, loaded.saved.parts.sns.as_str()), (2, "x"));
        assert!(!dir.path().join("tables-1.zst").exists());
    }

    #[test]
    fn a_folder_has_one_owner() {
        let dir = tempfile::tempdir().unwrap();
        let first = Folder::take(dir.path()).unwrap();
        let error = Folder::take(dir.path()).unwrap_err();
        assert!(matches!(&error, StateError::InUse { holder, .. } if *holder == std::process::id().to_string()));
        assert!(matches!(clear(dir.path()), Err(StateError::InUse { .. })));
        // The lock is a file, in whose place there can be no folder.
        let error = Folder::take(&dir.path().join(LOCK)).unwrap_err();
        assert_eq!(error.code().to_string(), "E3016", "{error}");
        drop(first);
        Folder::take(dir.path()).unwrap();
    }

    #[test]
    fn what_is_damaged_or_of_another_form_is_refused_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::take(dir.path()).unwrap();
        let state = dir.path().join(STATE);
        let mut other = saved(&folder, 1);
        other.schema = "pmp-local.state/99".into();
        folder.save(&other).unwrap();
        assert!(matches!(folder.load(), Err(StateError::OtherVersion { found, .. }) if found == "pmp-local.state/99"));
        folder.save(&saved(&folder, 2)).unwrap();
        let whole = fs::read(&state).unwrap();
        for damage in [whole[..whole.len() / 2].to_vec(), [&whole[..whole.len() - 5], b"xxxxx"].concat(), Vec::new()] {
            fs::write(&state, &damage).unwrap();
            assert!(matches!(folder.load(), Err(StateError::Damaged { .. })));
            assert_eq!(fs::read(&state).unwrap(), damage);
        }
        fs::write(&state, &whole).unwrap();
        let tables = dir.path().join("tables-2.zst");
        let whole = fs::read(&tables).unwrap();
        for damage in ["no tables".as_bytes(), &whole[..whole.len() - 5], &[]] {
            fs::write(&tables, damage).unwrap();
            assert!(matches!(folder.load(), Err(StateError::Damaged { file, .. }) if file == "tables-2.zst"));
        }
        fs::write(dir.path().join(WORLD), "{}").unwrap();
        assert!(matches!(folder.load(), Err(StateError::Damaged { file, .. }) if file == WORLD));
    }

    #[test]
    fn only_a_state_is_cleared() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::take(dir.path()).unwrap();
        folder.save(&saved(&folder, 1)).unwrap();
        drop(folder);
        fs::write(dir.path().join("thesis.txt"), "years of work").unwrap();
        assert!(matches!(clear(dir.path()), Err(StateError::Foreign { .. })));
        fs::remove_file(dir.path().join("thesis.txt")).unwrap();
        clear(dir.path()).unwrap();
        assert!(Folder::take(dir.path()).unwrap().load().unwrap().is_none());
    }
}
