//! Snapshots that do not fit into one transaction.
//!
//! Their content lies in parts, each an item with the key `part#<version>#<digest>`: the version,
//! and the digest of the part's own bytes. So the parts of two hubs that store at the same time, or
//! of one that stopped, never mix. Parts are written first. The item `v<version>#0001`, which names
//! them in their order, is written with the head, in the one transaction that decides about the
//! version. A hub that stops before that leaves parts which no version names, and pruning deletes
//! them with the versions of their age.
//!
//! A reader of an earlier release takes that item for the first chunk, and refuses the version: the
//! number of its chunks is a text there, which says what it takes.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use pmp_aws::ApiError;
use pmp_protocol::{Digest, EARLIER_CONTENT_BYTES, ExperienceId, Sealed, SnapshotVersion};

use crate::LedgerError;
use crate::client::TableClient;
use crate::item::{Item, ItemError, number, parse, text};

/// The most packed bytes of one snapshot. That is some 1,000,000 products with UUIDs, which is the
/// most that there may be ([`pmp_protocol::MAX_PRODUCTS`]), or 290,000 with a different note of 48
/// random characters each.
pub const MAX_STORED_BYTES: usize = 24_000_000;
/// The most packed bytes of one that is stored in one transaction, which takes 4 MB, attributes
/// included.
pub(crate) const ONE_TRANSACTION_BYTES: usize = 3_500_000;
/// The fewest parts. What is stored in one transaction has fewer chunks, so the head's number tells
/// in which of the two ways a version is stored.
pub(crate) const FEWEST_PARTS: usize = 10;
/// The bytes of a part: three of them, with their keys, are one page of a query.
const PART_BYTES: usize = 340_000;
const MOST_PARTS: usize = MAX_STORED_BYTES.div_ceil(PART_BYTES);
/// Stands where an earlier release looks for the number of chunks. It shows 80 characters of it.
const IN_PARTS: &str = "in parts: it takes a release that reads layout 7 of the ledger";

/// Whether a content is stored in parts: it is too large for one transaction, or for what earlier
/// releases unpack.
pub(crate) fn is_large(sealed: &Sealed) -> bool {
    // Protocol L4.
    let unpacked = sealed.canonical_bytes().unwrap_or_default();
    sealed.compressed().len() > ONE_TRANSACTION_BYTES || unpacked > EARLIER_CONTENT_BYTES
}

/// Whether a version with so many items of content is stored in parts.
#[must_use]
pub fn is_stored_in_parts(chunks: usize) -> bool {
    chunks >= FEWEST_PARTS
}

/// The parts of a packed content, in order.
pub(crate) fn cut(packed: &[u8]) -> impl ExactSizeIterator<Item = (Digest, &[u8])> {
    // Protocol L23.
    packed.chunks((packed.len() / FEWEST_PARTS).clamp(1, PART_BYTES)).map(|part| (Digest::of(part), part))
}

/// What the parts of a version are, as the item that names them says it. It is bounded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    digests: Vec<Digest>,
    bytes: usize,
}

impl Parts {
    /// The parts of a packed content.
    pub(crate) fn of(packed: &[u8]) -> Self {
        Self { digests: cut(packed).map(|(digest, _)| digest).collect(), bytes: packed.len() }
    }

    pub(crate) fn count(&self) -> usize {
        self.digests.len()
    }

    /// What the item `v<version>#0001` says of these parts, in their order.
    pub(crate) fn named(&self) -> [(String, AttributeValue); 4] {
        [
            ("chunk".to_owned(), number(1)),
            // Protocol L26.
            ("chunks".to_owned(), text(IN_PARTS)),
            ("bytes".to_owned(), number(self.bytes)),
            ("parts".to_owned(), AttributeValue::L(self.digests.iter().map(text).collect())),
        ]
    }

    /// What the first item of a version says. `None` if its content is in chunks.
    pub(crate) fn read(item: &Item) -> Result<Option<Self>, ItemError> {
        let Some(parts) = item.get("parts") else { return Ok(None) };
        let wrong = |value: &str| ItemError::Value { name: "parts", value: value.to_owned() };
        let parts = parts.as_l().map_err(|_| wrong("no list"))?;
        let bytes = parse(item, "bytes")?;
        // Protocol L25: before any part is read.
        if parts.len() > MOST_PARTS || bytes > MAX_STORED_BYTES {
            return Err(ItemError::TooManyParts { parts: parts.len(), bytes });
        }
        let digest = |part: &AttributeValue| part.as_s().ok().and_then(|text| text.parse().ok());
        let digests = parts.iter().map(digest).collect::<Option<_>>().ok_or_else(|| wrong("no list of digests"))?;
        Ok(Some(Self { digests, bytes }))
    }
}

/// The prefix of the keys of a version's parts, whoever wrote them.
pub(crate) fn prefix(version: SnapshotVersion) -> String {
    format!("part#{version:020}#")
}

fn part_key(version: SnapshotVersion, part: Digest) -> String {
    format!("{}{}", prefix(version), part.hex())
}

/// The parts of one version in the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PartItems<'a> {
    /// One that is [patient](TableClient::patient), because all members read at the same time.
    pub(crate) table: &'a TableClient,
    pub(crate) experience: &'a ExperienceId,
    pub(crate) version: SnapshotVersion,
}

impl PartItems<'_> {
    fn key(&self, part: Digest) -> Item {
        let key = part_key(self.version, part);
        Item::from([("experience".to_owned(), text(self.experience)), ("item".to_owned(), text(key))])
    }

    /// Writes the parts that are not there yet. One that is there with other bytes than its key
    /// names is written anew.
    pub(crate) async fn put(&self, packed: &[u8]) -> Result<Parts, LedgerError> {
        for (digest, bytes) in cut(packed) {
            let mut item = self.key(digest);
            item.insert("content".to_owned(), AttributeValue::B(Blob::new(bytes)));
            let put = self.table.dynamodb.put_item().table_name(self.table.table.as_str()).set_item(Some(item));
            // Protocol L24.
            let if_new = put.clone().condition_expression("attribute_not_exists(#item)");
            if self.table.written(if_new.expression_attribute_names("#item", "item")).await? {
                continue;
            }
            if self.get(true, digest).await?.is_none_or(|there| there != bytes) {
                self.table.written(put).await?;
            }
        }
        Ok(Parts::of(packed))
    }

    /// Reads all parts, in order. Each is read eventually consistently first, and consistently if
    /// it was not there or was another one.
    pub(crate) async fn read(&self, parts: &Parts) -> Result<Result<Vec<u8>, ItemError>, LedgerError> {
        let mut packed = Vec::with_capacity(parts.bytes);
        for (index, digest) in parts.digests.iter().enumerate() {
            // Protocol L25.
            let is_it = |found: &Vec<u8>| Digest::of(found) == *digest;
            let found = match self.get(false, *digest).await?.filter(is_it) {
                None => self.get(true, *digest).await?,
                found => found,
            };
            let Some(found) = found else { return Ok(Err(ItemError::MissingPart(index + 1))) };
            if !is_it(&found) {
                return Ok(Err(ItemError::WrongPart(index + 1)));
            }
            if packed.len() + found.len() > parts.bytes {
                return Ok(Err(ItemError::PartsLength { found: packed.len() + found.len(), expected: parts.bytes }));
            }
            packed.extend(found);
        }
        if packed.len() != parts.bytes {
            return Ok(Err(ItemError::PartsLength { found: packed.len(), expected: parts.bytes }));
        }
        Ok(Ok(packed))
    }

    /// The bytes of a part. An item without bytes has none.
    async fn get(&self, consistent: bool, part: Digest) -> Result<Option<Vec<u8>>, LedgerError> {
        const OPERATION: &str = "dynamodb:GetItem";
        let call = self.table.dynamodb.get_item().table_name(self.table.table.as_str()).set_key(Some(self.key(part)));
        let answer = call.consistent_read(consistent).send().await;
        let answer = answer.map_err(|e| self.table.failed(ApiError::new(OPERATION, &e)))?;
        let Some(mut item) = answer.item else { return Ok(None) };
        Ok(match item.remove("content") {
            Some(AttributeValue::B(bytes)) => Some(bytes.into_inner()),
            _ => Some(Vec::new()),
        })
    }
}
