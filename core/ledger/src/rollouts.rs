//! The state of waves: one item of the hub's own, which any instance of the hub goes on from. What
//! it says is the hub's matter; the ledger keeps it as text.

use async_trait::async_trait;
use aws_config::SdkConfig;
use pmp_protocol::ExperienceId;

use crate::client::{GENERATION, TableClient};
use crate::item::{Item, parse, text};
use crate::partition::{DIRECTED, rollout_key};
use crate::{LedgerError, TableName};

/// The attribute that holds the state.
const STATE: &str = "state";

/// The state of waves, as it lies in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRollout {
    /// How often it was written: 1 after the first time.
    pub generation: u64,
    /// The state, in the form that the hub gave it.
    pub state: String,
}

/// The state of waves. For the hub and its operators.
#[async_trait]
pub trait RolloutStore: std::fmt::Debug + Send + Sync {
    /// The state of now, read consistently. `None` where there are no waves.
    async fn rollout(&self, experience: &ExperienceId) -> Result<Option<StoredRollout>, LedgerError>;

    /// Writes the next state over the one of the generation `before`, which is 0 where there is
    /// none. Returns false where that is another one by now: then nothing is written.
    async fn put_rollout(&self, experience: &ExperienceId, state: &str, before: u64) -> Result<bool, LedgerError>;
}

/// The table, with the credentials of the hub or of its operators.
#[derive(Debug)]
pub struct DynamoRollouts {
    table: TableClient,
}

impl DynamoRollouts {
    /// The table as `config`'s credentials see it. An ARN's region overrides the configured one.
    #[must_use]
    pub fn new(config: &SdkConfig, table: TableName) -> Self {
        Self { table: TableClient::new(config, table) }
    }
}

#[async_trait]
impl RolloutStore for DynamoRollouts {
    async fn rollout(&self, experience: &ExperienceId) -> Result<Option<StoredRollout>, LedgerError> {
        let Some(item) = self.table.item(DIRECTED, &rollout_key(experience)).await? else { return Ok(None) };
        let read = |e| self.table.unreadable(format!("the state of waves of `{experience}`: {e}"));
        let generation = parse(&item, GENERATION).map_err(read)?;
        let state = parse(&item, STATE).map_err(read)?;
        Ok(Some(StoredRollout { generation, state }))
    }

    async fn put_rollout(&self, experience: &ExperienceId, state: &str, before: u64) -> Result<bool, LedgerError> {
        let mut item = Item::new();
        item.insert("organization".to_owned(), text(DIRECTED));
        item.insert("item".to_owned(), text(rollout_key(experience)));
        item.insert("experience".to_owned(), text(experience));
        item.insert(STATE.to_owned(), text(state));
        self.table.put_next(item, before).await
    }
}
