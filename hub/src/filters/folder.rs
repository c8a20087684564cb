//! A folder of filters, in which a file is found by its digest. Its name does not matter, so a
//! bucket that members write to may be copied there as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use pmp_protocol::{Digest, Hint};

use crate::config::FILTERS_FOLDER;

/// Larger files are no filters. A component that holds a Python interpreter has 18 MB.
pub(crate) const LARGEST_MIB: u64 = 64;
/// The largest settings that a filter takes.
const LARGEST_SETTINGS: usize = 256 << 10;
/// The most files that are looked at, and how deep they may lie.
const MAX_FILES: usize = 10_000;
const MAX_DEPTH: usize = 8;

/// What was found in a folder.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// Files by their digest, of those that were looked for.
    pub(crate) files: BTreeMap<Digest, String>,
    /// Those of them that may be settings: text of a length that filters take.
    pub(crate) settings: BTreeMap<Digest, String>,
    /// Files that cannot be read, and what came back.
    pub(crate) unreadable: Vec<String>,
    /// Whether there are more files than are looked at.
    pub(crate) more: bool,
}

/// A folder that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the folder of filters `{}`", folder.display())]
pub(crate) struct FolderError {
    folder: PathBuf,
    #[source]
    source: io::Error,
}

pmp_protocol::codes!(FolderError => "E4028");

impl Hint for FolderError {
    fn hint(&self) -> Option<String> {
        Some(format!("check {FILTERS_FOLDER}: it names a folder that this user can read"))
    }
}

/// Looks for files with these digests. Each file is read once, and none after all are found. It
/// blocks.
///
/// # Errors
/// Where the folder itself cannot be read. A file in it that cannot be is told with what was found.
pub(crate) fn look(folder: &Path, wanted: &BTreeSet<Digest>) -> Result<Contents, FolderError> {
    let failed = |source| FolderError { folder: folder.to_owned(), source };
    let mut contents = Contents::default();
    let mut left = wanted.clone();
    let mut open = vec![(folder.to_owned(), 0)];
    let mut looked_at = 0;
    while let Some((place, depth)) = open.pop() {
        let listed = fs::read_dir(&place).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = match listed {
            Ok(entries) => entries,
            Err(error) if depth == 0 => return Err(failed(error)),
            Err(error) => {
                contents.unreadable.push(told(&place, &error));
                continue;
            }
        };
        // The same file is found wherever there are several with the digest.
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            if left.is_empty() {
                return Ok(contents);
            }
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < MAX_DEPTH => open.push((path, depth + 1)),
                // A link is followed to a file, and to no folder: that may lead in a circle.
                Ok(kind) if kind.is_dir() || (kind.is_symlink() && path.is_dir()) => {}
                Ok(_) if looked_at >= MAX_FILES => {
                    contents.more = true;
                    return Ok(contents);
                }
                Ok(_) => {
                    looked_at += 1;
                    contents.take(&path, &mut left);
                }
                Err(error) => contents.unreadable.push(told(&path, &error)),
            }
        }
    }
    Ok(contents)
}

impl Contents {
    /// Reads a file, and keeps where it is if it was looked for.
    fn take(&mut self, path: &Path, left: &mut BTreeSet<Digest>) {
        match read(path) {
            Ok(None) => {}
            Ok(Some(bytes)) => {
                let digest = Digest::of(&bytes);
                let Some(name) = path.to_str().filter(|_| left.remove(&digest)) else { return };
                self.files.insert(digest, name.to_owned());
                if bytes.len() <= LARGEST_SETTINGS
                    && let Ok(text) = String::from_utf8(bytes)
                {
                    self.settings.insert(digest, text);
                }
            }
            Err(error) => self.unreadable.push(told(path, &error)),
        }
    }
}

/// The bytes of a regular file. `None` where it is none, or too large.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let largest = LARGEST_MIB << 20;
    // Of a pipe or a device nothing is read: that might not end.
    let about = fs::metadata(path)?;
    if !about.is_file() || about.len() > largest {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(largest + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= largest).then_some(bytes))
}

fn told(path: &Path, error: &io::Error) -> String {
    format!("`{}`: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use pmp_protocol::Coded;

    use super::*;

    /// A folder of this test's own, which is taken away with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("pmp-hub-{name}-{}", std::process::id()));
            fs::create_dir_all(folder.join("bucket/deeper")).unwrap();
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn files_are_found_by_their_digest_whatever_they_are_called() {
        let folder = Folder::new("found");
        let (component, settings) = (b"\0asm component".as_slice(), br#"{"exclude_labels":["genai"]}"#.as_slice());
        fs::write(folder.0.join("bucket/deeper/a name of its own"), component).unwrap();
        fs::write(folder.0.join("settings.json"), settings).unwrap();
        fs::write(folder.0.join("not wanted"), b"another").unwrap();
        std::os::unix::fs::symlink(&folder.0, folder.0.join("circle")).unwrap();
        let wanted = [Digest::of(component), Digest::of(settings), Digest::of(b"not there")].into();
        let found = look(&folder.0, &wanted).unwrap();
        assert!(found.files[&Digest::of(component)].ends_with("bucket/deeper/a name of its own"));
        assert_eq!(found.settings[&Digest::of(settings)].as_bytes(), settings);
        assert_eq!((found.files.len(), found.unreadable.len(), found.more), (2, 0, false));
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_and_not_an_empty_one() {
        let error = look(Path::new("/no/such/folder"), &[Digest::of(b"x")].into()).unwrap_err();
        assert_eq!(error.to_string(), "cannot read the folder of filters `/no/such/folder`");
        assert_eq!(error.code().to_string(), "E4028");
    }
}
