//! The record of each member experience: the journal of its decisions, and the outcomes of its last
//! syncs. The spoke writes both into its own partition of `SyncTimestamps`, and readers do not
//! believe them (rule 10).
//!
//! - `decided#<management>#<member>` is the journal: one item, replaced with each entry. `revision`
//!   counts the writes.
//! - `done#<management>#<member>#<slot>` is an outcome. The slots are used in turn, so the last
//!   hundred stay.
//!
//! Both keys sort before the ids of experiences, `exp-…`, so they are not between the receipts and
//! the signs of life, which the hub reads in one query. Neither begins with the management
//! experience, because a hub of an earlier release would take them for receipts. Both have
//! `expires_at`, in seconds since 1970, for tables with TTL. A table without TTL keeps the same
//! number of items.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use jiff::Timestamp;
use pmp_aws::ApiError;
use pmp_protocol::{DecisionJournal, ExperienceId, MAX_OUTCOMES, OrganizationId, Outcome};

use crate::client::TableClient;
use crate::item::{Item, number, text};
use crate::{Extent, LedgerError, TableName, Unreadable};

/// The attribute by which DynamoDB deletes old items, if the table's TTL is on.
pub const EXPIRES_AT: &str = "expires_at";
const REVISION: &str = "revision";
const JOURNAL: &str = "journal";
const OUTCOME: &str = "outcome";
/// The most journals of one organization that are read: more than it can have experiences.
const MAX_JOURNALS: usize = 512;
/// The most outcomes that one call reads.
const MAX_OUTCOMES_READ: usize = 5_000;
/// Items of a page of journals. Journals may be large; outcomes are small.
const JOURNALS_A_PAGE: i32 = 16;
const OUTCOMES_A_PAGE: i32 = 400;
/// The most characters of a text from outside that are shown.
const MAX_TEXT: usize = 200;

/// A journal as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundJournal {
    /// `None` if there is no journal, or if it cannot be read. The next write replaces it.
    pub journal: Option<DecisionJournal>,
    /// The number of its writes. `None` if there is no item, or no such number in it.
    pub revision: Option<u64>,
}

/// The journals of one organization.
#[derive(Debug, Clone, Default)]
pub struct Journals {
    /// By member experience. The error describes the fault of one that cannot be read.
    pub found: BTreeMap<ExperienceId, Result<DecisionJournal, String>>,
    /// Items that belong to no experience.
    pub unreadable: Vec<Unreadable>,
    /// Whether there are more than the bound.
    pub more: bool,
}

/// The outcomes of one organization, or of one of its experiences.
#[derive(Debug, Clone, Default)]
pub struct Outcomes {
    /// The outcomes, the newest first.
    pub found: Vec<Outcome>,
    /// Items that could not be read.
    pub unreadable: Vec<Unreadable>,
    /// Whether there are more than the bound.
    pub more: bool,
}

/// The records of member experiences.
#[async_trait]
pub trait RecordStore: std::fmt::Debug + Send + Sync {
    /// The journal of one experience, read consistently. One that cannot be read is `None`.
    async fn journal(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
        member: &ExperienceId,
    ) -> Result<FoundJournal, LedgerError>;

    /// Writes a journal if the one that was found has not changed. Returns whether it was written.
    async fn put_journal(&self, new: &NewJournal<'_>) -> Result<bool, LedgerError>;

    /// Writes an outcome into the slot of its number. It replaces the outcome a hundred numbers
    /// before.
    async fn put_outcome(&self, outcome: &Outcome, number: u64, expires_at: Timestamp) -> Result<(), LedgerError>;

    /// The journals of an organization, read eventually consistently, and never more than a bound.
    async fn journals(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
        extent: Extent,
    ) -> Result<Journals, LedgerError>;

    /// The outcomes of an organization, or of one member experience, read eventually consistently,
    /// and never more than a bound.
    async fn outcomes(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
        member: Option<&ExperienceId>,
        extent: Extent,
    ) -> Result<Outcomes, LedgerError>;
}

/// A journal to write.
#[derive(Debug, Clone, Copy)]
pub struct NewJournal<'a> {
    /// Member organization in whose partition it is written.
    pub organization: &'a OrganizationId,
    /// Management experience that the member follows.
    pub experience: &'a ExperienceId,
    /// Member experience whose decisions these are.
    pub member: &'a ExperienceId,
    /// The whole journal, with the entry that is new.
    pub journal: &'a DecisionJournal,
    /// The revision that was read.
    pub found: Option<u64>,
    /// The time after which it may be deleted.
    pub expires_at: Timestamp,
}

/// The table. The caller's credentials decide what it can read and write.
#[derive(Debug)]
pub struct DynamoRecords {
    table: TableClient,
}

pub(crate) fn journal_prefix(experience: &ExperienceId) -> String {
    format!("decided#{experience}#")
}

/// The prefixes of the sort keys of all records.
pub(crate) fn record_prefixes(experience: &ExperienceId) -> [String; 2] {
    [journal_prefix(experience), outcome_prefix(experience, None)]
}

fn journal_key(experience: &ExperienceId, member: &ExperienceId) -> String {
    format!("decided#{experience}#{member}")
}

fn outcome_prefix(experience: &ExperienceId, member: Option<&ExperienceId>) -> String {
    match member {
        // The final `#` is needed because an experience's id may be the beginning of another's.
        Some(member) => format!("done#{experience}#{member}#"),
        None => format!("done#{experience}#"),
    }
}

fn outcome_key(experience: &ExperienceId, member: &ExperienceId, number: u64) -> String {
    // Protocol L21.
    format!("{}{:02}", outcome_prefix(experience, Some(member)), number % MAX_OUTCOMES)
}

fn keyed(organization: &OrganizationId, key: &str, expires_at: Timestamp) -> Item {
    Item::from([
        ("organization".to_owned(), text(organization)),
        ("item".to_owned(), text(key)),
        (EXPIRES_AT.to_owned(), number(expires_at.as_second())),
    ])
}

impl DynamoRecords {
    /// The table as `config`'s credentials see it. An ARN's region overrides the configured one.
    #[must_use]
    pub fn new(config: &SdkConfig, table: TableName) -> Self {
        Self { table: TableClient::new(config, table) }
    }

    /// Items whose key begins with `prefix`, read eventually consistently, up to the bounds. Also
    /// returns whether there are more.
    async fn bounded(
        &self,
        organization: &OrganizationId,
        prefix: &str,
        page: i32,
        most: usize,
        units: f64,
    ) -> Result<(Vec<Item>, bool), LedgerError> {
        let (mut items, mut spent, mut start) = (Vec::new(), 0.0, None);
        loop {
            let answer = self
                .table
                .beginning_with(organization.as_str(), prefix)
                .consistent_read(false)
                .limit(page)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|e| self.table.failed(ApiError::new("dynamodb:Query", &e)))?;
            spent += answer.consumed_capacity.and_then(|capacity| capacity.capacity_units).unwrap_or_default();
            items.extend(answer.items.unwrap_or_default());
            start = answer.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                return Ok((items, false));
            }
            if items.len() >= most || spent >= units {
                return Ok((items, true));
            }
        }
    }
}

#[async_trait]
impl RecordStore for DynamoRecords {
    async fn journal(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
        member: &ExperienceId,
    ) -> Result<FoundJournal, LedgerError> {
        let Some(item) = self.table.item(organization.as_str(), &journal_key(experience, member)).await? else {
            return Ok(FoundJournal::default());
        };
        let revision = item.get(REVISION).and_then(|it| it.as_n().ok()).and_then(|it| it.parse().ok());
        Ok(FoundJournal { journal: read_journal(&item).ok(), revision })
    }

    async fn put_journal(&self, new: &NewJournal<'_>) -> Result<bool, LedgerError> {
        let packed = new.journal.encode().map_err(|error| self.table.unreadable(error))?;
        let mut item = keyed(new.organization, &journal_key(new.experience, new.member), new.expires_at);
        let revision = new.found.unwrap_or_default().saturating_add(1);
        item.insert(REVISION.to_owned(), number(revision));
        item.insert(JOURNAL.to_owned(), AttributeValue::B(Blob::new(packed)));
        let call = self.table.dynamodb.put_item().table_name(self.table.table.as_str()).set_item(Some(item));
        let call = call.expression_attribute_names("#revision", REVISION);
        let call = match new.found {
            Some(found) => {
                call.condition_expression("#revision = :found").expression_attribute_values(":found", number(found))
            }
            // An item whose revision is not a number is no journal, so it is replaced.
            None => call
                .condition_expression("NOT attribute_type(#revision, :number)")
                .expression_attribute_values(":number", text("N")),
        };
        self.table.written(call).await
    }

    async fn put_outcome(&self, outcome: &Outcome, number: u64, expires_at: Timestamp) -> Result<(), LedgerError> {
        let key = outcome_key(&outcome.experience, &outcome.member_experience, number);
        let mut item = keyed(&outcome.organization, &key, expires_at);
        // Protocol L21.
        // The whole outcome is one attribute, so that no reader takes the item for a receipt.
        let told = serde_dynamo::to_attribute_value(outcome).map_err(|e| self.table.unreadable(e))?;
        item.insert(OUTCOME.to_owned(), told);
        let call = self.table.dynamodb.put_item().table_name(self.table.table.as_str()).set_item(Some(item));
        call.send().await.map(|_| ()).map_err(|e| self.table.failed(ApiError::new("dynamodb:PutItem", &e)))
    }

    async fn journals(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
        extent: Extent,
    ) -> Result<Journals, LedgerError> {
        let prefix = journal_prefix(experience);
        // A journal has some kilobytes, ten times as much as a receipt.
        let units = 10.0 * extent.units();
        let (items, more) = self.bounded(organization, &prefix, JOURNALS_A_PAGE, MAX_JOURNALS, units).await?;
        Ok(Journals { more, ..sort_journals(organization, &prefix, &items) })
    }

    async fn outcomes(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
        member: Option<&ExperienceId>,
        extent: Extent,
    ) -> Result<Outcomes, LedgerError> {
        let prefix = outcome_prefix(experience, member);
        let units = 5.0 * extent.units();
        let (items, more) = self.bounded(organization, &prefix, OUTCOMES_A_PAGE, MAX_OUTCOMES_READ, units).await?;
        Ok(Outcomes { more, ..sort_outcomes(organization, items) })
    }
}

fn read_journal(item: &Item) -> Result<DecisionJournal, String> {
    match item.get(JOURNAL) {
        Some(AttributeValue::B(packed)) => DecisionJournal::decode(packed.as_ref()).map_err(|e| e.to_string()),
        Some(_) => Err(format!("its attribute `{JOURNAL}` is not binary data, and must be")),
        None => Err(format!("its attribute `{JOURNAL}` is missing")),
    }
}

fn key_of(item: &Item) -> &str {
    item.get("item").and_then(|key| key.as_s().ok()).map(String::as_str).unwrap_or_default()
}

fn bounded_text(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

/// Groups the journals by member experience. Pure.
pub(crate) fn sort_journals(organization: &OrganizationId, prefix: &str, items: &[Item]) -> Journals {
    let mut journals = Journals::default();
    for item in items {
        let key = key_of(item);
        match ExperienceId::new(key.strip_prefix(prefix).unwrap_or_default()) {
            Ok(member) => _ = journals.found.insert(member, read_journal(item)),
            Err(_) => journals.unreadable.push(Unreadable {
                organization: organization.clone(),
                key: bounded_text(key),
                problem: "its key names no experience".to_owned(),
                found: None,
            }),
        }
    }
    journals
}

/// Reads outcomes, newest first. Pure.
pub(crate) fn sort_outcomes(organization: &OrganizationId, items: Vec<Item>) -> Outcomes {
    let mut outcomes = Outcomes::default();
    for mut item in items {
        let key = key_of(&item).to_owned();
        let read = item.remove(OUTCOME).ok_or_else(|| format!("its attribute `{OUTCOME}` is missing"));
        let read = read.and_then(|told| {
            let told = crate::reports::bounded(told, crate::reports::MAX_DEPTH);
            serde_dynamo::from_attribute_value::<_, Outcome>(told)
                .map_err(|e| crate::partition::in_words(&e.to_string()))
        });
        // The outcome must be about the experience that its key names. Otherwise one item could
        // pass for another.
        let read = read.and_then(|outcome| {
            let own = outcome_prefix(&outcome.experience, Some(&outcome.member_experience));
            if outcome.organization == *organization && key.starts_with(&own) {
                Ok(outcome)
            } else {
                Err(format!("it speaks of `{}` in {}", outcome.member_experience, outcome.organization))
            }
        });
        match read {
            Ok(outcome) => outcomes.found.push(outcome),
            Err(problem) => outcomes.unreadable.push(Unreadable {
                organization: organization.clone(),
                key: bounded_text(&key),
                problem: bounded_text(&problem),
                found: None,
            }),
        }
    }
    outcomes.found.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.member_experience.cmp(&b.member_experience)));
    outcomes
}

#[cfg(test)]
mod tests {
    use pmp_protocol::{Decisions, Digest, JournalEntry, ReceiptStatus, SnapshotVersion};
    use serde_json::json;

    use super::*;

    fn alpha() -> OrganizationId {
        OrganizationId::new("o-alpha00000").unwrap()
    }

    fn experience(id: &str) -> ExperienceId {
        ExperienceId::new(id).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn outcome(member: &str, second: i64) -> Outcome {
        let told = json!({"organization": "o-alpha00000", "experience": "exp-m", "member_experience": member,
            "at": at(second), "received_at": at(second), "version": 7, "digest": Digest::of(b"it"), "status": "in-sync",
            "allowed": 1, "denied": 0, "pending": 0, "narrowed": 2, "set_aside": 0, "change_sets": 1,
            "change_set_ids": ["cs-1"], "spoke_version": "0.1.0"});
        serde_json::from_value(told).unwrap()
    }

    fn item_of(outcome: &Outcome, key: &str) -> Item {
        let mut item = keyed(&alpha(), key, at(1));
        item.insert(OUTCOME.to_owned(), serde_dynamo::to_attribute_value(outcome).unwrap());
        item
    }

    #[test]
    fn no_key_is_taken_for_a_receipt_and_the_hundredth_outcome_takes_the_place_of_the_first() {
        // Protocol L21.
        let (management, member) = (experience("exp-m"), experience("exp-a"));
        let keys = [0, 1, 99, 100, 101].map(|number| outcome_key(&management, &member, number));
        assert_eq!((&keys[0], &keys[1]), (&keys[3], &keys[4]));
        assert!(keys[2] > keys[1]);
        let journal = journal_key(&management, &member);
        for key in keys.iter().chain([&journal]) {
            assert!(key.as_str() < "exp-", "{key} lies where the hub reads receipts");
            assert!(!key.starts_with("exp-") && !key.starts_with("spoke#") && !key.starts_with("confirm"), "{key}");
        }
    }

    #[test]
    fn outcomes_come_newest_first_and_what_is_no_outcome_stands_beside() {
        let (old, new) = (outcome("exp-a", 10), outcome("exp-b", 20));
        let mut broken = item_of(&old, "done#exp-m#exp-a#03");
        broken.insert(OUTCOME.to_owned(), text("x".repeat(5_000)));
        let items = vec![
            item_of(&old, "done#exp-m#exp-a#00"),
            item_of(&new, "done#exp-m#exp-b#00"),
            item_of(&new, "done#exp-m#exp-a#01"),
            broken,
            keyed(&alpha(), &format!("done#exp-m#exp-a#{}", "9".repeat(900)), at(1)),
        ];
        let outcomes = sort_outcomes(&alpha(), items);
        assert_eq!(outcomes.found, [new, old]);
        assert_eq!(outcomes.unreadable.len(), 3);
        assert!(outcomes.unreadable.iter().all(|it| it.key.len() <= MAX_TEXT && it.problem.len() <= MAX_TEXT));
        let elsewhere = OrganizationId::new("o-beta000000").unwrap();
        assert_eq!(sort_outcomes(&elsewhere, vec![item_of(&outcome("exp-a", 1), "done#exp-m#exp-a#00")]).found, []);
    }

    #[test]
    fn a_journal_that_cannot_be_read_harms_none_beside_it() {
        let entry = JournalEntry::new(SnapshotVersion::FIRST, Digest::of(b"it"), at(5), ReceiptStatus::InSync, None);
        let journal = DecisionJournal::new(entry, Decisions::default());
        let item = |member: &str, value: AttributeValue| {
            let mut item = keyed(&alpha(), &format!("decided#exp-m#{member}"), at(1));
            item.insert(JOURNAL.to_owned(), value);
            item
        };
        let binary = |bytes: Vec<u8>| AttributeValue::B(Blob::new(bytes));
        let items = [
            item("exp-a", binary(journal.encode().unwrap())),
            item("exp-b", binary(b"garbage".to_vec())),
            item("exp-c", text("garbage")),
            item("no experience", binary(Vec::new())),
        ];
        let journals = sort_journals(&alpha(), "decided#exp-m#", &items);
        assert_eq!(journals.found[&experience("exp-a")], Ok(journal));
        assert!(journals.found[&experience("exp-b")].is_err());
        assert_eq!(
            journals.found[&experience("exp-c")],
            Err("its attribute `journal` is not binary data, and must be".to_owned())
        );
        assert_eq!((journals.found.len(), journals.unreadable.len()), (3, 1));
    }
}
