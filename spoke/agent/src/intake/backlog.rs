//! Sorts the messages that came from the queue, and compares them with the ledger's head. Nothing
//! relies on their order or on single delivery (rule 2), and no message is believed (rule 9). Pure,
//! and public for the model that checks it together with what the hub decides (`tests/model`).

use std::cmp::Ordering;

use jiff::Timestamp;
use pmp_ledger::Head;
use pmp_protocol::{ExperienceId, MessageError, Needs, SnapshotMessage};

use crate::intake::inbox::Received;

/// Messages, sorted by what is to be done about them.
#[derive(Debug, Default)]
pub struct Backlog {
    /// Messages about the management experience that this spoke follows.
    pub ours: Vec<Received>,
    /// The parsed content of `ours`, in the same order.
    pub messages: Vec<SnapshotMessage>,
    /// Messages for another spoke, each with the management experience that it is about.
    pub foreign: Vec<(Received, ExperienceId)>,
    /// Messages that cannot be parsed, each with the reason. They go to the dead-letter queue.
    pub malformed: Vec<(Received, MessageError)>,
}

impl Backlog {
    /// Sorts `messages` for the spoke of `management`.
    #[must_use]
    pub fn sort(messages: Vec<Received>, management: &ExperienceId) -> Self {
        let mut backlog = Self::default();
        for received in messages {
            match SnapshotMessage::parse(&received.body) {
                Err(error) => backlog.malformed.push((received, error)),
                // Protocol M11.
                Ok((message, _)) if message.experience != *management => {
                    backlog.foreign.push((received, message.experience));
                }
                Ok((message, _)) => {
                    backlog.messages.push(message);
                    backlog.ours.push(received);
                }
            }
        }
        backlog
    }

    /// The first schema of a message that only a newer spoke can read. `None` where there is no
    /// such message.
    pub(crate) fn needs(&self) -> Option<Needs> {
        let schema = self.malformed.iter().find_map(|(_, error)| error.newer_schema())?;
        Some(Needs { schema: schema.to_owned() })
    }
}

/// What a message is worth beside the ledger's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Worth {
    /// It names the snapshot in force, or an older one. A pass for the head answers it.
    Answered,
    /// It names a snapshot that the ledger does not have. The hub stores before it publishes, so
    /// this is not the hub's own announcement. With the reason.
    NotBorneOut(String),
}

/// Compares each message with `head`, in their order. Returns the newest one that a pass for the
/// head answers as well; `None` where no message asks for a pass.
#[must_use]
pub fn weigh<'a>(messages: &'a [SnapshotMessage], head: Option<&Head>) -> (Vec<Worth>, Option<&'a SnapshotMessage>) {
    // Protocol M16.
    let worths: Vec<_> = messages.iter().map(|message| worth(message, head)).collect();
    let mut newest: Option<&SnapshotMessage> = None;
    for (message, _) in messages.iter().zip(&worths).filter(|(_, worth)| **worth == Worth::Answered) {
        match newest {
            Some(before) if before.version == message.version => {
                tracing::info!(version = %message.version, "repeated message");
                continue;
            }
            Some(before) if before.version > message.version => {
                superseded(message, before);
                continue;
            }
            Some(before) => superseded(before, message),
            None => {}
        }
        newest = Some(message);
    }
    (worths, newest)
}

fn worth(message: &SnapshotMessage, head: Option<&Head>) -> Worth {
    let (version, digest) = (message.version, message.digest.short());
    let Some(head) = head else {
        return Worth::NotBorneOut(format!("it announces snapshot {version}, and the ledger holds none"));
    };
    // Protocol M13 and M14.
    match version.cmp(&head.latest) {
        Ordering::Less => Worth::Answered,
        Ordering::Equal if message.digest == head.digest => Worth::Answered,
        Ordering::Equal => Worth::NotBorneOut(format!(
            "it announces snapshot {version} with the digest {digest}, and the ledger's has {}",
            head.digest.short()
        )),
        Ordering::Greater => Worth::NotBorneOut(format!(
            "it announces snapshot {version} ({digest}), and the ledger's newest is {}",
            head.latest
        )),
    }
}

/// When the snapshot of `newest` was first announced in the queue. `None` where no message has a
/// time.
pub(crate) fn announced_at(backlog: &Backlog, newest: &SnapshotMessage) -> Option<Timestamp> {
    let same = |message: &SnapshotMessage| (message.version, message.digest) == (newest.version, newest.digest);
    let messages = backlog.messages.iter().zip(&backlog.ours);
    messages.filter(|(message, _)| same(message)).filter_map(|(_, received)| received.sent).min()
}

fn superseded(older: &SnapshotMessage, newest: &SnapshotMessage) {
    tracing::info!(version = %older.version, newest = %newest.version, "superseded message");
}

#[cfg(test)]
mod tests {
    use pmp_protocol::Digest;

    use super::*;

    fn received(id: &str, body: String) -> Received {
        Received { id: id.into(), body, handle: id.into(), times: 1, sent: None }
    }

    fn message(experience: &str, version: u64) -> String {
        message_with(experience, version, &Digest::of(b"genuine"))
    }

    fn message_with(experience: &str, version: u64, digest: &Digest) -> String {
        serde_json::json!({
            "schema": "pmp-sync.snapshot/1", "experience": experience, "version": version,
            "digest": digest, "taken_at": "2026-11-24T12:00:00Z",
            "reason": "changed", "counts": {"approved": 0, "rejected": 0}, "body": {"stored": {"chunks": 1}}
        })
        .to_string()
    }

    fn head(latest: u64) -> Head {
        Head { digest: Digest::of(b"genuine"), ..pmp_ledger::testing::head(latest) }
    }

    fn ours(bodies: impl IntoIterator<Item = String>) -> Backlog {
        let received = bodies.into_iter().enumerate().map(|(n, body)| received(&n.to_string(), body));
        Backlog::sort(received.collect(), &ExperienceId::new("exp-ours").unwrap())
    }

    #[test]
    fn of_many_the_newest_counts_whatever_their_order() {
        // Protocol M16.
        let backlog = ours([2, 5, 3, 5, 1].map(|version| message("exp-ours", version)));
        let (worths, newest) = weigh(&backlog.messages, Some(&head(5)));
        assert_eq!(newest.unwrap().version.get(), 5);
        assert_eq!(worths, vec![Worth::Answered; 5]);
    }

    #[test]
    fn a_false_message_takes_no_good_one_along() {
        // Protocol M13 and M14.
        let forged = Digest::of(b"forged");
        let backlog = ours([
            message("exp-ours", 6),
            message("exp-ours", 5),
            message("exp-ours", u64::MAX),
            message_with("exp-ours", 5, &forged),
            // Behind the head it does not matter what it says: what is in force answers it.
            message_with("exp-ours", 4, &forged),
        ]);
        let (worths, newest) = weigh(&backlog.messages, Some(&head(5)));
        let answered: Vec<_> = worths.iter().map(|worth| *worth == Worth::Answered).collect();
        assert_eq!(answered, [false, true, false, false, true]);
        assert_eq!(newest.unwrap().version.get(), 5);
        assert_eq!(newest.unwrap().digest, Digest::of(b"genuine"));
        assert!(
            matches!(&worths[0], Worth::NotBorneOut(why) if why.ends_with("the ledger's newest is 5")),
            "{worths:?}"
        );
    }

    #[test]
    fn where_the_ledger_holds_nothing_nothing_is_believed() {
        let backlog = ours([message("exp-ours", 1)]);
        let (worths, newest) = weigh(&backlog.messages, None);
        assert!(newest.is_none() && worths[0] != Worth::Answered);
    }

    #[test]
    fn foreign_and_malformed_messages_are_kept_apart() {
        // Protocol M11.
        let messages = vec![
            received("foreign", message("exp-theirs", 9)),
            received("malformed", "not JSON".into()),
            received("ours", message("exp-ours", 1)),
        ];
        let backlog = Backlog::sort(messages, &ExperienceId::new("exp-ours").unwrap());
        assert_eq!(backlog.messages[0].version.get(), 1);
        assert_eq!(backlog.ours[0].id, "ours");
        assert_eq!((backlog.foreign[0].0.id.as_str(), backlog.foreign[0].1.as_str()), ("foreign", "exp-theirs"));
        assert_eq!(backlog.malformed[0].0.id, "malformed");
        assert_eq!(backlog.needs(), None);
    }

    #[test]
    fn a_newer_schema_is_told_as_what_is_lacking() {
        let backlog = ours([r#"{"schema":"pmp-sync.snapshot/2"}"#.to_owned()]);
        assert_eq!(backlog.needs(), Some(Needs { schema: "pmp-sync.snapshot/2".into() }));
    }
}
