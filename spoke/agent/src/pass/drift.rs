//! Finds edits of others in an experience, attributes them as far as AWS says who made them, and
//! decides whether they are healed or left.
//!
//! An experience was edited if its lists differ from those that the last pass left. If neither the
//! snapshot nor the filter has changed since, the plan names the edited products. Otherwise they
//! follow from the hub's decisions in both snapshots, and from the products that the foreign change
//! set names.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use pmp_catalog::{ChangeHistory, Edits, PastChangeSet, Scope};
use pmp_ledger::SnapshotStore;
use pmp_plan::{Desired, GuardRails, Observed, plan};
use pmp_protocol::{
    AccountId, Content, Digest, Drift, DriftHandling, EditedProduct, ExperienceId, FilterIdentity, ForeignChangeSet,
    ListedAs, PlainText, ProductId, Receipt, ReceiptStatus, Snapshot, SnapshotVersion, one_line,
};

use crate::apply::live::{Live, left};
use crate::pass::Spoke;

/// Receipts report edits for this long after they were noticed.
const TELL_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The most edited products that a receipt names. Of products that are left alone, this many are
/// remembered.
const MAX_EDITED: usize = 500;
/// The most healed products that a receipt names. It is lower, because nothing depends on these
/// names.
const MAX_HEALED: usize = 20;
/// The most change sets that a receipt names, and the longest name of one, in bytes.
const MAX_CHANGE_SETS: usize = 5;
const MAX_NAME: usize = 100;
/// The catalog's clock and the spoke's may differ by this much.
const CLOCKS: SignedDuration = SignedDuration::from_mins(1);
/// How the spoke names its change sets, up to the version.
pub(crate) const NAME: &str = "pmp-sync snapshot ";

/// The edits that the last receipt reported, if they are still to be reported.
pub(crate) fn still_told(before: Option<&Receipt>, now: Timestamp) -> Option<Drift> {
    let drift = before?.drift.as_ref()?;
    let recent = now.duration_since(drift.noticed_at) < TELL_FOR;
    (recent || drift.is_left()).then(|| Drift { rest_applied: false, ..drift.clone() })
}

/// Whether somebody else changed the lists since the last pass. After an unfinished pass that is
/// unknown, because its own change sets may have gone on.
fn is_edited(before: &Receipt, live: &Live) -> bool {
    let was = before.left.as_ref().filter(|_| !before.is_unfinished());
    was.is_some_and(|was| *was != left(&live.policy))
}

/// The edits of others in one experience.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Foreign {
    by: Vec<ForeignChangeSet>,
    /// The products that the newest change set of others names.
    named: BTreeSet<ProductId>,
}

/// Finds out who edited the experience, in at most two calls. If AWS does not tell, nobody is
/// named, and the pass goes on.
async fn attribute(
    history: &dyn ChangeHistory,
    experience: &ExperienceId,
    account: &AccountId,
    before: &Receipt,
) -> Foreign {
    let since = last_pass(before).saturating_sub(CLOCKS).unwrap_or(before.received_at);
    let foreign = async |scope| {
        let found = history.past_change_sets(experience, scope, since).await.unwrap_or_else(|error| {
            tracing::warn!(%experience, error = one_line(&error), "who edited it could not be looked up");
            Vec::new()
        });
        since_the_last_pass(found, account, before)
    };
    // A delegated administrator sees the change sets of others only as shared. Their products
    // cannot be read, which saves a call.
    let (found, scope) = match foreign(Scope::Own).await {
        own if own.is_empty() => (foreign(Scope::SharedWithMe).await, Scope::SharedWithMe),
        own => (own, Scope::Own),
    };
    let edits = match found.first() {
        Some(newest) if scope == Scope::Own => history.edits_of(&newest.id, experience).await.unwrap_or_default(),
        _ => Edits::default(),
    };
    let by = found.into_iter().map(|set| ForeignChangeSet {
        id: set.id.to_string(),
        account: set.account,
        name: set.name.map(|name| PlainText::bounded(&name, MAX_NAME).into()),
        at: set.ended,
    });
    Foreign { by: by.collect(), named: edits.allowed.into_iter().chain(edits.denied).collect() }
}

/// When the last pass had seen the lists, by the spoke's clock.
fn last_pass(before: &Receipt) -> Timestamp {
    before.applied_at.map_or(before.received_at, |applied| applied.max(before.received_at))
}

/// The change sets of others among `found`, the newest first, that the last pass cannot have seen:
/// what it saw was healed, or is told already.
///
/// A change set that the receipt knows was seen, and so was all before it: an experience is locked
/// while one runs. Beyond that, only the time tells, and two clocks are compared. So within
/// [`CLOCKS`] of the last pass, what is named as this spoke names its own is one of them. If there
/// is a change set after the last pass, by the clocks as they are, those before it are not named.
/// If there is none, the catalog's clock is behind, and the newest is the one.
fn since_the_last_pass(found: Vec<PastChangeSet>, account: &AccountId, before: &Receipt) -> Vec<PastChangeSet> {
    let told = before.drift.iter().flat_map(|drift| &drift.by).map(|set| &set.id);
    let known: BTreeSet<&str> = before.change_sets.iter().chain(told).map(String::as_str).collect();
    let last = last_pass(before);
    let is_near = |at: Timestamp| at.duration_since(last).abs() <= CLOCKS;
    let is_own = |set: &PastChangeSet| {
        set.ended.is_some_and(is_near)
            && set.account.as_ref() == Some(account)
            && set.name.as_ref().is_some_and(|name| name.starts_with(NAME))
    };
    let unseen = found.into_iter().take_while(|set| !known.contains(set.id.as_str())).filter(|set| !is_own(set));
    // The catalog tells times to the second.
    let is_later = |set: &PastChangeSet| set.ended.is_some_and(|at| at.as_second() >= last.as_second());
    let (mut later, earlier): (Vec<_>, Vec<_>) = unseen.partition(is_later);
    if later.is_empty() {
        later.extend(earlier.into_iter().next());
    }
    later.truncate(MAX_CHANGE_SETS);
    later
}

impl Spoke {
    /// Finds edits that others made in an experience since the last pass, and decides how to handle
    /// them. A spoke that only observes keeps nothing in step, so it looks for no edits.
    pub(crate) async fn edits(
        &self,
        before: Option<&Receipt>,
        snapshot: &Snapshot,
        filter: Option<FilterIdentity>,
        desired: &Desired<'_>,
        live: &Live,
        began: Timestamp,
    ) -> Judged {
        let told = still_told(before, began);
        if self.mode.observes() {
            return Judged { drift: told, ..Judged::default() };
        }
        let handling = *self.drift.choose(&live.experience.id, Some(&live.experience.name)).assigned;
        let mut case = Case { before, told, began, snapshot, filter, desired, live, handling, foreign: None };
        let edited = before.filter(|before| match before.left {
            Some(_) => is_edited(before, live),
            None => case.must_be_edited(before),
        });
        case.foreign = match (edited, &self.history) {
            // A pass that only looks has seen enough: the one that follows it asks who it was.
            (Some(_), _) if self.engine.looks_only => Some(Foreign::default()),
            (Some(before), Some(history)) => {
                Some(attribute(history.as_ref(), &live.experience.id, &self.identity.account, before).await)
            }
            (Some(_), None) => Some(Foreign::default()),
            (None, _) => None,
        };
        case.judge(self.snapshots.as_ref()).await
    }
}

/// One pass's decision about the edits in one experience.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Judged {
    /// The receipt's report about them.
    pub(crate) drift: Option<Drift>,
    /// Products that stay as others set them.
    pub(crate) left_alone: BTreeSet<ProductId>,
}

/// The facts from which edits are judged.
struct Case<'a> {
    before: Option<&'a Receipt>,
    /// The report of earlier receipts, if it is still to be repeated.
    told: Option<Drift>,
    /// Start of this pass.
    began: Timestamp,
    snapshot: &'a Snapshot,
    filter: Option<FilterIdentity>,
    desired: &'a Desired<'a>,
    live: &'a Live,
    handling: DriftHandling,
    /// The change sets of others since the last pass. `None` if there are no edits.
    foreign: Option<Foreign>,
}

impl Case<'_> {
    /// Decides. It reads the older snapshot if the snapshot has changed since the last pass.
    async fn judge(self, snapshots: &dyn SnapshotStore) -> Judged {
        let told = self.told.clone();
        let leaves = self.handling == DriftHandling::Report;
        if self.foreign.is_none() && !(leaves && told.as_ref().is_some_and(Drift::is_left)) {
            // Products that were left alone are healed from now on, and no longer reported as left.
            let drift = told.map(|drift| Drift { handling: DriftHandling::Heal, ..drift });
            return Judged { drift, ..Judged::default() };
        }
        let out_of_step = self.out_of_step();
        let edited = self.edited(&out_of_step, snapshots).await;
        if !leaves && edited.is_empty() {
            // The lists differ, but no product is known to have been edited. So there is nothing
            // new to report.
            let drift = told.map(|drift| Drift { handling: DriftHandling::Heal, ..drift });
            return Judged { drift, ..Judged::default() };
        }
        let left = told.as_ref().filter(|drift| leaves && drift.is_left());
        // The receipt names no more than [`MAX_EDITED`] products. If there were more, all products
        // that are out of step are left alone.
        let too_many = left.is_some_and(|drift| drift.products > drift.edited.len());
        let carried: BTreeSet<_> = left.iter().flat_map(|drift| &drift.edited).map(|it| &it.product).collect();
        let carried = out_of_step.iter().filter(|id| too_many || carried.contains(*id));
        let all: BTreeSet<_> = edited.iter().chain(carried).cloned().collect();
        let most = if leaves { MAX_EDITED } else { MAX_HEALED };
        let shown = all.iter().take(most).map(|id| EditedProduct { product: id.clone(), now: self.listed(id) });
        let edited_now = shown.collect();
        let (times, noticed_at) = told.as_ref().map_or((0, None), |drift| (drift.times, Some(drift.noticed_at)));
        let is_new = self.foreign.is_some();
        // What was left before is left still, so whoever set that is named, too.
        let carries_on = !is_new || left.is_some();
        let earlier = told.iter().filter(|_| carries_on).flat_map(|drift| &drift.by).cloned();
        let mut by: Vec<_> = self.foreign.into_iter().flat_map(|foreign| foreign.by).chain(earlier).collect();
        by.truncate(MAX_CHANGE_SETS);
        let drift = Drift {
            noticed_at: noticed_at.filter(|_| !is_new).unwrap_or(self.began),
            times: times + u32::from(is_new),
            products: all.len(),
            edited: edited_now,
            handling: self.handling,
            by,
            rest_applied: false,
        };
        let left_alone = if leaves { all } else { BTreeSet::new() };
        Judged { drift: Some(drift), left_alone }
    }

    /// Whether somebody must have edited the lists: they were in step with the same snapshot and
    /// filter, and are not any more.
    fn must_be_edited(&self, before: &Receipt) -> bool {
        let same_snapshot = (before.version, before.digest) == (self.snapshot.version(), self.snapshot.digest());
        let same = same_snapshot && before.filter == self.filter;
        was_settled(before) && same && !self.out_of_step().is_empty()
    }

    /// The products that differ from the desired state, regardless of guard rails.
    fn out_of_step(&self) -> BTreeSet<ProductId> {
        let observed = Observed { approved: &self.live.policy.approved, rejected: &self.live.policy.rejected };
        let version = self.snapshot.version();
        let all = plan(self.desired, observed, version, GuardRails::default(), Some(version));
        all.map(|plan| plan.allow().union(plan.deny()).cloned().collect()).unwrap_or_default()
    }

    /// The products among `out_of_step` that others edited since the last pass.
    async fn edited(&self, out_of_step: &BTreeSet<ProductId>, snapshots: &dyn SnapshotStore) -> BTreeSet<ProductId> {
        let (Some(before), Some(foreign)) = (self.before, &self.foreign) else { return BTreeSet::new() };
        let same_filter = before.filter == self.filter;
        let same_snapshot = (before.version, before.digest) == (self.snapshot.version(), self.snapshot.digest());
        if !(was_settled(before) && same_filter) {
            // Products may be out of step for other reasons. Only those that the change set of
            // others names are known to be edited.
            return out_of_step.intersection(&foreign.named).cloned().collect();
        }
        if same_snapshot {
            // Everything was in step with the same snapshot and filter, so all of it was edited.
            return out_of_step.clone();
        }
        // The snapshot has changed. If it says the same of a product, that product was edited.
        let older = self.older(before.version, before.digest, snapshots).await;
        let now = self.snapshot.content();
        let unmoved = |id: &ProductId| older.as_ref().is_some_and(|older| says(older, id) == says(now, id));
        out_of_step.iter().filter(|id| foreign.named.contains(*id) || unmoved(id)).cloned().collect()
    }

    /// The content of the last pass's snapshot, if the ledger still keeps it.
    async fn older(&self, version: SnapshotVersion, digest: Digest, snapshots: &dyn SnapshotStore) -> Option<Content> {
        let older = snapshots.fetch(self.snapshot.experience(), version).await.ok()?;
        (older.digest() == digest).then(|| older.content().clone())
    }

    fn listed(&self, id: &ProductId) -> ListedAs {
        let policy = &self.live.policy;
        if policy.approved.contains(id) {
            ListedAs::Approved
        } else if policy.rejected.contains(id) {
            ListedAs::Rejected
        } else {
            ListedAs::Unlisted
        }
    }
}

fn says(content: &Content, id: &ProductId) -> ListedAs {
    match (content.approved().contains(id), content.rejected().contains(id)) {
        (true, _) => ListedAs::Approved,
        (false, true) => ListedAs::Rejected,
        (false, false) => ListedAs::Unlisted,
    }
}

/// Whether the last pass brought everything into step, except for edits that it left alone.
fn was_settled(before: &Receipt) -> bool {
    match before.status {
        ReceiptStatus::InSync => true,
        ReceiptStatus::Partial => {
            before.deferred.is_empty() && before.drift.as_ref().is_some_and(|drift| drift.rest_applied)
        }
        _ => false,
    }
}

/// The receipt of an experience in which some products stay as others set them, and all others are
/// applied: it is finished, and not in step.
pub(crate) fn left_as_set(receipt: Receipt) -> Receipt {
    let Some(drift) = receipt.drift.as_ref().filter(|drift| drift.is_left()) else { return receipt };
    if receipt.status != ReceiptStatus::InSync {
        return receipt;
    }
    let error = Some(format!("{drift} (PMP_DRIFT)"));
    let pending = drift.products;
    let drift = Some(Drift { rest_applied: true, ..drift.clone() });
    Receipt { status: ReceiptStatus::Partial, applied_at: None, error, pending, drift, ..receipt }
}

#[cfg(test)]
mod tests {
    use pmp_catalog::ChangeSetId;
    use pmp_protocol::testing::receipt;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn account() -> AccountId {
        AccountId::new("222222222222").unwrap()
    }

    /// A change set that ended at this second, with the name that its first letter says: `o`wn ones
    /// are named as the spoke does.
    fn ended(id: &str, second: i64) -> PastChangeSet {
        let name = id.starts_with('o').then(|| format!("{NAME}3"));
        PastChangeSet { id: ChangeSetId::new(id), name, account: Some(account()), ended: Some(at(second)) }
    }

    /// The last pass was in step at second 1,000, and started `own`.
    fn in_step(own: &[&str]) -> Receipt {
        let change_sets = own.iter().map(|id| (*id).to_owned()).collect();
        let received_at = at(995);
        Receipt { change_sets, received_at, applied_at: Some(at(1_000)), ..receipt(4, ReceiptStatus::InSync, None) }
    }

    fn named(found: &[(&str, i64)], before: &Receipt) -> Vec<String> {
        let found = found.iter().map(|(id, second)| ended(id, *second)).collect();
        since_the_last_pass(found, &account(), before).into_iter().map(|set| set.id.to_string()).collect()
    }

    #[test]
    fn what_the_last_pass_saw_or_did_is_not_named_again() {
        // Healed, and then healed by a snapshot that needed no change set.
        let found = [("edit", 1_010), ("own-2", 990), ("old", 980), ("own-1", 950)];
        assert_eq!(named(&found, &in_step(&[])), ["edit"]);
        // A change set of the receipt ends the search, whatever the clocks say.
        let found = [("edit", 999), ("own-2", 998), ("old", 997)];
        assert_eq!(named(&found, &in_step(&["own-2"])), ["edit"]);
        // So does one that the receipt told.
        let by = vec![ForeignChangeSet { id: "old".to_owned(), account: None, name: None, at: None }];
        let drift = Drift {
            noticed_at: at(0),
            times: 1,
            products: 1,
            edited: Vec::new(),
            handling: DriftHandling::Heal,
            by,
            rest_applied: false,
        };
        let told = Receipt { drift: Some(drift), ..in_step(&[]) };
        assert_eq!(named(&[("edit", 999), ("old", 990), ("older", 980)], &told), ["edit"]);
        // The catalog's clock is ahead by half a minute: an own one is none of somebody else.
        assert_eq!(named(&[("edit", 1_040), ("own-2", 1_030)], &in_step(&[])), ["edit"]);
    }

    #[test]
    fn all_since_the_last_pass_are_named_whatever_they_are_called() {
        assert_eq!(named(&[("edit-2", 1_020), ("edit-1", 1_000)], &in_step(&[])), ["edit-2", "edit-1"]);
        // Another spoke, long after the last pass of this one: of another hub, perhaps.
        assert_eq!(named(&[("other-spoke", 5_000), ("edit", 1_010)], &in_step(&[])), ["other-spoke", "edit"]);
        // The catalog's clock is behind: the newest is the one.
        assert_eq!(named(&[("edit", 970), ("old", 960), ("own-1", 950)], &in_step(&[])), ["edit"]);
        assert_eq!(named(&[("own-1", 990)], &in_step(&[])), [""; 0]);
        let unended = vec![PastChangeSet { ended: None, ..ended("edit", 0) }];
        assert_eq!(since_the_last_pass(unended, &account(), &in_step(&[])).len(), 1);
    }
}
