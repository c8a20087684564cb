//! The statement of a hub about a version.

use jiff::{SignedDuration, Timestamp};
use pmp_protocol::{Digest, ExperienceId, SnapshotVersion};
use serde::{Deserialize, Serialize};

use crate::{KeyId, Unsigned};

/// The schema of a statement. A spoke refuses any other, rather than half understand it.
pub const SCHEMA: &str = "pmp-sync.statement/1";
/// The shortest lifetime of a statement: twice the longest interval between announcements that the
/// templates permit.
pub const SHORTEST_LIFETIME: SignedDuration = SignedDuration::from_hours(24);
/// The longest lifetime of a statement. For this long an old state can be presented as the newest.
pub const LONGEST_LIFETIME: SignedDuration = SignedDuration::from_hours(90 * 24);

/// "This is what the management experience says, from now until then."
///
/// Its canonical form is JSON with the fields in alphabetical order and without white space.
/// Readers accept any JSON, because the signature covers the bytes, and ignore unknown fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
// Protocol K3.
pub struct Statement {
    // The fields are in alphabetical order, because the canonical form is.
    /// The digest of the snapshot's content.
    pub digest: Digest,
    /// Management experience of the snapshot.
    pub experience: ExperienceId,
    /// The statement is not valid from this time on.
    pub expires_at: Timestamp,
    /// When it was signed.
    pub issued_at: Timestamp,
    /// The key that signed it. Unlike the envelope's hint, the signature covers it.
    pub key_id: KeyId,
    /// The schema of this document, always [`SCHEMA`].
    pub schema: String,
    /// Version of the snapshot.
    pub version: SnapshotVersion,
}

impl Statement {
    /// The statement of `key` about a version, from `now` for `lifetime`, in whole seconds.
    #[must_use]
    pub fn new(
        experience: ExperienceId,
        version: SnapshotVersion,
        digest: Digest,
        key_id: KeyId,
        now: Timestamp,
        lifetime: SignedDuration,
    ) -> Self {
        let issued_at = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let expires_at = issued_at.checked_add(lifetime).unwrap_or(Timestamp::MAX);
        Self { digest, experience, expires_at, issued_at, key_id, schema: SCHEMA.to_owned(), version }
    }

    /// The canonical form, to be signed.
    #[must_use]
    pub fn to_sign(&self) -> Unsigned {
        // The statement consists of texts, numbers and times, so serializing it cannot fail.
        let payload = serde_json::to_vec(self).unwrap_or_default();
        Unsigned::new(payload, self.key_id.clone())
    }
}
