//! Filters that were compiled before: pinned by their digest, or kept in a cache that nobody else
//! could write to.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use pmp_filter_host::*;
use pmp_protocol::Digest;

use crate::guests::Guest;

fn host() -> FilterHost {
    FilterHost::new(Limits::default()).unwrap()
}

fn compiled() -> Vec<u8> {
    host().precompile(&Guest::default().component()).unwrap()
}

#[test]
fn machine_code_is_loaded_with_its_digest_pinned_and_in_no_other_way() {
    let (component, code) = (Guest::default().component(), compiled());
    let filter = host().load_pinned(&code, &Digest::of(&code)).unwrap();
    assert_eq!((filter.description().name.as_str(), *filter.digest()), ("guest", Digest::of(&code)));
    assert!(filter.configure("{}").is_ok());

    let error = host().load_bytes(&code).unwrap_err();
    assert!(matches!(error, LoadError::Unpinned), "{error:?}");
    // One byte of it changed, and what was meant to be there instead.
    let mut other = code.clone();
    *other.last_mut().unwrap() ^= 1;
    let error = host().load_pinned(&other, &Digest::of(&code)).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the file has the digest {}, and {} is pinned", Digest::of(&other), Digest::of(&code))
    );
    // A component can be pinned as well.
    assert!(host().load_pinned(&component, &Digest::of(&component)).is_ok());
    assert!(matches!(host().load_pinned(&component, &Digest::of(&code)), Err(LoadError::OtherDigest { .. })));
}

#[test]
fn machine_code_of_another_version_is_refused_with_what_to_do() {
    // wasmtime's major version stands in the file, with its length before and the architecture
    // behind it.
    let mut code = compiled();
    let architecture = std::env::consts::ARCH.as_bytes();
    let is_version =
        |bytes: &[u8]| matches!(bytes, [2, b'0'..=b'9', b'0'..=b'9', _, rest @ ..] if rest == architecture);
    let at = code.windows(4 + architecture.len()).position(is_version).expect("wasmtime's version");
    code[at + 2] = if code[at + 2] == b'1' { b'2' } else { b'1' };
    let error = host().load_pinned(&code, &Digest::of(&code)).unwrap_err();
    assert!(matches!(error, LoadError::OtherEngine(_)), "{error:?}");
    assert!(error.to_string().contains("compile the component again with `pmp-filter compile`"), "{error}");
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("version"), "{error:?}");
}

#[test]
fn only_filters_are_compiled() {
    let error = host().precompile(&Guest::default().version("2.0.0").component()).unwrap_err();
    assert!(matches!(error, LoadError::ContractVersion { .. }), "{error:?}");
    assert!(matches!(host().precompile(&compiled()), Err(LoadError::Unpinned)));
}

/// A cache with one entry in it, for the default guest.
struct Kept {
    folder: tempfile::TempDir,
    component: Vec<u8>,
}

impl Kept {
    fn new() -> Self {
        let kept = Self { folder: tempfile::tempdir().unwrap(), component: Guest::default().component() };
        kept.load();
        kept
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// Loads the guest through the cache, and says whether that left the entry as it was, so that
    /// it was used.
    fn used(&self) -> bool {
        let (entry, before) = (self.entry(), self.written());
        self.load();
        entry == self.entry() && before == self.written()
    }

    fn load(&self) {
        let filter = host().with_cache(&self.dir()).load_bytes(&self.component).unwrap();
        assert_eq!(*filter.digest(), Digest::of(&self.component));
        assert!(filter.configure("{}").is_ok());
    }

    fn entries(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.dir()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.extension().is_some_and(|end| end == "cwasm")).collect()
    }

    fn entry(&self) -> PathBuf {
        let [entry] = self.entries().try_into().unwrap();
        entry
    }

    /// Which file the entry is: one that is written anew is another.
    fn written(&self) -> u64 {
        fs::metadata(self.entry()).unwrap().ino()
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_was_compiled_is_found_at_the_next_start() {
    let kept = Kept::new();
    assert!(kept.used());
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(&kept.dir()), mode(&kept.dir().join("key")), mode(&kept.entry())), (0o700, 0o600, 0o600));
    // Another component is another entry.
    let other = Guest { pages: "3", ..Guest::default() }.component();
    host().with_cache(&kept.dir()).load_bytes(&other).unwrap();
    assert_eq!(kept.entries().len(), 2);
}

#[test]
fn an_entry_that_this_cache_did_not_write_is_compiled_anew() {
    let kept = Kept::new();
    let whole = fs::read(kept.entry()).unwrap();
    // Changed in the code, in the authentication, cut off, empty; and true machine code that lacks
    // the authentication.
    let changed = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    for bytes in [changed(whole.len() - 1), changed(0), whole[..40].to_vec(), Vec::new(), whole[32..].to_vec()] {
        fs::write(kept.entry(), &bytes).unwrap();
        assert!(!kept.used());
        assert!(fs::read(kept.entry()).unwrap().len() == whole.len() && kept.used());
    }

    // One entry under another's name.
    let other = Guest { pages: "3", ..Guest::default() }.component();
    let entry = kept.entry();
    host().with_cache(&kept.dir()).load_bytes(&other).unwrap();
    let others = kept.entries().into_iter().find(|path| *path != entry).unwrap();
    fs::rename(others, &entry).unwrap();
    assert!(!kept.used());

    // Under another key all entries are foreign.
    fs::remove_file(kept.dir().join("key")).unwrap();
    assert!(!kept.used());
}

#[test]
fn a_directory_that_others_could_write_to_is_not_used() {
    let kept = Kept::new();
    for open in [0o770, 0o707, 0o1777] {
        mode(&kept.dir(), open);
        fs::remove_file(kept.entry()).unwrap();
        // Loaded all the same, but nothing is kept.
        kept.load();
        assert_eq!(kept.entries(), [] as [PathBuf; 0]);
        mode(&kept.dir(), 0o700);
        kept.load();
    }
    mode(&kept.entry(), 0o666);
    assert!(!kept.used());
    mode(&kept.dir().join("key"), 0o640);
    fs::remove_file(kept.entry()).unwrap();
    kept.load();
    assert_eq!(kept.entries(), [] as [PathBuf; 0]);
}

#[test]
fn a_link_or_a_file_in_the_directorys_place_is_not_used() {
    let kept = Kept::new();
    let link = kept.folder.path().join("link");
    symlink(kept.dir(), &link).unwrap();
    fs::remove_file(kept.entry()).unwrap();
    assert!(host().with_cache(&link).load_bytes(&kept.component).is_ok());
    assert_eq!(kept.entries(), [] as [PathBuf; 0]);
    let file = kept.folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(host().with_cache(&file).load_bytes(&kept.component).is_ok());
}

#[test]
fn the_oldest_entries_make_room() {
    let kept = Kept::new();
    for pages in 3..23 {
        let guest = Guest { pages: &pages.to_string(), ..Guest::default() };
        host().with_cache(&kept.dir()).load_bytes(&guest.component()).unwrap();
    }
    assert_eq!(kept.entries().len(), 16);
}
