//! Sorts what came from the queue: the newest message counts, and nothing relies on order or on single delivery. Pure.

use jiff::Timestamp;
use pmp_protocol::{ExperienceId, MessageError, SnapshotMessage};

use crate::inbox::Received;

/// Messages, sorted by what is to be done about them.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    /// The newest message about the management experience; among equals, the first.
    pub(crate) newest: Option<SnapshotMessage>,
    /// When it first came into the queue, where that is known.
    pub(crate) announced: Option<Timestamp>,
    /// The messages that [`Self::newest`] answers: itself, repetitions, and older ones. To be deleted together.
    pub(crate) answered: Vec<Received>,
    /// About other management experiences: not for this spoke.
    pub(crate) foreign: Vec<Received>,
    /// Not understood: to be kept for the dead-letter queue.
    pub(crate) malformed: Vec<(Received, MessageError)>,
}

impl Backlog {
    /// Sorts `messages` for the spoke of `management`.
    pub(crate) fn sort(messages: Vec<Received>, management: &ExperienceId) -> Self {
        let mut backlog = Self::default();
        for received in messages {
            match SnapshotMessage::parse(&received.body) {
                Err(error) => backlog.malformed.push((received, error)),
                Ok((message, _)) if message.experience != *management => {
                    let experience = &message.experience;
                    tracing::warn!(message_id = received.id, %experience, "a message for another spoke: is the queue shared?");
                    backlog.foreign.push(received);
                }
                Ok((message, _)) => {
                    backlog.take(message, received.sent);
                    backlog.answered.push(received);
                }
            }
        }
        backlog
    }

    fn take(&mut self, message: SnapshotMessage, sent: Option<Timestamp>) {
        match &mut self.newest {
            Some(newest) if newest.version == message.version => {
                tracing::info!(version = %message.version, "repeated message");
                self.announced = self.announced.into_iter().chain(sent).min();
                return;
            }
            Some(newest) if newest.version > message.version => return superseded(&message, newest),
            Some(newest) => superseded(newest, &message),
            None => {}
        }
        self.newest = Some(message);
        self.announced = sent;
    }
}

fn superseded(older: &SnapshotMessage, newest: &SnapshotMessage) {
    tracing::info!(version = %older.version, newest = %newest.version, "superseded message");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(id: &str, body: String) -> Received {
        Received { id: id.into(), body, handle: id.into(), times: 1, sent: None }
    }

    fn message(experience: &str, version: u64) -> String {
        serde_json::json!({
            "schema": "pmp-sync.snapshot/1", "experience": experience, "version": version,
            "digest": format!("sha256:{}", "0".repeat(64)), "taken_at": "2026-11-24T12:00:00Z",
            "reason": "changed", "counts": {"approved": 0, "rejected": 0}, "body": {"stored": {"chunks": 1}}
        })
        .to_string()
    }

    #[test]
    fn of_many_the_newest_counts_whatever_their_order() {
        let messages = [2, 5, 3, 5, 1].map(|version| received(&version.to_string(), message("exp-ours", version)));
        let backlog = Backlog::sort(messages.into(), &ExperienceId::new("exp-ours").unwrap());
        assert_eq!(backlog.newest.unwrap().version.get(), 5);
        assert_eq!(backlog.answered.len(), 5);
    }

    #[test]
    fn foreign_and_malformed_messages_are_kept_apart() {
        let messages = vec![
            received("foreign", message("exp-theirs", 9)),
            received("malformed", "not JSON".into()),
            received("ours", message("exp-ours", 1)),
        ];
        let backlog = Backlog::sort(messages, &ExperienceId::new("exp-ours").unwrap());
        assert_eq!(backlog.newest.unwrap().version.get(), 1);
        assert_eq!(backlog.answered[0].id, "ours");
        assert_eq!(backlog.foreign[0].id, "foreign");
        assert_eq!(backlog.malformed[0].0.id, "malformed");
    }
}
