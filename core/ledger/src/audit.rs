//! The audit in the `SyncTimestamps` table: who did what with the hub of each management
//! experience.
//!
//! All items are in the partition `hub#audit`, which no member's role may read or write. Ids of
//! organizations begin with `o-`, so no organization's partition has this name.
//!
//! - `entry#<management>#<number>` is an entry, the number in 20 digits: `entry` is its text, byte
//!   by byte as its digest covers it, and `digest` that digest. Entries do not expire.
//! - `head#<management>` names the newest entry: `number`, `digest`, `told`, the newest version of
//!   which an entry tells, and `noted`, what entries tell of waves and of settings.
//! - `seen#<management>` holds fingerprints of the members' receipts that entries tell of.
//!
//! An entry is written with the head in one transaction. The entry must not be there yet, and the
//! head must still name the entry before it. So of two hubs at once only one appends, and the chain
//! never forks.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use pmp_aws::ApiError;
use pmp_protocol::{Digest, ExperienceId, SnapshotVersion};

use crate::client::TableClient;
use crate::item::{Item, ItemError, number, parse, parse_optional, text};
use crate::{LedgerError, TableName};

/// The partition of the audit.
const AUDIT: &str = "hub#audit";
const ENTRY: &str = "entry";
const DIGEST: &str = "digest";
const NUMBER: &str = "number";
const TOLD: &str = "told";
const NOTED: &str = "noted";
const PRINTS: &str = "prints";

/// The newest entry of an audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditHead {
    /// Number of the newest entry, which is the number of all entries.
    pub number: u64,
    /// The digest of that entry.
    pub digest: Digest,
    /// The newest version of a snapshot of which an entry tells. `None` if none does yet.
    pub told: Option<SnapshotVersion>,
    /// What entries tell by now of waves and of settings, in the hub's own form. `None` if none
    /// does yet.
    pub noted: Option<String>,
}

/// An entry as it is stored. Nothing of it is verified: the reader does that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// The number in its key.
    pub number: u64,
    /// Its text; blank if the item has none.
    pub text: String,
    /// The text in place of its digest; blank if the item has none.
    pub digest: String,
}

/// An entry to append.
#[derive(Debug, Clone)]
pub struct NewAuditEntry<'a> {
    /// Management experience of the hub.
    pub experience: &'a ExperienceId,
    /// The head that the entry follows. `None` for the first entry.
    pub before: Option<&'a AuditHead>,
    /// The entry, byte by byte as its digest covers it.
    pub text: &'a str,
    /// The head with this entry as the newest.
    pub head: &'a AuditHead,
    /// The fingerprints of all receipts that entries tell of by now. `None` leaves them as they
    /// are.
    pub seen: Option<&'a [u8]>,
}

/// The audit of a hub.
#[async_trait]
pub trait AuditStore: std::fmt::Debug + Send + Sync {
    /// The newest entry, read consistently. `None` before the first.
    async fn head(&self, experience: &ExperienceId) -> Result<Option<AuditHead>, LedgerError>;

    /// Appends an entry, if the head is still the one before it. Returns `false`, and writes
    /// nothing, if somebody else appended.
    async fn append(&self, new: &NewAuditEntry<'_>) -> Result<bool, LedgerError>;

    /// The first entries from one number to another, in order: as many as one read finds. An empty
    /// page means that there are none in this range.
    async fn page(&self, experience: &ExperienceId, from: u64, to: u64) -> Result<Vec<StoredEntry>, LedgerError>;

    /// The fingerprints of the receipts that entries tell of. Empty if there are none.
    async fn seen(&self, experience: &ExperienceId) -> Result<Vec<u8>, LedgerError>;
}

/// The table, with the credentials of the hub or of its operators.
#[derive(Debug)]
pub struct DynamoAudit {
    table: TableClient,
}

fn entry_key(experience: &ExperienceId, number: u64) -> String {
    format!("entry#{experience}#{number:020}")
}

fn head_key(experience: &ExperienceId) -> String {
    format!("head#{experience}")
}

fn seen_key(experience: &ExperienceId) -> String {
    format!("seen#{experience}")
}

fn keyed(key: String) -> Item {
    Item::from([("organization".to_owned(), text(AUDIT)), ("item".to_owned(), text(key))])
}

impl DynamoAudit {
    /// The table as `config`'s credentials see it. An ARN's region overrides the configured one.
    #[must_use]
    pub fn new(config: &SdkConfig, table: TableName) -> Self {
        Self { table: TableClient::new(config, table) }
    }

    async fn item(&self, key: String) -> Result<Option<Item>, LedgerError> {
        let call = self.table.dynamodb.get_item().table_name(self.table.table.as_str()).consistent_read(true);
        let answer = call.set_key(Some(keyed(key))).send().await;
        Ok(answer.map_err(|e| self.table.failed(ApiError::new("dynamodb:GetItem", &e)))?.item)
    }

    fn put(&self, item: Item) -> aws_sdk_dynamodb::types::builders::PutBuilder {
        Put::builder().table_name(self.table.table.as_str()).set_item(Some(item))
    }
}

/// Whether the transaction was cancelled because someone else appended, and not for any other
/// reason.
fn lost_the_race(error: &TransactWriteItemsError) -> bool {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { return false };
    let mut codes = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code());
    codes.any(|code| matches!(code, "ConditionalCheckFailed" | "TransactionConflict"))
}

fn read_head(item: &Item) -> Result<AuditHead, ItemError> {
    let noted = item.get(NOTED).and_then(|noted| noted.as_s().ok()).cloned();
    Ok(AuditHead {
        number: parse(item, NUMBER)?,
        digest: parse(item, DIGEST)?,
        told: parse_optional(item, TOLD)?,
        noted,
    })
}

fn texts(item: &Item, name: &str) -> String {
    item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default()
}

#[async_trait]
impl AuditStore for DynamoAudit {
    async fn head(&self, experience: &ExperienceId) -> Result<Option<AuditHead>, LedgerError> {
        let Some(item) = self.item(head_key(experience)).await? else { return Ok(None) };
        read_head(&item).map(Some).map_err(|problem| self.table.unreadable(problem))
    }

    async fn append(&self, new: &NewAuditEntry<'_>) -> Result<bool, LedgerError> {
        let NewAuditEntry { experience, before, head, .. } = new;
        let mut entry = keyed(entry_key(experience, head.number));
        entry.extend([(ENTRY.to_owned(), text(new.text)), (DIGEST.to_owned(), text(head.digest))]);
        // Protocol A4.
        let entry = self.put(entry).condition_expression("attribute_not_exists(organization)");
        let mut newest = keyed(head_key(experience));
        newest.extend([(NUMBER.to_owned(), number(head.number)), (DIGEST.to_owned(), text(head.digest))]);
        newest.extend(head.told.map(|told| (TOLD.to_owned(), number(told))));
        newest.extend(head.noted.as_ref().map(|noted| (NOTED.to_owned(), text(noted))));
        let newest = match before {
            None => self.put(newest).condition_expression("attribute_not_exists(organization)"),
            Some(before) => self
                .put(newest)
                .condition_expression("#number = :number AND digest = :digest")
                .expression_attribute_names("#number", NUMBER)
                .expression_attribute_values(":number", number(before.number))
                .expression_attribute_values(":digest", text(before.digest)),
        };
        let seen = new.seen.map(|prints| {
            let mut item = keyed(seen_key(experience));
            item.insert(PRINTS.to_owned(), AttributeValue::B(Blob::new(prints.to_vec())));
            self.put(item)
        });
        let mut call = self.table.dynamodb.transact_write_items();
        for put in [entry, newest].into_iter().chain(seen) {
            let put = put.build().map_err(|e| self.table.unreadable(e))?;
            call = call.transact_items(TransactWriteItem::builder().put(put).build());
        }
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(lost_the_race) => Ok(false),
            Err(error) => Err(self.table.failed(ApiError::new("dynamodb:TransactWriteItems", &error))),
        }
    }

    async fn page(&self, experience: &ExperienceId, from: u64, to: u64) -> Result<Vec<StoredEntry>, LedgerError> {
        let query = self.table.in_range(AUDIT, &entry_key(experience, from), &entry_key(experience, to));
        let answer = query.send().await.map_err(|e| self.table.failed(ApiError::new("dynamodb:Query", &e)))?;
        let number_of = |item: &Item| texts(item, "item").rsplit('#').next().and_then(|number| number.parse().ok());
        let entry = |item: Item| {
            let number = number_of(&item)?;
            Some(StoredEntry { number, text: texts(&item, ENTRY), digest: texts(&item, DIGEST) })
        };
        Ok(answer.items.unwrap_or_default().into_iter().filter_map(entry).collect())
    }

    async fn seen(&self, experience: &ExperienceId) -> Result<Vec<u8>, LedgerError> {
        let item = self.item(seen_key(experience)).await?;
        let prints = item.and_then(|mut item| item.remove(PRINTS)).and_then(|prints| prints.as_b().ok().cloned());
        Ok(prints.map(Blob::into_inner).unwrap_or_default())
    }
}
