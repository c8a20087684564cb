//! What a run does after it published: it looks at the fleet once, writes its figures, writes into
//! the audit what is new, and tells operations what changed.
//!
//! None of it fails the run. What could not be read, told or sent is logged and counted, and the
//! next run does it.

use pmp_protocol::{Hint, render};

use crate::audit::RunAudit;
use crate::error::HubError;
use crate::metrics::{Metrics, Run};
use crate::notify::{Notified, Notifier};
use crate::publish::{Hub, Trigger, WentOn};
use crate::status::fleet::{Fleet, View};

/// What follows a run.
#[derive(Debug, Clone)]
pub(crate) struct FollowUp {
    /// The table in which the spokes report. `None` if it is not configured; then the figures leave
    /// the spokes out.
    pub(crate) fleet: Option<Fleet>,
    /// Writes the figures. `None` where nobody reads them.
    pub(crate) metrics: Option<Metrics>,
    /// Tells operations. `None` where no topic is configured.
    pub(crate) notifier: Option<Notifier>,
    /// Writes into the audit. `None` where the table for it is not configured.
    pub(crate) audit: Option<RunAudit>,
}

impl FollowUp {
    /// Follows a run. Events come in bursts, and change nothing about the spokes, so the fleet is
    /// read after the other triggers only.
    pub(crate) async fn after(&self, hub: &Hub, run: Run<'_>) {
        let looks = run.trigger != Trigger::ChangeEvent;
        let notifier = self.notifier.as_ref().filter(|_| looks);
        // Whoever tells reads what was told before it looks at the fleet: so its look is the one.
        let begun = match notifier {
            Some(notifier) => logged(notifier.begin().await, "operations is told nothing by this run"),
            None => None,
        };
        let reads = self.metrics.is_some() || self.audit.is_some();
        let looked = if begun.is_none() && looks && reads { self.look(hub).await } else { None };
        let view = begun.as_ref().map(|begun| &begun.view).or(looked.as_ref());
        if let Some(metrics) = &self.metrics {
            metrics.write_run(hub, &run, view);
        }
        if let Some(audit) = &self.audit {
            audit.after(run.outcome, run.trigger, view).await;
        }
        let Some(notifier) = notifier else { return };
        let notified = match begun {
            Some(begun) => logged(notifier.finish(begun).await, "operations may not be told all of this run"),
            None => None,
        };
        // That nothing could be told at all counts as one that was not sent.
        let notified = notified.unwrap_or_else(|| Notified { failed: 1, ..Notified::default() });
        if notified.sent > 0 || notified.waiting > 0 {
            let Notified { sent, failed, waiting, .. } = &notified;
            tracing::info!(sent, failed, waiting, "notifications");
        }
        if let Some(metrics) = &self.metrics {
            metrics.write_notified(hub, &notified);
        }
    }

    /// Follows a look at the version that is on its way through the waves.
    pub(crate) async fn went_on(&self, outcome: &Result<WentOn, HubError>) {
        if let Some(audit) = &self.audit {
            audit.went_on(outcome).await;
        }
    }

    async fn look(&self, hub: &Hub) -> Option<View> {
        let look = self.fleet.as_ref()?.look(&hub.experience).await;
        logged(look.map_err(HubError::from), "the spokes could not be read")
    }
}

/// What came of a step; none where it failed, which is logged.
fn logged<T, E: Hint>(result: Result<T, E>, what: &str) -> Option<T> {
    result.map_err(|error| tracing::warn!(error = render(&error), "{what}")).ok()
}
