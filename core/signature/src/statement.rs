//! What a hub vouches for.

use jiff::{SignedDuration, Timestamp};
use pmp_protocol::{Digest, ExperienceId, SnapshotVersion};
use serde::{Deserialize, Serialize};

use crate::{KeyId, Unsigned};

/// The form of a statement. A spoke refuses any other, rather than half understand it.
pub const SCHEMA: &str = "pmp-sync.statement/1";
/// The shortest time that a statement may hold: twice the longest interval of announcements that
/// the templates take.
pub const SHORTEST_LIFETIME: SignedDuration = SignedDuration::from_hours(24);
/// The longest time that a statement may hold, which is how long an old state can be held up as the
/// newest.
pub const LONGEST_LIFETIME: SignedDuration = SignedDuration::from_hours(90 * 24);
/// The hub's clock may be ahead of a spoke's by as much.
pub const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(5);

/// "This is what the management experience says, from now until then."
///
/// Its canonical form is its JSON with the fields in the order of the alphabet and without white
/// space. Readers take any JSON, since the signature covers the bytes, and ignore fields that they
/// do not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    // In the order of the alphabet.
    /// The digest of the snapshot's content.
    pub digest: Digest,
    /// Management experience that the snapshot is of.
    pub experience: ExperienceId,
    /// From then on it says nothing any more.
    pub expires_at: Timestamp,
    /// When it was signed.
    pub issued_at: Timestamp,
    /// The key that signed it. Unlike the envelope's hint, the signature covers it.
    pub key_id: KeyId,
    /// The form of this document, always [`SCHEMA`].
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

    /// The canonical form, ready to be signed.
    #[must_use]
    pub fn to_sign(&self) -> Unsigned {
        // Texts, numbers and times: there is nothing in it that JSON could not hold.
        let payload = serde_json::to_vec(self).unwrap_or_default();
        Unsigned::new(payload, self.key_id.clone())
    }
}
