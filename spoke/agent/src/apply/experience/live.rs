//! Reads the live state again, and waits: for a change set of an earlier pass, for one of somebody
//! else, and between retries.

use std::ops::ControlFlow::{Break, Continue};

use pmp_catalog::{CatalogError, ChangeSetId, ChangeSetState, ChangeSetStatus, Edits, ProcurementPolicy};
use pmp_protocol::{ProductId, one_line};
use pmp_runtime::Waited;

use super::{EARLIER, End, ExperienceRun, Lists, READS_MAY_LAG, Step};
use crate::retry::backoff;
use crate::retry::reaction::Reaction;

/// The reason for deferring a product that is on both lists after it was allowed.
const STILL_DENIED: &str = "the catalog allows it now, and still denies it: the approval does not take it off the list of rejected \
                            products";

impl ExperienceRun<'_> {
    /// Waits for the change set that an earlier pass started, if there is one, and reads its
    /// result.
    pub(super) async fn adopt_unfinished(&mut self) -> Step {
        let Some(id) = self.order.unfinished.clone() else { return Continue(()) };
        tracing::info!(experience = %self.live.experience.id, change_set = %id, "waiting for an earlier pass's change set");
        tokio::select! {
            biased;
            // Both arms are cancel-safe: the change set goes on by itself.
            () = self.engine.stop.cancelled() => {
                let pending = self.plan().map_or_else(|refusal| refusal.changes, |plan| plan.pending());
                self.progress.pending = pending;
                self.progress.change_sets.push(id.to_string());
                self.progress.running = self.order.uncounted.then(|| id.to_string());
                Break(End::stopped())
            }
            ended = self.engine.poller.adopted(&id) => {
                if matches!(&ended, Ok(Ok(status)) if status.state == ChangeSetState::Succeeded) {
                    self.count_adopted(&id).await;
                }
                match ended {
                    // It ended before the lists were read, so they show its result.
                    Ok(Ok(ChangeSetStatus { ended: Some(at), .. })) if at < self.order.pass - EARLIER => Continue(()),
                    _ => self.reread().await,
                }
            }
        }
    }

    /// Counts what a change set of an earlier pass did, where that pass did not see it end. What it
    /// was to do is not known any more: the catalog tells it.
    async fn count_adopted(&mut self, id: &ChangeSetId) {
        // Protocol R9.
        let Some(history) = self.order.history.filter(|_| self.order.uncounted) else { return };
        let experience = &self.live.experience.id;
        match self.engine.unless_stopped(history.edits_of(id, experience)).await {
            Some(Ok(Edits { allowed, denied })) => {
                self.progress.adopted_allowed = allowed.len();
                self.progress.adopted_denied = denied.len();
            }
            Some(Err(error)) => {
                tracing::info!(%experience, change_set = %id, error = one_line(&error), "its products are not counted");
            }
            None => {}
        }
    }

    /// The experience is locked. Finds the change set that locks it, and waits for its end.
    pub(super) async fn await_holder(&mut self, error: &CatalogError) -> Step {
        let experience = &self.live.experience.id;
        let open = self.engine.catalog.open_change_sets(experience);
        let Some(open) = self.engine.unless_stopped(open).await else { return Break(End::stopped()) };
        let holders = match open {
            Ok(holders) => holders,
            Err(error) => {
                tracing::info!(%experience, %error, "cannot find the change set that holds it");
                Vec::new()
            }
        };
        if holders.is_empty() {
            self.pause(one_line(error)).await?;
        }
        for holder in holders {
            tracing::info!(experience = %self.live.experience.id, change_set = %holder, "waiting for the change set that holds it");
            tokio::select! {
                biased;
                // Both arms are cancel-safe: the change set goes on by itself.
                () = self.engine.stop.cancelled() => return Break(End::stopped()),
                _ended = self.engine.poller.adopted(&holder) => {}
            }
        }
        self.reread().await
    }

    /// Reads the live state: the experience first, then its policy. In this order, a change in
    /// between makes the revision stale, and the catalog refuses the next change set instead of
    /// overwriting that change.
    ///
    /// An answer that may be older than this pass's own changes is read again. Otherwise the plan
    /// would repeat them, and the receipt would say that they did not happen.
    pub(super) async fn reread(&mut self) -> Step {
        let mut lagging = backoff::for_a_lagging_read(&self.engine.chance);
        loop {
            let engine = self.engine;
            let error = match engine.unless_stopped(self.read_once()).await {
                Some(Ok(true)) => return Continue(()),
                Some(Ok(false)) => {
                    tracing::debug!(experience = %self.live.experience.id, "what was read is older than what was changed");
                    if lagging.wait(&engine.stop).await == Waited::Stopped {
                        return Break(End::stopped());
                    }
                    continue;
                }
                Some(Err(error)) => error,
                None => return Break(End::stopped()),
            };
            match Reaction::to(error.class()) {
                Reaction::GiveUp | Reaction::Suspect | Reaction::AskForFewer => return Break(End::gave_up(&error)),
                _ => self.pause(one_line(&error)).await?,
            }
        }
    }

    /// Reads once. Returns `false`, and keeps the lists that it had, if the answer may be too old.
    async fn read_once(&mut self) -> Result<bool, CatalogError> {
        let experience = self.engine.experiences.read(&self.live.experience.id).await?;
        let policy = self.engine.policies.read(&self.live.policy_id).await?;
        if self.may_lag(&policy) {
            return Ok(false);
        }
        self.live.experience = experience;
        self.live.policy = policy;
        self.lists = Lists::AsRead;
        if self.changed.is_empty() {
            // This pass has changed nothing yet, so it begins with these lists. Those from before
            // may still have what an earlier pass's change set, or somebody else, removed
            // meanwhile: then the guard rail (rule 5) would take this pass's removals for a smaller
            // share.
            self.progress.approved_before = self.live.policy.approved.len();
        }
        // The catalog has put these products on the approved list, and left them on the rejected
        // one. No change takes a product off a list, so a retry would have no effect.
        let still_denied = self.live.policy.contradictory.iter().filter(|id| self.allowed.contains(*id));
        let still_denied: Vec<_> = still_denied.cloned().collect();
        if !still_denied.is_empty() {
            tracing::warn!(experience = %self.live.experience.id, products = still_denied.len(), "{STILL_DENIED}");
            self.isolation.defer(&still_denied, STILL_DENIED);
        }
        Ok(true)
    }

    /// Whether the lists may be older than this pass's own changes: a recent change is missing from
    /// them.
    fn may_lag(&self, policy: &ProcurementPolicy) -> bool {
        let recently = self.changed_at.is_some_and(|at| at.elapsed() < READS_MAY_LAG);
        // If a product is on both lists, the read came after the change. The change did not take
        // the product off the other list.
        let lacks = |id: &ProductId, approved: bool| {
            !policy.contradictory.contains(id) && policy.approved.contains(id) != approved
        };
        recently && self.changed.iter().any(|(id, approved)| lacks(id, *approved))
    }

    /// Waits before a retry. Ends the experience after too many retries.
    pub(super) async fn pause(&mut self, reason: String) -> Step {
        tracing::info!(experience = %self.live.experience.id, reason, "trying again");
        match self.backoff.wait(&self.engine.stop).await {
            Waited::TryAgain => Continue(()),
            Waited::Stopped => Break(End::stopped()),
            Waited::Exhausted => Break(End::failed(format!("gave up: {reason}"))),
        }
    }
}
