//! A stage for hubs that crash, wait for one another and lose calls, all by the dice of a seed.

use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use pmp_aws::{ApiError, Outcome};
use pmp_ledger::testing::MemoryLedger;
use pmp_ledger::{
    Extent, LedgerError, NewTold, Outbox, OutboxEntry, Partitions, Report, Reports, SentEntry, ToldState,
};
use pmp_protocol::{ExperienceId, OrganizationId};
use pmp_runtime::Clock;

use crate::notify::channel::Channel;

/// Numbers that a seed determines (SplitMix64).
#[derive(Debug)]
pub(super) struct Dice(Mutex<u64>);

impl Dice {
    pub(super) fn of(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    /// A number below `sides`.
    pub(super) fn below(&self, sides: u64) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    pub(super) fn chance(&self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// The time of day, which only the stage moves.
#[derive(Debug)]
pub(super) struct StageClock(pub(super) Mutex<Timestamp>);

impl StageClock {
    pub(super) fn pass(&self, time: SignedDuration) {
        let mut now = self.0.lock().unwrap();
        *now += time;
    }
}

impl Clock for StageClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// Gives the others their turn once. Here a hub may crash.
pub(super) async fn turn() {
    let mut waited = false;
    poll_fn(|context| {
        if waited {
            return Poll::Ready(());
        }
        waited = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// What goes wrong besides crashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mischief {
    /// Nothing but crashes goes wrong.
    None,
    /// Calls of the ledger and of the topic fail, before or after they had an effect.
    Calls,
    /// The ledger writes without its condition on the generation: a wrong ledger.
    NoGeneration,
    /// The ledger gives a claim to whoever asks for it: a wrong ledger.
    NoClaims,
}

/// What one hub reaches the world by.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) ledger: Arc<MemoryLedger>,
    pub(super) topic: Arc<Topic>,
    pub(super) dice: Arc<Dice>,
    pub(super) mischief: Mutex<Mischief>,
    /// Whether a notification is on its way, and not known to be sent in the ledger. What happens
    /// to the hub now may have it sent twice.
    pub(super) between: AtomicBool,
    /// Whether an organization could not be read in this run: then it has not seen the whole world.
    pub(super) missed: AtomicBool,
}

/// When a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fails {
    Never,
    Before,
    After,
}

impl Line {
    fn mischief(&self) -> Mischief {
        *self.mischief.lock().unwrap()
    }

    fn fails(&self) -> Fails {
        if self.mischief() != Mischief::Calls || !self.dice.chance(4) {
            return Fails::Never;
        }
        if self.dice.chance(50) { Fails::Before } else { Fails::After }
    }

    /// A call of the ledger: others have their turn before it and after it.
    async fn call<T>(&self, call: impl Future<Output = Result<T, LedgerError>>) -> Result<T, LedgerError> {
        turn().await;
        let fails = self.fails();
        if fails == Fails::Before {
            return Err(lost_call());
        }
        let answer = call.await?;
        turn().await;
        if fails == Fails::After { Err(lost_call()) } else { Ok(answer) }
    }
}

fn lost_call() -> LedgerError {
    let error = ApiError::of("dynamodb:PutItem", Outcome::NoAnswer("lost".into()));
    LedgerError::Api { table: "in-memory".parse().unwrap(), error }
}

#[async_trait]
impl Outbox for Line {
    async fn told(&self, experience: &ExperienceId) -> Result<ToldState, LedgerError> {
        self.call(self.ledger.told(experience)).await
    }

    async fn tell(&self, new: &NewTold<'_>) -> Result<bool, LedgerError> {
        let tell = async {
            let before = match self.mischief() {
                Mischief::NoGeneration => self.ledger.told(new.experience).await?.generation,
                _ => new.before,
            };
            self.ledger.tell(&NewTold { before, ..*new }).await
        };
        self.call(tell).await
    }

    async fn unsent(&self, experience: &ExperienceId) -> Result<Vec<OutboxEntry>, LedgerError> {
        let unsent = async {
            let mut entries = self.ledger.unsent(experience).await?;
            if self.mischief() == Mischief::NoClaims {
                entries.iter_mut().for_each(|entry| entry.claimed_until = Timestamp::UNIX_EPOCH);
            }
            Ok(entries)
        };
        self.call(unsent).await
    }

    async fn claim(
        &self,
        experience: &ExperienceId,
        entry: &OutboxEntry,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<OutboxEntry>, LedgerError> {
        let now = if self.mischief() == Mischief::NoClaims { until } else { now };
        self.call(self.ledger.claim(experience, entry, until, now)).await
    }

    async fn release(&self, experience: &ExperienceId, entry: &OutboxEntry) -> Result<(), LedgerError> {
        self.call(self.ledger.release(experience, entry)).await
    }

    async fn mark_sent(
        &self,
        experience: &ExperienceId,
        entry: &OutboxEntry,
        sent: &SentEntry,
    ) -> Result<bool, LedgerError> {
        let marked = self.call(self.ledger.mark_sent(experience, entry, sent)).await?;
        self.between.store(false, Ordering::Relaxed);
        Ok(marked)
    }
}

#[async_trait]
impl Reports for Line {
    async fn report(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
        extent: Extent,
    ) -> Result<Report, LedgerError> {
        let report = self.call(self.ledger.report(organization, experience, extent)).await;
        self.missed.fetch_or(report.is_err(), Ordering::Relaxed);
        report
    }

    async fn all(&self, experience: &ExperienceId) -> Result<Vec<Report>, LedgerError> {
        self.call(self.ledger.all(experience)).await
    }

    async fn partitions(&self) -> Result<Partitions, LedgerError> {
        self.call(self.ledger.partitions()).await
    }

    async fn management_experiences(&self) -> Result<std::collections::BTreeSet<ExperienceId>, LedgerError> {
        self.call(self.ledger.management_experiences()).await
    }
}

#[async_trait]
impl Channel for Line {
    async fn send(&self, _: &ExperienceId, entry: &OutboxEntry) -> Result<String, ApiError> {
        self.between.store(true, Ordering::Relaxed);
        turn().await;
        let fails = self.fails();
        let lost = || ApiError::of("sns:Publish", Outcome::NoAnswer("lost".into()));
        if fails == Fails::Before {
            self.between.store(false, Ordering::Relaxed);
            return Err(lost());
        }
        self.topic.accept(entry);
        turn().await;
        if fails == Fails::After {
            // The hub does not know that it was accepted, and sends it again.
            self.topic.excuse();
            self.between.store(false, Ordering::Relaxed);
            return Err(lost());
        }
        Ok("m-1".to_owned())
    }
}

/// What the topic accepted.
#[derive(Default)]
pub(super) struct Topic(Mutex<Accepted>);

#[derive(Debug, Clone, Default)]
pub(super) struct Accepted {
    /// The id and the body of each, in the order of sending.
    pub(super) messages: Vec<(String, String)>,
    /// How often something happened after which a notification may be sent once more.
    pub(super) excuses: usize,
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Topic")
    }
}

impl Topic {
    fn accept(&self, entry: &OutboxEntry) {
        self.0.lock().unwrap().messages.push((entry.id.clone(), entry.body.clone()));
    }

    pub(super) fn excuse(&self) {
        self.0.lock().unwrap().excuses += 1;
    }

    pub(super) fn accepted(&self) -> Accepted {
        self.0.lock().unwrap().clone()
    }
}
