//! How many failures a version may have and still go on: HW, "The words" (wave, turn); the setting
//! `max_failures` of `docs/steer.md`: how many organizations may fail with a version before it is
//! stopped.
//!
//! What the hub knows is what the ledger said as its run began. So only a run that began with too
//! many failures, and ended after it had admitted somebody else to the same version, broke the
//! rule. A run that was cut off leaves admissions behind that the next one writes; after such a
//! run, nothing is judged until the next version.

use std::collections::{BTreeMap, BTreeSet};

use pmp_protocol::{OrganizationId, ReceiptStatus, SnapshotVersion};

use crate::{Life, Reference, Target};

#[derive(Debug, Default)]
pub(crate) struct Rollouts {
    /// How many may fail; none where no waves are configured, or a person may let it go on.
    max_failures: Option<usize>,
    /// The runs of hubs that are under way: who had failed with which version as each began.
    runs: BTreeMap<Life, BTreeMap<SnapshotVersion, BTreeSet<OrganizationId>>>,
    /// A run was cut off since the newest version was stored.
    cut_off: bool,
}

impl Rollouts {
    pub(crate) fn forget_runs(&mut self) {
        self.cut_off = false;
    }
}

impl Reference {
    /// How many organizations may fail with a version: none where there is no such bound.
    pub fn bound_failures(&mut self, max_failures: Option<usize>) {
        self.rollouts.max_failures = max_failures;
    }

    /// A hub begins to look.
    pub fn run_begins(&mut self, hub: Life) {
        let mut failed = BTreeMap::<SnapshotVersion, BTreeSet<OrganizationId>>::new();
        for (id, member) in &self.members {
            for receipt in member.receipts() {
                if receipt.status == ReceiptStatus::Failed {
                    failed.entry(receipt.tried.version).or_default().insert(id.clone());
                }
            }
        }
        self.rollouts.runs.insert(hub, failed);
    }

    /// A hub has looked, and done what it had to; `whole` where nothing failed or was cut off.
    pub fn run_ends(&mut self, hub: Life, whole: bool) {
        self.rollouts.runs.remove(&hub);
        self.rollouts.cut_off |= !whole;
    }

    /// An organization's own turn has come.
    pub(crate) fn admitted(&mut self, organization: &OrganizationId, turn: Target) {
        let Rollouts { max_failures: Some(most), runs, cut_off: false } = &self.rollouts else { return };
        let still = |id: &&OrganizationId| {
            let receipts = self.members.get(*id).into_iter().flat_map(|member| member.receipts());
            receipts.into_iter().any(|it| it.status == ReceiptStatus::Failed && it.tried.version == turn.version)
        };
        // Where several hubs look at once, the one that knew least may have been it.
        let failures =
            runs.values().map(|failed| failed.get(&turn.version).map_or(0, |ids| ids.iter().filter(still).count()));
        let failures = failures.min().unwrap_or_default();
        let (holds, most) = (failures <= *most, *most);
        self.check(holds, "max_failures", || {
            format!("{organization} may take {turn}, with which {failures} organizations have failed: {most} may")
        });
    }
}
