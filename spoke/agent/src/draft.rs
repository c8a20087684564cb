//! Writes receipts. A draft holds the fields that do not change during a pass.

use jiff::Timestamp;
use pmp_protocol::{
    Applied, Confirmed, Deferred, Digest, Drift, ExperienceId, FilterIdentity, FilterInput, FilteredFor, Left,
    OrganizationId, PlainText, Receipt, ReceiptStatus, Recorded, Removal, SnapshotVersion, VerdictMark, WindowsSaid,
    WouldChange,
};
use pmp_runtime::Clock;

use crate::erosion;

/// The version of this program, for receipts.
pub(crate) const SPOKE_VERSION: &str = env!("CARGO_PKG_VERSION");
/// The longest error text in a receipt, in bytes. A DynamoDB item holds 400 KB, and a person reads
/// a sentence.
const MAX_ERROR: usize = 1_000;
/// The most reasons of a filter that a receipt names. Each has at most 256 bytes.
pub(crate) const MAX_REASONS: usize = 10;
/// The most deferred products that a receipt names.
const MAX_DEFERRED: usize = 500;
/// The longest error text of a deferred product, in bytes. So all of them together fit into the
/// item.
const MAX_REFUSAL: usize = 400;

/// The most change sets that a receipt lists, those of earlier passes included. An experience with
/// a product that the catalog refuses again and again has one more with each retry.
const MAX_CHANGE_SETS: usize = 1_000;

/// An error text for the hub, whoever wrote it: bounded, and harmless wherever it is shown (rule
/// 14).
pub(crate) fn told(error: &str) -> String {
    PlainText::bounded(error, MAX_ERROR).into()
}

fn bounded(found: &Deferred) -> Deferred {
    Deferred { error: PlainText::bounded(&found.error, MAX_REFUSAL).into(), ..found.clone() }
}

/// The time, to the millisecond. The shorter form saves space, because the hub reads a bounded
/// number of bytes of an organization.
pub(crate) fn now(clock: &dyn Clock) -> Timestamp {
    let now = clock.now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// Whether a receipt tells the hub nothing new, because the experience was found as it was left.
/// Then it is not written. The sign of life reports that the spoke lives.
pub(crate) fn tells_nothing_new(before: Option<&Receipt>, receipt: &Receipt) -> bool {
    // Protocol R10.
    let Some(before) = before else { return false };
    let steady = matches!(receipt.status, ReceiptStatus::InSync | ReceiptStatus::Skipped);
    steady && Receipt { received_at: before.received_at, ..receipt.clone() } == *before
}

/// The progress of one experience's sync.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Number of products newly approved.
    pub(crate) allowed: usize,
    /// Number of products newly denied.
    pub(crate) denied: usize,
    /// Products that the plan still names.
    pub(crate) pending: usize,
    /// Products that are deferred.
    pub(crate) deferred: Vec<Deferred>,
    /// Change sets, in the order in which they were started.
    pub(crate) change_sets: Vec<String>,
    /// The last of them, until it is seen to end.
    pub(crate) running: Option<String>,
    /// Products that were newly approved by a change set of an earlier pass for this snapshot,
    /// which did not see it end.
    pub(crate) adopted_allowed: usize,
    /// The same of those that it newly denied.
    pub(crate) adopted_denied: usize,
    /// Products that were approved, and that this pass has denied.
    pub(crate) removed: usize,
    /// Those of them that somebody else had approved, and not the hub. Later passes do not count
    /// them as removed.
    pub(crate) taken_back: usize,
    /// The number of products that somebody else had approved before the pass, and not the hub.
    pub(crate) added_by_others: usize,
    /// Approved products that the running change set denies, without those that somebody else had
    /// approved. A pass that is stopped or killed does
    /// not see its end. The guard rails count it all the same, because a plan that is held too
    /// early does less harm than removals that slip through.
    pub(crate) removing: usize,
    /// The number of products that were approved at the start of the pass.
    pub(crate) approved_before: usize,
    /// The changes that a sync would make, if the spoke only observes.
    pub(crate) would_change: Option<WouldChange>,
    /// The state of the lists after the pass. `None` if it is not known.
    pub(crate) left: Option<Left>,
}

/// Results of earlier passes for the same snapshot that did not bring the experience into step. The
/// receipt adds them to those of this pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Earlier {
    allowed: usize,
    denied: usize,
    change_sets: Vec<String>,
    /// What change windows said when the last of these were started.
    windows: Option<WindowsSaid>,
}

impl Earlier {
    /// The results for the snapshot with this version and digest, from `before`, the receipt that
    /// the ledger holds.
    pub(crate) fn of(before: Option<&Receipt>, version: SnapshotVersion, digest: Digest) -> Self {
        // Protocol R9.
        let goes_on = |before: &&Receipt| {
            before.status != ReceiptStatus::InSync && (before.version, before.digest) == (version, digest)
        };
        let Some(before) = before.filter(goes_on) else { return Self::default() };
        let Receipt { allowed, denied, change_sets, windows, .. } = before;
        Self { allowed: *allowed, denied: *denied, change_sets: change_sets.clone(), windows: windows.clone() }
    }

    /// The change sets of earlier passes, and then those of `now`. A change set that this pass
    /// adopted stands in the place that it has in `now`.
    fn change_sets(&self, now: &[String]) -> Vec<String> {
        let before = self.change_sets.iter().filter(|id| !now.contains(id));
        let all: Vec<_> = before.chain(now).cloned().collect();
        all[all.len().saturating_sub(MAX_CHANGE_SETS.max(now.len()))..].to_vec()
    }
}

/// The fields of a receipt that stay the same for one experience during a pass.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) organization: OrganizationId,
    pub(crate) management: ExperienceId,
    pub(crate) member: ExperienceId,
    pub(crate) version: SnapshotVersion,
    pub(crate) digest: Digest,
    /// How often the organization's pin was changed.
    pub(crate) line: u64,
    pub(crate) received_at: Timestamp,
    /// The snapshot in force at the start of the pass. Every receipt holds it until a newer one is
    /// in force.
    pub(crate) applied: Option<Applied>,
    pub(crate) filtered: usize,
    pub(crate) filtered_for: Vec<FilteredFor>,
    pub(crate) filter_warnings: Vec<String>,
    pub(crate) filter: Option<FilterIdentity>,
    /// What the filter is given, as far as the hub is told.
    pub(crate) filter_input: Option<FilterInput>,
    /// What the filter decided in this pass; none until it has.
    pub(crate) decided: Option<VerdictMark>,
    pub(crate) confirmed: Option<Confirmed>,
    /// The lists as an earlier pass left them. It counts until this pass begins to change them.
    pub(crate) left: Option<Left>,
    /// Edits of others that were noticed.
    pub(crate) drift: Option<Drift>,
    /// The spoke of the organization that writes this receipt.
    pub(crate) owner: String,
    /// Removals of earlier passes within the guard rail's window.
    pub(crate) removals: Vec<Removal>,
    /// Results of earlier passes for this snapshot.
    pub(crate) earlier: Earlier,
    /// The extent of the record at the start of the pass.
    pub(crate) recorded: Option<Recorded>,
    /// What change windows said at the start of the pass. `None` where there are none.
    pub(crate) windows: Option<WindowsSaid>,
}

#[cfg(test)]
impl Draft {
    /// A draft for tests, for `member`.
    pub(crate) fn of(member: &str) -> Self {
        Self {
            organization: OrganizationId::new("o-alpha00000").unwrap(),
            management: ExperienceId::new("exp-management").unwrap(),
            member: ExperienceId::new(member).unwrap(),
            version: SnapshotVersion::FIRST,
            digest: Digest::of(b"now"),
            line: 0,
            received_at: Timestamp::UNIX_EPOCH,
            applied: None,
            filtered: 0,
            filtered_for: Vec::new(),
            filter_warnings: Vec::new(),
            filter: None,
            filter_input: None,
            decided: None,
            confirmed: None,
            left: None,
            drift: None,
            owner: "all".to_owned(),
            removals: Vec::new(),
            earlier: Earlier::default(),
            recorded: None,
            windows: None,
        }
    }
}

impl Draft {
    /// The recent removals, with those of this pass. Once an operator has let the snapshot through,
    /// all of them are accepted and the list is empty.
    fn removals(&self, progress: &Progress) -> Vec<Removal> {
        if self.confirmed.is_some() {
            return Vec::new();
        }
        let Progress { removed, taken_back, removing, approved_before, added_by_others, .. } = *progress;
        let removed = removed.saturating_sub(taken_back).saturating_add(removing);
        let approved = approved_before.saturating_sub(added_by_others);
        erosion::with(&self.removals, Some(Removal { at: self.received_at, removed, approved }))
    }

    /// The receipt for a result, or for the progress so far.
    pub(crate) fn receipt(&self, status: ReceiptStatus, progress: &Progress, error: Option<String>) -> Receipt {
        Receipt {
            organization: self.organization.clone(),
            experience: self.management.clone(),
            member_experience: self.member.clone(),
            version: self.version,
            digest: self.digest,
            line: self.line,
            status,
            paused: None,
            windows: self.windows_of(progress),
            received_at: self.received_at,
            applied_at: None,
            applied: self.applied,
            allowed: self.earlier.allowed + progress.adopted_allowed + progress.allowed,
            denied: self.earlier.denied + progress.adopted_denied + progress.denied,
            pending: progress.pending,
            would_change: progress.would_change,
            left: progress.left.clone().or_else(|| self.left.clone()),
            drift: self.drift.clone(),
            filtered: self.filtered,
            filtered_for: self.filtered_for.clone(),
            filter_warnings: self.filter_warnings.clone(),
            // Protocol R15.
            deferred: progress.deferred.iter().take(MAX_DEFERRED).map(bounded).collect(),
            change_sets: self.earlier.change_sets(&progress.change_sets),
            running: progress.running.clone(),
            filter: self.filter.clone(),
            filter_input: self.filter_input.clone(),
            confirmed: self.confirmed.clone(),
            removals: self.removals(progress),
            owner: Some(self.owner.clone()),
            recorded: self.recorded,
            spoke_version: SPOKE_VERSION.to_owned(),
            error: error.map(|text| told(&text)),
        }
    }

    /// What change windows said when change sets were started last, for this snapshot.
    fn windows_of(&self, progress: &Progress) -> Option<WindowsSaid> {
        let windows = if progress.change_sets.is_empty() { &self.earlier.windows } else { &self.windows };
        windows.clone()
    }

    /// The receipt of an experience that is in step since `now`. If the same snapshot had brought
    /// it into step before, and nothing was to do, the receipt keeps that time, and the numbers of
    /// that sync.
    pub(crate) fn in_sync(&self, progress: &Progress, now: Timestamp, before: Option<&Receipt>) -> Receipt {
        let mut receipt = self.receipt(ReceiptStatus::InSync, progress, None);
        if let Some(input) = &mut receipt.filter_input {
            input.in_force.clone_from(&self.decided);
        }
        let unchanged = before.filter(|before| {
            progress.change_sets.is_empty()
                && before.status == ReceiptStatus::InSync
                && (before.version, before.digest) == (self.version, self.digest)
        });
        let applied = |at| Some(Applied { version: self.version, digest: self.digest, at });
        match unchanged {
            Some(before) => Receipt {
                applied_at: before.applied_at,
                applied: before.applied_at.and_then(applied),
                allowed: before.allowed,
                denied: before.denied,
                change_sets: before.change_sets.clone(),
                windows: before.windows.clone(),
                confirmed: receipt.confirmed.or_else(|| before.confirmed.clone()),
                ..receipt
            },
            None => Receipt { applied_at: Some(now), applied: applied(now), ..receipt },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(allowed: usize, denied: usize, change_sets: &[&str]) -> Progress {
        let change_sets = change_sets.iter().map(|id| (*id).to_owned()).collect();
        Progress { allowed, denied, change_sets, ..Progress::default() }
    }

    fn after(before: &Receipt) -> Draft {
        let draft = Draft::of("exp-member");
        Draft { earlier: Earlier::of(Some(before), draft.version, draft.digest), ..draft }
    }

    fn told(receipt: &Receipt) -> (usize, usize, Vec<&str>) {
        (receipt.allowed, receipt.denied, receipt.change_sets.iter().map(String::as_str).collect())
    }

    #[test]
    fn what_passes_did_for_one_snapshot_is_told_together_until_it_is_in_step() {
        // Protocol R9.
        let first = Draft::of("exp-member").receipt(ReceiptStatus::Partial, &progress(50, 3, &["cs-1", "cs-2"]), None);
        // The second change set is adopted, and seen to end.
        let second = after(&first).receipt(ReceiptStatus::Partial, &progress(50, 0, &["cs-2", "cs-3"]), None);
        assert_eq!(told(&second), (100, 3, vec!["cs-1", "cs-2", "cs-3"]));
        let idle = after(&second).receipt(ReceiptStatus::Partial, &progress(0, 0, &[]), None);
        assert_eq!(told(&idle), told(&second), "a pass that has nothing to do but to wait");
        let last = after(&idle).in_sync(&progress(20, 0, &["cs-4"]), Timestamp::UNIX_EPOCH, Some(&idle));
        assert_eq!(told(&last), (120, 3, vec!["cs-1", "cs-2", "cs-3", "cs-4"]));
        // Once in step, the list begins anew: later change sets undo edits of others.
        let drift = after(&last).in_sync(&progress(1, 0, &["cs-5"]), Timestamp::UNIX_EPOCH, Some(&last));
        assert_eq!(told(&drift), (1, 0, vec!["cs-5"]));
    }

    #[test]
    fn another_snapshot_begins_anew() {
        // Protocol R9.
        let before = Draft::of("exp-member").receipt(ReceiptStatus::Partial, &progress(50, 3, &["cs-1"]), None);
        let draft = Draft::of("exp-member");
        for (version, digest) in [(draft.version.next(), draft.digest), (draft.version, Digest::of(b"other"))] {
            assert_eq!(Earlier::of(Some(&before), version, digest), Earlier::default());
        }
    }

    #[test]
    fn a_receipt_does_not_grow_for_ever() {
        // Protocol R15.
        let many: Vec<String> = (0..2_000).map(|n| format!("cs-{n}")).collect();
        let earlier = Earlier { change_sets: many.clone(), ..Earlier::default() };
        assert_eq!(earlier.change_sets(&["cs-new".to_owned()]).len(), MAX_CHANGE_SETS);
        assert_eq!(earlier.change_sets(&["cs-new".to_owned()]).last().unwrap(), "cs-new");
        assert_eq!(Earlier::default().change_sets(&many), many, "of this pass it tells all");
    }

    #[test]
    fn what_a_receipt_tells_is_bounded() {
        // Protocol R15.
        let set_aside = |number: u32| Deferred {
            product: pmp_protocol::ProductId::new(&format!("prod-{number}")).unwrap(),
            reason: pmp_protocol::DeferralReason::Refused,
            error: "e".repeat(5_000),
            first_seen: None,
            tries: 1,
            next_try: None,
        };
        let progress = Progress { deferred: (0..1_000).map(set_aside).collect(), ..Progress::default() };
        let receipt = Draft::of("exp-member").receipt(ReceiptStatus::Failed, &progress, Some("e".repeat(5_000)));
        assert!(receipt.error.as_ref().unwrap().len() <= 1_000);
        assert_eq!(receipt.deferred.len(), 500);
        assert!(receipt.deferred.iter().all(|it| it.error.len() <= 400));
    }

    #[test]
    fn a_receipt_that_differs_in_its_times_alone_tells_nothing_new() {
        // Protocol R10.
        let draft = Draft::of("exp-member");
        let at = |second| Timestamp::from_second(second).unwrap();
        let left = |lists: &[u8]| Some(Left::of(&Digest::of(lists)));
        let in_sync = |progress: &Progress, second, before: Option<&Receipt>| {
            Draft { received_at: at(second), ..draft.clone() }.in_sync(progress, at(second), before)
        };
        let first = in_sync(&Progress { left: left(b"lists"), ..Progress::default() }, 10, None);
        assert!(!tells_nothing_new(None, &first));
        let again = in_sync(&Progress { left: left(b"lists"), ..Progress::default() }, 20, Some(&first));
        assert!(again != first && tells_nothing_new(Some(&first), &again));
        // Somebody else put a product that the hub does not name on a list.
        let touched = in_sync(&Progress { left: left(b"others"), ..Progress::default() }, 20, Some(&first));
        assert!(!tells_nothing_new(Some(&first), &touched));
        // A state that needs a person is reported with each pass.
        let held = draft.receipt(ReceiptStatus::Held, &Progress::default(), Some("no".to_owned()));
        assert!(!tells_nothing_new(Some(&held), &held));
    }
}
