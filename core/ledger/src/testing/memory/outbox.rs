//! What was told, and what is to be sent.

use async_trait::async_trait;
use jiff::Timestamp;
use pmp_protocol::ExperienceId;

use super::{MemoryLedger, Tables};
use crate::{LedgerError, NewTold, Outbox, OutboxEntry, SentEntry, ToldState};

/// A notification, and how it was sent; none where that is not known.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    entry: OutboxEntry,
    sent: Option<SentEntry>,
}

impl Tables {
    /// Changes a notification, if it is not sent and this attempt is still the last one.
    fn replace_entry(
        &mut self,
        experience: &ExperienceId,
        entry: &OutboxEntry,
        over_at: Option<Timestamp>,
        change: impl FnOnce(&mut Kept),
    ) -> bool {
        let key = (experience.clone(), entry.generation, entry.number);
        let Some(kept) = self.outbox.get_mut(&key) else { return false };
        let over = over_at.is_none_or(|now| kept.entry.claimed_until <= now);
        let may = kept.sent.is_none() && kept.entry.attempt == entry.attempt && over;
        if may {
            change(kept);
        }
        may
    }
}

#[async_trait]
impl Outbox for MemoryLedger {
    async fn told(&self, experience: &ExperienceId) -> Result<ToldState, LedgerError> {
        self.call("told").await?;
        Ok(self.tables().told.get(experience).cloned().unwrap_or_default())
    }

    async fn tell(&self, new: &NewTold<'_>) -> Result<bool, LedgerError> {
        self.call("tell").await?;
        let mut tables = self.tables();
        let told = tables.told.entry(new.experience.clone()).or_default();
        if told.generation != new.before {
            return Ok(false);
        }
        *told = ToldState { generation: new.before + 1, content: new.content.to_vec() };
        for entry in new.outbox {
            let key = (new.experience.clone(), entry.generation, entry.number);
            tables.outbox.insert(key, Kept { entry: entry.clone(), sent: None });
        }
        Ok(true)
    }

    async fn unsent(&self, experience: &ExperienceId) -> Result<Vec<OutboxEntry>, LedgerError> {
        self.call("unsent").await?;
        let tables = self.tables();
        let of_it = tables.outbox.iter().filter(|((of, ..), kept)| of == experience && kept.sent.is_none());
        Ok(of_it.map(|(_, kept)| kept.entry.clone()).collect())
    }

    async fn claim(
        &self,
        experience: &ExperienceId,
        entry: &OutboxEntry,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<OutboxEntry>, LedgerError> {
        self.call("claim").await?;
        let claimed = OutboxEntry { attempt: entry.attempt + 1, claimed_until: until, ..entry.clone() };
        let change = |kept: &mut Kept| kept.entry = claimed.clone();
        let may = self.tables().replace_entry(experience, entry, Some(now), change);
        Ok(may.then_some(claimed))
    }

    async fn release(&self, experience: &ExperienceId, entry: &OutboxEntry) -> Result<(), LedgerError> {
        self.call("release").await?;
        let change = |kept: &mut Kept| kept.entry.claimed_until = Timestamp::UNIX_EPOCH;
        self.tables().replace_entry(experience, entry, None, change);
        Ok(())
    }

    async fn mark_sent(
        &self,
        experience: &ExperienceId,
        entry: &OutboxEntry,
        sent: &SentEntry,
    ) -> Result<bool, LedgerError> {
        self.call("mark_sent").await?;
        Ok(self.tables().replace_entry(experience, entry, None, |kept| kept.sent = Some(sent.clone())))
    }
}
