//! What a pass did, counted while it goes on: receipts tell how things stand, which may be the work of earlier passes.

use std::collections::BTreeMap;
use std::time::Duration;

use pmp_protocol::{ExperienceId, Receipt, ReceiptStatus};

use crate::draft::{Draft, Progress};

/// What one pass did, in figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Change sets that it started or found running.
    pub change_sets: usize,
    /// How long those took that it saw end.
    pub change_set_times: Vec<Duration>,
    /// Products newly approved.
    pub allowed: usize,
    /// Products newly denied.
    pub denied: usize,
    /// Products that were not as the last pass had left them, though neither snapshot nor filter changed.
    pub drifted: usize,
    /// Runs of the filter.
    pub filter_runs: usize,
    /// Their time, in all.
    pub filter_time: Duration,
    /// Those that failed.
    pub filter_failures: usize,
    /// What was done for each experience in which something was.
    pub(crate) done: BTreeMap<ExperienceId, Done>,
}

/// What one pass did for one experience.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// Products newly approved.
    pub(crate) allowed: usize,
    /// Products newly denied.
    pub(crate) denied: usize,
}

impl Tally {
    /// Adds what was done for one experience, whose receipt was `before`.
    pub(crate) fn add(&mut self, draft: &Draft, progress: &Progress, before: Option<&Receipt>) {
        self.change_sets += progress.change_sets.len();
        self.allowed += progress.allowed;
        self.denied += progress.denied;
        if !progress.change_sets.is_empty() {
            let done = Done { allowed: progress.allowed, denied: progress.denied };
            self.done.insert(draft.member.clone(), done);
        }
        if before.is_some_and(|before| was_left_in_step(before, draft)) {
            self.drifted += progress.allowed + progress.denied + progress.pending;
        }
    }

    /// Adds a run of the filter.
    pub(crate) fn add_filter(&mut self, took: Duration, failed: bool) {
        self.filter_runs += 1;
        self.filter_time += took;
        self.filter_failures += usize::from(failed);
    }
}

/// Whether an earlier pass had brought the experience to what this one asks for.
fn was_left_in_step(before: &Receipt, draft: &Draft) -> bool {
    before.status == ReceiptStatus::InSync
        && (before.version, before.digest) == (draft.version, draft.digest)
        && before.filter == draft.filter
        && before.filtered == draft.filtered
}
