//! Tells operations what changed in the fleet: once per change of state.
//!
//! [`Notifier::begin`] reads what was told last, and then looks at the fleet. [`Notifier::finish`]
//! decides what changed ([`transition::decide`], pure), writes the next state and the notifications
//! about it in one transaction (an outbox), and sends them.
//!
//! Why nothing is told twice. The state is written only over the one that the decision was made
//! from, so of two hubs one writes, and the other looks again. The fleet is read after the state,
//! and consistently, so a decision never rests on an older view than the state does. A notification
//! is sent by the one hub that claimed it.
//!
//! Why nothing is missing. What is in the state is in the outbox as well, and whatever stays there
//! is sent by a later run. A hub that dies after the topic accepted a notification, and before the
//! ledger knows it, leaves one that is sent once more, under the same id: no topic can be written
//! in one transaction with a table. A FIFO topic drops that by its id, within five minutes.

mod channel;
mod chatbot;
mod error;
mod notification;
mod observe;
mod state;
#[cfg(test)]
mod tests;
mod told;
mod transition;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use pmp_ledger::{NewTold, Outbox, OutboxEntry, SentEntry};
use pmp_protocol::{ExperienceId, render};
use pmp_runtime::Clock;

pub(crate) use self::channel::{Channel, SnsChannel};
pub(crate) use self::error::NotifyError;
pub(crate) use self::notification::Notification;
use self::notification::notifications;
use self::observe::Observed;
use self::told::Told;
use self::transition::{Decision, decide};
use crate::status::fleet::{Fleet, View};
use crate::status::judge;

/// How often a run looks again after another hub told something first. By then that hub has told
/// what there was to tell.
const ATTEMPTS: usize = 3;
/// For how long a hub that sends a notification keeps others from it. Longer than clocks may
/// differ, and shorter than the shortest schedule.
const CLAIM: SignedDuration = SignedDuration::from_mins(5);
/// So long before its claim ends, a hub sends nothing more: a call may take some seconds.
const MARGIN: SignedDuration = SignedDuration::from_mins(2);
/// After so many failures, a run sends nothing more: the topic is at fault, and time is short.
const FAILURES: usize = 3;
/// A look that took longer says no more how things stand, all at one time: clocks of members may be
/// so far ahead, too.
const LOOK_WITHIN: SignedDuration = SignedDuration::from_mins(5);
/// For how long the ledger keeps the record of what was sent.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Tells operations what changed in the fleet of one management experience.
#[derive(Debug, Clone)]
pub(crate) struct Notifier {
    /// The fleet, read consistently.
    pub(crate) fleet: Fleet,
    pub(crate) outbox: Arc<dyn Outbox>,
    pub(crate) channel: Arc<dyn Channel>,
    /// Management experience of the fleet.
    pub(crate) experience: ExperienceId,
    /// How long a spoke may be silent, or behind.
    pub(crate) stale_after: SignedDuration,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What was told last, and how the fleet stood after that.
#[derive(Debug, Clone)]
pub(crate) struct Begun {
    told: Told,
    generation: u64,
    pub(crate) view: View,
    at: Timestamp,
}

/// What came of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Notified {
    /// What this run found to tell.
    pub(crate) told: Vec<Notification>,
    /// How many notifications the topic accepted, of this run and of earlier ones.
    pub(crate) sent: usize,
    /// How many it did not.
    pub(crate) failed: usize,
    /// How many are left for a later run, or are another hub's.
    pub(crate) waiting: usize,
}

impl Begun {
    fn decision(&self, experience: &ExperienceId, stale_after: SignedDuration) -> Decision {
        let rows = judge::rows(&self.view, self.at, stale_after);
        let observed = Observed::of(&self.view, &rows, self.at, stale_after);
        decide(&self.told, self.generation, &observed, experience, self.at)
    }

    /// What would be told, without telling it.
    pub(crate) fn foreseen(&self, experience: &ExperienceId, stale_after: SignedDuration) -> Vec<Notification> {
        notifications(experience, &self.decision(experience, stale_after).transitions, self.at)
    }
}

/// Reads what was told last, and then looks at the fleet, in this order.
pub(crate) async fn begin(
    outbox: &dyn Outbox,
    fleet: &Fleet,
    experience: &ExperienceId,
    clock: &dyn Clock,
) -> Result<Begun, NotifyError> {
    for _ in 0..ATTEMPTS {
        let at = clock.now();
        let state = outbox.told(experience).await?;
        let told = Told::from_bytes(&state.content)
            .map_err(|source| NotifyError::Told { experience: experience.clone(), source })?;
        let view = fleet.look(experience).await?;
        if clock.now().duration_since(at) <= LOOK_WITHIN {
            return Ok(Begun { told, generation: state.generation, view, at });
        }
    }
    Err(NotifyError::Slow { minutes: LOOK_WITHIN.as_mins() })
}

impl Notifier {
    /// Reads what was told last, and then looks at the fleet.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub(crate) async fn begin(&self) -> Result<Begun, NotifyError> {
        begin(&*self.outbox, &self.fleet, &self.experience, &*self.clock).await
    }

    /// Writes down what is to be told, and sends whatever waits. Safe to stop at any point, and to
    /// run in several places at once.
    ///
    /// # Errors
    /// Where the ledger cannot be read or written. That the topic refuses is no error: it is
    /// counted, and a later run sends it.
    pub(crate) async fn finish(&self, begun: Begun) -> Result<Notified, NotifyError> {
        let told = self.tell(begun).await;
        let (told, mine, failure) = match told {
            Ok((told, mine)) => (told, mine, None),
            // What waits already is sent all the same.
            Err(error) => (Vec::new(), Vec::new(), Some(error)),
        };
        let sent = self.send_all(Notified { told, ..Notified::default() }, &mine).await;
        failure.map_or(sent, Err)
    }

    /// Writes the next state and its notifications; returns these.
    async fn tell(&self, mut begun: Begun) -> Result<(Vec<Notification>, Vec<OutboxEntry>), NotifyError> {
        for _ in 0..ATTEMPTS {
            let Decision { told, transitions } = begun.decision(&self.experience, self.stale_after);
            if told == begun.told && transitions.is_empty() {
                return Ok((Vec::new(), Vec::new()));
            }
            let new = notifications(&self.experience, &transitions, begun.at);
            let mine = self.entries(&new, begun.generation + 1)?;
            let unpacked = |source| NotifyError::Told { experience: self.experience.clone(), source };
            let content = told.to_bytes().map_err(unpacked)?;
            let (experience, before) = (&self.experience, begun.generation);
            if self.outbox.tell(&NewTold { experience, before, content: &content, outbox: &mine }).await? {
                return Ok((new, mine));
            }
            tracing::info!("another hub told of the fleet first");
            begun = self.begin().await?;
        }
        tracing::warn!("other hubs tell of the fleet all the time: left to the next run");
        Ok((Vec::new(), Vec::new()))
    }

    fn entries(&self, new: &[Notification], generation: u64) -> Result<Vec<OutboxEntry>, NotifyError> {
        let claimed_until = self.clock.now() + CLAIM;
        let entry = |(index, notification): (usize, &Notification)| {
            let body = serde_json::to_string(notification);
            let body = body.map_err(|source| NotifyError::Told { experience: self.experience.clone(), source })?;
            Ok(OutboxEntry {
                generation,
                number: index + 1,
                id: notification.id.to_string(),
                summary: notification.summary.clone(),
                body,
                attempt: 1,
                claimed_until,
            })
        };
        new.iter().enumerate().map(entry).collect()
    }

    /// Sends what is in the outbox, the oldest first: what this run wrote, and what no other hub
    /// has claimed.
    async fn send_all(&self, mut notified: Notified, mine: &[OutboxEntry]) -> Result<Notified, NotifyError> {
        for entry in self.outbox.unsent(&self.experience).await? {
            if notified.failed >= FAILURES {
                notified.waiting += 1;
                continue;
            }
            let now = self.clock.now();
            let place = |it: &OutboxEntry| (it.generation, it.number, it.attempt);
            let claimed = if mine.iter().any(|it| place(it) == place(&entry)) {
                Some(entry)
            } else if entry.claimed_until > now {
                None
            } else {
                self.outbox.claim(&self.experience, &entry, now + CLAIM, now).await?
            };
            match claimed {
                Some(entry) => self.send(&entry, &mut notified).await?,
                None => notified.waiting += 1,
            }
        }
        Ok(notified)
    }

    async fn send(&self, entry: &OutboxEntry, notified: &mut Notified) -> Result<(), NotifyError> {
        // Whoever was stopped for a while may not be the one any more who sends it.
        if self.clock.now() + MARGIN > entry.claimed_until {
            notified.waiting += 1;
            return Ok(());
        }
        match self.channel.send(&self.experience, entry).await {
            Ok(message_id) => {
                notified.sent += 1;
                let at = self.clock.now();
                let sent = SentEntry { at, message_id, expires_at: at + KEPT };
                if !self.outbox.mark_sent(&self.experience, entry, &sent).await? {
                    tracing::warn!(id = entry.id, "another hub took the notification up meanwhile: it may come twice");
                }
            }
            Err(error) => {
                notified.failed += 1;
                let error = NotifyError::Topic(error);
                tracing::error!(error = render(&error), id = entry.id, "a notification could not be sent");
                self.outbox.release(&self.experience, entry).await?;
            }
        }
        Ok(())
    }
}
