//! Compares bytes with a checked-in file, and renews that file only where it is asked to.

use std::fs;
use std::path::{Path, PathBuf};

/// Where it is set, the files are written anew instead of compared. Hubs and spokes of different
/// releases share these formats: whoever renews a file says in `docs/compatibility.md` what reads
/// the old one. Some tests read what others write, so run them once more afterwards.
const RENEW: &str = "RENEW_WIRE";

/// The folder of the golden files: each crate has its own.
fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire").join(name)
}

/// The bytes of the golden file `name`.
pub(crate) fn read(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}; {RENEW}=1 writes it"))
}

/// Holds `found` against the golden file `name`.
pub(crate) fn hold(name: &str, found: &[u8]) {
    if std::env::var_os(RENEW).is_some() {
        fs::write(path(name), found).unwrap();
        return;
    }
    let expected = read(name);
    // Texts first: two of them can be read side by side.
    if let (Ok(found), Ok(expected)) = (std::str::from_utf8(found), std::str::from_utf8(&expected)) {
        assert_eq!(found, expected, "the wire format of `{name}` has changed");
    }
    assert!(found == expected, "the wire format of `{name}` has changed");
}
