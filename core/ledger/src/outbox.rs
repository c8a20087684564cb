//! What the hub told operations of the fleet, and the notifications that it still has to send: in
//! the partition `hub#told` of the `SyncTimestamps` table, which no member may read or write.
//!
//! - `told#<management>#<chunk>` holds the state that was told last. The hub packs and reads it;
//!   the ledger only keeps it. `generation` counts its writes, and each chunk names it.
//! - `outbox#<management>#<generation>#<number>` is a notification. It is written in one
//!   transaction with the state that it is about, so that neither is ever there without the other.
//!
//! One hub at a time sends a notification: the one that claimed it. The claim is a number of
//! attempts and a time, and every write asks that the number is still the same. What was sent keeps
//! its id and its summary for a while, without its body, and then DynamoDB deletes it
//! (`expires_at`). So the hub's role needs no right to delete.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use jiff::Timestamp;
use pmp_aws::ApiError;
use pmp_protocol::ExperienceId;

use crate::chunks::{self, CHUNK_BYTES};
use crate::client::TableClient;
use crate::item::{Item, ItemError, number, parse, text};
use crate::partition::{TOLD, outbox_key, outbox_prefix, told_key, told_prefix};
use crate::receipts::lost_the_race;
use crate::{EXPIRES_AT, LedgerError, TableName};

/// The most items that a transaction takes (DynamoDB's limit).
const MAX_WRITES: usize = 100;
/// How often chunks are read that another hub is writing just then.
const READS: usize = 3;

/// The state that was told last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToldState {
    /// How often it was written; 0 where it never was.
    pub generation: u64,
    /// What the hub wrote; empty where it never did.
    pub content: Vec<u8>,
}

/// A notification that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEntry {
    /// The generation of the state with which it was written.
    pub generation: u64,
    /// Its number among those of the generation, from 1.
    pub number: usize,
    /// The id by which a receiver knows it again.
    pub id: String,
    /// What is told, in a sentence.
    pub summary: String,
    /// What is to be sent.
    pub body: String,
    /// How often a hub took it up to send it.
    pub attempt: u64,
    /// Until then nobody else takes it up.
    pub claimed_until: Timestamp,
}

/// How a notification was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentEntry {
    /// When the topic accepted it.
    pub at: Timestamp,
    /// The id that the topic gave it.
    pub message_id: String,
    /// When the record of it may go.
    pub expires_at: Timestamp,
}

/// The state to write, and the notifications about what is new in it.
#[derive(Debug, Clone, Copy)]
pub struct NewTold<'a> {
    /// Management experience of the fleet.
    pub experience: &'a ExperienceId,
    /// The generation that it replaces; 0 for the first.
    pub before: u64,
    /// The state, as the hub will read it.
    pub content: &'a [u8],
    /// The notifications, claimed by whoever writes them.
    pub outbox: &'a [OutboxEntry],
}

/// What was told, and what is still to be sent. For the hub.
#[async_trait]
pub trait Outbox: std::fmt::Debug + Send + Sync {
    /// The state that was told last, read consistently.
    async fn told(&self, experience: &ExperienceId) -> Result<ToldState, LedgerError>;

    /// Writes the next state and its notifications: all of it, or nothing where the state is not
    /// the one of `before` any more. Returns whether it was written.
    async fn tell(&self, new: &NewTold<'_>) -> Result<bool, LedgerError>;

    /// The notifications that are not known to be sent, the oldest first.
    async fn unsent(&self, experience: &ExperienceId) -> Result<Vec<OutboxEntry>, LedgerError>;

    /// Claims a notification until a time, if its claim has ended at `now` and nobody else took it
    /// up since it was read. Returns it as it is claimed.
    async fn claim(
        &self,
        experience: &ExperienceId,
        entry: &OutboxEntry,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<OutboxEntry>, LedgerError>;

    /// Gives a claim up, so that the next run may send it.
    async fn release(&self, experience: &ExperienceId, entry: &OutboxEntry) -> Result<(), LedgerError>;

    /// Records that it was sent. Returns false where somebody else took it up meanwhile.
    async fn mark_sent(
        &self,
        experience: &ExperienceId,
        entry: &OutboxEntry,
        sent: &SentEntry,
    ) -> Result<bool, LedgerError>;
}

/// The outbox in the `SyncTimestamps` table, with the hub's credentials.
#[derive(Debug)]
pub struct DynamoOutbox {
    table: TableClient,
}

fn key(item: impl ToString) -> Item {
    Item::from([("organization".to_owned(), text(TOLD)), ("item".to_owned(), text(item))])
}

fn entry_key(experience: &ExperienceId, entry: &OutboxEntry) -> Item {
    key(outbox_key(experience, entry.generation, entry.number))
}

fn entry_item(experience: &ExperienceId, entry: &OutboxEntry) -> Item {
    let mut item = entry_key(experience, entry);
    item.extend([
        ("generation".to_owned(), number(entry.generation)),
        ("number".to_owned(), number(entry.number)),
        ("id".to_owned(), text(&entry.id)),
        ("summary".to_owned(), text(&entry.summary)),
        ("body".to_owned(), text(&entry.body)),
        ("attempt".to_owned(), number(entry.attempt)),
        ("claimed_until_ms".to_owned(), number(entry.claimed_until.as_millisecond())),
    ]);
    item
}

/// What stays of a notification that was sent.
fn sent_item(experience: &ExperienceId, entry: &OutboxEntry, sent: &SentEntry) -> Item {
    let mut item = entry_item(experience, entry);
    item.remove("body");
    item.extend([
        ("sent_at".to_owned(), text(sent.at)),
        ("message_id".to_owned(), text(&sent.message_id)),
        (EXPIRES_AT.to_owned(), number(sent.expires_at.as_second())),
    ]);
    item
}

pub(crate) fn read_entry(item: &Item) -> Result<OutboxEntry, ItemError> {
    let until = Timestamp::from_millisecond(parse(item, "claimed_until_ms")?);
    Ok(OutboxEntry {
        generation: parse(item, "generation")?,
        number: parse(item, "number")?,
        id: parse(item, "id")?,
        summary: parse(item, "summary")?,
        body: parse(item, "body")?,
        attempt: parse(item, "attempt")?,
        // A time that is none is over: whoever sends it next claims it anew.
        claimed_until: until.unwrap_or(Timestamp::UNIX_EPOCH),
    })
}

fn chunk_items(new: &NewTold<'_>) -> Vec<Item> {
    // An empty state has one empty chunk, since its generation has to stand somewhere.
    let parts: Vec<&[u8]> = if new.content.is_empty() { vec![&[]] } else { new.content.chunks(CHUNK_BYTES).collect() };
    let chunks = parts.len();
    let item = |(index, part): (usize, &[u8])| {
        let mut item = key(told_key(new.experience, index + 1));
        item.extend([
            ("generation".to_owned(), number(new.before + 1)),
            ("chunks".to_owned(), number(chunks)),
            ("chunk".to_owned(), number(index + 1)),
            ("content".to_owned(), AttributeValue::B(Blob::new(part.to_vec()))),
        ]);
        item
    };
    parts.into_iter().enumerate().map(item).collect()
}

/// The state in these chunks. `None` where they are of different generations: another hub is
/// writing.
pub(crate) fn read_chunks(items: Vec<Item>) -> Result<Option<ToldState>, ItemError> {
    let Some(first) = items.first() else { return Ok(Some(ToldState::default())) };
    let (generation, chunks) = (parse::<u64>(first, "generation")?, parse::<usize>(first, "chunks")?);
    // A state that was longer once left chunks behind.
    let items: Vec<Item> = items.into_iter().take(chunks).collect();
    for item in &items {
        if parse::<u64>(item, "generation")? != generation {
            return Ok(None);
        }
    }
    Ok(Some(ToldState { generation, content: chunks::join(chunks, items)? }))
}

impl DynamoOutbox {
    /// The table as `config`'s credentials see it. An ARN's region overrides the configured one.
    #[must_use]
    pub fn new(config: &SdkConfig, table: TableName) -> Self {
        Self { table: TableClient::new(config, table) }
    }

    fn damaged(&self, problem: impl std::fmt::Display) -> LedgerError {
        self.table.unreadable(format!("what was told of the fleet: {problem}"))
    }

    /// Replaces a notification, if it is not sent and this attempt is still the last one.
    async fn replace(&self, item: Item, attempt: u64, over_at: Option<Timestamp>) -> Result<bool, LedgerError> {
        let mut condition = "attempt = :attempt AND attribute_not_exists(sent_at)".to_owned();
        let call = self.table.dynamodb.put_item().table_name(self.table.table.as_str()).set_item(Some(item));
        let mut call = call.expression_attribute_values(":attempt", number(attempt));
        if let Some(now) = over_at {
            condition += " AND claimed_until_ms <= :now";
            call = call.expression_attribute_values(":now", number(now.as_millisecond()));
        }
        self.table.written(call.condition_expression(condition)).await
    }

    /// The first chunk carries the condition, so of two hubs one writes.
    fn conditional(&self, item: Item, before: u64) -> Result<TransactWriteItem, LedgerError> {
        let put = Put::builder().table_name(self.table.table.as_str()).set_item(Some(item));
        let put = match before {
            0 => put.condition_expression("attribute_not_exists(generation)"),
            before => {
                put.condition_expression("generation = :before").expression_attribute_values(":before", number(before))
            }
        };
        let put = put.build().map_err(|e| self.table.unreadable(e.to_string()))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

#[async_trait]
impl Outbox for DynamoOutbox {
    async fn told(&self, experience: &ExperienceId) -> Result<ToldState, LedgerError> {
        for _ in 0..READS {
            let items = self.table.all(self.table.beginning_with(TOLD, &told_prefix(experience))).await?;
            if let Some(state) = read_chunks(items).map_err(|problem| self.damaged(problem))? {
                return Ok(state);
            }
        }
        Err(self.damaged("its chunks are of different generations"))
    }

    async fn tell(&self, new: &NewTold<'_>) -> Result<bool, LedgerError> {
        let mut chunks = chunk_items(new).into_iter();
        let writes = chunks.len() + new.outbox.len();
        if writes > MAX_WRITES {
            return Err(self.damaged(format!("{writes} items, and a transaction takes at most {MAX_WRITES}")));
        }
        let mut items = Vec::new();
        if let Some(first) = chunks.next() {
            items.push(self.conditional(first, new.before)?);
        }
        items.extend(self.table.puts(chunks.collect())?);
        items.extend(self.table.puts(new.outbox.iter().map(|entry| entry_item(new.experience, entry)).collect())?);
        match self.table.dynamodb.transact_write_items().set_transact_items(Some(items)).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(lost_the_race) => Ok(false),
            Err(error) => Err(self.table.failed(ApiError::new("dynamodb:TransactWriteItems", &error))),
        }
    }

    async fn unsent(&self, experience: &ExperienceId) -> Result<Vec<OutboxEntry>, LedgerError> {
        let query = self.table.beginning_with(TOLD, &outbox_prefix(experience));
        let query = query.filter_expression("attribute_not_exists(sent_at)");
        let read = |item: &Item| match read_entry(item) {
            Ok(entry) => Some(entry),
            // A newer release may have written it, and sends it. It keeps nothing else back.
            Err(problem) => {
                tracing::warn!(%problem, "a notification in the ledger cannot be read");
                None
            }
        };
        Ok(self.table.all(query).await?.iter().filter_map(read).collect())
    }

    async fn claim(
        &self,
        experience: &ExperienceId,
        entry: &OutboxEntry,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<OutboxEntry>, LedgerError> {
        let claimed = OutboxEntry { attempt: entry.attempt + 1, claimed_until: until, ..entry.clone() };
        let written = self.replace(entry_item(experience, &claimed), entry.attempt, Some(now)).await?;
        Ok(written.then_some(claimed))
    }

    async fn release(&self, experience: &ExperienceId, entry: &OutboxEntry) -> Result<(), LedgerError> {
        let free = OutboxEntry { claimed_until: Timestamp::UNIX_EPOCH, ..entry.clone() };
        // Where somebody else took it up, it is theirs.
        self.replace(entry_item(experience, &free), entry.attempt, None).await.map(drop)
    }

    async fn mark_sent(
        &self,
        experience: &ExperienceId,
        entry: &OutboxEntry,
        sent: &SentEntry,
    ) -> Result<bool, LedgerError> {
        self.replace(sent_item(experience, entry, sent), entry.attempt, None).await
    }
}

#[cfg(test)]
mod tests {
    use pmp_protocol::testing::management;

    use super::*;

    fn chunks(before: u64, content: &[u8]) -> Vec<Item> {
        chunk_items(&NewTold { experience: &management(), before, content, outbox: &[] })
    }

    #[test]
    fn a_state_of_any_size_comes_back_whole() {
        assert_eq!(read_chunks(Vec::new()).unwrap(), Some(ToldState::default()));
        for size in [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES] {
            let content = vec![7; size];
            let read = read_chunks(chunks(4, &content)).unwrap();
            assert_eq!(read, Some(ToldState { generation: 5, content }), "{size}");
        }
    }

    #[test]
    fn what_another_hub_is_writing_is_read_again() {
        let long = vec![7; 2 * CHUNK_BYTES];
        let (old, new) = (chunks(4, &long), chunks(5, &long));
        let torn = vec![old[0].clone(), new[1].clone()];
        assert_eq!(read_chunks(torn).unwrap(), None);
        // What is left of a longer state is no part of a shorter one.
        let shorter = vec![chunks(5, b"short").remove(0), old[1].clone()];
        assert_eq!(read_chunks(shorter).unwrap(), Some(ToldState { generation: 6, content: b"short".to_vec() }));
        assert!(read_chunks(vec![new[0].clone()]).is_err(), "a chunk is missing");
    }
}
