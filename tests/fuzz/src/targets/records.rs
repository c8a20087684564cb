//! The journal of decisions, which a member's spoke writes in a form of its own.

use std::sync::Arc;

use pmp_protocol::{
    Content, DecisionJournal, ExperienceId, JournalEntry, Listing, Listings, MAX_JOURNAL_BYTES, ProductId,
    ResourceRequests,
};

use crate::memory::within;
use crate::refusal::is_told;

/// A journal before it is packed, since no altered byte gets past zstd; and the same bytes as if
/// they were packed.
pub(super) fn journal(bytes: &[u8]) {
    decoded(bytes);
    if let Ok(packed) = zstd::encode_all(bytes, 1) {
        decoded(&packed);
    }
}

/// The same listing for every entry.
struct One(Arc<Listing>);

impl Listings for One {
    fn listing(&self, _: &JournalEntry) -> Option<Arc<Listing>> {
        Some(self.0.clone())
    }
}

fn decoded(packed: &[u8]) {
    // The bounds of a journal are on what it unpacks to: some 8 MiB, read into maps and lists.
    let journal = match within(256 << 20, || DecisionJournal::decode(packed)) {
        Ok(journal) => journal,
        Err(error) => return is_told(&error),
    };
    assert!(!journal.entries().is_empty());
    let written = match journal.encode() {
        Ok(written) => written,
        // Packed by another level, it may have been small enough.
        Err(error) => return is_told(&error),
    };
    assert!(written.len() <= MAX_JOURNAL_BYTES);
    let again = DecisionJournal::decode(&written).expect("what was written is read");
    let kept = again.entries().len();
    assert_eq!(again.entries(), &journal.entries()[..kept]);
    assert_eq!(again.newest(), journal.newest());
    if kept == journal.entries().len() {
        assert_eq!(again, journal);
    }
    let ids = ["a", "b", "c", "d", "e"].map(|id| ProductId::new(id).expect("an id"));
    let experience = ExperienceId::new("exp-1").expect("an id");
    let content = Content::new(
        experience,
        ids.iter().cloned().collect(),
        Default::default(),
        Default::default(),
        ResourceRequests::Allow,
    );
    let listings = One(Arc::new(Listing::of(&content.expect("no product is on both lists"))));
    for id in &ids {
        let said = journal.about(id, 5, &listings);
        assert_eq!(said.len(), journal.entries().len().min(5), "each entry is answered for");
        assert_eq!(said, journal.about(id, 7, &listings)[..said.len()], "more entries change nothing of the newest");
    }
}
