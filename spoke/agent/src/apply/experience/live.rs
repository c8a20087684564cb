//! Reads the live state again, and waits: for a change set of an earlier run or of someone else, and for better times.

use pmp_catalog::{CatalogError, ChangeSetStatus, ProcurementPolicy};
use pmp_protocol::{ProductId, ReceiptStatus};

use super::{EARLIER, End, READS_MAY_LAG, Run, gave_up, stopped};
use crate::apply::reaction::Reaction;
use crate::error::one_line;
use crate::patience::{Patience, Waited};

/// Why a product is set aside that is on both lists after it was allowed.
const STILL_DENIED: &str = "the catalog allows it now, and still denies it: the approval does not take it off the list of rejected \
                            products";

impl Run<'_> {
    /// A change set that an earlier run started is waited for, not fought.
    pub(super) async fn adopt_unfinished(&mut self) -> Option<End> {
        let id = self.order.unfinished.clone()?;
        tracing::info!(experience = %self.live.experience.id, change_set = %id, "waiting for an earlier run's change set");
        tokio::select! {
            // Cancel-safe, both: it is not ours.
            () = self.engine.stop.cancelled() => {
                let pending = self.plan().map_or_else(|refusal| refusal.changes, |plan| plan.pending());
                self.progress.pending = pending;
                self.progress.change_sets.push(id.to_string());
                Some(stopped())
            }
            ended = self.engine.poller.adopted(&id) => match ended {
                // It had ended before the lists were read, or is unknown: what became of it is in the live state.
                Ok(Ok(ChangeSetStatus { ended: Some(at), .. })) if at < self.order.pass - EARLIER => None,
                _ => self.look_again().await,
            },
        }
    }

    /// Locked: finds the change set that holds the experience, and waits for its end.
    pub(super) async fn await_holder(&mut self, error: &CatalogError) -> Option<End> {
        let experience = &self.live.experience.id;
        let open = self.engine.catalog.open_change_sets(experience);
        let Some(open) = self.engine.unless_stopped(open).await else { return Some(stopped()) };
        let holders = match open {
            Ok(holders) => holders,
            Err(error) => {
                tracing::info!(%experience, %error, "cannot find the change set that holds it");
                Vec::new()
            }
        };
        if holders.is_empty()
            && let Some(end) = self.pause(one_line(error)).await
        {
            return Some(end);
        }
        for holder in holders {
            tracing::info!(experience = %self.live.experience.id, change_set = %holder, "waiting for the change set that holds it");
            tokio::select! {
                // Cancel-safe, both: it is not ours.
                () = self.engine.stop.cancelled() => return Some(stopped()),
                _ended = self.engine.poller.adopted(&holder) => {}
            }
        }
        self.look_again().await
    }

    /// Reads the live state: the experience first, then its policy. In this order a change in between makes the revision
    /// stale, and the next change set is refused instead of overwriting it. What may be older than this run's own changes is read
    /// again: acted on, it would have them made twice, and told as if they had not happened.
    pub(super) async fn look_again(&mut self) -> Option<End> {
        let mut lagging = Patience::with_a_read_that_lags();
        loop {
            let engine = self.engine;
            let error = match engine.unless_stopped(self.read_once()).await {
                Some(Ok(true)) => return None,
                Some(Ok(false)) => {
                    tracing::debug!(experience = %self.live.experience.id, "what was read is older than what was changed");
                    if lagging.wait(&engine.stop).await == Waited::Stopped {
                        return Some(stopped());
                    }
                    continue;
                }
                Some(Err(error)) => error,
                None => return Some(stopped()),
            };
            match Reaction::to(error.class()) {
                Reaction::GiveUp | Reaction::Suspect | Reaction::AskForFewer => return Some(gave_up(&error)),
                _ => {
                    if let Some(end) = self.pause(one_line(&error)).await {
                        return Some(end);
                    }
                }
            }
        }
    }

    /// Whether what was read counts.
    async fn read_once(&mut self) -> Result<bool, CatalogError> {
        let experience = self.engine.experiences.read(&self.live.experience.id).await?;
        let policy = self.engine.policies.read(&self.live.policy_id).await?;
        if self.may_lag(&policy) {
            return Ok(false);
        }
        self.live.experience = experience;
        self.live.policy = policy;
        self.read = true;
        // The catalog has put them on the one list, and left them on the other. It has no way to take a product off a list, and
        // to ask again would change nothing.
        let still_denied = self.live.policy.contradictory.iter().filter(|id| self.allowed.contains(*id));
        let still_denied: Vec<_> = still_denied.cloned().collect();
        if !still_denied.is_empty() {
            tracing::warn!(experience = %self.live.experience.id, products = still_denied.len(), "{STILL_DENIED}");
            self.isolation.quarantine(&still_denied, STILL_DENIED);
        }
        Ok(true)
    }

    /// Whether lists lack what this run changed a moment ago.
    fn may_lag(&self, policy: &ProcurementPolicy) -> bool {
        let recently = self.changed_at.is_some_and(|at| at.elapsed() < READS_MAY_LAG);
        // What is on both lists was read after the change, which did not take it off the other.
        let lacks = |id: &ProductId, approved: bool| {
            !policy.contradictory.contains(id) && policy.approved.contains(id) != approved
        };
        recently && self.changed.iter().any(|(id, approved)| lacks(id, *approved))
    }

    pub(super) async fn pause(&mut self, reason: String) -> Option<End> {
        tracing::info!(experience = %self.live.experience.id, reason, "trying again");
        match self.patience.wait(&self.engine.stop).await {
            Waited::TryAgain => None,
            Waited::Stopped => Some(stopped()),
            Waited::Exhausted => Some((ReceiptStatus::Failed, Some(format!("gave up: {reason}")))),
        }
    }
}
