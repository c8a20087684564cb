//! The executor: it brings experiences to the desired state. One experience has one change set
//! after the other; all experiences go on side by side.
//!
//! [`Engine`] holds what the experiences of one pass share. It spawns four tasks, which end with
//! it:
//!
//! | task | receives | answers |
//! | --- | --- | --- |
//! | [`starter`] | parts that experiences want to change | the running change set, or a refusal |
//! | [`poller`] | running change sets | the outcome of each |
//! | two [`batcher`]s | ids of experiences, and of policies | their present state |
//!
//! [`Engine::apply`] brings one experience to its state; [`experience`] describes the algorithm.
//! The next step depends only on the live state, so the executor can be killed at any point (rule
//! 2). Every change names the revision that it was planned from, so it never overwrites somebody
//! else's change.
//! [`reaction`] says what each error means, and [`isolate`] finds the products that the catalog
//! refuses.
//!
//! An example with three experiences, A to approve 120 products, B to deny 10, C in step:
//!
//! 1. C plans nothing, and ends: `in-sync`.
//! 2. A plans 50, B plans 10. The starter starts two change sets, or one for both where starts are
//!    scarce.
//! 3. Both end, and the poller sees it. A reads its new revision, and plans the next 50. B reads
//!    its whole policy, plans nothing, and ends: `in-sync`.
//! 4. The second change set of A fails: one product of the 50 does not exist. A sets these 50
//!    aside, changes the last 20 first, and then halves the 50 until the offending product is
//!    alone in a change set. A ends with `partial`, and its receipt names that product with the
//!    catalog's own error.

mod batcher;
mod experience;
mod isolate;
pub(crate) mod lists;
pub(crate) mod live;
mod poller;
mod schedule;
mod share;
mod starter;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use jiff::Timestamp;
use pmp_catalog::{Catalog, ChangeHistory, ChangeSetId, Experience, PolicyId, ProcurementPolicy};
use pmp_plan::{Desired, GuardRails, IdLimit, Lately};
use pmp_protocol::{
    ChangeSetTimes, Deferred, ExperienceId, ProductBatch, ProductId, ReceiptStatus, ResourceRequests, SnapshotVersion,
};
use pmp_runtime::{Chance, Clock};
use tokio_util::sync::CancellationToken;

use crate::apply::live::Live;
use crate::draft::Progress;
use crate::progress::ShowProgress;
use batcher::Batcher;
use experience::ExperienceRun;
use poller::Poller;
use schedule::Durations;
use starter::Starter;

pub(crate) use isolate::LONGEST_PAUSE;
pub(crate) use starter::Active;

#[cfg(test)]
mod tests;

/// Batches of experiences that are read at the same time.
const EXPERIENCE_READS: usize = 4;
/// Batches of policies that are read at the same time. A policy is large, up to megabytes: one
/// batch at a time bounds the memory.
const POLICY_READS: usize = 1;

/// Settings that decide how the executor makes change sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EngineSettings {
    /// Whether experiences may share change sets where starts are scarce.
    pub(crate) share_change_sets: bool,
    /// The most change sets that this spoke opens at the same time. AWS permits 250 for each
    /// account.
    pub(crate) max_open_change_sets: usize,
    /// Whether AWS's bound of 50 product ids counts for a whole request. Otherwise it counts for
    /// each change.
    pub(crate) ids_per_request: bool,
    /// Whether an experience ends, unfinished, where a change set would be started: for a pass that
    /// looks whether there is anything to do.
    pub(crate) looks_only: bool,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self { share_change_sets: true, max_open_change_sets: 200, ids_per_request: false, looks_only: false }
    }
}

/// The end of the time in which change sets may be started: change windows close. What runs then
/// goes on to its end.
#[derive(Debug, Clone)]
pub(crate) struct Closing {
    /// From then on nothing is started.
    pub(crate) at: Timestamp,
    /// By this clock, which is asked before each start.
    pub(crate) clock: Arc<dyn Clock>,
}

impl Closing {
    fn is_over(&self) -> bool {
        self.clock.now() >= self.at
    }
}

/// The state that all experiences of one pass share.
#[derive(Debug)]
pub(crate) struct Engine {
    catalog: Arc<dyn Catalog>,
    starter: Starter,
    poller: Poller,
    experiences: Batcher<ExperienceId, Experience>,
    policies: Batcher<PolicyId, ProcurementPolicy>,
    /// How many ids AWS permits, as far as its refusals have shown.
    limit: Mutex<IdLimit>,
    looks_only: bool,
    /// When change windows close. `None` where they do not, or there are none.
    closing: Option<Closing>,
    /// Where the jitter of all pauses comes from.
    chance: Arc<dyn Chance>,
    stop: CancellationToken,
}

/// The task of bringing one experience to its state.
pub(crate) struct Order<'a> {
    pub(crate) desired: &'a Desired<'a>,
    pub(crate) version: SnapshotVersion,
    pub(crate) guard: GuardRails,
    /// Removals of earlier passes within the guard rail's window.
    pub(crate) lately: Lately,
    /// The version that an operator let through. It passes the guard rails, however much it
    /// removes.
    pub(crate) confirmed: Option<SnapshotVersion>,
    /// The settings that its policy should have. `None` if settings do not follow the hub's.
    pub(crate) settings: Option<ResourceRequests>,
    /// Start of the pass.
    pub(crate) pass: Timestamp,
    /// The products that the catalog refused in earlier passes.
    pub(crate) deferred: &'a [Deferred],
    /// Products that stay as somebody else set them.
    pub(crate) left_alone: &'a BTreeSet<ProductId>,
    /// Products that somebody else approved, and not the hub ([`crate::erosion::added_by_others`]).
    pub(crate) added_by_others: &'a BTreeSet<ProductId>,
    /// A change set that an earlier pass started, and whose end it did not see.
    pub(crate) unfinished: Option<ChangeSetId>,
    /// Whether it was started for this snapshot, and its products are in no receipt yet.
    pub(crate) uncounted: bool,
    /// Where the catalog tells what a change set did. `None` where nobody may ask.
    pub(crate) history: Option<&'a dyn ChangeHistory>,
}

/// The result for one experience, from which its receipt is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Applied {
    pub(crate) status: ReceiptStatus,
    pub(crate) progress: Progress,
    pub(crate) error: Option<String>,
    /// Whether it ended because change windows closed, with something left to change.
    pub(crate) closed: bool,
}

/// Observes change sets as they start and end. It must not block, because the executor calls it
/// inline.
pub(crate) trait Watch: Send + Sync {
    /// A change set of the experience started or ended.
    fn progress(&self, progress: &Progress);
}

/// Discards all progress, for callers that show none.
struct Unwatched;

impl Watch for Unwatched {
    fn progress(&self, _: &Progress) {}
}

impl Engine {
    /// Spawns the tasks that a pass needs. They end when the engine is dropped. `times` holds the
    /// durations that earlier passes measured. Once `stop` is cancelled, or `closing` is over, the
    /// tasks start nothing more.
    pub(crate) fn start(
        catalog: Arc<dyn Catalog>,
        settings: EngineSettings,
        times: Option<ChangeSetTimes>,
        name: String,
        chance: Arc<dyn Chance>,
        closing: Option<Closing>,
        stop: CancellationToken,
    ) -> Self {
        let poller = Poller::start(catalog.clone(), Durations::from_times(times), chance.clone());
        let (sharing, max_open) = (settings.share_change_sets, settings.max_open_change_sets);
        let starter_options =
            starter::Options { name, sharing, max_open, chance: chance.clone(), closing: closing.clone() };
        let starter = Starter::start(catalog.clone(), poller.clone(), starter_options, stop.clone());
        let (one, other) = (catalog.clone(), catalog.clone());
        let experiences = Batcher::start(
            EXPERIENCE_READS,
            Arc::new(move |ids: Vec<ExperienceId>| {
                let catalog = one.clone();
                async move { catalog.describe_experiences(&ids).await }.boxed()
            }),
        );
        let policies = Batcher::start(
            POLICY_READS,
            Arc::new(move |ids: Vec<PolicyId>| {
                let catalog = other.clone();
                async move { catalog.describe_policies(&ids).await }.boxed()
            }),
        );
        let limit = if settings.ids_per_request { IdLimit::PerRequest(ProductBatch::MAX) } else { IdLimit::PerChange };
        Self {
            catalog,
            starter,
            poller,
            experiences,
            policies,
            limit: Mutex::new(limit),
            looks_only: settings.looks_only,
            closing,
            chance,
            stop,
        }
    }

    /// Shows from now on which change sets run.
    pub(crate) fn show(&self, progress: Arc<dyn ShowProgress>) {
        self.poller.show(progress);
    }

    /// Counts an experience for as long as it may start change sets, so that the others know how
    /// scarce permits are. Call it for all experiences of a pass before the first is applied.
    pub(crate) fn active(&self) -> Active {
        self.starter.active()
    }

    /// Brings `live` to the desired state. It returns no error, because every outcome, failures
    /// included, is written into the receipt.
    pub(crate) async fn apply(&self, order: &Order<'_>, live: Live, watch: &dyn Watch) -> Applied {
        ExperienceRun::new(self, order, live, watch).finish().await
    }

    /// Returns the result that [`Self::apply`] would have. It starts no change set and reads
    /// nothing again.
    pub(crate) fn observe(&self, order: &Order<'_>, live: Live) -> Applied {
        ExperienceRun::new(self, order, live, &Unwatched).observe()
    }

    /// Durations of change sets in this account, for the next pass. `None` if this pass saw none
    /// end.
    pub(crate) fn times(&self) -> Option<ChangeSetTimes> {
        self.poller.durations().times()
    }

    /// The duration of each change set that this pass started and whose end it saw.
    pub(crate) fn seen_times(&self) -> Vec<Duration> {
        self.poller.seen_times()
    }

    /// Runs `work` to its end, or returns `None` as soon as this spoke has to stop. It is for reads
    /// only, because a read that is cut off loses nothing.
    async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.stop.run_until_cancelled(work).await
    }

    /// Whether change windows have closed since the pass began.
    fn is_closed(&self) -> bool {
        self.closing.as_ref().is_some_and(Closing::is_over)
    }

    fn limit(&self) -> IdLimit {
        *self.limit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes all experiences ask for fewer ids, after the catalog refused a request that was made
    /// for `refused`. Returns whether fewer are possible.
    fn tighten(&self, refused: IdLimit) -> bool {
        let mut limit = self.limit.lock().unwrap_or_else(PoisonError::into_inner);
        if *limit != refused {
            // Another experience was refused first, and has tightened the limit already.
            return true;
        }
        let Some(stricter) = refused.stricter() else { return false };
        if let IdLimit::PerRequest(ids) = stricter {
            tracing::info!(ids, "the catalog counts ids per request; asking for at most so many");
        }
        *limit = stricter;
        true
    }
}
