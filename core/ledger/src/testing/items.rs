//! What the adapters read out of items, without a table: for tests that give them items which
//! nobody would write on purpose.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use pmp_protocol::{Answers, ExperienceId, Hint, OrganizationId, Snapshot, SnapshotVersion};

use crate::records::{journal_prefix, sort_journals, sort_outcomes};
use crate::snapshots::items::{FoundVersion, read_head, read_version};
use crate::{Head, Journals, KeptVersion, Organization, OutboxEntry, Outcomes, ToldState};
use crate::{answers, outbox, partition, reports};

/// The longest text of a report, in characters.
pub const MAX_TEXT: usize = reports::MAX_TEXT;
/// The longest list of a report, in elements.
pub const MAX_LIST: usize = reports::MAX_LIST;

/// An item, as the SDK gives it.
pub type Item = HashMap<String, AttributeValue>;

type Refusal = Box<dyn Hint>;

fn boxed(error: impl Hint + 'static) -> Refusal {
    Box::new(error)
}

/// The organizations that these items of `SyncTimestamps` tell of.
#[must_use]
pub fn organizations(items: Vec<Item>, experience: &ExperienceId) -> BTreeMap<OrganizationId, Organization> {
    partition::sort(items, experience)
}

/// The report of one organization, which may have written anything.
#[must_use]
pub fn report(organization: &OrganizationId, items: Vec<Item>, experience: &ExperienceId) -> Organization {
    reports::read(organization, items, experience)
}

/// The head of a management experience.
///
/// # Errors
/// Where the item is none.
pub fn head(item: &Item) -> Result<Head, Refusal> {
    read_head(item).map_err(boxed)
}

/// A version that is kept, without its content.
///
/// # Errors
/// Where the item is none.
pub fn kept(item: &Item) -> Result<KeptVersion, Refusal> {
    read_version(item).map_err(boxed)
}

/// The snapshot in these chunks. `None` where its content is in parts.
///
/// # Errors
/// Where they are not whole, or hold something else than they name.
pub fn snapshot(
    experience: &ExperienceId,
    version: SnapshotVersion,
    items: Vec<Item>,
) -> Result<Option<Snapshot>, Refusal> {
    Ok(match FoundVersion::read(experience, version, items).map_err(boxed)? {
        FoundVersion::Whole(snapshot) => Some(*snapshot),
        FoundVersion::InParts(..) => None,
    })
}

/// The answers in these chunks, which `head` names.
///
/// # Errors
/// Where they are not whole, or hold something else than the head names.
pub fn answers(experience: &ExperienceId, head: &Item, items: Vec<Item>) -> Result<Answers, Refusal> {
    let head = answers::read_head(head).map_err(boxed)?;
    answers::read_chunks(experience, &head, items).map_err(boxed)
}

/// The journals of decisions in these items of an organization.
#[must_use]
pub fn journals(organization: &OrganizationId, experience: &ExperienceId, items: &[Item]) -> Journals {
    sort_journals(organization, &journal_prefix(experience), items)
}

/// The outcomes in these items of an organization.
#[must_use]
pub fn outcomes(organization: &OrganizationId, items: Vec<Item>) -> Outcomes {
    sort_outcomes(organization, items)
}

/// A notification that is to be sent.
///
/// # Errors
/// Where the item is none.
pub fn notification(item: &Item) -> Result<OutboxEntry, Refusal> {
    outbox::read_entry(item).map_err(boxed)
}

/// What was told last, in these chunks. `None` where they are of different generations.
///
/// # Errors
/// Where they are not whole.
pub fn told(items: Vec<Item>) -> Result<Option<ToldState>, Refusal> {
    outbox::read_chunks(items).map_err(boxed)
}
