//! The `Snapshots` table, over the official SDK.
//!
//! Each management experience has a partition. The item `head` holds the state of its history. The
//! items `v<version>#<chunk>` hold one version each, cut so that none reaches DynamoDB's 400 KB.
//! What is too large for one transaction lies in parts: see `large.rs`.
//! The items `digest#<version>` repeat the digests, so that many versions can be compared with few
//! reads.

pub(crate) mod items;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use jiff::Timestamp;
use pmp_aws::ApiError;
use pmp_protocol::{Digest, ExperienceId, Sealed, Snapshot, SnapshotVersion};

use self::items::{
    FoundVersion, HEAD, Named, STATEMENT, chunk_key, digest_key, is_of_one_of, key, known, read_digests, read_head,
    read_version,
};
use crate::client::TableClient;
use crate::item::{Item, ItemError, number, text};
use crate::large::{self, FEWEST_PARTS, MAX_STORED_BYTES, PartItems, Parts};
use crate::{Head, KeptVersion, LedgerError, NewSnapshot, SnapshotStore, Stored, TableName};

const SET_HEAD: &str = "SET latest = :version, digest = :digest, taken_at = :taken_at, chunks = :chunks";

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
            let items = items::chunks(experience, version, taken_at, sealed);
            let chunks = items.len();
            return Ok((items, chunks));
        }
        let parts = self.parts(experience, version).put(sealed.compressed()).await?;
        Ok((vec![items::index(experience, version, taken_at, sealed, &parts)], parts.count()))
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
            .set_key(Some(key(snapshot.experience, HEAD).into()))
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
            .set_key(Some(key(experience, HEAD).into()))
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
        items.push(items::digest(experience, version, taken_at, sealed.digest(), sealed.counts(), pinned));
        let won = self.write(items, self.head_update(snapshot, chunks)?).await?;
        Ok(if won { Stored::Won { chunks } } else { Stored::Lost })
    }

    async fn mend(&self, experience: &ExperienceId, head: &Head, sealed: &Sealed) -> Result<bool, LedgerError> {
        let Head { latest, digest, taken_at, .. } = *head;
        let (mut items, chunks) = self.content_items(experience, latest, taken_at, sealed).await?;
        // What it was pinned for stands there still, unless that item is lost, too.
        let found = self.table.all(self.table.between(experience, &digest_key(latest), &digest_key(latest))).await?;
        let pinned = found.first().and_then(|item| known(read_version(item))).and_then(|kept| kept.pinned);
        items.push(items::digest(experience, latest, taken_at, digest, sealed.counts(), pinned.as_ref()));
        let update = Update::builder()
            .table_name(self.table.table.as_str())
            .set_key(Some(key(experience, HEAD).into()))
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
            .set_key(Some(key(experience, HEAD).into()))
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
            .set_key(Some(key(experience, HEAD).into()))
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

/// Whether the transaction was cancelled because another hub changed the head first, and for no
/// other reason.
fn lost_the_race(error: &TransactWriteItemsError) -> bool {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { return false };
    let mut codes = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code());
    codes.any(|code| matches!(code, "ConditionalCheckFailed" | "TransactionConflict"))
}
