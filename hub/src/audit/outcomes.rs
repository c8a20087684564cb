//! What the members' receipts say that no entry tells of yet. Pure.
//!
//! Spokes write their receipts themselves, and must not write into the hub's partitions. So the hub
//! writes down what it sees when it looks by schedule. It remembers a fingerprint of each receipt
//! that an entry tells of; a receipt with another fingerprint is news. What a receipt said between
//! two looks is not seen: the number of its outcomes tells that there was something.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::Timestamp;
use pmp_audit::{Event, MAX_OUTCOMES, SeenOutcome};
use pmp_protocol::{Digest, PlainText, Receipt};

use crate::status::fleet::View;

/// The bytes of a fingerprint. Only a member could make two receipts of the same fingerprint, and
/// would hide nothing but its own.
const PRINT: usize = 12;
/// The most fingerprints that are remembered: DynamoDB's items hold 400 KB.
const MAX_PRINTS: usize = 30_000;
/// The longest error that is told, in bytes.
const MAX_ERROR: usize = 200;

type Print = [u8; PRINT];

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
    let mut outcomes: Vec<(Print, SeenOutcome)> = believed.into_iter().map(printed).collect();
    outcomes.sort_by(|(_, a), (_, b)| {
        (&a.organization, &a.member_experience).cmp(&(&b.organization, &b.member_experience))
    });
    let remembered: HashSet<Print> = remembered.as_chunks().0.iter().copied().collect();
    let there: BTreeSet<Print> = outcomes.iter().map(|(print, _)| *print).collect();
    // What could not be read is not gone (rule 12): it stays remembered.
    let whole = view.looked.iter().all(|looked| looked.report.as_ref().is_ok_and(|report| !report.more));
    let mut kept: BTreeSet<Print> =
        remembered.iter().filter(|print| !whole || there.contains(*print)).copied().collect();
    let gone = remembered.len() - kept.len();
    let new: Vec<_> = outcomes.iter().filter(|(print, _)| !remembered.contains(print)).collect();
    // Of a fleet that is larger than can be remembered, each entry still has the digest of all.
    let room = MAX_PRINTS.saturating_sub(kept.len()).min(MAX_OUTCOMES);
    if gone == 0 && (new.is_empty() || room == 0) {
        return None;
    }
    let mut statuses = BTreeMap::<String, usize>::new();
    for (_, outcome) in &outcomes {
        *statuses.entry(outcome.status.to_string()).or_default() += 1;
    }
    if !disputed.is_empty() {
        statuses.insert("disputed".to_owned(), disputed.len());
    }
    let changed = &new[..new.len().min(room)];
    kept.extend(changed.iter().map(|(print, _)| *print));
    let all: Vec<u8> = outcomes.iter().flat_map(|(print, _)| *print).collect();
    let more = new.len() - changed.len();
    let event = Event::Receipts {
        receipts: outcomes.len(),
        statuses,
        state: Digest::of(&all),
        changed: changed.iter().map(|(_, outcome)| outcome.clone()).collect(),
        more,
    };
    let left = if room == 0 { 0 } else { more };
    Some(News { event, prints: kept.into_iter().flatten().collect(), left })
}

fn printed(receipt: &Receipt) -> (Print, SeenOutcome) {
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
    let mut print = [0; PRINT];
    print.copy_from_slice(&Digest::of(text.as_bytes()).bytes()[..PRINT]);
    (print, outcome)
}
