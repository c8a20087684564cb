//! The audit: entries as somebody may have written them, and whole files.

use pmp_audit::{Entry, Told, Verifier, line};
use pmp_protocol::testing::acts;
use pmp_protocol::{Digest, json_without_acting};

use super::utf8;
use crate::memory::within;
use crate::refusal::{is_sentence, is_told};

pub(super) fn audit(bytes: &[u8]) {
    verified(bytes);
    let Some(text) = utf8(bytes) else { return };
    // Lines whose digests are right, so that what stands in them is looked at, too.
    let framed: String = text.lines().map(|text| line(text, &Digest::of(text.as_bytes()).to_string()) + "\n").collect();
    verified(framed.as_bytes());
    text.lines().for_each(entry);
}

fn verified(file: &[u8]) {
    // The verifier keeps the digests of two entries, and an id.
    let (read, verifier) = within(64 * 1024 + 16 * file.len(), || {
        let mut verifier = Verifier::new(None);
        (verifier.bytes(file), verifier)
    });
    if let Err(fault) = read {
        return is_told(&fault);
    }
    match verifier.finish() {
        Ok(verified) => {
            assert!(verified.first <= verified.last);
            let lines = file.iter().filter(|byte| **byte == b'\n').count();
            let entries = verified.last - verified.first + 1;
            assert_eq!(u64::try_from(lines).ok(), entries.checked_add(1), "each line is an entry, but for the last");
            // One byte less, and it is no audit any more.
            let mut cut = Verifier::new(None);
            assert!(cut.bytes(&file[..file.len() - 1]).is_err());
        }
        Err(fault) => is_told(&fault),
    }
}

fn entry(text: &str) {
    let told = Told::read(text);
    if let Err(error) = &told {
        is_told(error);
    }
    let Ok(entry) = serde_json::from_str::<Entry>(text) else { return };
    let told = told.expect("what this release writes is told of");
    assert_eq!((told.number, &told.author, told.at), (entry.number, &entry.author, entry.at));
    assert_eq!(told.action, entry.event.action());
    let written = entry.text().expect("an entry is written");
    assert!(!written.chars().any(acts), "{written:?}");
    assert_eq!(json_without_acting(&written), written);
    assert_eq!(serde_json::from_str::<Entry>(&written).expect("what was written is read"), entry);
    is_sentence(&entry.event.in_words());
}
