//! Verifies an envelope, and returns the statement that a spoke may act on, or the reason to refuse
//! it (rule 9).

use jiff::Timestamp;
use pmp_protocol::{Digest, ExperienceId, SnapshotVersion, is_ahead};

use crate::envelope;
use crate::statement::{LONGEST_LIFETIME, SCHEMA};
use crate::{PAYLOAD_TYPE, PublicKey, Refusal, Statement, TrustedKeys, pae};

/// The snapshot that a spoke is about to act on. The statement must be about exactly that one.
#[derive(Debug, Clone, Copy)]
pub struct Expectation<'a> {
    /// Management experience that the spoke follows.
    pub experience: &'a ExperienceId,
    /// Version that the ledger's head names.
    pub version: SnapshotVersion,
    /// Digest that the ledger's head names.
    pub digest: Digest,
    /// The newest version that this spoke trusted before. `None` if there is none.
    pub not_older_than: Option<SnapshotVersion>,
    /// The present time by this machine's clock.
    pub now: Timestamp,
}

/// A statement that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The content of the signed statement.
    pub statement: Statement,
}

/// Returns the statement of an envelope that a trusted key signed, whatever it is about, and even
/// if it has expired.
///
/// # Errors
/// If it cannot be read, or if no trusted key signed it.
pub fn open(envelope: &str, trusted: &TrustedKeys) -> Result<Statement, Refusal> {
    let (payload, key) = open_payload(envelope, trusted)?;
    read(&payload, key)
}

/// The bytes that a trusted key signed, and which one it was.
pub(crate) fn open_payload<'a>(envelope: &str, trusted: &'a TrustedKeys) -> Result<(Vec<u8>, &'a PublicKey), Refusal> {
    let opened = envelope::open(envelope)?;
    let message = pae(PAYLOAD_TYPE, &opened.payload);
    let signed_by = trusted.keys().iter().find(|key| key.verifies(&message, &opened.signature));
    let Some(key) = signed_by else {
        let named = trusted.keys().iter().find(|key| opened.hint.as_deref() == Some(key.id().as_str()));
        return Err(named.map_or_else(|| unknown(opened.hint), |key| Refusal::BadSignature(key.id().clone())));
    };
    Ok((opened.payload, key))
}

/// The refusal of an unknown key. Its name is shortened and made harmless, because anybody who
/// holds the envelope can write it (rule 14).
fn unknown(hint: Option<String>) -> Refusal {
    Refusal::UnknownKey(hint.map(|hint| hint.chars().filter(char::is_ascii_graphic).take(64).collect()))
}

fn read(payload: &[u8], key: &PublicKey) -> Result<Statement, Refusal> {
    #[derive(serde::Deserialize)]
    struct Form {
        schema: String,
    }
    let unreadable = |error: serde_json::Error| Refusal::Malformed(error.to_string());
    let form: Form = serde_json::from_slice(payload).map_err(unreadable)?;
    // Protocol K3.
    if form.schema != SCHEMA {
        return Err(Refusal::Malformed(format!("its form is not {SCHEMA}: it needs a newer spoke")));
    }
    let statement: Statement = serde_json::from_slice(payload).map_err(unreadable)?;
    // Protocol K5.
    if statement.key_id != *key.id() {
        return Err(Refusal::Malformed("it names another key than the one that signed it".to_owned()));
    }
    // Protocol K7.
    if statement.expires_at <= statement.issued_at {
        return Err(Refusal::Malformed("it expires before it was issued".to_owned()));
    }
    // Whoever stole a key for an hour must not sign for a century.
    if statement.expires_at.duration_since(statement.issued_at) > LONGEST_LIFETIME {
        let days = LONGEST_LIFETIME.as_hours() / 24;
        return Err(Refusal::Malformed(format!("it would hold for longer than {days} days")));
    }
    Ok(statement)
}

/// Returns the statement of a head's envelope if a spoke may act on it: a trusted key signed it, it
/// is about exactly the expected snapshot, and it is valid now.
///
/// # Errors
/// The first reason to refuse it, from the outside in.
pub fn verify(envelope: Option<&str>, trusted: &TrustedKeys, expected: &Expectation<'_>) -> Result<Verified, Refusal> {
    // Protocol K6.
    let statement = open(envelope.ok_or(Refusal::Unsigned)?, trusted)?;
    if statement.experience != *expected.experience {
        return Err(Refusal::OtherExperience(statement.experience));
    }
    if statement.version != expected.version {
        return Err(Refusal::OtherVersion(statement.version));
    }
    if statement.digest != expected.digest {
        return Err(Refusal::OtherDigest(statement.digest));
    }
    // Protocol K8.
    if let Some(newest) = expected.not_older_than.filter(|newest| *newest > statement.version) {
        return Err(Refusal::Older(newest));
    }
    // Protocol K7.
    if is_ahead(statement.issued_at, expected.now) {
        return Err(Refusal::IssuedInFuture(statement.issued_at));
    }
    if statement.expires_at <= expected.now {
        return Err(Refusal::Expired(statement.expires_at));
    }
    Ok(Verified { statement })
}
