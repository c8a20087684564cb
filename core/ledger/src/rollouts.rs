//! The state of waves: one item of the hub's own, which any instance of the hub goes on from. What
//! it says is the hub's matter; the ledger keeps it as text.
//!
//! The state names each organization that a wave names or whose turn has come, so that of a large
//! fleet is too large for one item as a text. Then `packed` holds it as zstd, and `state` a text
//! that stands in for it: a hub of an earlier release reads that one, and refuses it. The state of
//! a smaller fleet is a text as ever, and every release reads it.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use pmp_protocol::{ExperienceId, pack, unpack};

use crate::chunks::CHUNK_BYTES;
use crate::client::{GENERATION, TableClient};
use crate::item::{Item, parse, text};
use crate::partition::{DIRECTED, rollout_key};
use crate::{LedgerError, TableName};

/// The attribute that holds the state as a text, or the text that stands in for it.
const STATE: &str = "state";
/// The attribute that holds a state that is too large as a text.
const PACKED: &str = "packed";
/// The most bytes of a state, as a text or packed: one item holds it, beside its other attributes.
const ITEM_BYTES: usize = CHUNK_BYTES;
/// The most bytes that a packed state unpacks to. That of 10,000 organizations takes some 1 MB, and
/// no item holds one that packs worse than one to ten.
const MAX_STATE_BYTES: usize = 4_000_000;

/// The state of waves, as it lies in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRollout {
    /// How often it was written: 1 after the first time.
    pub generation: u64,
    /// The state, in the form that the hub gave it.
    pub state: String,
}

/// A state of waves that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRollout {
    /// The state, in the form that the hub gives it.
    pub state: String,
    /// What a hub of an earlier release reads in its place where it has to be packed. That hub has
    /// to refuse it, and to tell a person why.
    pub stand_in: String,
}

impl NewRollout {
    /// Whether the ledger can hold it.
    ///
    /// # Errors
    /// Where it is too large.
    pub fn fits(&self) -> Result<(), LedgerError> {
        Form::of(&self.state).map(drop)
    }
}

/// How an item holds a state.
#[derive(Debug, PartialEq, Eq)]
enum Form {
    /// As a text, as every release reads it.
    Text,
    /// As zstd, in bytes of its own.
    Packed(Vec<u8>),
}

impl Form {
    fn of(state: &str) -> Result<Self, LedgerError> {
        if state.len() <= ITEM_BYTES {
            return Ok(Self::Text);
        }
        let packed = pack(state.as_bytes()).ok();
        let bytes = packed.as_ref().map_or(state.len(), Vec::len);
        let packed = packed.filter(|packed| packed.len() <= ITEM_BYTES && state.len() <= MAX_STATE_BYTES);
        packed.map(Self::Packed).ok_or(LedgerError::RolloutTooLarge { bytes, limit: ITEM_BYTES })
    }
}

/// The state in an attribute of an item; in words what is wrong with it.
fn unpacked(packed: &AttributeValue) -> Result<String, String> {
    let packed = packed.as_b().map_err(|_| format!("attribute `{PACKED}` holds no bytes"))?;
    let state = unpack(packed.as_ref(), MAX_STATE_BYTES).map_err(|error| format!("it cannot be unpacked: {error}"))?;
    let state = state.ok_or_else(|| format!("it unpacks to more than {MAX_STATE_BYTES} bytes"))?;
    String::from_utf8(state).map_err(|_| "it unpacks to what is no text".to_owned())
}

/// The state of waves. For the hub and its operators.
#[async_trait]
pub trait RolloutStore: std::fmt::Debug + Send + Sync {
    /// The state of now, read consistently. `None` where there are no waves.
    async fn rollout(&self, experience: &ExperienceId) -> Result<Option<StoredRollout>, LedgerError>;

    /// Writes the next state over the one of the generation `before`, which is 0 where there is
    /// none. Returns false where that is another one by now: then nothing is written.
    async fn put_rollout(&self, experience: &ExperienceId, next: &NewRollout, before: u64)
    -> Result<bool, LedgerError>;
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
        let read = |e: String| self.table.unreadable(format!("the state of waves of `{experience}`: {e}"));
        let generation = parse(&item, GENERATION).map_err(|e| read(e.to_string()))?;
        let state = match item.get(PACKED) {
            Some(packed) => unpacked(packed).map_err(read)?,
            None => parse(&item, STATE).map_err(|e| read(e.to_string()))?,
        };
        Ok(Some(StoredRollout { generation, state }))
    }

    async fn put_rollout(
        &self,
        experience: &ExperienceId,
        next: &NewRollout,
        before: u64,
    ) -> Result<bool, LedgerError> {
        let mut item = Item::new();
        item.insert("organization".to_owned(), text(DIRECTED));
        item.insert("item".to_owned(), text(rollout_key(experience)));
        item.insert("experience".to_owned(), text(experience));
        match Form::of(&next.state)? {
            Form::Text => item.insert(STATE.to_owned(), text(&next.state)),
            Form::Packed(packed) => {
                item.insert(PACKED.to_owned(), AttributeValue::B(Blob::new(packed)));
                item.insert(STATE.to_owned(), text(&next.stand_in))
            }
        };
        self.table.put_next(item, before).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_packed_only_where_it_has_to_be_and_is_bounded() {
        assert_eq!(Form::of(&"x".repeat(ITEM_BYTES)).unwrap(), Form::Text);
        let large = "o-alpha00000 ".repeat(40_000);
        let Form::Packed(packed) = Form::of(&large).unwrap() else { panic!("it is too large as a text") };
        assert_eq!(unpacked(&AttributeValue::B(Blob::new(packed))).unwrap(), large);
        // What packs well, and would fill the memory of who unpacks it.
        let bomb = "x".repeat(MAX_STATE_BYTES + 1);
        assert!(matches!(Form::of(&bomb), Err(LedgerError::RolloutTooLarge { .. })));
        let problem = unpacked(&AttributeValue::B(Blob::new(pack(bomb.as_bytes()).unwrap()))).unwrap_err();
        assert_eq!(problem, "it unpacks to more than 4000000 bytes");
        assert!(unpacked(&AttributeValue::B(Blob::new("no zstd"))).unwrap_err().starts_with("it cannot be unpacked: "));
        assert_eq!(unpacked(&text("x")).unwrap_err(), "attribute `packed` holds no bytes");
        // What does not pack.
        let mut random = fastrand::Rng::with_seed(7);
        let state: String = (0..900_000).map(|_| random.alphanumeric()).collect();
        let error = Form::of(&state).unwrap_err();
        assert!(error.to_string().ends_with("bytes packed; the ledger holds at most 390000"), "{error}");
    }
}
