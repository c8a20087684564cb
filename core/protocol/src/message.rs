//! The message that announces a snapshot: SNS body, SQS body, and what may be wrong with it.
//!
//! A message is a hint: a spoke acts on what the ledger's head names, and on nothing else.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Counts, Digest, ExperienceId, Sealed, Snapshot, SnapshotVersion};

/// The schema that this version writes, and the major version that it reads.
pub const SCHEMA: &str = "pmp-sync.snapshot/1";

/// The most that a message may weigh: 240 KiB, below the 256 KiB that SNS takes by default,
/// attributes included.
pub const MAX_MESSAGE_BYTES: usize = 240 * 1024;

/// Announces one snapshot of one management experience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
// Protocol M1 and M6.
pub struct SnapshotMessage {
    /// Always [`SCHEMA`] where this version wrote it; a later minor form where it reads.
    pub schema: String,
    /// Management experience that was read.
    pub experience: ExperienceId,
    /// Version that is announced.
    pub version: SnapshotVersion,
    /// The digest of its content.
    pub digest: Digest,
    /// When the hub read it.
    pub taken_at: Timestamp,
    /// Why it is announced.
    pub reason: Reason,
    /// How many products it holds.
    pub counts: Counts,
    /// Where its content is.
    pub body: Body,
}

/// Why a snapshot is announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// The content changed, so there is a new version.
    Changed,
    /// The schedule came round; spokes check their live state.
    Scheduled,
    /// An operator ran `pmp-hub publish`, or a command that announces again.
    Operator,
}

impl Reason {
    /// As it is spelled in the message.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Scheduled => "scheduled",
            Self::Operator => "operator",
        }
    }
}

/// Where the content of an announced snapshot is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    /// In the message: base64 of the packed content.
    Inline(#[serde(with = "base64_bytes")] Vec<u8>),
    /// In the ledger's `Snapshots` table, in this many chunks.
    Stored {
        /// The number of items that hold it.
        chunks: usize,
    },
}

/// How a message came through SQS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The body is the message (`RawMessageDelivery`).
    Raw,
    /// The body is an SNS notification that holds the message.
    Enveloped,
}

/// A body that is not a message this version understands. It is kept for the dead-letter queue,
/// never half-understood.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// Not JSON, or not a JSON object.
    #[error("the body is not a JSON object")]
    NotJson(#[source] serde_json::Error),
    /// An SNS envelope of a type that carries no message (`SubscriptionConfirmation`, …).
    #[error("the body is an SNS `{0}`, not a notification")]
    NotANotification(String),
    /// An SNS notification without the message that it should carry.
    #[error("the body is an SNS notification without a message")]
    NoMessage,
    /// JSON without the field that says what it is.
    #[error("the body names no schema; expected `{SCHEMA}`")]
    NoSchema,
    /// A schema that this version does not read.
    #[error("the message has schema `{0}`; this version reads `{SCHEMA}`")]
    UnknownSchema(String),
    /// The right schema, with a field missing or wrong.
    #[error("the message is not a valid `{SCHEMA}`")]
    Invalid(#[source] serde_json::Error),
}

crate::codes!(MessageError {
    NotJson => "E1014",
    NotANotification => "E1015",
    NoMessage => "E1016",
    NoSchema => "E1017",
    UnknownSchema => "E1018",
    Invalid => "E1019",
});

crate::without_hint!(MessageError);

impl MessageError {
    /// The schema that a newer spoke would read; none where this is not about one.
    #[must_use]
    pub fn newer_schema(&self) -> Option<&str> {
        let Self::UnknownSchema(schema) = self else { return None };
        let (family, known) = SCHEMA.rsplit_once('/')?;
        let rest = schema.strip_prefix(family)?.strip_prefix('/')?;
        let major = |text: &str| text.split('.').next().and_then(|major| major.parse::<u32>().ok());
        (major(rest)? > major(known)?).then_some(schema)
    }
}

impl SnapshotMessage {
    /// The message that announces `sealed`: inline when it fits into [`MAX_MESSAGE_BYTES`], else as
    /// a reference to the `chunks` in the ledger.
    #[must_use]
    pub fn announce(
        experience: ExperienceId,
        version: SnapshotVersion,
        taken_at: Timestamp,
        reason: Reason,
        sealed: &Sealed,
        chunks: usize,
    ) -> Self {
        let mut message = Self {
            schema: SCHEMA.to_owned(),
            experience,
            version,
            digest: sealed.digest(),
            taken_at,
            reason,
            counts: sealed.counts(),
            body: Body::Stored { chunks },
        };
        let inline_bytes = sealed.compressed().len().div_ceil(3) * 4;
        // Protocol M4.
        if message.to_json().len() + inline_bytes <= MAX_MESSAGE_BYTES {
            message.body = Body::Inline(sealed.compressed().to_vec());
        }
        message
    }

    /// The message that announces a snapshot as it is stored, in so many `chunks`.
    #[must_use]
    pub fn refer(snapshot: &Snapshot, reason: Reason, chunks: usize) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            experience: snapshot.experience().clone(),
            version: snapshot.version(),
            digest: snapshot.digest(),
            taken_at: snapshot.taken_at(),
            reason,
            counts: snapshot.content().counts(),
            body: Body::Stored { chunks },
        }
    }

    /// The text that SNS takes as the body.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings, numbers and one known enum: there is nothing in this type that JSON cannot hold.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The content, where the message carries it; not yet verified.
    #[must_use]
    pub fn inline(&self) -> Option<Sealed> {
        match &self.body {
            Body::Inline(bytes) => Some(Sealed::from_parts(self.digest, self.counts, bytes.clone())),
            Body::Stored { .. } => None,
        }
    }

    /// Reads an SQS body, raw or SNS-enveloped.
    pub fn parse(body: &str) -> Result<(Self, Delivery), MessageError> {
        let probe: Probe = serde_json::from_str(body).map_err(MessageError::NotJson)?;
        match (probe.schema, probe.kind, probe.message) {
            (Some(schema), _, _) => Ok((Self::parse_raw(body, &schema)?, Delivery::Raw)),
            // Protocol M8.
            (None, Some(kind), Some(message)) if kind == "Notification" => {
                let inner: Probe = serde_json::from_str(&message).map_err(MessageError::NotJson)?;
                let schema = inner.schema.ok_or(MessageError::NoSchema)?;
                Ok((Self::parse_raw(&message, &schema)?, Delivery::Enveloped))
            }
            (None, Some(kind), None) if kind == "Notification" => Err(MessageError::NoMessage),
            (None, Some(kind), _) => Err(MessageError::NotANotification(kind)),
            (None, None, _) => Err(MessageError::NoSchema),
        }
    }

    fn parse_raw(json: &str, schema: &str) -> Result<Self, MessageError> {
        // Protocol M5.
        let same_major = schema == SCHEMA || schema.strip_prefix(SCHEMA).is_some_and(|minor| minor.starts_with('.'));
        if !same_major {
            // Protocol M7.
            return Err(MessageError::UnknownSchema(schema.chars().take(80).collect()));
        }
        serde_json::from_str(json).map_err(MessageError::Invalid)
    }
}

/// Just enough of a body to tell what it is.
#[derive(Deserialize)]
struct Probe {
    schema: Option<String>,
    #[serde(rename = "Type")]
    kind: Option<String>,
    #[serde(rename = "Message")]
    message: Option<String>,
}

mod base64_bytes {
    use super::{BASE64_STANDARD, Engine};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        BASE64_STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::{Coded as _, Content, ProductId, ResourceRequests};

    fn content(approved: usize) -> Content {
        // Spread like real ids, so that they do not pack away to nothing.
        let id = |n: usize| ProductId::new(&format!("prod-{}", &Digest::of(&n.to_le_bytes()).hex()[..32])).unwrap();
        let approved: BTreeSet<_> = (0..approved).map(id).collect();
        let experience = ExperienceId::new("exp-management1").unwrap();
        Content::new(experience, approved, BTreeSet::new(), BTreeMap::new(), ResourceRequests::Allow).unwrap()
    }

    fn announce(content: &Content) -> SnapshotMessage {
        let sealed = Sealed::new(content).unwrap();
        let taken_at = "2026-11-24T12:00:00Z".parse().unwrap();
        let experience = content.experience().clone();
        SnapshotMessage::announce(experience, SnapshotVersion::FIRST, taken_at, Reason::Changed, &sealed, 3)
    }

    #[test]
    fn a_small_snapshot_travels_inside_and_arrives_whole() {
        let content = content(800);
        let message = announce(&content);
        let json = message.to_json();
        assert!(json.len() <= MAX_MESSAGE_BYTES);
        let (read, delivery) = SnapshotMessage::parse(&json).unwrap();
        assert_eq!((read.clone(), delivery), (message, Delivery::Raw));
        let snapshot = Snapshot::open(&read.experience, read.version, read.taken_at, &read.inline().unwrap()).unwrap();
        assert_eq!(snapshot.content(), &content);
    }

    #[test]
    fn a_large_snapshot_travels_as_a_reference() {
        // Protocol M4.
        let message = announce(&content(20_000));
        assert_eq!(message.body, Body::Stored { chunks: 3 });
        assert!(message.to_json().contains(r#""body":{"stored":{"chunks":3}}"#));
        assert!(message.inline().is_none());
    }

    #[test]
    fn no_message_outweighs_the_limit() {
        // Protocol M4.
        for products in [0, 1, 1_000, 8_000, 9_000, 10_000, 11_000, 12_000] {
            let message = announce(&content(products));
            assert!(message.to_json().len() <= MAX_MESSAGE_BYTES, "{products} products");
        }
    }

    #[test]
    fn an_sns_envelope_is_opened() {
        // Protocol M8.
        let json = announce(&content(2)).to_json();
        let envelope = serde_json::json!({
            "Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:us-east-1:111111111111:t",
            "Message": json, "Timestamp": "2026-11-24T12:00:00.000Z"
        });
        let (read, delivery) = SnapshotMessage::parse(&envelope.to_string()).unwrap();
        assert_eq!(delivery, Delivery::Enveloped);
        assert_eq!(read.to_json(), json);
    }

    #[test]
    fn unknown_fields_and_minor_schemas_are_read() {
        // Protocol M5 and M6.
        let mut value = serde_json::to_value(announce(&content(1))).unwrap();
        value["later"] = serde_json::json!({"field": true});
        value["schema"] = "pmp-sync.snapshot/1.2".into();
        assert!(SnapshotMessage::parse(&value.to_string()).is_ok());
    }

    #[test]
    fn a_newer_schema_is_told_from_what_is_none() {
        // Protocol M10.
        let newer = |schema: &str| {
            let error = SnapshotMessage::parse(&serde_json::json!({ "schema": schema }).to_string()).unwrap_err();
            error.newer_schema().map(str::to_owned)
        };
        assert_eq!(newer("pmp-sync.snapshot/2").as_deref(), Some("pmp-sync.snapshot/2"));
        assert_eq!(newer("pmp-sync.snapshot/10.1").as_deref(), Some("pmp-sync.snapshot/10.1"));
        for other in
            ["pmp-sync.snapshot/0", "pmp-sync.snapshot/x", "pmp-sync.snapshots/2", "else/2", "", "pmp-sync.snapshot/1"]
        {
            assert_eq!(newer(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_not_a_message_is_refused_by_name() {
        // Protocol M7.
        let refused = |body: &str| SnapshotMessage::parse(body).unwrap_err().to_string();
        assert_eq!(refused("no json"), "the body is not a JSON object");
        assert_eq!(refused("{}"), "the body names no schema; expected `pmp-sync.snapshot/1`");
        assert_eq!(
            refused(r#"{"schema":"pmp-sync.snapshot/2"}"#),
            "the message has schema `pmp-sync.snapshot/2`; this version reads `pmp-sync.snapshot/1`"
        );
        assert_eq!(
            refused(r#"{"schema":"pmp-sync.snapshot/10"}"#),
            "the message has schema `pmp-sync.snapshot/10`; this version reads `pmp-sync.snapshot/1`"
        );
        assert_eq!(refused(r#"{"schema":"pmp-sync.snapshot/1"}"#), "the message is not a valid `pmp-sync.snapshot/1`");
        assert_eq!(
            refused(r#"{"Type":"SubscriptionConfirmation","Token":"t"}"#),
            "the body is an SNS `SubscriptionConfirmation`, not a notification"
        );
        assert_eq!(refused(r#"{"Type":"Notification"}"#), "the body is an SNS notification without a message");
        for (body, code) in [
            ("no json", "E1014"),
            (r#"{"Type":"SubscriptionConfirmation"}"#, "E1015"),
            (r#"{"Type":"Notification"}"#, "E1016"),
            ("{}", "E1017"),
            (r#"{"Type":"Notification","Message":"{}"}"#, "E1017"),
            (r#"{"schema":"pmp-sync.snapshot/2"}"#, "E1018"),
            (r#"{"schema":"pmp-sync.snapshot/1"}"#, "E1019"),
        ] {
            assert_eq!(SnapshotMessage::parse(body).unwrap_err().code().to_string(), code, "{body}");
        }
    }
}
