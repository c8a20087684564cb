//! Items of both tables. Members write those of their own partitions, and nobody keeps them from
//! writing something else than a spoke would (rule 11).

use aws_sdk_dynamodb::types::AttributeValue;
use pmp_ledger::testing::items::{self, Item, MAX_LIST, MAX_TEXT};
use pmp_ledger::{Organization, Said, Unreadable};
use pmp_protocol::{ExperienceId, OrganizationId, Receipt, Sealed, SnapshotVersion};

use super::{item, utf8};
use crate::memory::within;
use crate::refusal::{is_sentence, is_told};

/// The most characters of an item's key, or of what is wrong with it, that is told.
const MAX_TOLD: usize = 200;

pub(super) fn ledger(bytes: &[u8]) {
    let Some(text) = utf8(bytes) else { return };
    let items = item::items(text);
    let experience = ExperienceId::new("exp-management").expect("an id");
    organizations(&items, &experience, bytes.len());
    records(&items, &experience, bytes.len());
    snapshots(&items, &experience);
}

fn partition(item: &Item) -> Option<&str> {
    item.get("organization")?.as_s().ok().map(String::as_str)
}

fn organizations(items: &[Item], experience: &ExperienceId, bytes: usize) {
    let all = within(64 * 1024 + 256 * bytes, || items::organizations(items.to_vec(), experience));
    let told: usize = all.values().map(count).sum();
    assert!(told <= items.len(), "{told} of {} items", items.len());
    for (id, organization) in &all {
        assert_eq!(id, &organization.id);
        organization.unreadable.iter().for_each(|unreadable| is_bounded(unreadable, id));
        // Rule 11: what others wrote changes nothing of this one.
        let (own, hub) = (id.to_string(), format!("hub#{id}"));
        let alone = |partitions: &[&str]| {
            let items = items.iter().filter(|item| partition(item).is_some_and(|it| partitions.contains(&it)));
            items::organizations(items.cloned().collect(), experience).remove(id)
        };
        assert_eq!(alone(&[&own, &hub]).map(|alone| without_words(&alone)), Some(without_words(organization)));
        // Protocol L13: what a member wrote confirms nothing, and directs nobody.
        if let Some(own) = alone(&[&own]) {
            assert_eq!((own.confirmations.len(), own.direction), (0, Said::Nothing));
        }
        organization.receipts.iter().for_each(|receipt| comes_back(receipt, experience));
        reported(id, items, experience);
    }
}

/// The same, but for what is wrong with an item: of several faults any is told, since an item's
/// attributes have no order.
fn without_words(organization: &Organization) -> Organization {
    let unreadable = |unreadable: &Unreadable| Unreadable { problem: String::new(), ..unreadable.clone() };
    let direction = match &organization.direction {
        Said::Unreadable(_) => Said::Unreadable(String::new()),
        other => other.clone(),
    };
    let unreadable = organization.unreadable.iter().map(unreadable).collect();
    Organization { unreadable, direction, ..organization.clone() }
}

fn count(organization: &Organization) -> usize {
    let Organization { seen, spokes, receipts, confirmations, direction, hold, unreadable, .. } = organization;
    let directed = usize::from(*direction != Said::Nothing);
    let once = usize::from(seen.is_some()) + usize::from(hold.is_some()) + directed;
    once + spokes.len() + receipts.len() + confirmations.len() + unreadable.len()
}

fn is_bounded(unreadable: &Unreadable, organization: &OrganizationId) {
    assert_eq!(&unreadable.organization, organization);
    assert!(unreadable.key.chars().count() <= MAX_TOLD && unreadable.problem.chars().count() <= MAX_TOLD);
    is_sentence(&unreadable.problem);
}

/// A receipt that was read is written, and read again, and is the same.
fn comes_back(receipt: &Receipt, experience: &ExperienceId) {
    let mut item: Item = serde_dynamo::to_item(receipt).expect("a receipt is an item");
    let key = format!("{}#{}", receipt.experience, receipt.member_experience);
    item.insert("organization".to_owned(), AttributeValue::S(receipt.organization.to_string()));
    item.insert("item".to_owned(), AttributeValue::S(key));
    let again = items::organizations(vec![item], experience).remove(&receipt.organization);
    let again = again.expect("its organization is told of");
    assert_eq!((again.receipts.as_slice(), again.unreadable.as_slice()), ([receipt.clone()].as_slice(), [].as_slice()));
}

/// Protocol L15: what is kept of an organization's items is bounded, however large they are.
fn reported(id: &OrganizationId, items: &[Item], experience: &ExperienceId) {
    let report = items::report(id, items.to_vec(), experience);
    for receipt in &report.receipts {
        let written: Item = serde_dynamo::to_item(receipt).expect("a receipt is an item");
        written.values().for_each(is_cut);
    }
}

fn is_cut(value: &AttributeValue) {
    match value {
        AttributeValue::S(text) => assert!(text.chars().count() <= MAX_TEXT),
        AttributeValue::L(list) => {
            assert!(list.len() <= MAX_LIST);
            list.iter().for_each(is_cut);
        }
        AttributeValue::M(map) => map.values().for_each(is_cut),
        _ => {}
    }
}

/// Journals, outcomes and what is to be told.
fn records(items: &[Item], experience: &ExperienceId, bytes: usize) {
    let organization = OrganizationId::new("o-alpha00000").expect("an id");
    let outcomes = within(64 * 1024 + 256 * bytes, || items::outcomes(&organization, items.to_vec()));
    assert_eq!(outcomes.found.len() + outcomes.unreadable.len(), items.len(), "each is one or the other");
    outcomes.unreadable.iter().for_each(|unreadable| is_bounded(unreadable, &organization));
    assert!(outcomes.found.iter().all(|outcome| outcome.organization == organization));
    let journals = items::journals(&organization, experience, items);
    assert!(journals.found.len() + journals.unreadable.len() <= items.len());
    journals.unreadable.iter().for_each(|unreadable| is_bounded(unreadable, &organization));
    journals.found.values().filter_map(|journal| journal.as_ref().err()).for_each(|problem| is_sentence(problem));
    match items::told(items.to_vec()) {
        Ok(Some(state)) => assert!(state.content.len() <= bytes),
        Ok(None) => {}
        Err(error) => is_told(&*error),
    }
    for item in items {
        match items::notification(item) {
            Ok(entry) => assert!(bytes > entry.body.len()),
            Err(error) => is_told(&*error),
        }
    }
}

/// Heads, versions and contents.
fn snapshots(items: &[Item], experience: &ExperienceId) {
    for item in items {
        for refused in [items::head(item).err(), items::kept(item).err()].into_iter().flatten() {
            is_told(&*refused);
        }
        if let (Ok(head), Ok(kept)) = (items::head(item), items::kept(item)) {
            assert_eq!((head.digest, head.taken_at), (kept.digest, kept.taken_at));
        }
    }
    match items::snapshot(experience, SnapshotVersion::FIRST, items.to_vec()) {
        Ok(Some(snapshot)) => {
            assert_eq!((snapshot.experience(), snapshot.version()), (experience, SnapshotVersion::FIRST));
            let sealed = Sealed::new(snapshot.content()).expect("what was opened is sealed");
            assert_eq!(sealed.counts(), snapshot.content().counts());
        }
        Ok(None) => {}
        Err(error) => is_told(&*error),
    }
    if let Some((head, chunks)) = items.split_first()
        && let Err(error) = items::answers(experience, head, chunks.to_vec())
    {
        is_told(&*error);
    }
}
