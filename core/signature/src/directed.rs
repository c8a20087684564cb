//! What the hub's operators direct, signed: all of it, so that nothing beside the statement counts.

use jiff::Timestamp;
use pmp_protocol::Direction;
use serde::{Deserialize, Serialize};

use crate::verify::open_payload;
use crate::{KeyId, Refusal, TrustedKeys, Unsigned};

/// "This is what is directed, since then."
///
/// It does not expire: a pin holds until it is taken back. That an older one is not put in its
/// place is what its generation is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
// Protocol K10.
pub struct SignedDirection {
    /// What the operators direct.
    #[serde(flatten)]
    pub direction: Direction,
    /// When it was signed.
    pub issued_at: Timestamp,
    /// The key that signed it. Unlike the envelope's hint, the signature covers it.
    pub key_id: KeyId,
}

impl SignedDirection {
    /// The bytes that the key signs.
    #[must_use]
    pub fn to_sign(&self) -> Unsigned {
        // Texts, numbers and times: there is nothing in it that JSON could not hold.
        let payload = serde_json::to_vec(self).unwrap_or_default();
        Unsigned::new(payload, self.key_id.clone())
    }
}

/// What an envelope says of a direction, if a trusted key signed it.
///
/// # Errors
/// Where there is no envelope, it cannot be read, no trusted key signed it, or it is something else
/// than a direction.
pub fn open_direction(envelope: Option<&str>, trusted: &TrustedKeys) -> Result<SignedDirection, Refusal> {
    // Protocol K15.
    let (payload, key) = open_payload(envelope.ok_or(Refusal::Unsigned)?, trusted)?;
    let signed: SignedDirection =
        serde_json::from_slice(&payload).map_err(|error| Refusal::Malformed(error.to_string()))?;
    if signed.key_id != *key.id() {
        return Err(Refusal::Malformed("it names another key than the one that signed it".to_owned()));
    }
    Ok(signed)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use pmp_protocol::{Digest, ExperienceId, SnapshotVersion};

    use super::*;
    use crate::{LocalKey, Statement, open};

    /// The private key of RFC 8032's first test vector.
    const KEY: &str = "-----BEGIN PRIVATE KEY-----MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g-----END PRIVATE KEY-----";

    #[test]
    fn a_direction_comes_back_as_it_was_and_stands_for_no_snapshot() {
        // Protocol K15.
        let key = LocalKey::from_pem(KEY).unwrap();
        let trusted = TrustedKeys::only(key.public().clone());
        let experience = ExperienceId::new("exp-management").unwrap();
        let direction = Direction { generation: 3, ..Direction::none(experience.clone(), None) };
        let (issued_at, key_id) = (Timestamp::UNIX_EPOCH, key.public().id().clone());
        let signed = SignedDirection { direction, issued_at, key_id: key_id.clone() };
        let unsigned = signed.to_sign();
        let envelope = unsigned.sealed(&key.sign(&unsigned.pae()));
        assert_eq!(open_direction(Some(&envelope), &trusted), Ok(signed));
        assert!(matches!(open(&envelope, &trusted), Err(Refusal::Malformed(_))));
        assert_eq!(open_direction(None, &trusted), Err(Refusal::Unsigned));
        let (version, digest) = (SnapshotVersion::FIRST, Digest::of(b"content"));
        let statement = Statement::new(experience, version, digest, key_id, issued_at, SignedDuration::from_hours(24));
        let unsigned = statement.to_sign();
        let envelope = unsigned.sealed(&key.sign(&unsigned.pae()));
        assert!(matches!(open_direction(Some(&envelope), &trusted), Err(Refusal::Malformed(_))));
        let forged = envelope.replace("keyid\":\"", "keyid\":\"0");
        assert!(open_direction(Some(&forged), &trusted).is_err());
    }
}
