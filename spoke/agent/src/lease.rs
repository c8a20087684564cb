//! Holds the lease of the organization while a pass goes on, so that two spokes of one organization
//! never interleave.
//!
//! It is taken before a pass, renewed in the background, and given back after it. Where it cannot
//! be renewed in time, or someone else has it, the pass is told to stop: it starts nothing new, and
//! leaves its messages.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use pmp_ledger::{Lease, LeaseStore, LeaseTerm, LedgerError, Taken, Watched};
use pmp_protocol::OrganizationId;
use pmp_runtime::{Stop, StopReason};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::draft::SPOKE_VERSION;
use crate::error::SpokeError;
use crate::error::one_line;

#[cfg(test)]
mod tests;

/// How long giving back may take; where it takes longer, others wait for the end of the term
/// instead.
const GIVE_BACK_WITHIN: Duration = Duration::from_secs(5);
/// The same for one that was told to stop.
const GIVE_BACK_STOPPED: Duration = Duration::from_secs(2);
/// How often who waits for a lease, or is idle, looks at it. A look costs half a read unit of the
/// ledger, a try one write unit.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// After a turn of this spoke the lease is left to others for so long: for one look of each, and
/// the time that it takes.
const OTHERS_TURN: Duration = Duration::from_secs(4);
/// The shortest time between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Between two tries to renew, where the ledger fails.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// How to take the lease of this spoke's organization.
#[derive(Debug, Clone)]
pub(crate) struct Leases {
    store: Arc<dyn LeaseStore>,
    organization: OrganizationId,
    /// Who this is, for those who find the lease taken.
    holder: String,
    term: LeaseTerm,
    /// The lease of someone else as it was seen last, and since when: from one look to the next,
    /// whoever looks.
    watch: Arc<Mutex<Option<Watch>>>,
    turns: Arc<Mutex<Turns>>,
}

/// Whose turn it is, where spokes with experiences of their own share the lease.
#[derive(Debug, Default)]
struct Turns {
    /// Whether there are others.
    shared: bool,
    given_back: Option<Instant>,
}

/// A lease of someone else, from the answer on that showed it first.
#[derive(Debug, Clone)]
struct Watch {
    lease: Lease,
    since: Instant,
    /// Whether its silence was told to whoever looks.
    told: bool,
}

/// What to do where someone else holds the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfHeld {
    /// Leave, and say who holds it.
    Leave,
    /// Wait for it, until told to stop.
    Wait,
}

/// The name of this process for others: program, version, command, host and process.
pub(crate) fn holder(command: &str) -> String {
    let host = hostname::get().map_or_else(|_| "an unnamed host".into(), |name| name.to_string_lossy().into_owned());
    format!("pmp-spoke {SPOKE_VERSION} ({command}) on {host}, process {}", std::process::id())
}

impl Leases {
    pub(crate) fn new(
        store: Arc<dyn LeaseStore>,
        organization: OrganizationId,
        holder: String,
        term: LeaseTerm,
    ) -> Self {
        Self { store, organization, holder, term, watch: Arc::default(), turns: Arc::default() }
    }

    /// From now on others, so many, take turns with this spoke. None waits for ever: after each
    /// turn the lease is left free for longer than the time between two looks of who waits.
    pub(crate) fn share_with(&self, others: usize) {
        self.turns().shared = others > 0;
    }

    /// How long the others' turn lasts yet.
    fn others_turn(&self) -> Duration {
        let turns = self.turns();
        let since = turns.given_back.filter(|_| turns.shared).map(|at| at.elapsed());
        since.map_or(Duration::ZERO, |since| OTHERS_TURN.saturating_sub(since))
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the lease without asking for it. Whether its holder has fallen silent since the
    /// last look: once for each.
    ///
    /// # Errors
    /// Where the ledger fails.
    pub(crate) async fn has_fallen_silent(&self) -> Result<bool, LedgerError> {
        let (asked, now) = (Instant::now(), Timestamp::now());
        let Some(held) = self.store.held(&self.organization).await?.filter(|held| held.expires_at_ms > 0) else {
            *self.watch() = None;
            return Ok(false);
        };
        let silent =
            held.is_free(now) || self.watched(asked).is_some_and(|seen| seen.is_abandoned() && seen.is_still(&held));
        self.note(held, Instant::now());
        Ok(silent && self.watch().as_mut().is_some_and(|watch| !std::mem::replace(&mut watch.told, true)))
    }

    /// Who has the lease now, since when and until when; none where it is free. For those who do
    /// not ask for it.
    ///
    /// # Errors
    /// Where the ledger fails.
    pub(crate) async fn held_now(&self, now: Timestamp) -> Result<Option<String>, LedgerError> {
        let held = self.store.held(&self.organization).await?;
        Ok(held.filter(|held| held.expires_at_ms > 0 && !held.is_free(now)).map(|held| held.describe(now)))
    }

    /// When to look again: as soon as a lease that is watched would be abandoned, and now and then
    /// in any case.
    pub(crate) fn look_again_in(&self) -> Duration {
        let watch = self.watch();
        let Some(Watch { lease, since, told: false }) = watch.as_ref() else { return LOOK_EVERY };
        let term = Duration::from_millis(lease.term_ms).min(LeaseTerm::LONGEST);
        term.saturating_sub(since.elapsed()).clamp(LOOK_AGAIN, LOOK_EVERY)
    }

    /// What was watched until this question was asked.
    fn watched(&self, asked: Instant) -> Option<Watched> {
        let watch = self.watch().clone()?;
        let unchanged_for = asked.saturating_duration_since(watch.since);
        Some(Watched { lease: watch.lease, unchanged_for })
    }

    /// Notes the lease that an answer showed. Its silence counts from the answer, before which it
    /// was renewed last.
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

    /// Does `work` under the lease. It is handed a token of its own, which is cancelled with
    /// `stop`, and with the reason when the lease is lost. None where `stop` was cancelled before
    /// the lease was free.
    ///
    /// # Errors
    /// Those of `work`; where the ledger fails; where someone else holds the lease, and this is not
    /// to wait.
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
        let holder_id = uuid::Uuid::new_v4().to_string();
        let mut waits_for = None;
        if if_held == IfHeld::Wait {
            tokio::select! {
                // Cancel-safe: nothing has begun.
                () = stop.stopped() => return Ok(None),
                () = sleep(self.others_turn()) => {}
            }
        }
        loop {
            let (asked, now) = (Instant::now(), Timestamp::now());
            let wanted = Lease::new(self.organization.clone(), holder_id.clone(), self.holder.clone(), now, self.term);
            let seen = self.watched(asked);
            // Not dropped at once by a stop: what is taken is to be given back.
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
            // One that claims more than any lease may is watched: who wrote it may be gone for
            // good.
            let leave = if_held == IfHeld::Leave && !is_to_be_watched(held.as_deref(), seen.as_ref(), now);
            let described = held.as_ref().map(|held| held.describe(now));
            // None: given back between two looks.
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
                // Cancel-safe: neither arm holds anything.
                () = stop.stopped() => return Ok(None),
                () = sleep(self.look_again_in()) => {}
            }
        }
    }
}

/// Whether a lease is odd, and not yet seen to be renewed.
fn is_to_be_watched(held: Option<&Lease>, seen: Option<&Watched>, now: Timestamp) -> bool {
    held.is_some_and(|held| held.is_odd(now) && seen.is_none_or(|seen| seen.is_still(held)))
}

/// The time for which this process holds the lease.
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

/// Renews a lease until it is done with, or lost.
struct Keeper {
    leases: Leases,
    lease: Lease,
    /// From before the last renewal that succeeded was asked for, on the steady clock.
    renewed: Instant,
    stop: Stop,
    done: CancellationToken,
}

impl Keeper {
    async fn keep(mut self) {
        loop {
            tokio::select! {
                // Cancel-safe: nothing has begun.
                () = self.done.cancelled() => break,
                () = sleep_until(self.renewed + self.leases.term.renew_every()) => {}
            }
            let done = self.done.clone();
            let renewed = tokio::select! {
                // Cancel-safe, both: what arrives late is renewed once more than needed, and ends
                // by itself.
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

    /// Renews it, trying again while others may not have it yet. The error says how it was lost.
    async fn renew(&mut self) -> Result<(), String> {
        let give_up = self.renewed + self.leases.term.held_for();
        let mut last = "the ledger does not answer".to_owned();
        loop {
            let asked = Instant::now();
            let renewed = self.lease.renewed(Timestamp::now());
            match timeout_at(give_up, self.leases.store.renew(&renewed)).await {
                Ok(Ok(Taken::Yes)) => {
                    self.lease = renewed;
                    self.renewed = asked;
                    return Ok(());
                }
                Ok(Ok(Taken::HeldBy(Some(held)))) => return Err(format!("to {}", held.describe(Timestamp::now()))),
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
