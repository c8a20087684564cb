//! The `Snapshots` table, over the official SDK.
//!
//! Each management experience has a partition. The item `head` holds the state of its history. The
//! items `v<version>#<chunk>` hold one version each, cut so that none reaches DynamoDB's 400 KB.
//! What is too large for one transaction lies in parts: see `large.rs`.
//! The items `digest#<version>` repeat the digests, so that many versions can be compared with few
//! reads.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use jiff::Timestamp;
use pmp_aws::ApiError;
use pmp_protocol::{Counts, Digest, ExperienceId, Pin, Sealed, Snapshot, SnapshotVersion};

use crate::chunks::{self, CHUNK_BYTES};
use crate::client::TableClient;
use crate::item::{Item, ItemError, number, parse, parse_optional, text};
use crate::large::{self, FEWEST_PARTS, MAX_STORED_BYTES, PartItems, Parts};
use crate::{Head, KeptVersion, LedgerError, NewSnapshot, SnapshotStore, Stored, TableName};

const HEAD: &str = "head";
const SET_HEAD: &str = "SET latest = :version, digest = :digest, taken_at = :taken_at, chunks = :chunks";
const STATEMENT: &str = "statement";

/// The table. The caller's credentials decide what it can read and write.
#[derive(Debug)]
pub struct DynamoSnapshots {
    table: TableClient,
    /// For what all members fetch at the same time: the content of a version.
    patient: TableClient,
}

impl DynamoSnapshots {
    /// The table as `config`'s credentials see it. An ARN's region overrides the configured one.
    #[must_use]
    pub fn new(config: &SdkConfig, table: TableName) -> Self {
        Self { table: TableClient::new(config, table.clone()), patient: TableClient::patient(config, table) }
    }

    fn parts<'a>(&'a self, experience: &'a ExperienceId, version: SnapshotVersion) -> PartItems<'a> {
        PartItems { table: &self.patient, experience, version }
    }

    /// The items with the content of a version, for the transaction that decides about it, and in
    /// how many items the content is. What is too large for a transaction is written by then, where
    /// no reader finds it.
    async fn content_items(
        &self,
        experience: &ExperienceId,
        version: SnapshotVersion,
        taken_at: Timestamp,
        sealed: &Sealed,
    ) -> Result<(Vec<Item>, usize), LedgerError> {
        if !large::is_large(sealed) {
            let items = Self::chunk_items(experience, version, taken_at, sealed);
            let chunks = items.len();
            return Ok((items, chunks));
        }
        let parts = self.parts(experience, version).put(sealed.compressed()).await?;
        let key = Item::from(Self::key(experience, &chunk_key(version, 1)));
        let index = parts.index(key, version, taken_at, sealed.digest(), sealed.counts());
        Ok((vec![index], parts.count()))
    }

    fn key(experience: &ExperienceId, item: &str) -> [(String, AttributeValue); 2] {
        [("experience".to_owned(), text(experience)), ("item".to_owned(), text(item))]
    }

    fn chunk_items(
        experience: &ExperienceId,
        version: SnapshotVersion,
        taken_at: Timestamp,
        sealed: &Sealed,
    ) -> Vec<Item> {
        // Protocol L4.
        let chunks: Vec<&[u8]> = sealed.compressed().chunks(CHUNK_BYTES).collect();
        let item = |(index, chunk): (usize, &&[u8])| {
            let counts = sealed.counts();
            let mut item = Item::from(Self::key(experience, &chunk_key(version, index + 1)));
            item.extend([
                ("version".to_owned(), number(version)),
                ("digest".to_owned(), text(sealed.digest())),
                ("taken_at".to_owned(), text(taken_at)),
                ("approved".to_owned(), number(counts.approved)),
                ("rejected".to_owned(), number(counts.rejected)),
                ("chunk".to_owned(), number(index + 1)),
                ("chunks".to_owned(), number(chunks.len())),
                ("content".to_owned(), AttributeValue::B(Blob::new(chunk.to_vec()))),
            ]);
            item
        };
        chunks.iter().enumerate().map(item).collect()
    }

    fn digest_item(
        experience: &ExperienceId,
        version: SnapshotVersion,
        taken_at: Timestamp,
        digest: Digest,
        counts: Counts,
        pinned: Option<&Pin>,
    ) -> Item {
        let mut item = Item::from(Self::key(experience, &digest_key(version)));
        item.extend([
            ("version".to_owned(), number(version)),
            ("digest".to_owned(), text(digest)),
            ("taken_at".to_owned(), text(taken_at)),
            ("approved".to_owned(), number(counts.approved)),
            ("rejected".to_owned(), number(counts.rejected)),
        ]);
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

    /// The versions that are kept, oldest first. Versions that an older hub stored are missing. It
    /// reads one small item for each.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub async fn versions(&self, experience: &ExperienceId) -> Result<Vec<KeptVersion>, LedgerError> {
        let items = self.digest_items(experience).await?;
        Ok(items.iter().filter_map(|item| known(read_version(item))).collect())
    }

    async fn digest_items(&self, experience: &ExperienceId) -> Result<Vec<Item>, LedgerError> {
        self.query(experience, "digest#".to_owned(), "digest#~".to_owned(), None).await
    }

    /// Writes items, and the head by `update`, in one transaction. Returns `false` if the update's
    /// condition does not hold.
    async fn write(&self, items: Vec<Item>, update: Update) -> Result<bool, LedgerError> {
        const OPERATION: &str = "dynamodb:TransactWriteItems";
        let call = self.table.dynamodb.transact_write_items().set_transact_items(Some(self.table.puts(items)?));
        match call.transact_items(TransactWriteItem::builder().update(update).build()).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(lost_the_race) => Ok(false),
            Err(error) => Err(self.table.failed(ApiError::new(OPERATION, &error))),
        }
    }

    /// The write that makes `snapshot` the newest version, if the previous one still is.
    fn head_update(&self, snapshot: &NewSnapshot<'_>, chunks: usize) -> Result<Update, LedgerError> {
        // Protocol L3.
        let update = Update::builder()
            .table_name(self.table.table.as_str())
            .set_key(Some(Self::key(snapshot.experience, HEAD).into()))
            .expression_attribute_values(":version", number(snapshot.version))
            .expression_attribute_values(":digest", text(snapshot.sealed.digest()))
            .expression_attribute_values(":taken_at", text(snapshot.taken_at))
            .expression_attribute_values(":chunks", number(chunks));
        // The statement of the version before names another digest, so it is removed.
        let update = match snapshot.statement {
            None => update.update_expression(format!("{SET_HEAD} REMOVE #statement")),
            Some(statement) => update
                .update_expression(format!("{SET_HEAD}, #statement = :statement"))
                .expression_attribute_values(":statement", text(statement)),
        };
        let update = update.expression_attribute_names("#statement", STATEMENT);
        let update = match snapshot.previous {
            None => update.condition_expression("attribute_not_exists(latest)"),
            Some(previous) => update
                .condition_expression("latest = :previous")
                .expression_attribute_values(":previous", number(previous)),
        };
        update.build().map_err(|e| self.table.unreadable(e.to_string()))
    }

    async fn find(
        &self,
        consistent: bool,
        experience: &ExperienceId,
        version: SnapshotVersion,
    ) -> Result<FoundVersion, LedgerError> {
        let query = self.table.between(experience, &chunk_key(version, 0), &chunk_key(version, 9999));
        let items = self.table.at_most(FEWEST_PARTS, query.consistent_read(consistent)).await?;
        if items.is_empty() {
            return Err(LedgerError::NoSnapshot { experience: experience.clone(), version });
        }
        FoundVersion::read(experience, version, items).map_err(|error| damaged(experience, version, &error))
    }

    /// Reads the parts of a version, and verifies the whole.
    async fn put_together(
        &self,
        experience: &ExperienceId,
        version: SnapshotVersion,
        named: &Named,
        parts: &Parts,
    ) -> Result<Snapshot, LedgerError> {
        let packed = self.parts(experience, version).read(parts).await?;
        let opened = packed.and_then(|packed| {
            let sealed = Sealed::from_parts(named.digest, named.counts, packed);
            Ok(Snapshot::open(experience, version, named.taken_at, &sealed)?)
        });
        opened.map_err(|error| damaged(experience, version, &error))
    }

    /// All items whose sort key is between `from` and `to`, from every page. The read is
    /// consistent.
    async fn query(
        &self,
        experience: &ExperienceId,
        from: String,
        to: String,
        projection: Option<&str>,
    ) -> Result<Vec<Item>, LedgerError> {
        self.query_with(true, experience, from, to, projection).await
    }

    /// All items whose sort key is between `from` and `to`. If `consistent` is `false`, the read is
    /// eventually consistent, at half the price.
    async fn query_with(
        &self,
        consistent: bool,
        experience: &ExperienceId,
        from: String,
        to: String,
        projection: Option<&str>,
    ) -> Result<Vec<Item>, LedgerError> {
        let query = self.table.between(experience, &from, &to).consistent_read(consistent);
        self.table.all(query.set_projection_expression(projection.map(str::to_owned))).await
    }
}

/// The sort key of a chunk: `v`, the version in 20 digits, `#`, and the chunk's number from 1. So
/// text order is version order.
fn chunk_key(version: SnapshotVersion, chunk: usize) -> String {
    format!("v{version:020}#{chunk:04}")
}

/// The sort key of a digest. It sorts before `head` and `v…`, so no range of chunks contains it.
fn digest_key(version: SnapshotVersion) -> String {
    format!("digest#{version:020}")
}

fn read_head(item: &Item) -> Result<Head, ItemError> {
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
fn read_digests(items: &[Item]) -> BTreeMap<SnapshotVersion, Digest> {
    let read = |item: &Item| -> Result<_, ItemError> { Ok((parse(item, "version")?, parse(item, "digest")?)) };
    items.iter().filter_map(|item| known(read(item))).collect()
}

fn read_version(item: &Item) -> Result<KeptVersion, ItemError> {
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

fn known<T>(read: Result<T, ItemError>) -> Option<T> {
    read.inspect_err(|problem| tracing::warn!(%problem, "what is said of a version cannot be read")).ok()
}

/// What the first item of a version says of its content.
#[derive(Debug)]
struct Named {
    digest: Digest,
    taken_at: Timestamp,
    counts: Counts,
}

/// A version, as its items have it.
#[derive(Debug)]
enum FoundVersion {
    Whole(Box<Snapshot>),
    InParts(Named, Parts),
}

impl FoundVersion {
    /// Joins the items of one version, or reads where its parts are.
    ///
    /// # Errors
    /// If an item is missing, repeated or out of place.
    fn read(experience: &ExperienceId, version: SnapshotVersion, items: Vec<Item>) -> Result<Self, ItemError> {
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
        let sealed = Sealed::from_parts(digest, counts, chunks::join(chunks, items)?);
        Ok(Self::Whole(Box::new(Snapshot::open(experience, version, taken_at, &sealed)?)))
    }
}

fn damaged(experience: &ExperienceId, version: SnapshotVersion, error: &ItemError) -> LedgerError {
    LedgerError::Damaged { experience: experience.clone(), version, problem: error.to_string() }
}

#[async_trait]
impl SnapshotStore for DynamoSnapshots {
    async fn head(&self, experience: &ExperienceId) -> Result<Option<Head>, LedgerError> {
        const OPERATION: &str = "dynamodb:GetItem";
        let answer = self
            .table
            .dynamodb
            .get_item()
            .table_name(self.table.table.as_str())
            .set_key(Some(Self::key(experience, HEAD).into()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|e| self.table.failed(ApiError::new(OPERATION, &e)))?;
        answer.item.map(|item| read_head(&item)).transpose().map_err(|problem| self.table.unreadable(problem))
    }

    async fn store(&self, snapshot: &NewSnapshot<'_>) -> Result<Stored, LedgerError> {
        let bytes = snapshot.sealed.compressed().len();
        // Protocol L4.
        if bytes > MAX_STORED_BYTES {
            return Err(LedgerError::TooLarge { counts: snapshot.sealed.counts(), bytes, limit: MAX_STORED_BYTES });
        }
        let NewSnapshot { experience, taken_at, sealed, .. } = *snapshot;
        let version = snapshot.version;
        let (mut items, chunks) = self.content_items(experience, version, taken_at, sealed).await?;
        let pinned = snapshot.pinned;
        items.push(Self::digest_item(experience, version, taken_at, sealed.digest(), sealed.counts(), pinned));
        let won = self.write(items, self.head_update(snapshot, chunks)?).await?;
        Ok(if won { Stored::Won { chunks } } else { Stored::Lost })
    }

    async fn mend(&self, experience: &ExperienceId, head: &Head, sealed: &Sealed) -> Result<bool, LedgerError> {
        let Head { latest, digest, taken_at, .. } = *head;
        let (mut items, chunks) = self.content_items(experience, latest, taken_at, sealed).await?;
        // What it was pinned for stands there still, unless that item is lost, too.
        let found = self.table.all(self.table.between(experience, &digest_key(latest), &digest_key(latest))).await?;
        let pinned = found.first().and_then(|item| known(read_version(item))).and_then(|kept| kept.pinned);
        items.push(Self::digest_item(experience, latest, taken_at, digest, sealed.counts(), pinned.as_ref()));
        let update = Update::builder()
            .table_name(self.table.table.as_str())
            .set_key(Some(Self::key(experience, HEAD).into()))
            // Protocol L6.
            .update_expression("SET chunks = :chunks")
            .condition_expression("latest = :version AND digest = :digest")
            .expression_attribute_values(":version", number(latest))
            .expression_attribute_values(":digest", text(digest))
            .expression_attribute_values(":chunks", number(chunks));
        self.write(items, update.build().map_err(|e| self.table.unreadable(e.to_string()))?).await
    }

    async fn put_statement(
        &self,
        experience: &ExperienceId,
        version: SnapshotVersion,
        digest: Digest,
        statement: &str,
    ) -> Result<bool, LedgerError> {
        const OPERATION: &str = "dynamodb:UpdateItem";
        let answer = self
            .table
            .dynamodb
            .update_item()
            .table_name(self.table.table.as_str())
            .set_key(Some(Self::key(experience, HEAD).into()))
            // Protocol L6.
            .update_expression("SET #statement = :statement")
            .condition_expression("latest = :version AND digest = :digest")
            .expression_attribute_names("#statement", STATEMENT)
            .expression_attribute_values(":statement", text(statement))
            .expression_attribute_values(":version", number(version))
            .expression_attribute_values(":digest", text(digest))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(true),
            Err(e) if e.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => Ok(false),
            Err(e) => Err(self.table.failed(ApiError::new(OPERATION, &e))),
        }
    }

    async fn mark_published(
        &self,
        experience: &ExperienceId,
        version: SnapshotVersion,
        at: Timestamp,
    ) -> Result<(), LedgerError> {
        const OPERATION: &str = "dynamodb:UpdateItem";
        let answer = self
            .table
            .dynamodb
            .update_item()
            .table_name(self.table.table.as_str())
            .set_key(Some(Self::key(experience, HEAD).into()))
            // Protocol L9.
            .update_expression("SET published = :version, published_at = :at")
            .condition_expression("attribute_not_exists(published) OR published <= :version")
            .expression_attribute_values(":version", number(version))
            .expression_attribute_values(":at", text(at))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            // Another hub has published a newer version since, so this mark is not needed.
            Err(e) if e.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => Ok(()),
            Err(e) => Err(self.table.failed(ApiError::new(OPERATION, &e))),
        }
    }

    async fn fetch(&self, experience: &ExperienceId, version: SnapshotVersion) -> Result<Snapshot, LedgerError> {
        // All members of a hub fetch at the same time, from one partition. A stored version never
        // changes, and its digest shows whether all of it was read. So the eventually consistent
        // read, at half the price, is enough. The consistent one follows only if that one came too
        // early.
        let found = match self.find(false, experience, version).await {
            Err(LedgerError::NoSnapshot { .. } | LedgerError::Damaged { .. }) => {
                self.find(true, experience, version).await?
            }
            found => found?,
        };
        let (named, parts) = match found {
            FoundVersion::Whole(snapshot) => return Ok(*snapshot),
            FoundVersion::InParts(named, parts) => (named, parts),
        };
        let damaged = match self.put_together(experience, version, &named, &parts).await {
            Err(error @ LedgerError::Damaged { .. }) => error,
            whole => return whole,
        };
        // It may have been mended since, and what names the parts was read as it was before.
        match self.find(true, experience, version).await? {
            FoundVersion::Whole(snapshot) => Ok(*snapshot),
            FoundVersion::InParts(named, now) if now != parts => {
                self.put_together(experience, version, &named, &now).await
            }
            FoundVersion::InParts(..) => Err(damaged),
        }
    }

    async fn digests(&self, experience: &ExperienceId) -> Result<BTreeMap<SnapshotVersion, Digest>, LedgerError> {
        Ok(read_digests(&self.digest_items(experience).await?))
    }

    async fn prune(
        &self,
        experience: &ExperienceId,
        latest: SnapshotVersion,
        keep: u64,
        pinned: &BTreeSet<SnapshotVersion>,
    ) -> Result<usize, LedgerError> {
        let Ok(last_to_go) = SnapshotVersion::new(latest.get().saturating_sub(keep)) else { return Ok(0) };
        let (from, to) = (chunk_key(SnapshotVersion::FIRST, 0), chunk_key(last_to_go, 9999));
        let mut old = self.query(experience, from, to, Some("experience, #item")).await?;
        let (from, to) = (digest_key(SnapshotVersion::FIRST), digest_key(last_to_go));
        old.extend(self.query(experience, from, to, Some("experience, #item")).await?);
        // Parts after what names them. Those that no version names are among them: a hub stopped
        // before it wrote the head, or lost the race. No hub can write a head for so old a version.
        let (from, to) = (large::prefix(SnapshotVersion::FIRST), format!("{}~", large::prefix(last_to_go)));
        old.extend(self.query_with(false, experience, from, to, Some("experience, #item")).await?);
        // Protocol L10.
        old.retain(|item| !is_of_one_of(item, pinned));
        let items = old.len();
        // Items that DynamoDB leaves unprocessed are deleted with the next prune.
        self.table.delete(old).await?;
        Ok(items)
    }
}

/// Whether an item belongs to one of these versions, by its sort key.
fn is_of_one_of(item: &Item, versions: &BTreeSet<SnapshotVersion>) -> bool {
    let Some(Ok(key)) = item.get("item").map(AttributeValue::as_s) else { return false };
    versions.iter().any(|version| {
        let is_content = key.starts_with(&format!("v{version:020}#")) || key.starts_with(&large::prefix(*version));
        is_content || *key == digest_key(*version)
    })
}

/// Whether the transaction was cancelled because another hub changed the head first, and for no
/// other reason.
fn lost_the_race(error: &TransactWriteItemsError) -> bool {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { return false };
    let mut codes = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code());
    codes.any(|code| matches!(code, "ConditionalCheckFailed" | "TransactionConflict"))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use pmp_protocol::{Coded as _, Content, Digest, ProductId, ResourceRequests};

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
        let new = NewSnapshot {
            experience: content.experience(),
            previous: None,
            version: SnapshotVersion::FIRST,
            taken_at,
            sealed: &sealed,
            statement: None,
            pinned: None,
        };
        DynamoSnapshots::chunk_items(new.experience, new.version, new.taken_at, new.sealed)
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
            DynamoSnapshots::digest_item(&experience, version(number), Timestamp::UNIX_EPOCH, digest, counts, None)
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
        let of = |key: String| is_of_one_of(&DynamoSnapshots::key(&experience, &key).into(), &pinned);
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
