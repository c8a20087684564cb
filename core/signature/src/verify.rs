//! From an envelope to what a spoke may act on; and why not.

use jiff::Timestamp;
use pmp_protocol::{Digest, ExperienceId, SnapshotVersion};

use crate::envelope;
use crate::statement::{CLOCKS_DIFFER, LONGEST_LIFETIME, SCHEMA};
use crate::{KeyId, PAYLOAD_TYPE, PublicKey, Statement, TrustedKeys, pae};

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

/// Why a statement is not believed. Nothing is changed for it: the last good state stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The head carries no statement.
    #[error("it is not signed")]
    Unsigned,
    /// Signed by a key that is not trusted.
    #[error("it is signed by a key that is not trusted ({})", .0.as_deref().unwrap_or("it names none"))]
    UnknownKey(Option<String>),
    /// Said to be of a trusted key, and is not.
    #[error("its signature is not the one of the trusted key {0}")]
    BadSignature(KeyId),
    /// About another management experience.
    #[error("its statement is about `{0}`")]
    OtherExperience(ExperienceId),
    /// The statement is about another version than the head's.
    #[error("its statement is about snapshot {0}")]
    OtherVersion(SnapshotVersion),
    /// The statement names another digest than the head's.
    #[error("its statement names the digest {0}")]
    OtherDigest(Digest),
    /// Older than what this spoke trusted before.
    #[error("it is older than snapshot {0}, which this spoke trusted before")]
    Older(SnapshotVersion),
    /// It held until then.
    #[error("its statement expired at {0}")]
    Expired(Timestamp),
    /// From a time that is yet to come, by more than clocks differ.
    #[error("its statement is of {0}, which is yet to come")]
    IssuedInFuture(Timestamp),
    /// Not an envelope or statement of the form that is read here.
    #[error("its statement cannot be read: {0}")]
    Malformed(String),
}

impl Refusal {
    /// Its name, for logs and figures.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::UnknownKey(_) => "unknown-key",
            Self::BadSignature(_) => "bad-signature",
            Self::OtherExperience(_) => "other-experience",
            Self::OtherVersion(_) => "other-version",
            Self::OtherDigest(_) => "other-digest",
            Self::Older(_) => "older-than-trusted",
            Self::Expired(_) => "expired",
            Self::IssuedInFuture(_) => "issued-in-the-future",
            Self::Malformed(_) => "malformed",
        }
    }

    /// What the operator can do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unsigned => {
                "ask the hub's operators, by another way, whether the hub signs (PMP_SIGNING_KEY) and who else writes into the table of snapshots; let it publish again with its key"
            }
            Self::UnknownKey(_) => {
                "ask the hub's operators, by another way, for its public key (`pmp-hub public-key`); trust it beside the old one while keys change"
            }
            Self::BadSignature(_)
            | Self::OtherExperience(_)
            | Self::OtherVersion(_)
            | Self::OtherDigest(_)
            | Self::Malformed(_) => {
                "let the hub publish again (`pmp-hub publish`); if it comes back, ask its operators who else writes into the table of snapshots"
            }
            Self::Older(_) => {
                "the ledger was set back to an earlier moment: let the hub's operators run `pmp-hub recover`; if they never stored what was trusted, its key was misused: change it, and trust the new one alone"
            }
            Self::Expired(_) => {
                "the hub has not announced for long: let it publish with its key (PMP_SIGNING_KEY, `pmp-hub publish`)"
            }
            Self::IssuedInFuture(_) => "compare this clock and the hub's (`doctor` of both shows how far they are off)",
        }
    }
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
