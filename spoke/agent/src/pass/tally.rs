//! Counts what one pass did. Receipts cannot tell that: they say how an experience stands, which
//! may be the work of earlier passes.

use std::collections::BTreeMap;
use std::time::Duration;

use pmp_protocol::{ExperienceId, Receipt, ReceiptStatus};

use crate::draft::{Draft, Progress};

/// What one pass did, in figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Change sets that the pass started or found running.
    pub change_sets: usize,
    /// The durations of those change sets that the pass saw end.
    pub change_set_times: Vec<Duration>,
    /// Number of products newly approved.
    pub allowed: usize,
    /// Number of products newly denied.
    pub denied: usize,
    /// Products that were not as the last pass had left them, though neither snapshot nor filter
    /// changed.
    pub drifted: usize,
    /// Runs of the filter.
    pub filter_runs: usize,
    /// The time of all these runs together.
    pub filter_time: Duration,
    /// Runs of the filter that failed.
    pub filter_failures: usize,
    /// The changes, for each experience in which there were any.
    pub(crate) done: BTreeMap<ExperienceId, Done>,
}

/// What one pass did for one experience.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// Number of products newly approved.
    pub(crate) allowed: usize,
    /// Number of products newly denied.
    pub(crate) denied: usize,
}

impl Tally {
    /// Adds the changes of one experience. `before` is its receipt from before the pass.
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
