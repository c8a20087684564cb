//! Whether lines are an audit as it was exported: each line by itself, and all of them in a row.
//!
//! For each line, in this order:
//!
//! 1. It ends with its own digest, and that is the digest of the rest of it. So every byte of the
//!    line is covered, and a line that was altered is the one that is named.
//! 2. Its number is the one after the line before. So a line that is missing, or stands elsewhere,
//!    is named.
//! 3. The entry before, whose digest it names, is the line before. So a line that was replaced by
//!    another one with a digest of its own is noticed.
//! 4. It is about the same management experience.
//!
//! The first entry is number 1, or the one from which a part was asked for. The last line has to
//! name the first and the last entry and the digest of the last one, and nothing may follow it. So
//! a file that was cut is noticed, unless whoever cut its end wrote the last line anew: there is no
//! key in it. Only an anchor that was noted elsewhere, and is of an entry that was cut off, shows
//! that.

use pmp_protocol::{Code, Coded, Digest, DigestError, ExperienceId, Hint, PlainText};
use ring::digest::{Context, SHA256};
use serde::Deserialize;

use crate::line::{DIGEST_BYTES, SCHEMA, unframe};

/// The longest line that is read, in bytes: an item of DynamoDB's holds 400 KB.
pub const MAX_LINE: usize = 512 * 1024;

/// What is wrong with a line, or with the file as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{kind}", place(*.entry, *.line))]
pub struct Fault {
    /// Number of the entry; none where that is the last line, or no entry at all.
    pub entry: Option<u64>,
    /// The line of the file, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub kind: FaultKind,
}

/// The fault of a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    /// The line does not end with a digest.
    #[error("is not a line that `pmp-hub audit export` wrote: its digest is missing")]
    NoLine,
    /// The line is not what its digest is of.
    #[error("was altered: its digest is the one of another text")]
    Altered,
    /// Its digest is right, and it is neither an entry nor a last line.
    #[error("is neither an entry nor the end of an audit: {0}")]
    NoEntry(String),
    /// Another entry is where this one belongs. The value is the number of that one.
    #[error("is missing: entry {0} is in its place")]
    Missing(u64),
    /// It names another entry before it than the one that is there.
    #[error("does not follow the entry before it: it names another digest")]
    Unchained,
    /// The first entry of all names one before it.
    #[error("is the first one, and names an entry before it")]
    NotTheFirst,
    /// It is about another management experience.
    #[error("is about `{0}`, and the ones before it are not")]
    OtherExperience(String),
    /// The last line names other entries than there are.
    #[error("says that the audit goes from entry {0} to {1}, and that is not so")]
    OtherEntries(u64, u64),
    /// The last line names another digest than that of the last entry.
    #[error("names another head than the last entry's digest")]
    OtherHead,
    /// The file was written in a form that this release does not know.
    #[error("is of the form `{0}`, and this release reads {SCHEMA}")]
    OtherSchema(String),
    /// The audit begins earlier, and a part of it was not asked for; or its last line says so. The
    /// value is the first entry that is there.
    #[error("is missing: the file begins with entry {0}")]
    NoBeginning(u64),
    /// The last line says that the audit goes on. The value is the last entry that is there.
    #[error("is missing: the entries end with {0}")]
    NoEnd(u64),
    /// The file ends before its last line. The value is the last entry that is there.
    #[error("is missing: the file ends {} before it says where the audit ends", after(*.0))]
    Cut(Option<u64>),
    /// Something stands behind the last line.
    #[error("comes after the end of the audit")]
    Behind,
    /// The digest that was noted elsewhere is of none of these entries.
    #[error("the anchor {0} is the digest of none of these entries")]
    NotAnchored(String),
}

pmp_protocol::codes!(FaultKind {
    NoLine => "E1602",
    Altered => "E1603",
    NoEntry => "E1604",
    Missing => "E1605",
    Unchained => "E1606",
    NotTheFirst => "E1607",
    OtherExperience => "E1608",
    OtherEntries => "E1609",
    OtherHead => "E1610",
    OtherSchema => "E1611",
    NoBeginning => "E1612",
    NoEnd => "E1613",
    Cut => "E1614",
    Behind => "E1615",
    NotAnchored => "E1616",
});

fn after(entry: Option<u64>) -> String {
    entry.map_or_else(|| "without an entry,".to_owned(), |entry| format!("after entry {entry},"))
}

fn place(entry: Option<u64>, line: u64) -> String {
    match (entry, line) {
        (_, 0) => String::new(),
        (Some(entry), line) => format!("entry {entry} (line {line}) "),
        (None, line) => format!("line {line} "),
    }
}

impl Coded for Fault {
    fn code(&self) -> Code {
        self.kind.code()
    }
}

impl Hint for Fault {
    fn hint(&self) -> Option<String> {
        Some(
            match &self.kind {
                FaultKind::OtherSchema(_) => "verify it with the release of pmp-hub that exported it",
                FaultKind::Cut(_) | FaultKind::NoLine => {
                    "export it again with `pmp-hub audit export`, and copy the file whole, without a change of its line ends"
                }
                FaultKind::NoBeginning(first) => {
                    return Some(format!(
                        "if a part was exported, with `--since`, say so: `--since {first}`; if not, somebody cut off what was \
                         before it: export it again, or compare it with a file that was exported before"
                    ));
                }
                FaultKind::NotAnchored(_) => {
                    "entries were cut off the file's end, or were written again since the anchor was noted; or it is the anchor of \
                     another audit: compare this file with one that was exported before"
                }
                _ => {
                    "somebody changed the file or the table: export it again; if that is wrong at the same entry, compare it with a \
                     file that was exported before"
                }
            }
            .to_owned(),
        )
    }
}

/// An audit whose lines belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Management experience of the hub.
    pub experience: ExperienceId,
    /// Number of the first entry in the file.
    pub first: u64,
    /// Number of the last one.
    pub last: u64,
    /// The digest of the last one.
    pub head: Digest,
    /// The digest of the entry before the first one; none where the file begins with the first of
    /// all.
    pub before: Option<Digest>,
    /// Number of the entry that has the anchor's digest; none without an anchor.
    pub anchored: Option<u64>,
}

/// What a line says of its place. Everything else in it is for people. Its texts have no escapes,
/// so they are compared where they are.
#[derive(Deserialize)]
// Protocol A8.
struct Link<'a> {
    number: u64,
    previous: Option<&'a str>,
    experience: &'a str,
}

/// What the last line says.
#[derive(Deserialize)]
struct End<'a> {
    schema: &'a str,
    experience: &'a str,
    first: u64,
    last: u64,
    head: &'a str,
}

/// The entry that was read first.
#[derive(Debug, Clone)]
struct First {
    number: u64,
    previous: Option<Digest>,
    experience: ExperienceId,
}

/// The entry that was read last, with its digest as a text.
#[derive(Debug, Clone)]
struct Before {
    number: u64,
    digest: [u8; DIGEST_BYTES],
}

/// Reads the lines of a file, one by one. A clone goes on from the same place.
#[derive(Debug, Clone, Default)]
pub struct Verifier {
    /// The anchor as a text.
    anchor: Option<String>,
    anchored: Option<u64>,
    /// Number of the entry that has to be the first; 1 where none is given.
    since: Option<u64>,
    lines: u64,
    first: Option<First>,
    before: Option<Before>,
    /// Whether the last line was read, and with it all is well.
    ended: bool,
}

impl Verifier {
    /// A verifier before the first line. `anchor` is the digest of an entry that was noted
    /// elsewhere.
    #[must_use]
    pub fn new(anchor: Option<Digest>) -> Self {
        Self { anchor: anchor.map(|anchor| anchor.to_string()), ..Self::default() }
    }

    /// The same for a part of an audit that begins with entry `first`. Without this, an audit
    /// begins with the first entry of all.
    #[must_use]
    pub fn since(self, first: u64) -> Self {
        Self { since: Some(first), ..self }
    }

    /// Takes the next line, without its line break.
    ///
    /// # Errors
    /// The fault, if this line is wrong. What follows a wrong line says nothing any more.
    pub fn line(&mut self, line: &[u8]) -> Result<(), Fault> {
        self.lines += 1;
        // The entry that belongs here, by what was read before.
        let due = self.before.as_ref().map(|before| before.number.saturating_add(1));
        let fault = |entry, kind| Fault { entry, line: self.lines, kind };
        if self.ended {
            return Err(fault(None, FaultKind::Behind));
        }
        let Some(framed) = unframe(line) else { return Err(fault(due, FaultKind::NoLine)) };
        // Protocol A5 and A7.
        if !is_digest_of(framed.digest, framed.text) {
            return Err(fault(due, FaultKind::Altered));
        }
        let no_entry = |error: &dyn std::fmt::Display| {
            fault(due, FaultKind::NoEntry(PlainText::bounded(&error.to_string(), 120).into()))
        };
        let text = [framed.text, b"}"].concat();
        match serde_json::from_slice::<Link<'_>>(&text) {
            Ok(link) => self.link(&link, framed.digest),
            Err(error) => match serde_json::from_slice::<End<'_>>(&text) {
                Ok(end) => self.end(&end),
                Err(_) => Err(no_entry(&error)),
            },
        }
    }

    fn link(&mut self, link: &Link<'_>, digest: &[u8; DIGEST_BYTES]) -> Result<(), Fault> {
        // Protocol A3.
        let Link { number, previous, experience } = *link;
        let first = self.since.unwrap_or(1);
        let due = self.before.as_ref().map_or(first, |before| before.number.saturating_add(1));
        let fault = |entry, kind| Err(Fault { entry: Some(entry), line: self.lines, kind });
        if number > due && self.before.is_none() {
            return fault(due, FaultKind::NoBeginning(number));
        }
        if number != due {
            return fault(due, FaultKind::Missing(number));
        }
        match (&self.before, &self.first) {
            (Some(before), _) if previous.map(str::as_bytes) != Some(&before.digest) => {
                return fault(number, FaultKind::Unchained);
            }
            (None, _) if (number == 1) != previous.is_none() => return fault(number, FaultKind::NotTheFirst),
            (_, Some(first)) if experience != first.experience.as_str() => {
                return fault(number, FaultKind::OtherExperience(PlainText::bounded(experience, 80).into()));
            }
            _ => {}
        }
        let anchor = self.anchor.as_deref();
        if anchor.is_some_and(|anchor| anchor.as_bytes() == digest) {
            self.anchored = Some(number);
        }
        if self.first.is_none() {
            // What the file begins after is anchored by it as well.
            if anchor.is_some() && anchor == previous {
                self.anchored = Some(number.saturating_sub(1));
            }
            let not_one = |error: String| FaultKind::NoEntry(PlainText::bounded(&error, 120).into());
            let previous = match previous.map(str::parse).transpose() {
                Ok(previous) => previous,
                Err(error) => return fault(number, not_one(DigestError::to_string(&error))),
            };
            let experience = match ExperienceId::new(experience) {
                Ok(experience) => experience,
                Err(error) => return fault(number, not_one(error.to_string())),
            };
            self.first = Some(First { number, previous, experience });
        }
        self.before = Some(Before { number, digest: *digest });
        Ok(())
    }

    fn end(&mut self, end: &End<'_>) -> Result<(), Fault> {
        // Protocol A6.
        let fault = |kind| Err(Fault { entry: None, line: self.lines, kind });
        if end.schema != SCHEMA {
            return fault(FaultKind::OtherSchema(PlainText::bounded(end.schema, 80).into()));
        }
        let (Some(First { number: first, experience, .. }), Some(before)) = (&self.first, &self.before) else {
            return fault(FaultKind::OtherEntries(end.first, end.last));
        };
        let missing = |entry, kind| Err(Fault { entry: Some(entry), line: self.lines, kind });
        if end.first < *first {
            return missing(end.first, FaultKind::NoBeginning(*first));
        }
        if end.last > before.number {
            return missing(before.number.saturating_add(1), FaultKind::NoEnd(before.number));
        }
        if (end.first, end.last) != (*first, before.number) {
            return fault(FaultKind::OtherEntries(end.first, end.last));
        }
        if end.experience != experience.as_str() {
            return fault(FaultKind::OtherExperience(PlainText::bounded(end.experience, 80).into()));
        }
        if end.head.as_bytes() != before.digest {
            return fault(FaultKind::OtherHead);
        }
        self.ended = true;
        Ok(())
    }

    /// The result, after the last line.
    ///
    /// # Errors
    /// If the last line is missing, or the anchor is of none of the entries.
    pub fn finish(self) -> Result<Verified, Fault> {
        let fault = |line, kind| Fault { entry: None, line, kind };
        let there = self.before.as_ref().map(|before| before.number);
        let digest = self.before.as_ref().and_then(|before| std::str::from_utf8(&before.digest).ok()?.parse().ok());
        let (Some(first), Some(last), Some(head), true) = (self.first, there, digest, self.ended) else {
            return Err(fault(self.lines.saturating_add(1), FaultKind::Cut(there)));
        };
        if let (Some(anchor), None) = (self.anchor, self.anchored) {
            return Err(fault(0, FaultKind::NotAnchored(anchor)));
        }
        let First { number: first, previous: before, experience } = first;
        Ok(Verified { experience, first, last, head, before, anchored: self.anchored })
    }

    /// Takes all lines of `file` that have their line break, and what is behind the last line break
    /// as a line that was cut.
    ///
    /// # Errors
    /// The first fault.
    pub fn bytes(&mut self, file: &[u8]) -> Result<(), Fault> {
        for line in file.split_inclusive(|byte| *byte == b'\n') {
            match line.strip_suffix(b"\n") {
                Some(line) => self.line(line)?,
                None => return Err(self.cut_line()),
            }
        }
        Ok(())
    }

    /// The fault of a last line without a line break, or of one that is longer than any line.
    #[must_use]
    pub fn cut_line(&self) -> Fault {
        let entry = self.before.as_ref().map(|before| before.number.saturating_add(1));
        let entry = entry.filter(|_| !self.ended);
        let kind = if self.ended { FaultKind::Behind } else { FaultKind::NoLine };
        Fault { entry, line: self.lines.saturating_add(1), kind }
    }
}

/// Whether `digest` is that of a text, which is given without the bracket at its end.
fn is_digest_of(digest: &[u8; DIGEST_BYTES], text: &[u8]) -> bool {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut context = Context::new(&SHA256);
    context.update(text);
    context.update(b"}");
    let found = context.finish();
    let Some(written) = digest.strip_prefix(b"sha256:") else { return false };
    let digits = found.as_ref().iter().flat_map(|byte| [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    written.iter().copied().eq(digits)
}

#[cfg(test)]
mod tests;
