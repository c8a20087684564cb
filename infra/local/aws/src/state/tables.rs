//! DynamoDB's tables on the disk.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;

use pmp_local_dynamodb::saved::{self, Unreadable};
use pmp_local_dynamodb::{Binary, Database};

/// A file with tables, and the version of the tables that it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Copy {
    pub(crate) file: String,
    pub(crate) of: u64,
}

/// The tables of a file, and the names of the large values in them.
#[derive(Debug)]
pub(crate) struct Restored {
    pub(crate) databases: Vec<Database>,
    pub(crate) binaries: BTreeSet<String>,
}

/// Writes the tables into a new file. `keep` is called with each large value.
pub(super) fn write(databases: &[Database], to: &Path, keep: impl FnMut(&Binary) -> io::Result<()>) -> io::Result<()> {
    let mut encoder = zstd::Encoder::new(File::create_new(to)?, 1)?;
    encoder.include_checksum(true)?;
    // The encoder takes whole blocks at a time, and the lines come in small pieces.
    let mut lines = BufWriter::with_capacity(64 * 1024, encoder);
    saved::write(databases, &mut lines, keep)?;
    lines.into_inner().map_err(io::IntoInnerError::into_error)?.finish()?.flush()
}

/// Reads the tables of a file. `find` returns the large value of a name.
pub(super) fn read(from: &Path, find: impl Fn(&str) -> io::Result<Vec<u8>>) -> Result<Restored, Unreadable> {
    let unreadable = |error: io::Error| Unreadable(error.to_string());
    let decoder = zstd::Decoder::new(File::open(from).map_err(unreadable)?).map_err(unreadable)?;
    let mut binaries = BTreeSet::new();
    let databases = saved::read(BufReader::new(decoder), |name| {
        let value = find(name).map_err(|error| Unreadable(format!("the value `{name}`: {error}")))?;
        binaries.insert(name.to_owned());
        Ok(value)
    })?;
    Ok(Restored { databases, binaries })
}
