//! A person promotes a version, halts it, or lets the one that was taken back be tried again.

use pmp_ledger::Head;
use pmp_protocol::{Because, SnapshotVersion};
use pmp_waves::Stopped;

use crate::error::HubError;
use crate::publish::Hub;
use crate::publish::waves::Rollouts;
use crate::publish::waves::steps::{Seen, Went};
use crate::rollout::state::{Kept, Newest, Origin, State};

/// What came of a person's word. What failed after it was written down is in `went`.
#[derive(Debug)]
pub(crate) struct Decided {
    /// The state after it.
    pub(crate) kept: Kept,
    /// Whether it changed anything.
    pub(crate) changed: bool,
    /// What came of the steps that followed.
    pub(crate) went: Went,
}

impl Hub {
    /// Stops the version that is on its way where it is. `version` is the one that the person
    /// means: another one may be on its way by now, and perhaps it is the fixed one.
    pub(crate) async fn halt(&self, version: SnapshotVersion, because: &Because) -> Result<Decided, HubError> {
        let (rollouts, kept) = self.on_its_way().await?;
        if version != kept.state.rollout.version {
            return Err(self.not_on_its_way(&kept, version).await?);
        }
        let rollout = kept.state.rollout.halted(&because.by, &because.reason, because.at);
        if rollout == kept.state.rollout {
            return Ok(Decided { kept, changed: false, went: Went::default() });
        }
        let state = State { rollout, ..kept.state.clone() };
        let kept = rollouts.put(&self.experience, &kept, state).await?.ok_or(HubError::RolloutTaken)?;
        Ok(Decided { kept, changed: true, went: Went::default() })
    }

    /// Tells the spokes of a halt: one that has not begun with the version does not begin then.
    ///
    /// # Errors
    /// Where the direction of the fleet cannot be read or written. The next run of the hub writes
    /// it then.
    pub(crate) async fn tell_halt(&self, kept: &Kept) -> Result<(), HubError> {
        let rollouts = self.rollouts.as_ref().ok_or(HubError::NoWaves)?;
        self.direct_halt(rollouts, &kept.state).await.map(|_| ())
    }

    /// Lets the version go on into the next wave, or lets the hub publish again what was taken
    /// back. `version` is the one that the person means.
    pub(crate) async fn promote(&self, version: SnapshotVersion, because: &Because) -> Result<Decided, HubError> {
        let (rollouts, kept) = self.on_its_way().await?;
        let rollout = &kept.state.rollout;
        let on_its_way = rollout.version;
        if let Some(Stopped::RolledBack { from, .. }) = &rollout.stopped
            && version == *from
        {
            let state = State { refused: None, ..kept.state.clone() };
            let changed = state != kept.state;
            let kept = rollouts.put(&self.experience, &kept, state).await?.ok_or(HubError::RolloutTaken)?;
            return Ok(Decided { kept, changed, went: Went::default() });
        }
        if version != on_its_way {
            return Err(self.not_on_its_way(&kept, version).await?);
        }
        let head = self.snapshots.head(&self.experience).await?;
        self.vouch_for(head.as_ref(), &kept).await?;
        // What goes on is told by it, so it has to be the hub's newest word.
        self.helm(rollouts).fleet_is_newest().await?;
        let mut seen = Seen::default();
        seen.look(self, rollouts, &kept).await?;
        let rollout = rollout.promoted(&kept.waves, &seen.fleet, because)?;
        let newest = Newest { version: on_its_way, digest: kept.state.digest, origin: Origin::Management };
        let state = State { rollout, ..kept.state.clone() };
        let promoted = rollouts.put(&self.experience, &kept, state).await?.ok_or(HubError::RolloutTaken)?;
        let went = self.take_steps(rollouts, newest).await;
        // The person's word is written down, whatever can be read after that.
        let kept = rollouts.kept(&self.experience).await.ok().flatten().unwrap_or(promoted);
        Ok(Decided { kept, changed: true, went })
    }

    /// What is told of a version that a person named and that is not on its way: also whether there
    /// is such a version at all, and whether anything is on its way.
    async fn not_on_its_way(&self, kept: &Kept, version: SnapshotVersion) -> Result<HubError, HubError> {
        let rollout = &kept.state.rollout;
        let ended = rollout.done || kept.taken_back().is_some();
        let latest = self.snapshots.head(&self.experience).await?.map(|head| head.latest);
        let exists = latest.is_some_and(|latest| version <= latest);
        Ok(HubError::NotOnItsWay { version, exists, on_its_way: (!ended).then_some(rollout.version) })
    }

    /// The version that is on its way.
    pub(crate) async fn version_on_its_way(&self) -> Result<SnapshotVersion, HubError> {
        let (_, kept) = self.on_its_way().await?;
        Ok(kept.state.rollout.version)
    }

    /// Whether the ledger's head is the version that is on its way, and this hub's key signed it,
    /// where this hub signs. The state carries no signature. So nobody who can only write into the
    /// table gets the hub's signature for a snapshot of their own.
    pub(crate) async fn vouch_for(&self, head: Option<&Head>, kept: &Kept) -> Result<(), HubError> {
        let State { rollout, digest, .. } = &kept.state;
        let on_its_way = rollout.version;
        let head = head.filter(|head| (head.latest, head.digest) == (on_its_way, *digest));
        let Some(head) = head else { return Err(HubError::NotTheNewest { on_its_way }) };
        if let Some(signing) = &self.signing
            && let Err(refusal) = signing.vouches_for_head(&self.experience, head).await?
        {
            return Err(HubError::HeadNotOurs { version: on_its_way, problem: refusal.to_string() });
        }
        Ok(())
    }

    async fn on_its_way(&self) -> Result<(&Rollouts, Kept), HubError> {
        let rollouts = self.rollouts.as_ref().ok_or(HubError::NoWaves)?;
        let kept = rollouts.kept(&self.experience).await?.filter(|kept| !kept.state.ended);
        Ok((rollouts, kept.ok_or(HubError::NoWaves)?))
    }
}
