//! What is seen of an organization, as the decision about waves takes it. The hub compares, it does
//! not believe (rule 10): a receipt that does not match the ledger says nothing. Pure.

use jiff::Timestamp;
use pmp_ledger::Organization;
use pmp_protocol::{Digest, OrganizationSeen, Receipt, ReceiptStatus, SnapshotVersion, is_ahead, longest_hold};
use pmp_waves::{Observed, Standing};

use crate::status::fleet::View;

/// How an organization stands with `version`, which has this digest.
pub(crate) fn observed(
    view: &View,
    organization: &Organization,
    version: SnapshotVersion,
    digest: Digest,
    now: Timestamp,
) -> Observed {
    let signs = organization.signs();
    // A sign of life of a time to come is none.
    let last_seen = signs.iter().map(|seen| seen.last_seen).filter(|at| !is_ahead(*at, now)).max();
    let believed = |receipt: &&Receipt| receipt.is_kept() && view.dispute(receipt, now).is_none();
    let receipts: Vec<&Receipt> = organization.receipts.iter().filter(believed).collect();
    let is_it = |receipt: &Receipt| (receipt.version, receipt.digest) == (version, digest);
    let any_of_it = receipts.iter().any(|receipt| is_it(receipt));
    let of_it = |standing| Observed { version: any_of_it.then_some(version), standing, last_seen };
    if receipts.iter().any(|receipt| is_it(receipt) && has_failed(receipt)) {
        return of_it(Standing::Failed);
    }
    if is_paused_by_hub(view, organization, now) {
        return of_it(Standing::PausedByHub);
    }
    if is_left_alone(view, organization, &signs, &receipts, version, now) {
        return of_it(Standing::Paused);
    }
    if receipts.iter().any(|receipt| is_it(receipt) && waits_for_windows(receipt)) {
        return of_it(Standing::Waiting);
    }
    if receipts.iter().any(|receipt| is_it(receipt) && receipt.status == ReceiptStatus::Held) {
        return of_it(Standing::Held);
    }
    let all = receipts.iter().all(|receipt| is_it(receipt) && is_in_step(receipt));
    of_it(if all { Standing::InStep } else { Standing::Working })
}

/// Whether a version could not be applied as it is.
fn has_failed(receipt: &Receipt) -> bool {
    match receipt.status {
        ReceiptStatus::Failed => true,
        ReceiptStatus::Partial => !receipt.is_unfinished() && !is_left_as_set(receipt),
        ReceiptStatus::InSync | ReceiptStatus::Applying | ReceiptStatus::Held | ReceiptStatus::Skipped => false,
    }
}

/// Whether it cannot be applied before change windows open. Those that never open together are a
/// fault of the settings, and the deadline counts.
fn waits_for_windows(receipt: &Receipt) -> bool {
    let paused = receipt.paused.as_ref().filter(|_| receipt.status == ReceiptStatus::Held);
    paused.is_some_and(|paused| paused.windows.is_some() && paused.ends())
}

/// Whether all is applied. What somebody else set there, and its spoke leaves as it was told to, is
/// no fault of the version.
fn is_in_step(receipt: &Receipt) -> bool {
    receipt.status == ReceiptStatus::InSync || is_left_as_set(receipt)
}

fn is_left_as_set(receipt: &Receipt) -> bool {
    receipt.status == ReceiptStatus::Partial
        && receipt.drift.as_ref().is_some_and(|drift| drift.is_left() && drift.rest_applied)
}

/// Whether the hub's operators paused it, or everybody.
fn is_paused_by_hub(view: &View, organization: &Organization, now: Timestamp) -> bool {
    let directions = [view.fleet.direction(), view.direction(&organization.id)];
    directions.into_iter().flatten().any(|direction| direction.paused(now).is_some())
}

/// Whether nothing is to be expected of it: it holds, is pinned to another version, or keeps
/// nothing in step.
fn is_left_alone(
    view: &View,
    organization: &Organization,
    signs: &[&OrganizationSeen],
    receipts: &[&Receipt],
    version: SnapshotVersion,
    now: Timestamp,
) -> bool {
    let (fleet, own) = (view.fleet.direction(), view.direction(&organization.id));
    let bound = longest_hold(fleet);
    let is_held = signs.iter().filter_map(|seen| seen.hold.as_ref()).any(|hold| hold.holds(bound, now));
    let is_pinned = own.and_then(|own| own.pin.as_ref()).is_some_and(|pin| pin.version != version);
    let only_looks = receipts.iter().all(|receipt| receipt.status == ReceiptStatus::Skipped);
    // One that says nothing of any experience, and is heard of, keeps none.
    is_held || is_pinned || only_looks
}
