//! The kept inputs of a target.

use std::path::Path;

use pmp_test_fuzz::{Target, corpora};

/// The files of a folder with their names, in the order of these.
pub(crate) fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .map(|entry| {
            let entry = entry.expect("an entry");
            (entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).expect("a file"))
        })
        .collect();
    files.sort();
    files
}

/// The corpus of a target.
pub(crate) fn of(target: &Target) -> Vec<(String, Vec<u8>)> {
    files(&corpora().join(target.name))
}
