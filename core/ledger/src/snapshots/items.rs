//! The items of the `Snapshots` table: how they are made, and what they say. Pure.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use pmp_protocol::{Counts, Digest, ExperienceId, Pin, Sealed, Snapshot, SnapshotVersion};

use crate::chunks::{CHUNK_BYTES, join};
use crate::item::{Item, ItemError, number, parse, parse_optional, text};
use crate::large::{self, Parts};
use crate::{Head, KeptVersion};

pub(super) const HEAD: &str = "head";
pub(super) const STATEMENT: &str = "statement";

/// The key of an item.
pub(super) fn key(experience: &ExperienceId, item: &str) -> [(String, AttributeValue); 2] {
    [("experience".to_owned(), text(experience)), ("item".to_owned(), text(item))]
}

/// An item that says which version it is of, and what that is.
pub(crate) fn about(
    experience: &ExperienceId,
    item: &str,
    version: SnapshotVersion,
    taken_at: Timestamp,
    digest: Digest,
    counts: Counts,
) -> Item {
    let mut about = Item::from(key(experience, item));
    about.extend([
        ("version".to_owned(), number(version)),
        ("digest".to_owned(), text(digest)),
        ("taken_at".to_owned(), text(taken_at)),
        ("approved".to_owned(), number(counts.approved)),
        ("rejected".to_owned(), number(counts.rejected)),
    ]);
    about
}

/// The items with the content of a version that fits into one transaction.
pub(super) fn chunks(
    experience: &ExperienceId,
    version: SnapshotVersion,
    taken_at: Timestamp,
    sealed: &Sealed,
) -> Vec<Item> {
    // Protocol L4.
    let chunks: Vec<&[u8]> = sealed.compressed().chunks(CHUNK_BYTES).collect();
    let item = |(index, chunk): (usize, &&[u8])| {
        let key = chunk_key(version, index + 1);
        let mut item = about(experience, &key, version, taken_at, sealed.digest(), sealed.counts());
        item.extend([
            ("chunk".to_owned(), number(index + 1)),
            ("chunks".to_owned(), number(chunks.len())),
            ("content".to_owned(), AttributeValue::B(Blob::new(chunk.to_vec()))),
        ]);
        item
    };
    chunks.iter().enumerate().map(item).collect()
}

/// The item that names the parts of a version that does not.
pub(super) fn index(
    experience: &ExperienceId,
    version: SnapshotVersion,
    taken_at: Timestamp,
    sealed: &Sealed,
    parts: &Parts,
) -> Item {
    let mut item = about(experience, &chunk_key(version, 1), version, taken_at, sealed.digest(), sealed.counts());
    item.extend(parts.named());
    item
}

/// The item that repeats the digest of a version.
pub(super) fn digest(
    experience: &ExperienceId,
    version: SnapshotVersion,
    taken_at: Timestamp,
    digest: Digest,
    counts: Counts,
    pinned: Option<&Pin>,
) -> Item {
    let mut item = about(experience, &digest_key(version), version, taken_at, digest, counts);
    if let Some(Pin { version, by, at, reason, .. }) = pinned {
        // The digest is that of the version itself.
        item.extend([
            ("pinned_to".to_owned(), number(version)),
            ("pinned_by".to_owned(), text(by)),
            ("pinned_at".to_owned(), text(at)),
            ("pinned_for".to_owned(), text(reason)),
        ]);
    }
    item
}

/// The sort key of a chunk: `v`, the version in 20 digits, `#`, and the chunk's number from 1. So
/// text order is version order.
pub(super) fn chunk_key(version: SnapshotVersion, chunk: usize) -> String {
    format!("v{version:020}#{chunk:04}")
}

/// The sort key of a digest. It sorts before `head` and `v…`, so no range of chunks contains it.
pub(super) fn digest_key(version: SnapshotVersion) -> String {
    format!("digest#{version:020}")
}

pub(crate) fn read_head(item: &Item) -> Result<Head, ItemError> {
    // Protocol L2.
    Ok(Head {
        latest: parse(item, "latest")?,
        digest: parse(item, "digest")?,
        taken_at: parse(item, "taken_at")?,
        chunks: parse(item, "chunks")?,
        published: parse_optional(item, "published")?,
        // A statement that is not a text becomes the empty text. No key verifies it, and a spoke
        // without keys ignores it.
        statement: item.get(STATEMENT).map(|value| value.as_s().cloned().unwrap_or_default()),
    })
}

/// The digests by version. An item that cannot be read confirms no receipt, and does not keep the
/// others from being read.
pub(super) fn read_digests(items: &[Item]) -> BTreeMap<SnapshotVersion, Digest> {
    let read = |item: &Item| -> Result<_, ItemError> { Ok((parse(item, "version")?, parse(item, "digest")?)) };
    items.iter().filter_map(|item| known(read(item))).collect()
}

pub(crate) fn read_version(item: &Item) -> Result<KeptVersion, ItemError> {
    let counts = match (parse_optional(item, "approved")?, parse_optional(item, "rejected")?) {
        (Some(approved), Some(rejected)) => Some(Counts { approved, rejected }),
        _ => None,
    };
    let (version, digest) = (parse(item, "version")?, parse(item, "digest")?);
    let pinned = match parse_optional(item, "pinned_to")? {
        Some(version) => Some(Pin {
            version,
            digest,
            by: parse(item, "pinned_by")?,
            at: parse(item, "pinned_at")?,
            reason: parse(item, "pinned_for")?,
        }),
        None => None,
    };
    Ok(KeptVersion { version, digest, taken_at: parse(item, "taken_at")?, counts, pinned })
}

pub(super) fn known<T>(read: Result<T, ItemError>) -> Option<T> {
    read.inspect_err(|problem| tracing::warn!(%problem, "what is said of a version cannot be read")).ok()
}

/// What the first item of a version says of its content.
#[derive(Debug)]
pub(crate) struct Named {
    pub(super) digest: Digest,
    pub(super) taken_at: Timestamp,
    pub(super) counts: Counts,
}

/// A version, as its items have it.
#[derive(Debug)]
pub(crate) enum FoundVersion {
    Whole(Box<Snapshot>),
    InParts(Named, Parts),
}

impl FoundVersion {
    /// Joins the items of one version, or reads where its parts are.
    ///
    /// # Errors
    /// If an item is missing, repeated or out of place.
    pub(crate) fn read(
        experience: &ExperienceId,
        version: SnapshotVersion,
        items: Vec<Item>,
    ) -> Result<Self, ItemError> {
        let first = items.first().ok_or(ItemError::NoItems)?;
        let parts = Parts::read(first)?;
        let chunks = if parts.is_some() { 1 } else { parse(first, "chunks")? };
        let digest = parse(first, "digest")?;
        let taken_at = parse(first, "taken_at")?;
        let counts = Counts { approved: parse(first, "approved")?, rejected: parse(first, "rejected")? };
        if let Some(parts) = parts {
            if items.len() != chunks {
                return Err(ItemError::Chunks { found: items.len(), expected: chunks });
            }
            return Ok(Self::InParts(Named { digest, taken_at, counts }, parts));
        }
        let sealed = Sealed::from_parts(digest, counts, join(chunks, items)?);
        Ok(Self::Whole(Box::new(Snapshot::open(experience, version, taken_at, &sealed)?)))
    }
}

/// Whether an item belongs to one of these versions, by its sort key.
pub(super) fn is_of_one_of(item: &Item, versions: &BTreeSet<SnapshotVersion>) -> bool {
    let Some(Ok(key)) = item.get("item").map(AttributeValue::as_s) else { return false };
    versions.iter().any(|version| {
        let is_content = key.starts_with(&format!("v{version:020}#")) || key.starts_with(&large::prefix(*version));
        is_content || *key == digest_key(*version)
    })
}

#[cfg(test)]
mod tests {
    use pmp_protocol::{Coded as _, Content, ProductId, ResourceRequests};

    use super::*;

    fn content(products: usize) -> Content {
        let id = |n: usize| ProductId::new(&format!("prod-{}", &Digest::of(&n.to_le_bytes()).hex()[..36])).unwrap();
        let approved: BTreeSet<_> = (0..products).map(id).collect();
        let experience = ExperienceId::new("exp-1").unwrap();
        Content::new(experience, approved, BTreeSet::new(), BTreeMap::new(), ResourceRequests::Allow).unwrap()
    }

    fn read_chunks(
        experience: &ExperienceId,
        version: SnapshotVersion,
        items: Vec<Item>,
    ) -> Result<Snapshot, ItemError> {
        match FoundVersion::read(experience, version, items)? {
            FoundVersion::Whole(snapshot) => Ok(*snapshot),
            FoundVersion::InParts(..) => panic!("it is in parts"),
        }
    }

    fn items(content: &Content) -> Vec<Item> {
        let sealed = Sealed::new(content).unwrap();
        let taken_at = "2026-11-24T12:00:00Z".parse().unwrap();
        chunks(content.experience(), SnapshotVersion::FIRST, taken_at, &sealed)
    }

    #[test]
    fn twenty_thousand_products_take_at_most_three_items_and_come_back_whole() {
        let content = content(20_000);
        let items = items(&content);
        assert!(items.len() <= 3, "{} items", items.len());
        let snapshot = read_chunks(content.experience(), SnapshotVersion::FIRST, items).unwrap();
        assert_eq!(snapshot.content(), &content);
    }

    #[test]
    fn a_snapshot_with_missing_or_repeated_chunks_is_refused() {
        // Protocol L5.
        let content = content(30_000);
        let whole = items(&content);
        let read = |items| read_chunks(content.experience(), SnapshotVersion::FIRST, items).unwrap_err().to_string();
        assert!(read(whole[1..].to_vec()).contains("chunks are there"));
        assert!(read(Vec::new()).contains("no items"));
        let mut repeated = whole.clone();
        repeated[1] = whole[0].clone();
        assert_eq!(read(repeated), "chunk 2 is missing");
        let mut swapped = whole.clone();
        let last = swapped.len() - 1;
        let torn = AttributeValue::B(Blob::new(vec![0; 10]));
        swapped[last].insert("content".to_owned(), torn);
        assert!(!read(swapped).is_empty());
    }

    #[test]
    fn each_damage_of_a_snapshot_has_its_code() {
        // Protocol L5.
        type Damage = fn(&mut Vec<Item>);
        let content = content(30_000);
        let whole = items(&content);
        let damages: [(Damage, &str); 8] = [
            (|items| drop(items[0].remove("digest")), "E1207"),
            (|items| drop(items[0].insert("chunks".to_owned(), AttributeValue::Bool(true))), "E1208"),
            (|items| drop(items[0].insert("taken_at".to_owned(), text("yesterday"))), "E1209"),
            (|items| drop(items.pop()), "E1210"),
            (|items| items[1] = items[0].clone(), "E1211"),
            (|items| drop(items[1].remove("content")), "E1212"),
            (Vec::clear, "E1213"),
            (|items| drop(items[0].insert("approved".to_owned(), number(1))), "E1023"),
        ];
        for (damage, code) in damages {
            let mut items = whole.clone();
            damage(&mut items);
            let error = read_chunks(content.experience(), SnapshotVersion::FIRST, items).unwrap_err();
            assert_eq!(error.code().to_string(), code, "{error}");
        }
    }

    #[test]
    fn a_digest_that_cannot_be_read_is_none_and_hides_no_other() {
        let version = |number| SnapshotVersion::new(number).unwrap();
        let item = |number| {
            let experience = ExperienceId::new("exp-1").unwrap();
            let counts = Counts { approved: 1, rejected: 2 };
            let digest = Digest::of(b"it");
            super::digest(&experience, version(number), Timestamp::UNIX_EPOCH, digest, counts, None)
        };
        let mut odd = [item(1), item(2), item(3), item(4)];
        odd[1].insert("digest".to_owned(), AttributeValue::Bool(true));
        odd[2].remove("version");
        let read = read_digests(&odd);
        assert_eq!(read.into_keys().collect::<Vec<_>>(), [version(1), version(4)]);
        let whole = read_version(&item(1)).unwrap();
        assert_eq!((whole.version, whole.counts), (version(1), Some(Counts { approved: 1, rejected: 2 })));
        // Older hubs wrote these items without the numbers.
        let mut earlier = item(1);
        earlier.remove("approved");
        assert_eq!(read_version(&earlier).unwrap().counts, None);
        assert!(read_version(&odd[1]).is_err());
    }

    #[test]
    fn a_pinned_version_is_known_by_the_keys_of_all_its_items() {
        // Protocol L10.
        let experience = ExperienceId::new("exp-1").unwrap();
        let pinned = BTreeSet::from([SnapshotVersion::new(4).unwrap()]);
        let of = |item: String| is_of_one_of(&key(&experience, &item).into(), &pinned);
        let version = |number| SnapshotVersion::new(number).unwrap();
        assert!(of(chunk_key(version(4), 1)) && of(chunk_key(version(4), 12)) && of(digest_key(version(4))));
        assert!(!of(chunk_key(version(40), 1)) && !of(digest_key(version(5))) && !of(HEAD.to_owned()));
    }

    #[test]
    fn text_order_is_version_order() {
        // Protocol L4.
        let key = |number| chunk_key(SnapshotVersion::new(number).unwrap(), 1);
        assert!(key(9) < key(10) && key(10) < key(u64::MAX));
    }
}
