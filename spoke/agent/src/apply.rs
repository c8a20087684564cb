//! The executor: brings experiences to the desired state, each strictly one change set after the other, all of them side
//! by side.
//!
//! [`Engine`] is what the experiences of one pass share: the [`starter`] that starts change sets as the account's turns come,
//! the [`poller`] that looks when they end, and the [`batcher`]s that read. [`Engine::apply`] brings one experience to its
//! state (see [`experience`]); what it does next depends on nothing but the live state, so it can be killed anywhere, and
//! every change names the revision that it was planned from. What an error means stands in [`reaction`]; how a culprit is
//! found, in [`isolate`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt;
use jiff::Timestamp;
use pmp_catalog::{Catalog, ChangeSetId, Experience, PolicyId, ProcurementPolicy};
use pmp_plan::{Confirmation, Desired, GuardRails, IdLimit, Lately};
use pmp_protocol::{
    ChangeSetTimes, ExperienceId, ProductId, QuarantinedProduct, ReceiptStatus, ResourceRequests, SnapshotVersion,
};
use tokio_util::sync::CancellationToken;

use crate::member::Live;
use crate::receipt::Progress;
use batcher::Batcher;
use experience::Run;
use poller::Poller;
use schedule::Durations;
use starter::Starter;

pub(crate) use isolate::LONGEST_PAUSE;
pub(crate) use starter::Active;

mod batcher;
mod experience;
mod isolate;
mod poller;
pub(crate) mod reaction;
mod schedule;
mod share;
mod starter;
#[cfg(test)]
mod tests;

/// Batches of experiences, and of policies, that are read at once. The latter are large: one bounds the memory.
const EXPERIENCE_READS: usize = 4;
const POLICY_READS: usize = 1;

/// How change sets are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineSettings {
    /// Whether experiences may share change sets where starts are scarce.
    pub share_change_sets: bool,
    /// Change sets that may be open at once; AWS permits 250 per account.
    pub max_open_change_sets: usize,
    /// Whether AWS's bound of 50 ids counts per request, rather than per change.
    pub ids_per_request: bool,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self { share_change_sets: true, max_open_change_sets: 200, ids_per_request: false }
    }
}

/// What all experiences of a pass share.
#[derive(Debug)]
pub(crate) struct Engine {
    catalog: Arc<dyn Catalog>,
    starter: Starter,
    poller: Poller,
    experiences: Batcher<ExperienceId, Experience>,
    policies: Batcher<PolicyId, ProcurementPolicy>,
    /// How many ids a request may hold in all; 0 where 50 per change are permitted.
    ids_per_request: AtomicUsize,
    stop: CancellationToken,
}

/// What is asked for, for one experience.
pub(crate) struct Order<'a> {
    pub(crate) desired: &'a Desired<'a>,
    pub(crate) version: SnapshotVersion,
    pub(crate) guard: GuardRails,
    /// What was removed lately.
    pub(crate) lately: Lately,
    pub(crate) confirmation: Confirmation,
    /// The settings that its policy should have; none where they do not follow.
    pub(crate) settings: Option<ResourceRequests>,
    /// When the pass began.
    pub(crate) pass: Timestamp,
    /// The products that the catalog refused in earlier passes.
    pub(crate) quarantined: &'a [QuarantinedProduct],
    /// Products that stay as somebody else set them.
    pub(crate) left_alone: &'a BTreeSet<ProductId>,
    /// A change set that an earlier run started, and did not see end.
    pub(crate) unfinished: Option<ChangeSetId>,
}

/// How it ended, for the receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Applied {
    pub(crate) status: ReceiptStatus,
    pub(crate) progress: Progress,
    pub(crate) error: Option<String>,
}

/// Told when a change set starts and ends. Must not keep the executor waiting.
pub(crate) trait Watch: Send + Sync {
    /// Something changed.
    fn progress(&self, progress: &Progress);
}

/// For what makes no progress that anybody could watch.
struct Unwatched;

impl Watch for Unwatched {
    fn progress(&self, _: &Progress) {}
}

impl Engine {
    /// Starts the tasks that a pass needs; they end with it. `times`: what earlier runs learned of how long change sets
    /// take. Once `stop` is cancelled, nothing more is started.
    pub(crate) fn start(
        catalog: Arc<dyn Catalog>,
        settings: EngineSettings,
        times: Option<ChangeSetTimes>,
        name: String,
        stop: CancellationToken,
    ) -> Self {
        let poller = Poller::start(catalog.clone(), Durations::from_times(times));
        let starter_settings =
            starter::Settings { name, sharing: settings.share_change_sets, max_open: settings.max_open_change_sets };
        let starter = Starter::start(catalog.clone(), poller.clone(), starter_settings, stop.clone());
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
        let ids_per_request = AtomicUsize::new(if settings.ids_per_request { 50 } else { 0 });
        Self { catalog, starter, poller, experiences, policies, ids_per_request, stop }
    }

    /// Counts an experience of the pass for as long as it may start change sets, for the others to know how scarce turns are:
    /// all of them before the first is applied.
    pub(crate) fn active(&self) -> Active {
        self.starter.active()
    }

    /// Brings `live` to the desired state, or says why not. Never fails as such: every end is one for the receipt.
    pub(crate) async fn apply(&self, order: &Order<'_>, live: Live, watch: &dyn Watch) -> Applied {
        Run::new(self, order, live, watch).finish().await
    }

    /// What [`Self::apply`] would do, without doing it: no change set is started, and nothing is read again.
    pub(crate) fn observe(&self, order: &Order<'_>, live: Live) -> Applied {
        Run::new(self, order, live, &Unwatched).observe()
    }

    /// How long change sets take here, for the next run; none where none was seen to end.
    pub(crate) fn times(&self) -> Option<ChangeSetTimes> {
        self.poller.durations().times()
    }

    /// How long each change set took that this pass started and saw end.
    pub(crate) fn seen_times(&self) -> Vec<Duration> {
        self.poller.seen_times()
    }

    /// Does `work` unless, or until, it is told to stop: for reads, of which nothing is lost.
    async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.stop.run_until_cancelled(work).await
    }

    fn limit(&self) -> IdLimit {
        match self.ids_per_request.load(Ordering::Relaxed) {
            0 => IdLimit::PerChange,
            ids => IdLimit::PerRequest(ids),
        }
    }

    /// The catalog refused `refused`: from now on all experiences ask for fewer ids. Whether that is possible.
    fn tighten(&self, refused: IdLimit) -> bool {
        // Another experience may have been told first.
        let tighter = if self.limit() == refused { refused.stricter() } else { Some(self.limit()) };
        if let Some(IdLimit::PerRequest(ids)) = tighter {
            tracing::info!(ids, "the catalog counts ids per request; asking for at most so many");
            self.ids_per_request.store(ids, Ordering::Relaxed);
        }
        tighter.is_some()
    }
}
