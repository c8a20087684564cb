//! Content as bytes: canonical JSON, its digest, and the compressed form that is stored and sent.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::content::ContentError;
use crate::{Content, Counts, Digest, ExperienceId, Hint, Note, ProductId, ResourceRequests};

/// The most that a content may unpack to: 64 MiB. More is refused before it fills the memory.
pub const MAX_CONTENT_BYTES: usize = 64 * 1024 * 1024;
/// The most products that a content may name, on both lists together. More is refused before it
/// fills the memory: an id takes several times its bytes there.
pub const MAX_PRODUCTS: usize = 1_000_000;
/// The most that releases unpack which read no layout with parts
/// ([`LAYOUT_OF_PARTS`](crate::LAYOUT_OF_PARTS)): 16 MiB, some 350,000 products.
pub const EARLIER_CONTENT_BYTES: usize = 16 * 1024 * 1024;
/// The largest window of zstd that is unpacked, as a power of two: no content is larger.
const MAX_WINDOW_LOG: u32 = MAX_CONTENT_BYTES.ilog2();

/// How each frame of zstd begins (RFC 8878).
const FRAME: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// zstd's default level: 20,000 random product ids pack to about half their size in a few
/// milliseconds.
const COMPRESSION_LEVEL: i32 = 3;

/// A content packed for storage and transport, with the digest that it must unpack to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    digest: Digest,
    counts: Counts,
    compressed: Vec<u8>,
    /// The length of the canonical form; none where it came from outside.
    canonical_bytes: Option<usize>,
}

/// Bytes that are not the content they were announced as. Such a snapshot is refused whole.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The canonical form is larger than [`MAX_CONTENT_BYTES`], or there are more products than
    /// [`MAX_PRODUCTS`].
    #[error("the content is larger than {MAX_PRODUCTS} products or {MAX_CONTENT_BYTES} bytes unpacked")]
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
            Self::TooLarge => Some(
                "spokes stay on the last snapshot; shorten or remove the notes of products, or spread the products over two \
                 management experiences"
                    .to_owned(),
            ),
            Self::Compression(_)
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
        let counts = content.counts();
        if canonical.len() > MAX_CONTENT_BYTES || counts.approved + counts.rejected > MAX_PRODUCTS {
            return Err(SealError::TooLarge);
        }
        let compressed = pack(&canonical).map_err(SealError::Compression)?;
        let canonical_bytes = Some(canonical.len());
        // Protocol S3.
        Ok(Self { digest: Digest::of(&canonical), counts, compressed, canonical_bytes })
    }

    /// Takes bytes that came from outside, with what was announced about them. Nothing is checked
    /// until [`Self::open`].
    #[must_use]
    pub fn from_parts(digest: Digest, counts: Counts, compressed: Vec<u8>) -> Self {
        Self { digest, counts, compressed, canonical_bytes: None }
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

    /// The length of the canonical form. `None` if it came from outside, and was not unpacked.
    #[must_use]
    pub fn canonical_bytes(&self) -> Option<usize> {
        self.canonical_bytes
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

/// Packs bytes as contents are packed, with zstd.
///
/// # Errors
/// Where zstd fails.
pub fn pack(canonical: &[u8]) -> std::io::Result<Vec<u8>> {
    // Protocol S4.
    zstd::encode_all(canonical, COMPRESSION_LEVEL)
}

/// Unpacks what [`pack`] packed, up to [`MAX_CONTENT_BYTES`], and leaves all else as it is: a text
/// never begins as a frame of zstd does.
///
/// # Errors
/// Where it begins as such a frame and is none, or is larger.
pub fn unpack_if_packed(bytes: &[u8]) -> std::io::Result<Cow<'_, [u8]>> {
    if !bytes.starts_with(&FRAME) {
        return Ok(Cow::Borrowed(bytes));
    }
    let unpacked = unpack(bytes, MAX_CONTENT_BYTES)?;
    unpacked.map(Cow::Owned).ok_or_else(|| std::io::Error::other("it is larger than is ever written"))
}

/// The bytes that were packed; none where they would be more than `most`.
///
/// # Errors
/// Where it is no zstd.
pub fn unpack(compressed: &[u8], most: usize) -> std::io::Result<Option<Vec<u8>>> {
    // Protocol S4.
    let mut decoder = zstd::Decoder::new(compressed)?;
    decoder.window_log_max(MAX_WINDOW_LOG)?;
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
    approved: Products,
    experience: ExperienceId,
    #[serde(default)]
    notes: Notes,
    #[serde(default)]
    policy_resource_requests: ResourceRequests,
    rejected: Products,
}

fn parse(canonical: &[u8]) -> Result<Content, SealError> {
    // Protocol S6.
    let wire: Wire = serde_json::from_slice(canonical).map_err(SealError::Json)?;
    let Wire { approved, rejected, notes, .. } = wire;
    // Protocol S4: a list that is too long was not read to its end.
    let products = approved.0.len() + rejected.0.len();
    if products > MAX_PRODUCTS || notes.0.len() > MAX_PRODUCTS {
        return Err(SealError::TooLarge);
    }
    let approved = strictly_ascending(approved.0).ok_or(SealError::Unsorted("approved"))?;
    let rejected = strictly_ascending(rejected.0).ok_or(SealError::Unsorted("rejected"))?;
    Content::new(wire.experience, approved, rejected, notes.0, wire.policy_resource_requests)
        .map_err(SealError::Content)
}

fn strictly_ascending(list: Vec<ProductId>) -> Option<BTreeSet<ProductId>> {
    list.is_sorted_by(|a, b| a < b).then(|| list.into_iter().collect())
}

/// A list of products, of which no more are kept than one too many.
struct Products(Vec<ProductId>);

impl<'de> Deserialize<'de> for Products {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Listed;
        impl<'de> Visitor<'de> for Listed {
            type Value = Products;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Products, A::Error> {
                let mut products = Vec::new();
                while products.len() <= MAX_PRODUCTS
                    && let Some(product) = list.next_element()?
                {
                    products.push(product);
                }
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Products(products))
            }
        }
        deserializer.deserialize_seq(Listed)
    }
}

/// Notes by product, of which no more are kept than one too many.
#[derive(Default)]
struct Notes(BTreeMap<ProductId, Note>);

impl<'de> Deserialize<'de> for Notes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl<'de> Visitor<'de> for Written {
            type Value = Notes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Notes, A::Error> {
                let mut notes = BTreeMap::new();
                while notes.len() <= MAX_PRODUCTS
                    && let Some((product, note)) = map.next_entry()?
                {
                    notes.insert(product, note);
                }
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Notes(notes))
            }
        }
        deserializer.deserialize_map(Written)
    }
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

    #[test]
    fn more_products_than_may_be_are_not_kept_in_memory() {
        // Protocol S4.
        let list = |from: usize, to: usize| {
            let ids: Vec<_> = (from..to).map(|n| format!(r#""{n:07}""#)).collect();
            ids.join(",")
        };
        let half = MAX_PRODUCTS / 2;
        let lists = |to: usize| {
            let (approved, rejected) = (list(0, half), list(half, to));
            format!(r#"{{"approved":[{approved}],"experience":"exp-1","rejected":[{rejected}]}}"#)
        };
        let most = sealed_from(&lists(MAX_PRODUCTS), half, half);
        assert_eq!(most.open(&experience()).unwrap().counts(), most.counts());
        let many = sealed_from(&lists(MAX_PRODUCTS + 1), half, half + 1);
        assert!(matches!(many.open(&experience()), Err(SealError::TooLarge)));
        let one_list = format!(r#"{{"approved":[],"experience":"exp-1","rejected":[{}]}}"#, list(0, MAX_PRODUCTS + 9));
        assert!(matches!(sealed_from(&one_list, 0, 1).open(&experience()), Err(SealError::TooLarge)));
        // Neither are notes, though they are about no product.
        let notes: Vec<_> = (0..MAX_PRODUCTS + 9).map(|n| format!(r#""{n}":"a""#)).collect();
        let notes = notes.join(",");
        let notes = format!(r#"{{"approved":["a"],"experience":"exp-1","notes":{{{notes}}},"rejected":[]}}"#);
        assert!(matches!(sealed_from(&notes, 1, 0).open(&experience()), Err(SealError::TooLarge)));
    }

    #[test]
    fn a_window_that_is_larger_than_any_content_is_refused() {
        // Protocol S4.
        let canonical = br#"{"approved":["a"],"experience":"exp-1","rejected":[]}"#;
        let packed = |window| {
            let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
            encoder.window_log(window).unwrap();
            std::io::Write::write_all(&mut encoder, canonical).unwrap();
            std::io::Write::flush(&mut encoder).unwrap();
            let compressed = encoder.finish().unwrap();
            Sealed::from_parts(Digest::of(canonical), Counts { approved: 1, rejected: 0 }, compressed)
        };
        assert!(packed(MAX_WINDOW_LOG).open(&experience()).is_ok());
        assert!(matches!(packed(MAX_WINDOW_LOG + 1).open(&experience()), Err(SealError::Compression(_))));
    }

    #[test]
    fn the_error_of_a_content_that_is_too_large_tells_both_bounds_and_what_to_do() {
        let error = SealError::TooLarge;
        let bounds = "the content is larger than 1000000 products or 67108864 bytes unpacked";
        assert_eq!(error.to_string(), bounds);
        assert!(error.hint().unwrap().contains("two management experiences"));
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
