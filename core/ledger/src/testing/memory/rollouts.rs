//! The state of waves.

use async_trait::async_trait;
use pmp_protocol::ExperienceId;

use super::MemoryLedger;
use crate::{LedgerError, NewRollout, RolloutStore, StoredRollout};

#[async_trait]
impl RolloutStore for MemoryLedger {
    async fn rollout(&self, experience: &ExperienceId) -> Result<Option<StoredRollout>, LedgerError> {
        self.call("rollout").await?;
        Ok(self.tables().rollouts.get(experience).cloned())
    }

    async fn put_rollout(
        &self,
        experience: &ExperienceId,
        next: &NewRollout,
        before: u64,
    ) -> Result<bool, LedgerError> {
        self.call("put_rollout").await?;
        next.fits()?;
        let mut tables = self.tables();
        if tables.rollouts.get(experience).map_or(0, |stored| stored.generation) != before {
            return Ok(false);
        }
        let stored = StoredRollout { generation: before + 1, state: next.state.clone() };
        tables.rollouts.insert(experience.clone(), stored);
        Ok(true)
    }
}
