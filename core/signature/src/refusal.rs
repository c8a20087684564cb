//! The reasons not to believe a statement.

use jiff::Timestamp;
use pmp_protocol::{Digest, ExperienceId, Hint, SnapshotVersion};

use crate::KeyId;

/// The reason why a statement is not believed. The spoke then changes nothing, and keeps the last
/// good state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The head carries no statement.
    #[error("it is not signed")]
    Unsigned,
    /// Its key is not trusted. The value is the key that it claims.
    #[error("it is signed by a key that is not trusted ({})", .0.as_deref().unwrap_or("it names none"))]
    UnknownKey(Option<String>),
    /// It names a trusted key, but that key did not sign it.
    #[error("its signature is not the one of the trusted key {0}")]
    BadSignature(KeyId),
    /// It is about another management experience.
    #[error("its statement is about `{0}`")]
    OtherExperience(ExperienceId),
    /// The statement is about another version than the head's.
    #[error("its statement is about snapshot {0}")]
    OtherVersion(SnapshotVersion),
    /// The statement names another digest than the head's.
    #[error("its statement names the digest {0}")]
    OtherDigest(Digest),
    /// It is older than the version that this spoke trusted before.
    #[error("it is older than snapshot {0}, which this spoke trusted before")]
    Older(SnapshotVersion),
    /// It has expired at this time.
    #[error("its statement expired at {0}")]
    Expired(Timestamp),
    /// It was issued in the future, by more than clocks may differ.
    #[error("its statement is of {0}, which is yet to come")]
    IssuedInFuture(Timestamp),
    /// It is not an envelope or statement of the supported form.
    #[error("its statement cannot be read: {0}")]
    Malformed(String),
}

impl Refusal {
    /// Its name, for logs and metrics.
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
}

pmp_protocol::codes!(Refusal {
    Unsigned => "E1411",
    UnknownKey => "E1412",
    BadSignature => "E1413",
    OtherExperience => "E1414",
    OtherVersion => "E1415",
    OtherDigest => "E1416",
    Older => "E1417",
    Expired => "E1418",
    IssuedInFuture => "E1419",
    Malformed => "E1420",
});

impl Hint for Refusal {
    fn hint(&self) -> Option<String> {
        let hint = match self {
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
        };
        Some(hint.to_owned())
    }
}
