//! Where waves begin, end, or are configured anew.

use pmp_ledger::Head;
use pmp_protocol::{Because, Digest, DirectionChange, SnapshotVersion};
use pmp_waves::{Reason, Stopped};

use crate::config::waves::{Configured, WavesSetting};
use crate::error::HubError;
use crate::publish::Hub;
use crate::publish::waves::Rollouts;
use crate::rollout::state::{Kept, State};
use crate::steer::Helm;

/// Whom directions name that the hub writes by itself.
const BY: &str = "the hub";

impl Hub {
    /// The state of waves as a run finds it, after it was brought in line with the setting. None
    /// where there are no waves. From here on, nobody who obeys waves takes a newer version than
    /// `head` by itself.
    pub(crate) async fn kept(&self, head: Option<&Head>) -> Result<Option<Kept>, HubError> {
        let Some(rollouts) = &self.rollouts else { return Ok(None) };
        let kept = rollouts.kept(&self.experience).await?;
        let is_on = kept.as_ref().is_some_and(|kept| !kept.state.ended);
        let kept = match (&rollouts.setting, kept) {
            (WavesSetting::Unset, kept) => kept.filter(|_| is_on),
            (WavesSetting::Off, kept) => {
                if let Some(kept) = kept.filter(|_| is_on) {
                    self.end_waves(rollouts, &kept).await?;
                }
                None
            }
            (WavesSetting::Given(given), kept) => match kept.filter(|_| is_on) {
                Some(kept) => Some(self.configured(rollouts, kept, given).await?),
                None => self.begin_waves(rollouts, head, given).await?,
            },
        };
        if let Some(Kept { state, .. }) = &kept
            && let (Some(version), Some(digest)) = (state.rollout.last_good, state.good)
        {
            self.direct_fleet(rollouts, version, digest).await?;
        }
        Ok(kept)
    }

    /// The newest snapshot is what everybody may take, as they did without waves. Before the first
    /// one there is nothing to hold anybody at: that one goes to everybody, and waves begin after
    /// it.
    async fn begin_waves(
        &self,
        rollouts: &Rollouts,
        head: Option<&Head>,
        given: &Configured,
    ) -> Result<Option<Kept>, HubError> {
        let Some(head) = head else { return Ok(None) };
        let state = State::begin(given, head.latest, head.digest);
        rollouts.would_fit(&self.experience, &state).await?;
        let found = rollouts.store.rollout(&self.experience).await?;
        let before = found.map_or(0, |found| found.generation);
        if rollouts.store.put_rollout(&self.experience, &state.write(), before).await? {
            tracing::info!(version = %head.latest, "waves begin: the next version goes through them");
        }
        rollouts.kept(&self.experience).await
    }

    /// The state, where the waves are configured as the setting says. What is on its way takes the
    /// new ones over with its next step.
    async fn configured(&self, rollouts: &Rollouts, kept: Kept, given: &Configured) -> Result<Kept, HubError> {
        let kept = Kept { waves: given.waves.clone(), ..kept };
        if kept.state.configuration == given.text {
            return Ok(kept);
        }
        tracing::info!("the waves are configured again");
        let state = State { configuration: given.text.clone(), ..kept.state.clone() };
        rollouts.would_fit(&self.experience, &state).await?;
        rollouts.put(&self.experience, &kept, state).await?.ok_or(HubError::RolloutTaken)
    }

    /// The newest snapshot is for everybody again.
    async fn end_waves(&self, rollouts: &Rollouts, kept: &Kept) -> Result<(), HubError> {
        let because = self.because("PMP_WAVES is `none`".to_owned());
        self.helm(rollouts).change(None, &DirectionChange::EndWaves, &because).await?;
        if matches!(kept.state.rollout.stopped, Some(Stopped::Halted { .. })) {
            tracing::warn!("{kept}; waves end, and it is for everybody now");
        }
        let state = State { ended: true, ..kept.state.clone() };
        rollouts.put(&self.experience, kept, state).await?.ok_or(HubError::RolloutTaken)?;
        tracing::info!("waves are switched off: the newest snapshot is for everybody");
        Ok(())
    }

    /// Lets everybody take a version who may take no newer one.
    pub(crate) async fn direct_fleet(
        &self,
        rollouts: &Rollouts,
        version: SnapshotVersion,
        digest: Digest,
    ) -> Result<bool, HubError> {
        let because = self.because(format!("waves: snapshot {version} is for everybody"));
        let turn = DirectionChange::Turn(version, digest);
        let (_, changed) = self.helm(rollouts).change(None, &turn, &because).await?;
        Ok(changed)
    }

    /// Tells the spokes whether what is on its way was stopped: those whose turn has come and that
    /// have not begun with it do not begin then. Returns whether a version goes on that was halted.
    pub(crate) async fn direct_halt(&self, rollouts: &Rollouts, state: &State) -> Result<bool, HubError> {
        let State { rollout, digest, .. } = state;
        let (version, helm) = (rollout.version, self.helm(rollouts));
        match &rollout.stopped {
            Some(Stopped::Halted { reason } | Stopped::RollingBack { reason, .. }) => {
                let because = self.stopped_by(reason);
                helm.change(None, &DirectionChange::Halt(version, *digest), &because).await?;
                Ok(false)
            }
            // What was taken back is behind: everybody who had it is directed to what restores it.
            Some(Stopped::RolledBack { from, .. }) => self.lets_go_on(&helm, *from, version).await,
            None => self.lets_go_on(&helm, version, version).await,
        }
    }

    async fn lets_go_on(
        &self,
        helm: &Helm<'_>,
        halted: SnapshotVersion,
        version: SnapshotVersion,
    ) -> Result<bool, HubError> {
        let because = self.because(format!("waves: snapshot {version} goes on"));
        let (_, changed) = helm.change(None, &DirectionChange::GoOn(halted), &because).await?;
        Ok(changed)
    }

    /// Who stopped a version, and why.
    fn stopped_by(&self, reason: &Reason) -> Because {
        match reason {
            Reason::ByHand { by, why } => Because { by: by.clone(), reason: why.clone(), at: self.clock.now() },
            Reason::TooManyFailed { .. } | Reason::Deadline { .. } => self.because(reason.to_string()),
        }
    }

    pub(crate) fn because(&self, reason: String) -> Because {
        Because { by: BY.to_owned(), at: self.clock.now(), reason }
    }

    /// Where this hub writes directions.
    pub(crate) fn helm<'a>(&'a self, rollouts: &'a Rollouts) -> Helm<'a> {
        let receipts = rollouts.fleet.marks.as_ref();
        let fleet = Some(&rollouts.fleet);
        Helm { receipts, signing: self.signing.as_ref(), experience: &self.experience, fleet }
    }
}
