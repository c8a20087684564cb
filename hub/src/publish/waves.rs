//! Takes versions through waves: carries out the steps that the `pmp-waves` crate decides.
//!
//! | file | does |
//! | --- | --- |
//! | `begin.rs` | where waves begin, end, or are configured anew |
//! | `observe.rs` | what is seen of an organization; pure |
//! | `steps.rs` | the next steps of a version, one after the other |
//! | `by_hand.rs` | a person promotes or halts a version |
//!
//! An example of three organizations in two waves, the first of which names alpha. Version 7 is
//! what everybody may take, and so the fleet's direction says 7. Version 8 is stored. The state
//! says that the first wave is entered and alpha admitted, and then alpha's own direction says 8.
//! Only after that is version 8 announced. Alpha takes it, and the others stay at 7, though the
//! ledger's head is 8. When alpha is in step, the directions of the others say 8 as well. When all
//! waves had it, the fleet's direction says 8.
//!
//! The state goes first, by a conditional write, and directions follow it. So of two hubs one takes
//! a step, and a hub that stops in between leaves behind what the next run writes: the state names
//! the organizations whose directions are still to be written.

pub(crate) mod begin;
pub(crate) mod by_hand;
pub(crate) mod observe;
pub(crate) mod steps;

use std::collections::BTreeSet;
use std::sync::Arc;

use pmp_ledger::{LedgerError, RolloutStore};
use pmp_protocol::ExperienceId;

use crate::config::waves::WavesSetting;
use crate::error::HubError;
use crate::rollout::state::{Kept, State};
use crate::rollout::{RolloutError, read};
use crate::status::fleet::Fleet;

/// Where the state of waves is kept, whom they concern, and what is configured.
#[derive(Debug, Clone)]
pub struct Rollouts {
    pub(crate) store: Arc<dyn RolloutStore>,
    pub(crate) fleet: Fleet,
    pub(crate) setting: WavesSetting,
}

impl Rollouts {
    /// The state in the ledger; none where there never were waves.
    pub(crate) async fn kept(&self, experience: &ExperienceId) -> Result<Option<Kept>, HubError> {
        read(self.store.as_ref(), experience).await.map_err(|error| match error {
            RolloutError::Ledger(error) => HubError::Ledger(error),
            RolloutError::Unreadable(problem) => HubError::RolloutUnreadable { problem },
        })
    }

    /// Whether the ledger can hold what a state becomes while a version goes through the waves. A
    /// wave that was entered and whose members cannot be admitted would be stuck.
    ///
    /// # Errors
    /// Where it cannot, and where it is not known who follows.
    pub(crate) async fn would_fit(&self, experience: &ExperienceId, state: &State) -> Result<(), HubError> {
        let followers: BTreeSet<_> = self.fleet.followers(experience).await?.into_keys().collect();
        match state.at_its_largest(&followers).write().fits() {
            Err(LedgerError::RolloutTooLarge { bytes, limit }) => {
                Err(HubError::WavesTooLarge { organizations: followers.len(), bytes, limit })
            }
            fits => Ok(fits?),
        }
    }

    /// Writes the next state over the one that was read. None where another hub wrote first.
    pub(crate) async fn put(
        &self,
        experience: &ExperienceId,
        before: &Kept,
        state: State,
    ) -> Result<Option<Kept>, HubError> {
        let written = self.store.put_rollout(experience, &state.write(), before.generation).await?;
        let next = || Kept { generation: before.generation + 1, state, waves: before.waves.clone() };
        Ok(written.then(next))
    }
}
