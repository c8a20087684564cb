//! What a run of the hub tells of itself: to people, to programs, to the audit.

use pmp_protocol::{Counts, Digest, ExperienceId, SnapshotVersion};
use serde::{Serialize, Serializer};

/// What a hub did, or would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The content changed: stored as a new version and published.
    Stored,
    /// An earlier run stored it and stopped before it published; it is published now.
    Recovered,
    /// The content is unchanged, and was announced again.
    Announced,
    /// The content is unchanged, and nothing was announced.
    Unchanged,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Published {
    /// Management experience that was published.
    pub experience: ExperienceId,
    /// The version of the newest snapshot, or of the one that a dry run would store.
    pub version: SnapshotVersion,
    /// The digest of its content.
    pub digest: Digest,
    /// How many products it holds.
    pub counts: Counts,
    /// What was done, or would be done in a dry run.
    pub outcome: Outcome,
    /// The version whose content this is, because the fleet is pinned to it or a newer one was
    /// taken back; none where it is what the management experience says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned: Option<SnapshotVersion>,
    /// The version that was taken back, and whose content this is: waves are switched off, so
    /// nothing keeps it off any more. None in all other cases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_back: Option<SnapshotVersion>,
    /// The message that was sent; none where none was. In JSON its three fields stand among the
    /// others, and are `null` then.
    #[serde(flatten, serialize_with = "fields_or_nulls")]
    pub sent: Option<Sent>,
    /// Whether a version came further through the waves by it, or was stopped there.
    #[serde(skip)]
    pub stepped: bool,
}

/// What came of a look at the version that is on its way through the waves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WentOn {
    /// What was announced; none where nothing was.
    pub published: Option<Published>,
    /// Whether the version came further, or was stopped.
    pub stepped: bool,
}

impl From<Published> for WentOn {
    fn from(published: Published) -> Self {
        Self { stepped: published.stepped, published: Some(published) }
    }
}

/// A message that SNS accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Whether the content travels in the message; otherwise spokes fetch it from the ledger.
    pub inline: bool,
    /// The size of the message, in bytes.
    pub message_bytes: usize,
    /// The id that SNS gave the message.
    pub message_id: String,
}

/// Writes the three fields of a message in any case, so that programs find the same keys whether or
/// not one was sent.
fn fields_or_nulls<S: Serializer>(sent: &Option<Sent>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Fields<'a> {
        inline: Option<bool>,
        message_bytes: Option<usize>,
        message_id: Option<&'a str>,
    }
    let sent = sent.as_ref();
    let fields = Fields {
        inline: sent.map(|sent| sent.inline),
        message_bytes: sent.map(|sent| sent.message_bytes),
        message_id: sent.map(|sent| sent.message_id.as_str()),
    };
    fields.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_find_the_same_keys_whether_or_not_a_message_was_sent() {
        let published = |sent| Published {
            experience: ExperienceId::new("exp-1").unwrap(),
            version: SnapshotVersion::FIRST,
            digest: Digest::of(b"now"),
            counts: Counts { approved: 2, rejected: 1 },
            outcome: Outcome::Stored,
            pinned: None,
            taken_back: None,
            sent,
            stepped: true,
        };
        let message = Sent { inline: true, message_bytes: 321, message_id: "m-1".to_owned() };
        let (sent, silent) = (published(Some(message)), published(None));
        let digest = Digest::of(b"now");
        let start = format!(
            r#"{{"experience":"exp-1","version":1,"digest":"{digest}","counts":{{"approved":2,"rejected":1}},"outcome":"stored","#
        );
        assert_eq!(
            serde_json::to_string(&sent).unwrap(),
            format!(r#"{start}"inline":true,"message_bytes":321,"message_id":"m-1"}}"#)
        );
        assert_eq!(
            serde_json::to_string(&silent).unwrap(),
            format!(r#"{start}"inline":null,"message_bytes":null,"message_id":null}}"#)
        );
    }
}
