//! What the members' receipts say that no entry tells of yet. Pure.
//!
//! Spokes write their receipts themselves, and must not write into the hub's partitions. So the hub
//! writes down what it sees when it looks by schedule. It remembers a fingerprint of each receipt
//! that an entry tells of; a receipt with another fingerprint is news. What a receipt said between
//! two looks is not seen: the number of its outcomes tells that there was something.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use pmp_audit::{Event, MAX_OUTCOMES, SeenOutcome};
use pmp_ledger::MOST_REMEMBERED;
use pmp_protocol::{Digest, OrganizationId, PlainText, Receipt};

use crate::status::fleet::View;

/// The bytes of a fingerprint: first those of its organization, and then those of what it says.
/// Only a member could make two receipts of the same fingerprint, and would hide nothing but its
/// own.
const PRINT: usize = 12;
/// How many of them tell the organization. Two of the same are read whole together or not at all.
const OF_ORGANIZATION: usize = 4;
/// The most fingerprints that are remembered: DynamoDB's items hold 400 KB.
const MAX_PRINTS: usize = 30_000;
/// The longest error that is told, in bytes.
const MAX_ERROR: usize = 200;

type Print = [u8; PRINT];
type Tag = [u8; OF_ORGANIZATION];

/// What there is to write, and what is remembered after it was written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) event: Event,
    pub(crate) prints: Vec<u8>,
    /// How many receipts are left for the next entry.
    pub(crate) left: usize,
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
    let is_known = |it: &Printed| remembered.contains(&it.print) || remembered.contains(&it.earlier);
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
    Some(News { event, prints: kept.into_iter().flatten().collect(), left })
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
    /// The fingerprint of an earlier release, which did not tell the organization.
    earlier: Print,
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
    let (mut print, mut earlier) = ([0; PRINT], [0; PRINT]);
    print[..OF_ORGANIZATION].copy_from_slice(&tag(organization));
    print[OF_ORGANIZATION..].copy_from_slice(&digest[..PRINT - OF_ORGANIZATION]);
    earlier.copy_from_slice(&digest[..PRINT]);
    Printed { print, earlier, outcome }
}
