//! Tells the members what bounds them: how long they may hold, and when they may change something.

use jiff::Timestamp;
use pmp_protocol::{Because, ChangeWindows, DirectionChange, render};
use pmp_windows::TZDB;

use crate::error::HubError;
use crate::publish::Hub;
use crate::steer::Helm;

impl Hub {
    /// Sees to it that the members are told how long they may hold, and when they may change
    /// something.
    ///
    /// # Errors
    /// Where the change windows cannot be written: nothing is published that would then be applied
    /// outside of them. That the bound of holds cannot be written keeps nothing from being
    /// published.
    pub(super) async fn tell_bounds(&self, now: Timestamp) -> Result<(), HubError> {
        let hold = self.max_hold.map(|seconds| {
            (DirectionChange::MaxHold(seconds), format!("PMP_MAX_HOLD is {seconds} seconds"), "how long they may hold")
        });
        let windows = self.windows.as_ref().map(|windows| {
            let told = ChangeWindows { text: windows.to_string(), tzdb: TZDB.to_owned(), at: now };
            let told = Some(told).filter(|_| !windows.is_always());
            (
                DirectionChange::Windows(told),
                format!("PMP_CHANGE_WINDOWS is {windows}"),
                "in which windows to change something",
            )
        });
        let Some(receipts) = &self.marks else { return Ok(()) };
        let fleet = self.rollouts.as_ref().map(|rollouts| &rollouts.fleet);
        let (signing, experience) = (self.signing.as_ref(), &self.experience);
        let helm = Helm { receipts: receipts.as_ref(), signing, experience, fleet };
        for (change, reason, what) in [hold, windows].into_iter().flatten() {
            let because = Because { by: "the hub".to_owned(), at: now, reason };
            match (helm.change(None, &change, &because).await, &change) {
                (Ok(_), _) => {}
                (Err(error), DirectionChange::Windows(_)) => return Err(HubError::Windows { source: Box::new(error) }),
                (Err(error), _) => tracing::warn!(error = render(&error), "the members are not told {what}"),
            }
        }
        Ok(())
    }
}
