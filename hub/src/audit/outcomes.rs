//! What the members' receipts say that no entry tells of yet. Pure.
//!
//! Spokes write their receipts themselves, and must not write into the hub's partitions. So the hub
//! writes down what it sees when it looks by schedule. It remembers a fingerprint of each receipt
//! that an entry tells of; a receipt with another fingerprint is news. What a receipt said between
//! two looks is not seen: the number of its outcomes tells that there was something, and
//! `between.rs` takes it from the member's record.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use pmp_audit::{Event, MAX_OUTCOMES, SeenOutcome};
use pmp_ledger::MOST_REMEMBERED;
use pmp_protocol::{Digest, ExperienceId, OrganizationId, PlainText, Receipt};

use crate::status::fleet::View;

/// The bytes of a fingerprint: those of its organization, of its experience, of what it says, and
/// of how many outcomes there were. Only a member could make two receipts of the same fingerprint,
/// and would hide nothing but its own.
const PRINT: usize = 12;
/// How many of them tell the organization. Two of the same are read whole together or not at all.
const OF_ORGANIZATION: usize = 4;
/// How many bytes tell organization and experience.
const OF_EXPERIENCE: usize = 6;
/// Where the number of outcomes begins, of which two bytes are kept.
const COUNT: usize = 10;
/// The most fingerprints that are remembered: DynamoDB's items hold 400 KB.
const MAX_PRINTS: usize = 30_000;
/// The longest error that is told, in bytes.
pub(super) const MAX_ERROR: usize = 200;

type Print = [u8; PRINT];
type Tag = [u8; OF_ORGANIZATION];

/// How many outcomes of an experience came and went between the last entry about it and this one;
/// only of those where there are any.
pub(super) type Gaps = BTreeMap<(OrganizationId, ExperienceId), usize>;

/// What there is to write, and what is remembered after it was written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) event: Event,
    pub(crate) prints: Vec<u8>,
    /// How many receipts are left for the next entry.
    pub(crate) left: usize,
    /// Where outcomes came and went since an entry told of the receipt.
    pub(super) gaps: Gaps,
}

/// What no entry tells of yet, by the fingerprints that are remembered. `None` if all is told.
pub(crate) fn news(view: &View, now: Timestamp, remembered: &[u8]) -> Option<News> {
    let receipts = view.reports().flat_map(|report| &report.organization.receipts);
    let (believed, disputed): (Vec<_>, Vec<_>) = receipts.partition(|receipt| view.dispute(receipt, now).is_none());
    let mut outcomes: Vec<Printed> = believed.into_iter().map(printed).collect();
    outcomes.sort_by(|a, b| {
        let (a, b) = (&a.outcome, &b.outcome);
        (&a.organization, &a.member_experience).cmp(&(&b.organization, &b.member_experience))
    });
    let remembered: BTreeSet<Print> = remembered.as_chunks().0.iter().copied().collect();
    let is_known =
        |it: &Printed| remembered.contains(&it.print) || it.earlier.iter().any(|earlier| remembered.contains(earlier));
    let (known, new): (Vec<_>, Vec<_>) = outcomes.iter().partition(|it| is_known(it));
    let mut kept: BTreeSet<Print> = known.iter().map(|it| it.print).collect();
    kept.extend(not_read(view, &remembered, &kept));
    let is_same = kept.len() == remembered.len();
    let all: Vec<u8> = outcomes.iter().flat_map(|it| it.print).collect();
    let state = Digest::of(&all);
    // Of a fleet that is larger than can be remembered, each entry still has the digest of all, and
    // there is one whenever that is another one.
    let room = MAX_PRINTS.saturating_sub(kept.len() + 1).min(MAX_OUTCOMES);
    let full = overflowing(state);
    if (new.is_empty() && is_same) || (room == 0 && remembered.contains(&full)) {
        return None;
    }
    let mut statuses = BTreeMap::<String, usize>::new();
    for it in &outcomes {
        *statuses.entry(it.outcome.status.to_string()).or_default() += 1;
    }
    if !disputed.is_empty() {
        statuses.insert("disputed".to_owned(), disputed.len());
    }
    let changed = &new[..new.len().min(room)];
    kept.extend(changed.iter().map(|it| it.print));
    kept.extend((room == 0).then_some(full));
    let more = new.len() - changed.len();
    let event = Event::Receipts {
        receipts: outcomes.len(),
        statuses,
        state,
        changed: changed.iter().map(|it| it.outcome.clone()).collect(),
        more,
    };
    let left = if room == 0 { 0 } else { more };
    let gap = |it: &&Printed| {
        let SeenOutcome { organization, member_experience, .. } = &it.outcome;
        let missing = missing(&it.print, &remembered);
        (missing > 0).then(|| ((organization.clone(), member_experience.clone()), missing))
    };
    let gaps = changed.iter().filter_map(gap).collect();
    Some(News { event, prints: kept.into_iter().flatten().collect(), left, gaps })
}

/// How many outcomes came between the receipt that was told of before and this one: none where no
/// entry told of one, or where it cannot be said which.
fn missing(print: &Print, remembered: &BTreeSet<Print>) -> usize {
    let (mut first, mut last) = ([0; PRINT], [u8::MAX; PRINT]);
    first[..OF_EXPERIENCE].copy_from_slice(&print[..OF_EXPERIENCE]);
    last[..OF_EXPERIENCE].copy_from_slice(&print[..OF_EXPERIENCE]);
    let count = |print: &Print| u16::from_be_bytes([print[COUNT], print[COUNT + 1]]);
    let mut before = remembered.range(first..=last).map(count);
    let (Some(before), None) = (before.next(), before.next()) else { return 0 };
    // The numbers of a member that counts backwards say nothing.
    let grown = count(print).wrapping_sub(before);
    if grown <= u16::MAX / 2 { usize::from(grown.saturating_sub(1)) } else { 0 }
}

/// What is remembered of organizations that were not read whole, or not at all, beside what is
/// `kept` of them: what could not be read is not gone (rule 12).
fn not_read(view: &View, remembered: &BTreeSet<Print>, kept: &BTreeSet<Print>) -> Vec<Print> {
    let looked: BTreeMap<Tag, bool> = view
        .looked
        .iter()
        .map(|looked| (tag(&looked.id), looked.report.as_ref().is_ok_and(|report| !report.more)))
        .collect();
    let mut of = BTreeMap::<Tag, usize>::new();
    for print in kept {
        *of.entry(tag_of(print)).or_default() += 1;
    }
    let may_be_there = |print: &&Print| match looked.get(&tag_of(print)) {
        Some(whole) => !whole,
        None => view.left_out.is_some(),
    };
    let not_read = remembered.iter().filter(|print| !kept.contains(*print)).filter(may_be_there);
    let is_in_bounds = |print: &&Print| {
        let number = of.entry(tag_of(print)).or_default();
        *number += 1;
        *number <= MOST_REMEMBERED
    };
    not_read.filter(is_in_bounds).copied().collect()
}

fn tag(organization: &OrganizationId) -> Tag {
    let mut tag = [0; OF_ORGANIZATION];
    tag.copy_from_slice(&Digest::of(organization.as_str().as_bytes()).bytes()[..OF_ORGANIZATION]);
    tag
}

fn tag_of(print: &Print) -> Tag {
    let mut tag = [0; OF_ORGANIZATION];
    tag.copy_from_slice(&print[..OF_ORGANIZATION]);
    tag
}

/// Stands among the fingerprints where not all of them fit: what all receipts said together.
fn overflowing(state: Digest) -> Print {
    let mut print = [0; PRINT];
    print[OF_ORGANIZATION..].copy_from_slice(&state.bytes()[..PRINT - OF_ORGANIZATION]);
    print
}

/// What a receipt says, and its fingerprint.
struct Printed {
    print: Print,
    /// The fingerprints of earlier releases: one told the organization, and one not even that.
    earlier: [Print; 2],
    outcome: SeenOutcome,
}

fn printed(receipt: &Receipt) -> Printed {
    let outcome = SeenOutcome {
        organization: receipt.organization.clone(),
        member_experience: receipt.member_experience.clone(),
        status: receipt.status,
        version: receipt.version,
        applied: receipt.applied().map(|applied| applied.version),
        received_at: receipt.received_at,
        outcomes: receipt.recorded.map_or(0, |recorded| recorded.outcomes),
        error: receipt.error.as_deref().map(|error| PlainText::bounded(error, MAX_ERROR).into()),
        between: Vec::new(),
    };
    // Without the time, which spokes of earlier releases write anew with each pass, also where
    // nothing changed. The digest of the snapshot is part of what it says, and follows from its
    // version for whoever reads the entry: a receipt with another digest is disputed.
    let SeenOutcome { organization, member_experience, status, version, applied, outcomes, error, .. } = &outcome;
    let applied = applied.map_or(0, pmp_protocol::SnapshotVersion::get);
    let text = format!(
        "{organization}\n{member_experience}\n{status}\n{version}\n{applied}\n{outcomes}\n{}",
        error.as_deref().unwrap_or_default()
    );
    let digest = Digest::of(text.as_bytes());
    let digest = digest.bytes();
    let (mut print, mut of_organization, mut of_nobody) = ([0; PRINT], [0; PRINT], [0; PRINT]);
    let experience = Digest::of(member_experience.as_str().as_bytes());
    print[..OF_ORGANIZATION].copy_from_slice(&tag(organization));
    print[OF_ORGANIZATION..OF_EXPERIENCE].copy_from_slice(&experience.bytes()[..OF_EXPERIENCE - OF_ORGANIZATION]);
    print[OF_EXPERIENCE..COUNT].copy_from_slice(&digest[..COUNT - OF_EXPERIENCE]);
    print[COUNT..].copy_from_slice(&outcomes.to_be_bytes()[6..]);
    of_organization[..OF_ORGANIZATION].copy_from_slice(&tag(organization));
    of_organization[OF_ORGANIZATION..].copy_from_slice(&digest[..PRINT - OF_ORGANIZATION]);
    of_nobody.copy_from_slice(&digest[..PRINT]);
    Printed { print, earlier: [of_organization, of_nobody], outcome }
}
