//! What is to be published: what the management experience says, or the content of an older
//! version, where operators pin the fleet to it, or where waves took a newer one back.

use std::collections::BTreeSet;

use pmp_ledger::LedgerError;
use pmp_protocol::{Digest, Pin, Sealed, SnapshotVersion, turn};
use pmp_waves::Stopped;

use crate::config::waves::WavesSetting;
use crate::error::HubError;
use crate::publish::{Hub, read};
use crate::rollout::state::{Kept, Newest, Origin};
use crate::rollout::told;
use crate::steer;

/// The content that is to be published.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    pub(crate) sealed: Sealed,
    /// The version whose content it is, and why; none where it is what the management experience
    /// says.
    pub(crate) pin: Option<Pin>,
    origin: Origin,
}

impl Chosen {
    /// The snapshot that has this content, for the steps through the waves.
    pub(crate) fn newest(&self, version: SnapshotVersion) -> Newest {
        Newest { version, digest: self.sealed.digest(), origin: self.origin }
    }
}

impl Hub {
    /// What is to be published. A pin of operators goes first, and then what waves take back.
    pub(crate) async fn content(&self, kept: Option<&Kept>) -> Result<Chosen, HubError> {
        let fleet = self.fleet_direction().await?;
        if let Some(pin) = fleet.as_ref().and_then(|directed| directed.direction.pin.clone()) {
            // Protocol S12 and D8.
            let sealed = self.stored(pin.version, pin.digest, "the pin").await?;
            return Ok(Chosen { sealed, pin: Some(pin), origin: Origin::Pinned });
        }
        let turn = fleet.and_then(|directed| directed.direction.turn);
        if let Some(kept) = kept
            && let Some(Stopped::RollingBack { to, .. }) = &kept.state.rollout.stopped
        {
            // Not what the state says: that carries no signature, and the direction does.
            let good = turn.filter(|turn| turn.version == *to).ok_or(HubError::RolloutUnreadable {
                problem: format!("it goes back to snapshot {to}, and the fleet's direction names another one"),
            })?;
            let sealed = self.stored(good.version, good.digest, "the fleet's direction").await?;
            let pin = self.taken_back(kept, good.version, good.digest);
            return Ok(Chosen { sealed, pin: Some(pin), origin: Origin::Restored });
        }
        let read = self.read().await?;
        if let Some(kept) = kept.filter(|kept| kept.state.refused == Some(read.digest())) {
            let (version, digest) = (kept.state.rollout.version, kept.state.digest);
            let sealed = self.stored(version, digest, "the state of waves").await?;
            // The newest snapshot has the content of an older one, and that one is told each time.
            let content_of = kept.content_of().unwrap_or(version);
            let pin = self.taken_back(kept, content_of, digest);
            return Ok(Chosen { sealed, pin: Some(pin), origin: Origin::Management });
        }
        Ok(Chosen { sealed: read, pin: None, origin: Origin::Management })
    }

    /// The version that was taken back, and that is published again because waves are switched off.
    /// None where the management experience says something else by now, and where operators pin.
    pub(crate) async fn let_go(&self, chosen: &Chosen) -> Result<Option<SnapshotVersion>, HubError> {
        let Some(rollouts) = self.rollouts.as_ref().filter(|rollouts| rollouts.setting == WavesSetting::Off) else {
            return Ok(None);
        };
        if chosen.origin != Origin::Management {
            return Ok(None);
        }
        let kept = rollouts.kept(&self.experience).await?;
        let kept = kept.filter(|kept| kept.state.refused == Some(chosen.sealed.digest()));
        Ok(kept.and_then(|kept| kept.taken_back()))
    }

    /// Why a version has the content of an older one, in the form of a pin, as `history` shows it.
    fn taken_back(&self, kept: &Kept, version: SnapshotVersion, digest: Digest) -> Pin {
        let because = self.because(told::progress(&kept.state.rollout));
        Pin { version, digest, by: because.by, at: because.at, reason: because.reason }
    }

    /// The content of a version that the ledger keeps.
    async fn stored(&self, version: SnapshotVersion, digest: Digest, named_by: &str) -> Result<Sealed, HubError> {
        let snapshot = self.snapshots.fetch(&self.experience, version).await?;
        if snapshot.digest() != digest {
            return Err(HubError::Ledger(LedgerError::Damaged {
                experience: self.experience.clone(),
                version,
                problem: format!("its digest is {}, and {named_by} names {digest}", snapshot.digest()),
            }));
        }
        let sealed = snapshot.seal();
        let sealed = sealed.map_err(|source| HubError::Seal { experience: self.experience.clone(), source })?;
        sealed.ok_or(HubError::NewerContent { version })
    }

    /// What is directed for the fleet. Where anything follows from it for what is published, it is
    /// the hub's own word, and its newest: somebody may have put an older pin back, or none.
    async fn fleet_direction(&self) -> Result<Option<pmp_ledger::Directed>, HubError> {
        let Some(marks) = &self.marks else { return Ok(None) };
        let directed = steer::said(marks.direction(&self.experience, None).await?, None)?;
        // Protocol D16.
        if let Some(rollouts) = &self.rollouts {
            let found = directed.as_ref().map_or(0, |directed| directed.direction.generation);
            self.helm(rollouts).is_newest(None, found).await?;
        }
        let Some(directed) = directed else { return Ok(None) };
        // Protocol K14.
        if directed.direction.pin.is_some() || directed.direction.turn.is_some() {
            steer::is_ours(&directed, self.signing.as_ref()).await?;
        }
        Ok(Some(directed))
    }

    /// The versions that are directed, for the fleet or an organization: they are kept.
    pub(crate) async fn directed_versions(&self) -> Result<BTreeSet<SnapshotVersion>, HubError> {
        // Protocol L10.
        let Some(marks) = &self.marks else { return Ok(BTreeSet::new()) };
        let fleet = steer::said(marks.direction(&self.experience, None).await?, None)?;
        let all = marks.directions(&self.experience).await?;
        if let Some((organization, problem)) = all.unreadable.into_iter().next() {
            let whose = steer::whose(Some(&organization));
            return Err(HubError::DirectionUnreadable { whose, problem });
        }
        let fleet = fleet.map(|directed| directed.direction);
        let own = all.found.values().map(|directed| &directed.direction);
        // A turn that the fleet has gone past counts for nothing, and nor does any without waves.
        let turns = own.clone().map(Some).chain([None]).filter_map(|own| turn(fleet.as_ref(), own));
        let turns: Vec<_> = turns.map(|turn| turn.version).collect();
        let pins = fleet.iter().chain(own).filter_map(|it| Some(it.pin.as_ref()?.version));
        Ok(pins.chain(turns).collect())
    }

    async fn read(&self) -> Result<Sealed, HubError> {
        let content = read::management_experience(self.catalog.as_ref(), &self.experience).await?;
        Sealed::new(&content).map_err(|source| HubError::Seal { experience: self.experience.clone(), source })
    }
}
