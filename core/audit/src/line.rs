//! The lines of a file: one for each entry, and one more that says which entries there are.
//!
//! A line is the entry's text with its digest as one more field at the end. The digest covers the
//! text without that field, byte by byte, so a later release may add fields that this one does not
//! know.

use pmp_protocol::{Digest, ExperienceId};

/// The form of a file.
pub const SCHEMA: &str = "pmp-sync.audit/1";

/// What is between a text and its digest.
pub(crate) const BEFORE_DIGEST: &[u8] = b",\"digest\":\"";
/// What is behind the digest.
pub(crate) const AFTER_DIGEST: &[u8] = b"\"}";
/// The bytes of a digest: `sha256:` and 64 digits.
pub(crate) const DIGEST_BYTES: usize = 71;

/// The line of an entry: its text, as it is stored, and the digest that is stored beside it.
/// Whether the two belong together is for the verifier to say.
#[must_use]
pub fn line(text: &str, digest: &str) -> String {
    // Protocol A5.
    let text = text.strip_suffix('}').unwrap_or(text);
    format!("{text},\"digest\":\"{digest}\"}}")
}

/// The last line of a file: the entries from `first` to `last`, and the digest of the last one.
#[must_use]
pub fn last_line(experience: &ExperienceId, first: u64, last: u64, head: &Digest) -> String {
    // Protocol A6.
    // The ids and digests need no escapes.
    let text =
        format!(r#"{{"schema":"{SCHEMA}","experience":"{experience}","first":{first},"last":{last},"head":"{head}"}}"#);
    line(&text, &Digest::of(text.as_bytes()).to_string())
}

/// A line without its frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Framed<'a> {
    /// The text, without the bracket at its end.
    pub(crate) text: &'a [u8],
    /// The digest, as a text.
    pub(crate) digest: &'a [u8; DIGEST_BYTES],
}

/// Takes a line apart; `None` if it does not end as a line does.
pub(crate) fn unframe(line: &[u8]) -> Option<Framed<'_>> {
    let line = line.strip_suffix(AFTER_DIGEST)?;
    let (line, digest) = line.split_last_chunk::<DIGEST_BYTES>()?;
    Some(Framed { text: line.strip_suffix(BEFORE_DIGEST)?, digest })
}
