//! The clock of the services: its jumps, and the sessions that expire by it.
//!
//! awsim uses the machine's own clock. So the moments that awsim holds are shifted whenever the
//! emulator's clock jumps, and the ends of sessions are kept here.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use awsim_sqs::state::{Message, Queue};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Caller, Cloud};
use crate::clock::{Clock, OutOfRange};

/// When sessions end, by their access key.
#[derive(Default)]
pub(super) struct SessionEnds(Mutex<HashMap<String, Timestamp>>);

impl SessionEnds {
    pub(super) fn set(&self, access_key: &str, end: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(access_key.to_owned(), end);
    }

    /// The sessions that have not ended at `now`, with their ends.
    pub(super) fn running(&self, now: Timestamp) -> Vec<(String, Timestamp)> {
        let ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let running = ends.iter().filter(|(_, end)| **end > now);
        running.map(|(access_key, end)| (access_key.clone(), *end)).collect()
    }

    fn is_over(&self, access_key: &str, now: Timestamp) -> bool {
        let ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends.get(access_key).is_some_and(|end| *end <= now)
    }
}

impl Cloud {
    /// The clock of all services.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Sets the clock forward, or back if `by` is negative. When this returns, everything that is
    /// due by then has happened: change sets have ended, and messages are visible again.
    pub(crate) async fn jump(&self, by: SignedDuration) -> Result<(), OutOfRange> {
        let change = self.changes.begin().await;
        self.clock.jump(by)?;
        for (_, state) in self.sqs.store().iter_all() {
            for mut queue in state.queues.iter_mut() {
                move_queue(&mut queue, by);
            }
        }
        drop(change);
        self.end_due_change_sets().await;
        // The next end of a change set is nearer or farther now, and polls may find messages.
        self.started.notify_one();
        self.arrivals.notify_waiters();
        Ok(())
    }

    /// The caller of an access key. A key of 12 digits is the account itself; others belong to the
    /// world or to a session.
    pub(crate) fn caller(&self, access_key: &str) -> Option<Caller> {
        if crate::world::is_account(access_key) {
            return Some(Caller::Account(access_key.to_owned()));
        }
        if let Some(key) = self.world.access_keys.iter().find(|key| key.id == access_key) {
            return Some(Caller::of_key(key));
        }
        if self.session_ends.is_over(access_key, self.clock.now()) {
            return None;
        }
        self.sessions.lookup(access_key).map(|session| Caller::Session(Box::new(session)))
    }

    /// Sets the expiration of credentials in an answer of STS by the emulator's clock, and records
    /// it.
    pub(super) fn date_credentials(&self, answer: &mut Value) {
        let Some(credentials) = answer.get_mut("Credentials") else { return };
        let (Some(key), Some(end)) = (credentials["AccessKeyId"].as_str(), credentials["Expiration"].as_str()) else {
            return;
        };
        let Ok(end) = end.parse::<Timestamp>() else { return };
        let end = end.checked_add(self.clock.offset()).unwrap_or(Timestamp::MAX);
        if let Some(mut session) = self.sessions.lookup(key) {
            session.expiry = None;
            self.sessions.record(session);
        }
        self.session_ends.set(key, end);
        credentials["Expiration"] = json!(end.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    }
}

fn move_queue(queue: &mut Queue, by: SignedDuration) {
    let move_messages = |messages: &mut VecDeque<Message>| messages.iter_mut().for_each(|m| move_message(m, by));
    move_messages(&mut queue.messages);
    for inflight in queue.inflight.values_mut() {
        move_message(&mut inflight.message, by);
        inflight.visible_at = inflight.visible_at.map(|at| moved(at, by));
        inflight.visible_at_secs = inflight.visible_at_secs.saturating_add_signed(-by.as_secs());
    }
}

fn move_message(message: &mut Message, by: SignedDuration) {
    message.delay_until = message.delay_until.map(|at| moved(at, by));
    message.delay_until_secs = message.delay_until_secs.map(|at| at.saturating_add_signed(-by.as_secs()));
    // Retention counts from this time. The attribute `SentTimestamp` does not change.
    message.sent_at_secs = message.sent_at_secs.saturating_add_signed(-by.as_secs());
}

/// The moment after the clock has jumped: nearer if it jumped forward. The machine's clock counts
/// from its start; a moment before that start is due.
fn moved(at: Instant, by: SignedDuration) -> Instant {
    let distance = by.unsigned_abs();
    if by.is_negative() {
        at.checked_add(distance).unwrap_or(at)
    } else {
        at.checked_sub(distance).unwrap_or_else(Instant::now)
    }
}
