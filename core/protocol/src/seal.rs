//! Content as bytes: canonical JSON, its digest, and the compressed form that is stored and sent.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use serde::Deserialize;

use crate::content::ContentError;
use crate::{Content, Counts, Digest, ExperienceId, Hint, Note, ProductId, ResourceRequests};

/// The most that a content may unpack to: 16 MiB, some 350,000 products. More is refused before it
/// fills the memory.
pub const MAX_CONTENT_BYTES: usize = 16 * 1024 * 1024;

/// zstd's default level: 20,000 random product ids pack to about half their size in a few
/// milliseconds.
const COMPRESSION_LEVEL: i32 = 3;

/// A content packed for storage and transport, with the digest that it must unpack to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    digest: Digest,
    counts: Counts,
    compressed: Vec<u8>,
}

/// Bytes that are not the content they were announced as. Such a snapshot is refused whole.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The canonical form is larger than [`MAX_CONTENT_BYTES`].
    #[error("the content is larger than {MAX_CONTENT_BYTES} bytes unpacked")]
    TooLarge,
    /// zstd could not pack or unpack.
    #[error("the content cannot be packed or unpacked")]
    Compression(#[source] std::io::Error),
    /// The bytes do not hash to the announced digest.
    #[error("the content hashes to {found}, announced as {expected}")]
    Digest {
        /// Digest that the message or the ledger's item names.
        expected: Digest,
        /// Digest of the bytes that were read.
        found: Digest,
    },
    /// The number of products is not the announced one.
    #[error("the content holds {found} products, announced as {expected}")]
    Counts {
        /// Counts that the message or the ledger's item names.
        expected: Counts,
        /// Counts of the lists that were read.
        found: Counts,
    },
    /// The content is that of another management experience.
    #[error("the content is that of `{found}`, announced as that of `{expected}`")]
    Experience {
        /// Experience that the message or the ledger's item names.
        expected: ExperienceId,
        /// Experience that stands in the content.
        found: ExperienceId,
    },
    /// Not the JSON of a content.
    #[error("the content is not in the form this version reads")]
    Json(#[source] serde_json::Error),
    /// A list is unsorted or names a product twice, so it was not written by a hub.
    #[error("the {0} list is not sorted and unique")]
    Unsorted(&'static str),
    /// The lists contradict each other.
    #[error("the lists contradict each other")]
    Content(#[source] ContentError),
}

crate::codes!(SealError {
    TooLarge => "E1020",
    Compression => "E1021",
    Digest => "E1022",
    Counts => "E1023",
    Experience => "E1024",
    Json => "E1025",
    Unsorted => "E1026",
    Content(source) => source,
});

impl Hint for SealError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Content(source) => source.hint(),
            Self::TooLarge
            | Self::Compression(_)
            | Self::Digest { .. }
            | Self::Counts { .. }
            | Self::Experience { .. }
            | Self::Json(_)
            | Self::Unsorted(_) => None,
        }
    }
}

impl Sealed {
    /// Packs a content in its canonical form.
    ///
    /// # Errors
    /// Where it is too large, or zstd fails.
    pub fn new(content: &Content) -> Result<Self, SealError> {
        let canonical = serde_json::to_vec(content).map_err(SealError::Json)?;
        if canonical.len() > MAX_CONTENT_BYTES {
            return Err(SealError::TooLarge);
        }
        let compressed = pack(&canonical).map_err(SealError::Compression)?;
        // Protocol S3.
        Ok(Self { digest: Digest::of(&canonical), counts: content.counts(), compressed })
    }

    /// Takes bytes that came from outside, with what was announced about them. Nothing is checked
    /// until [`Self::open`].
    #[must_use]
    pub fn from_parts(digest: Digest, counts: Counts, compressed: Vec<u8>) -> Self {
        Self { digest, counts, compressed }
    }

    /// The digest of the canonical form.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The number of products on each list.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The packed bytes, for a message or for items.
    #[must_use]
    pub fn compressed(&self) -> &[u8] {
        &self.compressed
    }

    /// Unpacks and verifies: digest, experience, order, counts, no contradiction. All of it, or
    /// nothing (rule 0).
    pub fn open(&self, experience: &ExperienceId) -> Result<Content, SealError> {
        let canonical = unpack(&self.compressed, MAX_CONTENT_BYTES).map_err(SealError::Compression)?;
        let canonical = canonical.ok_or(SealError::TooLarge)?;
        let found = Digest::of(&canonical);
        // Protocol S5.
        if found != self.digest {
            return Err(SealError::Digest { expected: self.digest, found });
        }
        let content = parse(&canonical)?;
        // Protocol S7.
        if content.experience() != experience {
            return Err(SealError::Experience { expected: experience.clone(), found: content.experience().clone() });
        }
        if content.counts() != self.counts {
            return Err(SealError::Counts { expected: self.counts, found: content.counts() });
        }
        Ok(content)
    }
}

pub(crate) fn pack(canonical: &[u8]) -> std::io::Result<Vec<u8>> {
    // Protocol S4.
    zstd::encode_all(canonical, COMPRESSION_LEVEL)
}

/// The bytes; none where they would be more than `most`.
pub(crate) fn unpack(compressed: &[u8], most: usize) -> std::io::Result<Option<Vec<u8>>> {
    // Protocol S4.
    let decoder = zstd::Decoder::new(compressed)?;
    let mut canonical = Vec::new();
    // One byte more than allowed, so that "too large" is told apart from "just fits".
    decoder.take(most as u64 + 1).read_to_end(&mut canonical)?;
    Ok((canonical.len() <= most).then_some(canonical))
}

/// The wire form: lists as they come, so that a wrong order is seen instead of mended. Unknown
/// fields are ignored: a later hub of the same schema may add some, and the digest covers them.
#[derive(Deserialize)]
// Protocol S8.
struct Wire {
    approved: Vec<ProductId>,
    experience: ExperienceId,
    #[serde(default)]
    notes: BTreeMap<ProductId, Note>,
    #[serde(default)]
    policy_resource_requests: ResourceRequests,
    rejected: Vec<ProductId>,
}

fn parse(canonical: &[u8]) -> Result<Content, SealError> {
    // Protocol S6.
    let wire: Wire = serde_json::from_slice(canonical).map_err(SealError::Json)?;
    let approved = strictly_ascending(wire.approved).ok_or(SealError::Unsorted("approved"))?;
    let rejected = strictly_ascending(wire.rejected).ok_or(SealError::Unsorted("rejected"))?;
    Content::new(wire.experience, approved, rejected, wire.notes, wire.policy_resource_requests)
        .map_err(SealError::Content)
}

fn strictly_ascending(list: Vec<ProductId>) -> Option<BTreeSet<ProductId>> {
    list.is_sorted_by(|a, b| a < b).then(|| list.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn experience() -> ExperienceId {
        ExperienceId::new("exp-1").unwrap()
    }

    fn sealed_from(canonical: &str, approved: usize, rejected: usize) -> Sealed {
        let compressed = zstd::encode_all(canonical.as_bytes(), 1).unwrap();
        Sealed::from_parts(Digest::of(canonical.as_bytes()), Counts { approved, rejected }, compressed)
    }

    #[test]
    fn the_canonical_form_is_fixed() {
        // Protocol S2 and S3.
        let approved = ["b", "a"].map(|id| ProductId::new(id).unwrap()).into();
        let note = (ProductId::new("a").unwrap(), Note::new("genai").unwrap());
        let content =
            Content::new(experience(), approved, BTreeSet::new(), BTreeMap::from([note]), ResourceRequests::Deny)
                .unwrap();
        let canonical = r#"{"approved":["a","b"],"experience":"exp-1","notes":{"a":"genai"},"policy_resource_requests":"Deny","rejected":[]}"#;
        assert_eq!(serde_json::to_string(&content).unwrap(), canonical);
        assert_eq!(Sealed::new(&content).unwrap().digest(), Digest::of(canonical.as_bytes()));
    }

    #[test]
    fn control_characters_are_escaped_in_one_way() {
        // Protocol S2.
        let note = (ProductId::new("a").unwrap(), Note::new("b\u{1}\u{8}\t\n\u{c}\r\u{1f}/\u{7f}c").unwrap());
        let approved = [note.0.clone()].into();
        let content =
            Content::new(experience(), approved, BTreeSet::new(), BTreeMap::from([note]), ResourceRequests::Allow)
                .unwrap();
        let canonical = serde_json::to_string(&content).unwrap();
        assert!(canonical.contains(r#""notes":{"a":"b\u0001\b\t\n\f\r\u001f/"#), "{canonical}");
        assert!(canonical.contains("/\u{7f}c"), "{canonical}");
    }

    #[test]
    fn a_later_hub_may_add_fields() {
        // Protocol S8.
        let sealed = sealed_from(r#"{"approved":["a"],"experience":"exp-1","later":{"x":1},"rejected":["b"]}"#, 1, 1);
        assert_eq!(sealed.open(&experience()).unwrap().counts(), Counts { approved: 1, rejected: 1 });
    }

    #[test]
    fn everything_that_was_announced_is_checked() {
        // Protocol S5, S6 and S7.
        let good = r#"{"approved":["a","b"],"experience":"exp-1","rejected":["c"]}"#;
        assert!(sealed_from(good, 2, 1).open(&experience()).is_ok());

        let other = ExperienceId::new("exp-2").unwrap();
        assert!(matches!(sealed_from(good, 2, 1).open(&other), Err(SealError::Experience { .. })));
        assert!(matches!(sealed_from(good, 3, 1).open(&experience()), Err(SealError::Counts { .. })));

        let mut tampered = sealed_from(good, 2, 1);
        tampered.digest = Digest::of(b"another");
        assert!(matches!(tampered.open(&experience()), Err(SealError::Digest { .. })));

        let unsorted = r#"{"approved":["b","a"],"experience":"exp-1","rejected":[]}"#;
        assert!(matches!(sealed_from(unsorted, 2, 0).open(&experience()), Err(SealError::Unsorted("approved"))));
        let twice = r#"{"approved":[],"experience":"exp-1","rejected":["c","c"]}"#;
        assert!(matches!(sealed_from(twice, 0, 2).open(&experience()), Err(SealError::Unsorted("rejected"))));
        let overlap = r#"{"approved":["c"],"experience":"exp-1","rejected":["c"]}"#;
        assert!(matches!(sealed_from(overlap, 1, 1).open(&experience()), Err(SealError::Content(_))));
        assert!(matches!(sealed_from("[]", 0, 0).open(&experience()), Err(SealError::Json(_))));
    }

    #[test]
    fn truncated_and_bloated_bytes_are_refused() {
        // Protocol S4.
        let whole = sealed_from(r#"{"approved":["a"],"experience":"exp-1","rejected":[]}"#, 1, 0);
        let cut = whole.compressed[..whole.compressed.len() - 4].to_vec();
        let torn = Sealed::from_parts(whole.digest, whole.counts, cut);
        assert!(matches!(torn.open(&experience()), Err(SealError::Compression(_))));

        let bomb = zstd::encode_all(vec![b' '; MAX_CONTENT_BYTES + 1].as_slice(), 1).unwrap();
        assert!(bomb.len() < 10_000);
        let bomb = Sealed::from_parts(whole.digest, whole.counts, bomb);
        assert!(matches!(bomb.open(&experience()), Err(SealError::TooLarge)));
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_to_the_same(
            approved in proptest::collection::btree_set("[a-z0-9-]{1,50}", 0..60),
            rejected in proptest::collection::btree_set("[A-Z]{1,50}", 0..60),
        ) {
            let ids = |set: BTreeSet<String>| set.iter().map(|id| ProductId::new(id).unwrap()).collect();
            let content = Content::new(
                experience(), ids(approved), ids(rejected), BTreeMap::new(), ResourceRequests::Allow,
            ).unwrap();
            let sealed = Sealed::new(&content).unwrap();
            prop_assert_eq!(sealed.open(&experience()).unwrap(), content);
        }
    }
}
