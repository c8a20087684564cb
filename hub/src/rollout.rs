//! The state of waves: which organizations get a version, and when. The `pmp-waves` crate decides.
//! This folder reads the state from the ledger, and says what a person reads of it. `publish/waves`
//! carries the steps out; an example stands there.
//!
//! | file | does |
//! | --- | --- |
//! | `state.rs` | the state as it lies in the ledger |
//! | `told.rs` | what a person, and a program, reads of it |

pub(crate) mod state;
pub(crate) mod told;

use pmp_ledger::{LedgerError, RolloutStore};
use pmp_protocol::ExperienceId;

use crate::config::waves::Configured;
use crate::rollout::state::{Kept, State};

/// Why the state of waves is not known.
#[derive(Debug)]
pub(crate) enum RolloutError {
    /// The ledger does not answer.
    Ledger(LedgerError),
    /// Something lies in its place, in words.
    Unreadable(String),
}

/// The state of waves in the ledger; none where there never were any. What cannot be read never
/// means that there are none (rule 12 of the design).
pub(crate) async fn read(store: &dyn RolloutStore, experience: &ExperienceId) -> Result<Option<Kept>, RolloutError> {
    let Some(stored) = store.rollout(experience).await.map_err(RolloutError::Ledger)? else { return Ok(None) };
    let state = State::read(&stored.state).map_err(RolloutError::Unreadable)?;
    let configured = Configured::read_kept(&state.configuration);
    let waves = configured.map_err(|error| RolloutError::Unreadable(error.to_string()))?.waves;
    Ok(Some(Kept { generation: stored.generation, state, waves }))
}
