//! What came and went between two looks of the hub, in the words of the members' spokes.
//!
//! A receipt says how an experience stands. Where the number of its outcomes grew by more than one
//! since the hub's last look, the outcomes in between are in the member's record (`done#…`). The
//! hub reads them then, and only then: one query for each organization with such a gap.
//!
//! The record is the member's own. So each organization has a share of an entry that depends on how
//! many there are, and not on what any of them wrote (rule 11); and what the ledger contradicts is
//! left out (rule 10).

use std::collections::BTreeMap;

use futures::StreamExt as _;
use jiff::Timestamp;
use pmp_audit::{Event, SeenOutcome, ToldOutcome};
use pmp_ledger::{Extent, RecordStore};
use pmp_protocol::{ExperienceId, OrganizationId, Outcome, PlainText, render};

use super::outcomes::{Gaps, MAX_ERROR};
use crate::status::fleet::View;

/// The most outcomes in between that one entry tells: with an error each they have 150 KB.
const MOST_OF_ENTRY: usize = 400;
/// The most of them of one experience.
const MOST_OF_EXPERIENCE: usize = 20;
/// How many organizations are read at the same time.
const AT_ONCE: usize = 32;

/// Adds to the outcomes of `event` what came between each and the one before it. What cannot be
/// read is left out: `outcomes` tells that there was something.
pub(super) async fn told(
    event: &mut Event,
    gaps: &Gaps,
    records: &dyn RecordStore,
    experience: &ExperienceId,
    view: &View,
    now: Timestamp,
) {
    let Event::Receipts { changed, .. } = event else { return };
    let mut of = BTreeMap::<&OrganizationId, Vec<&ExperienceId>>::new();
    for (organization, member) in gaps.keys() {
        of.entry(organization).or_default().push(member);
    }
    let share = MOST_OF_ENTRY / of.len().max(1);
    let reads = of.into_iter().map(|(organization, members)| async move {
        let only = if let [only] = members.as_slice() { Some(*only) } else { None };
        let read = records.outcomes(organization, experience, only, Extent::Usual).await;
        read.map(|read| read.found).unwrap_or_else(|error| {
            tracing::warn!(%organization, error = render(&error), "the audit lacks the outcomes between two looks");
            Vec::new()
        })
    });
    let found: Vec<Vec<Outcome>> = futures::stream::iter(reads).buffer_unordered(AT_ONCE).collect().await;
    let is_believed =
        |it: &Outcome| view.doubt(&it.organization, it.version, it.digest, it.at, now).is_none() && it.at <= now;
    let mut by_experience = BTreeMap::<(OrganizationId, ExperienceId), Vec<Outcome>>::new();
    for outcome in found.into_iter().flatten().filter(is_believed) {
        by_experience
            .entry((outcome.organization.clone(), outcome.member_experience.clone()))
            .or_default()
            .push(outcome);
    }
    let mut left = BTreeMap::<OrganizationId, usize>::new();
    for seen in changed {
        let key = (seen.organization.clone(), seen.member_experience.clone());
        let (Some(missing), Some(outcomes)) = (gaps.get(&key), by_experience.remove(&key)) else { continue };
        let left = left.entry(key.0).or_insert(share);
        seen.between = between(outcomes, seen, (*missing).min(MOST_OF_EXPERIENCE).min(*left));
        *left -= seen.between.len();
    }
}

/// Of an experience's outcomes, the newest first, the `most` before the one that `seen` tells, the
/// oldest first. Pure.
fn between(outcomes: Vec<Outcome>, seen: &SeenOutcome, most: usize) -> Vec<ToldOutcome> {
    let is_seen =
        |it: &Outcome| (it.version, it.status, it.received_at) == (seen.version, seen.status, seen.received_at);
    // One that was written since the receipt was read is none of those before it.
    let own = outcomes.iter().position(is_seen).unwrap_or_default();
    let before = outcomes.into_iter().skip(own + 1).take(most);
    let mut told: Vec<_> = before
        .map(|Outcome { at, status, version, error, .. }| ToldOutcome {
            at,
            status,
            version,
            error: error.map(|error| PlainText::bounded(&error, MAX_ERROR).into()),
        })
        .collect();
    told.reverse();
    told
}
