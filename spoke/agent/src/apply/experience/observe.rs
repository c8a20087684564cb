//! Looks at what would be done first, and does nothing: the plan, the guard rails and what is set
//! aside are those of a sync.

use std::ops::ControlFlow::{Break, Continue};

use pmp_catalog::ChangeKind;
use pmp_protocol::{ReceiptStatus, WouldChange};

use super::{Applied, End, ExperienceRun};

impl ExperienceRun<'_> {
    /// What a sync would do, in its receipt's words. Reads nothing and starts nothing.
    pub(in crate::apply) fn observe(mut self) -> Applied {
        let next = self.next();
        let would_change = self.would_change();
        self.progress.would_change = Some(would_change);
        let End { status, error } = match next {
            Break(held) => held,
            Continue(Some(_)) => {
                let error = Some(format!("{would_change}; the spoke only observes (PMP_MODE)"));
                End { status: ReceiptStatus::Skipped, error }
            }
            Continue(None) => self.done(),
        };
        self.keep_untested();
        self.note_how_it_is_left();
        Applied { status, progress: self.progress, error }
    }

    /// What is to be changed, whether or not a guard rail holds it. What the catalog refused lately
    /// is left, and does not count.
    fn would_change(&mut self) -> WouldChange {
        // As if it were confirmed: then no guard rail holds it.
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
