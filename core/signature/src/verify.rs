//! From an envelope to what a spoke may act on; and why not.

use jiff::Timestamp;
use pmp_protocol::{Digest, ExperienceId, SnapshotVersion};

use crate::envelope;
use crate::statement::{CLOCKS_DIFFER, LONGEST_LIFETIME, SCHEMA};
use crate::{PAYLOAD_TYPE, PublicKey, Refusal, Statement, TrustedKeys, pae};

/// What a spoke is about to act on: the statement must be about exactly that.
#[derive(Debug, Clone, Copy)]
pub struct Expectation<'a> {
    /// Management experience that the spoke follows.
    pub experience: &'a ExperienceId,
    /// Version that the ledger's head names.
    pub version: SnapshotVersion,
    /// Digest that the ledger's head names.
    pub digest: Digest,
    /// The newest version that this spoke trusted before; none for the first.
    pub not_older_than: Option<SnapshotVersion>,
    /// The time of day by this machine's clock.
    pub now: Timestamp,
}

/// A statement that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What the signed statement says.
    pub statement: Statement,
}

/// What an envelope says, if a trusted key signed it: about whatever, and whenever.
///
/// # Errors
/// Where it cannot be read, or no trusted key signed it.
pub fn open(envelope: &str, trusted: &TrustedKeys) -> Result<Statement, Refusal> {
    let opened = envelope::open(envelope)?;
    let message = pae(PAYLOAD_TYPE, &opened.payload);
    let signed_by = trusted.keys().iter().find(|key| key.verifies(&message, &opened.signature));
    let Some(key) = signed_by else {
        let named = trusted.keys().iter().find(|key| opened.hint.as_deref() == Some(key.id().as_str()));
        return Err(named.map_or_else(|| unknown(opened.hint), |key| Refusal::BadSignature(key.id().clone())));
    };
    read(&opened.payload, key)
}

/// Shortened, and without characters that a terminal would act on: whoever holds the envelope can
/// write it.
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
    if form.schema != SCHEMA {
        return Err(Refusal::Malformed(format!("its form is not {SCHEMA}: it needs a newer spoke")));
    }
    let statement: Statement = serde_json::from_slice(payload).map_err(unreadable)?;
    if statement.key_id != *key.id() {
        return Err(Refusal::Malformed("it names another key than the one that signed it".to_owned()));
    }
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

/// What a head's envelope says, if it may be acted on: a trusted key signed it, about exactly what
/// is expected, and it holds now.
///
/// # Errors
/// Where any of that is not so; the first thing that is not, from the outside in.
pub fn verify(envelope: Option<&str>, trusted: &TrustedKeys, expected: &Expectation<'_>) -> Result<Verified, Refusal> {
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
    if let Some(newest) = expected.not_older_than.filter(|newest| *newest > statement.version) {
        return Err(Refusal::Older(newest));
    }
    if statement.issued_at.duration_since(expected.now) > CLOCKS_DIFFER {
        return Err(Refusal::IssuedInFuture(statement.issued_at));
    }
    if statement.expires_at <= expected.now {
        return Err(Refusal::Expired(statement.expires_at));
    }
    Ok(Verified { statement })
}
