//! A cache of compiled components in a directory, which lasts from one start to the next.
//!
//! An entry is machine code, so an entry of somebody else must never be loaded. The directory must
//! belong to this user, and nobody else may write to it. Every entry carries a message
//! authentication code (HMAC-SHA256) over its name and bytes; the key is in the same directory, and
//! only this user can read it. The name of an entry covers the digest of the component and
//! everything that machine code depends on: wasmtime's version, the engine's settings and the
//! processor.
//!
//! A problem here is never an error: a suspicious directory or entry is logged and not used, and
//! the component is compiled again.

use std::fs::{self, DirBuilder, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use pmp_protocol::{Coded, Digest};
use sha2::Sha256;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::machine_code::{self, Vouched};

const KEY: &str = "key";
/// The length of the key: a block of SHA-256, which HMAC uses without hashing it.
const KEY_BYTES: usize = 64;
const MAC_BYTES: usize = 32;
const SUFFIX: &str = "cwasm";
/// Limit of an entry in bytes. Machine code is about ten times as large as its component.
const MAX_ENTRY: u64 = 512 << 20;
/// How many entries are kept. When one is added, the oldest ones beyond this number are removed.
const ENTRIES: usize = 16;

/// A directory of compiled components that can be trusted.
#[derive(Debug)]
pub(crate) struct Cache {
    dir: PathBuf,
    key: [u8; KEY_BYTES],
}

/// The reason why a cache or an entry is not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CacheError {
    #[error("`{}` cannot be used", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("`{}` is not a {expected}", path.display())]
    Kind { path: PathBuf, expected: &'static str },
    #[error("`{}` belongs to user {owner}, and not to user {own} who runs this", path.display())]
    Owner { path: PathBuf, owner: u32, own: u32 },
    #[error("`{}` is open to others (mode {mode:03o}); it must be {wanted:03o} at most{}", path.display(), below(*wanted))]
    Mode { path: PathBuf, mode: u32, wanted: u32 },
    #[error("`{}` has {bytes} bytes, where {KEY_BYTES} are a key", path.display())]
    Key { path: PathBuf, bytes: usize },
    #[error("`{}` was not written by this cache, or was changed since", path.display())]
    Forged { path: PathBuf },
    #[error("`{}` cannot be loaded", path.display())]
    Load { path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
}

pmp_protocol::codes!(CacheError {
    Io => "E2001",
    Kind => "E2002",
    Owner => "E2003",
    Mode => "E2004",
    Key => "E2005",
    Forged => "E2006",
    Load => "E2007",
});

pmp_protocol::without_hint!(CacheError);

/// The widest permitted mode of the directory: others may list it.
const DIRECTORY_MODE: u32 = 0o755;

/// A hint for a directory that others may write to. A volume's root can be writable for a group, as
/// Kubernetes makes it; a folder in it need not be.
fn below(wanted: u32) -> &'static str {
    if wanted == DIRECTORY_MODE { "; or name a folder in it, which is made so" } else { "" }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> CacheError + '_ {
    |source| CacheError::Io { path: path.to_owned(), source }
}

impl Cache {
    /// Opens a directory. It is created with a key if it does not exist.
    pub(crate) fn open(dir: &Path) -> Result<Self, CacheError> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io_error(dir))?;
        // Symbolic links are not followed, because another user may own the place where the link
        // is.
        let found = fs::symlink_metadata(dir).map_err(io_error(dir))?;
        if !found.is_dir() {
            return Err(CacheError::Kind { path: dir.to_owned(), expected: "directory" });
        }
        ours(dir, &found, DIRECTORY_MODE)?;
        let path = dir.join(KEY);
        let key = match read_key(&path) {
            Err(CacheError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                make_key(dir, &path)?;
                // The key is read back: if two processes begin at once, one of their keys has won.
                read_key(&path)?
            }
            outcome => outcome?,
        };
        Ok(Self { dir: dir.to_owned(), key })
    }

    /// The compiled component; `None` if it is not in the cache, or if its authentication code does
    /// not match.
    pub(crate) fn get(&self, engine: &Engine, digest: &Digest) -> Option<Component> {
        let name = name(engine, digest);
        match self.read(engine, &name) {
            Ok(component) => Some(component),
            Err(CacheError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                warn("a compiled filter in the cache is not used", &error);
                None
            }
        }
    }

    fn read(&self, engine: &Engine, name: &str) -> Result<Component, CacheError> {
        let path = self.dir.join(name);
        let mut file = File::open(&path).map_err(io_error(&path))?;
        let found = file.metadata().map_err(io_error(&path))?;
        if !found.is_file() || found.len() > MAX_ENTRY {
            return Err(CacheError::Kind { path, expected: "file of a size that this cache writes" });
        }
        ours(&path, &found, 0o644)?;
        let mut mac = [0; MAC_BYTES];
        let mut code = Vec::with_capacity(usize::try_from(found.len()).unwrap_or_default());
        let read = file.read_exact(&mut mac).and_then(|()| file.take(MAX_ENTRY).read_to_end(&mut code));
        // An entry that is too short or has another code is ignored.
        if read.is_err() || self.mac(name, &code).verify_slice(&mac).is_err() {
            return Err(CacheError::Forged { path });
        }
        machine_code::load(engine, &code, Vouched::Cache)
            .map_err(|error| CacheError::Load { path, source: error.into() })
    }

    /// Stores a compiled component. A concurrent reader finds a complete entry or none.
    pub(crate) fn put(&self, engine: &Engine, digest: &Digest, component: &Component) {
        let name = name(engine, digest);
        let written = component
            .serialize()
            .map_err(|error| CacheError::Load { path: self.dir.join(&name), source: error.into() })
            .and_then(|code| self.write(&name, &code));
        match written {
            Ok(()) => self.trim(),
            Err(error) => warn("the compiled filter is not kept in the cache", &error),
        }
    }

    fn write(&self, name: &str, code: &[u8]) -> Result<(), CacheError> {
        let path = self.dir.join(name);
        let mac = self.mac(name, code).finalize().into_bytes();
        // The file has mode 0600, and gets its name when it is complete.
        let mut file = tempfile::NamedTempFile::new_in(&self.dir).map_err(io_error(&path))?;
        file.write_all(&mac).and_then(|()| file.write_all(code)).map_err(io_error(&path))?;
        file.persist(&path).map_err(|error| io_error(&path)(error.error)).map(drop)
    }

    /// Removes the oldest entries, which are mostly of former versions.
    fn trim(&self) {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let entries =
            entries.filter(|entry| Path::new(&entry.file_name()).extension().is_some_and(|end| end == SUFFIX));
        let mut entries: Vec<_> =
            entries.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()))).collect();
        entries.sort();
        for (_, path) in entries.iter().rev().skip(ENTRIES) {
            if let Err(error) = fs::remove_file(path) {
                warn("an old entry of the filter cache cannot be removed", &io_error(path)(error));
            }
        }
    }

    fn mac(&self, name: &str, code: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new(&self.key.into());
        // All names have the same length, so name and code cannot be confused.
        mac.update(name.as_bytes());
        mac.update(code);
        mac
    }
}

/// The name of an entry: the component, and what its machine code depends on.
fn name(engine: &Engine, digest: &Digest) -> String {
    /// A hasher whose result is the same in every program of a version. `std`'s own hasher does not
    /// promise that.
    struct Sha(Vec<u8>);
    impl Hasher for Sha {
        fn finish(&self) -> u64 {
            0
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.extend_from_slice(bytes);
        }
    }
    let mut engine_bytes = Sha(Vec::new());
    engine.precompile_compatibility_hash().hash(&mut engine_bytes);
    format!("{}-{}.{SUFFIX}", digest.hex(), Digest::of(&engine_bytes.0).hex())
}

/// Whether a file belongs to this user, and is open to nobody else beyond `wanted`.
fn ours(path: &Path, found: &fs::Metadata, wanted: u32) -> Result<(), CacheError> {
    let (owner, own, mode) = (found.uid(), rustix::process::geteuid().as_raw(), found.mode() & 0o777);
    if owner != own {
        return Err(CacheError::Owner { path: path.to_owned(), owner, own });
    }
    if mode & !wanted != 0 {
        return Err(CacheError::Mode { path: path.to_owned(), mode, wanted });
    }
    Ok(())
}

fn read_key(path: &Path) -> Result<[u8; KEY_BYTES], CacheError> {
    let file = File::open(path).map_err(io_error(path))?;
    ours(path, &file.metadata().map_err(io_error(path))?, 0o600)?;
    let mut bytes = Vec::new();
    file.take(KEY_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(io_error(path))?;
    let found = bytes.len();
    bytes.try_into().map_err(|_| CacheError::Key { path: path.to_owned(), bytes: found })
}

/// Creates a key, unless another process has just done so.
fn make_key(dir: &Path, path: &Path) -> Result<(), CacheError> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(|error| io_error(path)(error.into()))?;
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(io_error(path))?;
    file.write_all(&key).map_err(io_error(path))?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(io_error(path)(error.error)),
        _ => Ok(()),
    }
}

pub(crate) fn warn(what: &str, error: &CacheError) {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    tracing::warn!(code = %error.code(), "{what}: {error}{cause}");
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    fn code<T>(outcome: Result<T, CacheError>) -> Option<String> {
        outcome.err().map(|error| error.code().to_string())
    }

    #[test]
    fn a_directory_that_is_not_ours_alone_has_a_code_for_each_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let refused = |dir: &Path| code(Cache::open(dir)).unwrap_or_default();
        let dir = path("cache");
        assert_eq!(refused(&dir), "");
        fs::write(path("file"), "").unwrap();
        assert_eq!(refused(&path("file")), "E2001");
        symlink(&dir, path("link")).unwrap();
        assert_eq!(refused(&path("link")), "E2002");
        // Root may own any directory, and gives one away; nobody else owns the root.
        let given = path("given");
        fs::create_dir(&given).unwrap();
        let others = if chown(&given, Some(65534), None).is_ok() { &*given } else { Path::new("/") };
        assert_eq!(refused(others), "E2003");
        fs::set_permissions(&dir, Permissions::from_mode(0o770)).unwrap();
        assert_eq!(refused(&dir), "E2004");
        fs::set_permissions(&dir, Permissions::from_mode(0o700)).unwrap();
        fs::write(dir.join(KEY), "short").unwrap();
        assert_eq!(refused(&dir), "E2005");
    }

    #[test]
    fn an_entry_is_loaded_only_as_this_cache_wrote_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
        let (cache, engine) = (Cache::open(folder.path()).unwrap(), crate::engine::native().unwrap());
        let refused = |name: &str| code(cache.read(&engine, name)).unwrap_or_default();
        assert_eq!(refused("none.cwasm"), "E2001");
        fs::create_dir(folder.path().join("folder.cwasm")).unwrap();
        assert_eq!(refused("folder.cwasm"), "E2002");
        cache.write("entry.cwasm", b"authentic, but no machine code").unwrap();
        assert_eq!(refused("entry.cwasm"), "E2007");
        fs::rename(folder.path().join("entry.cwasm"), folder.path().join("other.cwasm")).unwrap();
        assert_eq!(refused("other.cwasm"), "E2006");
    }
}
