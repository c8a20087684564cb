//! Holds the lease of the organization during a pass, so that two spokes of one organization never
//! interleave.
//!
//! A spoke takes the lease before a pass, renews it in the background, and gives it back after the
//! pass. If the lease cannot be renewed in time, or if somebody else has it, the pass is stopped:
//! it starts nothing new, and keeps its messages in the queue.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use pmp_ledger::{Lease, LeaseStore, LeaseTerm, LedgerError, Taken, Watched};
use pmp_protocol::{OrganizationId, one_line};
use pmp_runtime::{Chance, Clock, Stop, StopReason};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::error::SpokeError;

#[cfg(test)]
mod tests;

/// The longest time for giving the lease back. After that, others wait for the end of the term.
const GIVE_BACK_WITHIN: Duration = Duration::from_secs(5);
/// The longest time for giving the lease back after a stop.
const GIVE_BACK_STOPPED: Duration = Duration::from_secs(2);
/// The interval at which a spoke that waits, or that is idle, reads the lease. A read costs half a
/// read unit of the ledger; an attempt to take the lease costs a write unit.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// After a pass this spoke leaves the lease to others for this long: each of them reads it once,
/// and takes it.
const OTHERS_TURN: Duration = Duration::from_secs(4);
/// The shortest interval between two reads of the lease.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// The pause between two attempts to renew, if the ledger fails.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Takes the lease of this spoke's organization.
#[derive(Debug, Clone)]
pub(crate) struct Leases {
    store: Arc<dyn LeaseStore>,
    organization: OrganizationId,
    /// The name of this process, shown to those who find the lease taken.
    holder: String,
    term: LeaseTerm,
    /// Another holder's lease as it was last read, and the time since when it has not changed. All
    /// waiters of this process share it.
    watch: Arc<Mutex<Option<Watch>>>,
    turns: Arc<Mutex<Turns>>,
    clock: Arc<dyn Clock>,
    /// Makes the id of each tenure.
    chance: Arc<dyn Chance>,
}

/// The turns of spokes that share the lease, with different experiences.
#[derive(Debug, Default)]
struct Turns {
    /// Whether other such spokes exist.
    shared: bool,
    given_back: Option<Instant>,
}

/// Another holder's lease, and the time of the answer that showed it first.
#[derive(Debug, Clone)]
struct Watch {
    lease: Lease,
    since: Instant,
    /// Whether its silence was reported.
    told: bool,
}

/// The reaction if somebody else holds the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfHeld {
    /// Give up, with an error that names the holder.
    Leave,
    /// Wait for it, until the spoke has to stop.
    Wait,
}

impl Leases {
    pub(crate) fn new(
        store: Arc<dyn LeaseStore>,
        organization: OrganizationId,
        holder: String,
        term: LeaseTerm,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
    ) -> Self {
        Self { store, organization, holder, term, watch: Arc::default(), turns: Arc::default(), clock, chance }
    }

    pub(crate) fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    pub(crate) fn with_chance(self, chance: Arc<dyn Chance>) -> Self {
        Self { chance, ..self }
    }

    /// Sets the number of other spokes that take turns with this one. None waits for ever, because
    /// this spoke leaves the lease free after each turn for longer than the interval at which the
    /// others read it.
    pub(crate) fn share_with(&self, others: usize) {
        self.turns().shared = others > 0;
    }

    /// The time that is left of the others' turn.
    fn others_turn(&self) -> Duration {
        let turns = self.turns();
        let since = turns.given_back.filter(|_| turns.shared).map(|at| at.elapsed());
        since.map_or(Duration::ZERO, |since| OTHERS_TURN.saturating_sub(since))
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the lease without trying to take it. Returns `true` once for each holder that has
    /// fallen silent.
    ///
    /// # Errors
    /// If the ledger fails.
    pub(crate) async fn has_fallen_silent(&self) -> Result<bool, LedgerError> {
        let (asked, now) = (Instant::now(), self.clock.now());
        let Some(held) = self.store.held(&self.organization).await?.filter(|held| held.expires_at_ms > 0) else {
            *self.watch() = None;
            return Ok(false);
        };
        let silent =
            held.is_free(now) || self.watched(asked).is_some_and(|seen| seen.is_abandoned() && seen.is_still(&held));
        self.note(held, Instant::now());
        Ok(silent && self.watch().as_mut().is_some_and(|watch| !std::mem::replace(&mut watch.told, true)))
    }

    /// Describes the present holder of the lease, and its term. `None` if the lease is free. It
    /// does not try to take the lease.
    ///
    /// # Errors
    /// If the ledger fails.
    pub(crate) async fn held_now(&self, now: Timestamp) -> Result<Option<String>, LedgerError> {
        let held = self.store.held(&self.organization).await?;
        Ok(held.filter(|held| held.expires_at_ms > 0 && !held.is_free(now)).map(|held| held.describe(now)))
    }

    /// The time until the next read: the end of the watched lease's term, but at most
    /// [`LOOK_EVERY`].
    pub(crate) fn look_again_in(&self) -> Duration {
        let watch = self.watch();
        let Some(Watch { lease, since, told: false }) = watch.as_ref() else { return LOOK_EVERY };
        let term = Duration::from_millis(lease.term_ms).min(LeaseTerm::LONGEST);
        term.saturating_sub(since.elapsed()).clamp(LOOK_AGAIN, LOOK_EVERY)
    }

    /// The lease that was watched until the time `asked`.
    fn watched(&self, asked: Instant) -> Option<Watched> {
        let watch = self.watch().clone()?;
        let unchanged_for = asked.saturating_duration_since(watch.since);
        Some(Watched { lease: watch.lease, unchanged_for })
    }

    /// Remembers the lease that an answer showed. Its silence counts from that answer, because the
    /// last renewal came before it.
    fn note(&self, held: Lease, answered: Instant) {
        let mut watch = self.watch();
        let same =
            |watch: &Watch| Watched { lease: watch.lease.clone(), unchanged_for: Duration::ZERO }.is_still(&held);
        if !watch.as_ref().is_some_and(same) {
            *watch = Some(Watch { lease: held, since: answered, told: false });
        }
    }

    fn watch(&self) -> MutexGuard<'_, Option<Watch>> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` under the lease. `work` gets a stop of its own, which follows `stop`, and also
    /// stops, with the reason, when the lease is lost. Returns `None` if `stop` came before the
    /// lease was free.
    ///
    /// # Errors
    /// Those of `work`; if the ledger fails; if somebody else holds the lease, and
    /// [`IfHeld::Leave`] is given.
    pub(crate) async fn hold<T>(
        &self,
        if_held: IfHeld,
        stop: &Stop,
        work: impl AsyncFnOnce(&Stop) -> Result<T, SpokeError>,
    ) -> Result<Option<T>, SpokeError> {
        let Some(tenure) = self.take(if_held, stop).await? else { return Ok(None) };
        let outcome = work(&tenure.stop).await;
        tenure.give_back().await;
        self.turns().given_back = Some(Instant::now());
        outcome.map(Some)
    }

    async fn take(&self, if_held: IfHeld, stop: &Stop) -> Result<Option<Tenure>, SpokeError> {
        let holder_id = self.chance.unique_id();
        let mut waits_for = None;
        if if_held == IfHeld::Wait {
            tokio::select! {
                biased;
                // Cancel-safe: nothing has begun.
                () = stop.stopped() => return Ok(None),
                () = sleep(self.others_turn()) => {}
            }
        }
        loop {
            let (asked, now) = (Instant::now(), self.clock.now());
            let wanted = Lease::new(self.organization.clone(), holder_id.clone(), self.holder.clone(), now, self.term);
            let seen = self.watched(asked);
            // A stop does not drop this call at once, because a lease that was taken has to be
            // given back.
            let Some(taken) = stop.write_down(self.store.take(&wanted, now, seen.as_ref())).await else {
                return Ok(None);
            };
            let held = match taken? {
                Taken::Yes => {
                    *self.watch() = None;
                    return Ok(Some(Tenure::begin(self.clone(), wanted, asked, stop.child())));
                }
                Taken::HeldBy(held) => held,
            };
            // A lease that claims more than the longest term is watched, because its holder may be
            // gone for good.
            let leave = if_held == IfHeld::Leave && !is_to_be_watched(held.as_deref(), seen.as_ref(), now);
            let described = held.as_ref().map(|held| held.describe(now));
            // `None` means that it was given back between the two reads.
            if let Some(held) = held {
                if !leave && waits_for.replace(held.holder_id.clone()).is_none_or(|before| before != held.holder_id) {
                    tracing::info!(holder = described, "another spoke is at work: waiting for its lease");
                }
                self.note(*held, Instant::now());
            }
            if leave {
                let holder = described.unwrap_or_else(|| "someone".to_owned());
                return Err(SpokeError::Leased { organization: self.organization.clone(), holder });
            }
            tokio::select! {
                biased;
                // Cancel-safe: neither arm holds anything.
                () = stop.stopped() => return Ok(None),
                () = sleep(self.look_again_in()) => {}
            }
        }
    }
}

/// Whether a lease claims more than the longest term, and was not seen to be renewed yet.
fn is_to_be_watched(held: Option<&Lease>, seen: Option<&Watched>, now: Timestamp) -> bool {
    held.is_some_and(|held| held.is_odd(now) && seen.is_none_or(|seen| seen.is_still(held)))
}

/// The period in which this process holds the lease.
struct Tenure {
    stop: Stop,
    done: CancellationToken,
    keeper: JoinHandle<()>,
}

impl Tenure {
    fn begin(leases: Leases, lease: Lease, renewed: Instant, stop: Stop) -> Self {
        let done = CancellationToken::new();
        let keeper = Keeper { leases, lease, renewed, stop: stop.clone(), done: done.clone() };
        Self { stop, done, keeper: tokio::spawn(keeper.keep().in_current_span()) }
    }

    async fn give_back(self) {
        self.done.cancel();
        let keeper = self.keeper.abort_handle();
        let within = if self.stop.is_stopped() { GIVE_BACK_STOPPED } else { GIVE_BACK_WITHIN };
        if timeout(within, self.keeper).await.is_err() {
            keeper.abort();
            tracing::warn!("the lease could not be given back in time; others wait for its end");
        }
    }
}

/// Renews a lease until the pass has ended, or the lease is lost.
struct Keeper {
    leases: Leases,
    lease: Lease,
    /// A time, on the steady clock, from before the last successful renewal was requested.
    renewed: Instant,
    stop: Stop,
    done: CancellationToken,
}

impl Keeper {
    async fn keep(mut self) {
        loop {
            tokio::select! {
                biased;
                // Cancel-safe: nothing has begun.
                () = self.done.cancelled() => break,
                () = sleep_until(self.renewed + self.leases.term.renew_every()) => {}
            }
            let done = self.done.clone();
            let renewed = tokio::select! {
                biased;
                // Both arms are cancel-safe: a renewal that arrives late only makes the lease last
                // longer, until it expires.
                () = done.cancelled() => break,
                renewed = self.renew() => renewed,
            };
            if let Err(lost) = renewed {
                let lost = format!("lease lost {lost}");
                tracing::error!("{lost}; this pass starts nothing new");
                self.stop.stop(StopReason::Revoked(lost));
                return;
            }
        }
        match self.leases.store.renew(&self.lease.given_back()).await {
            Ok(_) => {}
            Err(error) => tracing::warn!(error = one_line(&error), "the lease could not be given back"),
        }
    }

    /// Renews the lease, with retries for as long as nobody else may take it. The error says how it
    /// was lost.
    async fn renew(&mut self) -> Result<(), String> {
        // Protocol L18.
        let give_up = self.renewed + self.leases.term.held_for();
        let mut last = "the ledger does not answer".to_owned();
        loop {
            let asked = Instant::now();
            let renewed = self.lease.renewed(self.leases.clock.now());
            match timeout_at(give_up, self.leases.store.renew(&renewed)).await {
                Ok(Ok(Taken::Yes)) => {
                    self.lease = renewed;
                    self.renewed = asked;
                    return Ok(());
                }
                Ok(Ok(Taken::HeldBy(Some(held)))) => {
                    return Err(format!("to {}", held.describe(self.leases.clock.now())));
                }
                Ok(Ok(Taken::HeldBy(None))) => return Err("to someone who deleted it".to_owned()),
                Ok(Err(error)) => last = one_line(&error),
                Err(_elapsed) => return Err(format!("because it could not be renewed in time: {last}")),
            }
            if timeout_at(give_up, sleep(TRY_AGAIN_AFTER)).await.is_err() {
                return Err(format!("because it could not be renewed in time: {last}"));
            }
        }
    }
}
