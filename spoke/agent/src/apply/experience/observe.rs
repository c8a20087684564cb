//! Plans as a sync does, with the same guard rails and deferred products, and changes nothing.

use std::ops::ControlFlow::{Break, Continue};

use pmp_catalog::ChangeKind;
use pmp_protocol::{ReceiptStatus, WouldChange};

use super::{Applied, End, ExperienceRun};

impl ExperienceRun<'_> {
    /// Returns the result that a sync would have, as its receipt would say it. It reads nothing and
    /// starts nothing.
    pub(in crate::apply) fn observe(mut self) -> Applied {
        let next = self.next();
        let would_change = self.would_change();
        self.progress.would_change = Some(would_change);
        let End { status, error, closed } = match next {
            Break(held) => held,
            Continue(Some(_)) => {
                let error = Some(format!("{would_change}; the spoke only observes (PMP_MODE)"));
                End { status: ReceiptStatus::Skipped, error, closed: false }
            }
            Continue(None) => self.done(),
        };
        self.keep_untested();
        self.note_how_it_is_left();
        Applied { status, progress: self.progress, error, closed }
    }

    /// The products that a sync would change, whether or not a guard rail would hold the plan.
    /// Deferred products do not count.
    fn would_change(&mut self) -> WouldChange {
        // A plan for a confirmed version passes every guard rail.
        let plan = self.plan_with(Some(self.order.version));
        let Ok(mut plan) = plan else { return WouldChange::default() };
        self.isolation.leave_out_of(&mut plan);
        let suspects = |kind| self.isolation.suspects_of(kind);
        WouldChange {
            allow: plan.allow().len() + suspects(ChangeKind::Allow),
            deny: plan.deny().len() + suspects(ChangeKind::Deny),
            settings: self.wanted_settings().is_some(),
        }
    }
}
