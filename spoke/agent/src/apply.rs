//! The executor: brings one experience to the desired state, one change set after the other.
//!
//! Before each change set it reads the live state and plans anew; what it does next depends on nothing but that. So it
//! can be killed anywhere, and a change that someone else makes in between is noticed: every change names the revision
//! that it was planned from.

use std::fmt::Write;

use jiff::Timestamp;
use pmp_catalog::{
    Catalog, CatalogError, ChangeError, ChangeSetId, ChangeSetRequest, ChangeSetState, ErrorClass, Part,
    ProcurementPolicy,
};
use pmp_plan::{ChangeSet, Confirmation, Desired, GuardRails, Observed, Plan, Refusal, Step as Change, plan};
use pmp_protocol::{ProductBatch, ReceiptStatus, SnapshotVersion};
use tokio_util::sync::CancellationToken;

use crate::error::one_line;
use crate::member::Live;
use crate::patience::{Patience, Waited};
use crate::receipt::Progress;

#[cfg(test)]
mod tests;

/// How often a change set may fail for the catalog's own reasons (`SERVER_FAULT`), or succeed without effect.
const MAX_FAULTS: u32 = 3;

/// What the executor needs besides the experience.
pub(crate) struct Order<'a> {
    pub(crate) catalog: &'a dyn Catalog,
    pub(crate) desired: &'a Desired<'a>,
    pub(crate) version: SnapshotVersion,
    pub(crate) guard: GuardRails,
    pub(crate) confirmation: Confirmation,
    /// When the pass began: a later pass asks anew, and is not answered with this one's failures.
    pub(crate) pass: Timestamp,
    pub(crate) stop: &'a CancellationToken,
}

/// How it ended, for the receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Applied {
    pub(crate) status: ReceiptStatus,
    pub(crate) progress: Progress,
    pub(crate) error: Option<String>,
}

/// Told when a change set starts and ends.
#[async_trait::async_trait]
pub(crate) trait Watch: Send + Sync {
    /// Something changed.
    async fn progress(&self, progress: &Progress);
}

/// What came of one change set.
enum Step {
    /// It is applied.
    Applied,
    /// Nothing is applied, for a reason that may pass: look again.
    LookAgain(String),
    /// Nothing is applied, and it was the catalog's own fault.
    Fault(String),
    /// Nothing is applied, and asking again would not help.
    Failed(String),
    /// Told to stop while it was running.
    Stopped,
}

/// Brings `live` to the desired state, or says why not. Never fails as such: every end is one for the receipt.
pub(crate) async fn apply(order: &Order<'_>, live: Live, watch: &dyn Watch) -> Applied {
    let mut run = Run { order, live, progress: Progress::default(), patience: Patience::with_the_catalog(), faults: 0 };
    let (status, error) = run.until_done(watch).await;
    Applied { status, progress: run.progress, error }
}

type End = (ReceiptStatus, Option<String>);

struct Run<'a> {
    order: &'a Order<'a>,
    live: Live,
    progress: Progress,
    patience: Patience,
    faults: u32,
}

impl Run<'_> {
    async fn until_done(&mut self, watch: &dyn Watch) -> End {
        loop {
            let plan = match self.plan() {
                Ok(plan) => plan,
                Err(refusal) => {
                    self.progress.pending = refusal.report.count(Change::Allow) + refusal.report.count(Change::Deny);
                    let version = self.order.version;
                    let hint = format!("let it through with `pmp-spoke sync --confirm {version}`");
                    return (ReceiptStatus::Held, Some(format!("{refusal}; {hint}")));
                }
            };
            self.progress.pending = plan.pending();
            let Some(change_set) = plan.change_sets().into_iter().next() else {
                return (ReceiptStatus::InSync, None);
            };
            if self.order.stop.is_cancelled() {
                return (ReceiptStatus::Partial, Some("told to stop before the end".to_owned()));
            }
            let step = self.run_change_set(&change_set, watch).await;
            let applied = matches!(step, Step::Applied);
            if let Some(end) = self.after(step, &change_set).await {
                return end;
            }
            if let Err(end) = self.read_again().await {
                return end;
            }
            if applied && let Some(end) = self.check_effect(&plan) {
                return end;
            }
            watch.progress(&self.progress).await;
        }
    }

    fn plan(&self) -> Result<Plan, Box<Refusal>> {
        let Order { desired, version, guard, confirmation, .. } = *self.order;
        let ProcurementPolicy { approved, rejected, .. } = &self.live.policy;
        plan(desired, Observed { approved, rejected }, version, guard, confirmation)
    }

    async fn run_change_set(&mut self, change_set: &ChangeSet, watch: &dyn Watch) -> Step {
        let part = Part {
            experience: self.live.experience.id.clone(),
            revision: self.live.experience.revision,
            allow: change_set.allow().cloned(),
            deny: change_set.deny().cloned(),
            settings: None,
            after: self.progress.change_sets.last().map(|id| ChangeSetId::new(id)),
        };
        let request = ChangeSetRequest::new(part, format!("pmp-sync snapshot {}", self.order.version));
        self.order.catalog.pace().start_change_set.ready().await;
        let id = match self.order.catalog.start_change_set(&request).await {
            Ok(id) => id,
            Err(error) => return step_after(&error),
        };
        tracing::info!(experience = %self.live.experience.id, change_set = %id, "change set started");
        self.progress.change_sets.push(id.to_string());
        watch.progress(&self.progress).await;
        self.wait_for(&id).await
    }

    /// Waits for a change set to end. One that ends without effect is looked at by its own errors.
    async fn wait_for(&mut self, id: &ChangeSetId) -> Step {
        let mut patience = Patience::with_a_change_set();
        loop {
            if patience.wait(self.order.stop).await == Waited::Stopped {
                return Step::Stopped;
            }
            self.order.catalog.pace().describe_change_set.ready().await;
            match self.order.catalog.describe_change_set(id).await.map(|status| status.state) {
                Ok(ChangeSetState::Running) => {}
                Ok(ChangeSetState::Succeeded) => return Step::Applied,
                Ok(ChangeSetState::Cancelled) => return Step::LookAgain(format!("change set {id} was cancelled")),
                Ok(ChangeSetState::Failed { server_fault: true, errors }) => {
                    return Step::Fault(failure_text(id, &errors));
                }
                Ok(ChangeSetState::Failed { server_fault: false, errors }) => {
                    return Step::Failed(failure_text(id, &errors));
                }
                // It goes on without us; what became of it is seen in the live state.
                Err(error) => return step_after(&error),
            }
        }
    }

    /// What a step means for the experience: an end, or going on.
    async fn after(&mut self, step: Step, change_set: &ChangeSet) -> Option<End> {
        match step {
            Step::Applied => {
                let count = |batch: Option<&ProductBatch>| batch.map_or(0, |batch| batch.products().len());
                self.progress.allowed += count(change_set.allow());
                self.progress.denied += count(change_set.deny());
                self.patience.reset();
                None
            }
            Step::Failed(error) => Some((ReceiptStatus::Failed, Some(error))),
            Step::Stopped => {
                Some((ReceiptStatus::Partial, Some("told to stop while a change set was running".to_owned())))
            }
            Step::Fault(error) => {
                self.faults += 1;
                if self.faults >= MAX_FAULTS {
                    return Some((ReceiptStatus::Failed, Some(format!("{error}, {MAX_FAULTS} times"))));
                }
                self.pause(error).await
            }
            Step::LookAgain(reason) => self.pause(reason).await,
        }
    }

    async fn pause(&mut self, reason: String) -> Option<End> {
        tracing::info!(experience = %self.live.experience.id, reason, "trying again");
        match self.patience.wait(self.order.stop).await {
            Waited::TryAgain => None,
            Waited::Stopped => Some((ReceiptStatus::Partial, Some("told to stop before the end".to_owned()))),
            Waited::Exhausted => Some((ReceiptStatus::Failed, Some(format!("gave up: {reason}")))),
        }
    }

    /// Reads the live state: the experience first, then its policy. In this order a change in between makes the revision
    /// stale, and the next change set is refused instead of overwriting it.
    async fn read_again(&mut self) -> Result<(), End> {
        loop {
            let error = match self.read_once().await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            match step_after(&error) {
                Step::LookAgain(reason) => {
                    if let Some(end) = self.pause(reason).await {
                        return Err(end);
                    }
                }
                _ => return Err((ReceiptStatus::Failed, Some(one_line(&error)))),
            }
        }
    }

    async fn read_once(&mut self) -> Result<(), CatalogError> {
        let Live { experience, policy_id, .. } = &self.live;
        let not_found = || CatalogError::NotFound(experience.id.to_string());
        let mut found = self.order.catalog.describe_experiences(std::slice::from_ref(&experience.id)).await;
        let experience = found.pop().ok_or_else(not_found).flatten()?;
        let mut found = self.order.catalog.describe_policies(std::slice::from_ref(policy_id)).await;
        let policy = found.pop().ok_or_else(not_found).flatten()?;
        self.live.experience = experience;
        self.live.policy = policy;
        Ok(())
    }

    /// A change set that succeeded must have changed something: one that does not would be repeated for ever.
    fn check_effect(&mut self, before: &Plan) -> Option<End> {
        let Ok(after) = self.plan() else { return None };
        if after.pending() < before.pending() {
            return None;
        }
        self.faults += 1;
        let error = "the catalog reports success, but its lists did not change";
        (self.faults >= MAX_FAULTS).then(|| (ReceiptStatus::Failed, Some(error.to_owned())))
    }
}

/// What an error of the catalog means: the executor's part of the table of errors.
fn step_after(error: &CatalogError) -> Step {
    let text = one_line(error);
    match error.class() {
        // Locked by someone's change set, changed by someone, or not well: wait, read, plan again.
        ErrorClass::Locked
        | ErrorClass::StaleRevision
        | ErrorClass::Throttled
        | ErrorClass::QuotaExceeded
        | ErrorClass::Transient => Step::LookAgain(text),
        ErrorClass::TooManyIds
        | ErrorClass::Invalid
        | ErrorClass::AccessDenied
        | ErrorClass::NotFound
        | ErrorClass::Unexpected => {
            Step::Failed(error.hint().map_or_else(|| text.clone(), |hint| format!("{text}; {hint}")))
        }
    }
}

fn failure_text(id: &ChangeSetId, errors: &[ChangeError]) -> String {
    let mut text = format!("change set {id} failed");
    for error in errors {
        let _infallible = write!(text, ": {error}");
    }
    text
}
