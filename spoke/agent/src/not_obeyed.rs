//! Why a spoke does not obey what operators direct, or its own organization's hold.

use std::fmt;

use pmp_protocol::SnapshotVersion;
use pmp_signature::Refusal;

/// For whom a direction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The fleet: all organizations.
    Fleet,
    /// The organization of this spoke.
    Organization,
    /// The member's own hold.
    Member,
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fleet => "what the hub's operators direct for all organizations",
            Self::Organization => "what the hub's operators direct for this organization",
            Self::Member => "this organization's own hold",
        })
    }
}

/// Why a direction is not obeyed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotObeyed {
    /// The item in the ledger is no direction.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// No trusted key signed it.
    #[error(transparent)]
    Unverified(#[from] Refusal),
    /// Another one was trusted before.
    #[error("it is of generation {found}, and generation {trusted} was trusted before")]
    Older {
        /// The generation of the one in the ledger.
        found: u64,
        /// The generation that this spoke trusted before.
        trusted: u64,
    },
    /// One was trusted before, and there is none.
    #[error("it is gone: generation {0} was trusted before")]
    Gone(u64),
    /// One was trusted before, and the role may not read it now.
    #[error("the role may not read it, and generation {0} was trusted before")]
    NotPermitted(u64),
    /// The pin names a snapshot that the ledger does not have.
    #[error("it is pinned to snapshot {pinned}, and the ledger's newest is {newest}")]
    PinnedAhead {
        /// The version that is pinned.
        pinned: SnapshotVersion,
        /// The version that the head names.
        newest: SnapshotVersion,
    },
    /// Waves let a snapshot be taken that the ledger does not have.
    #[error("it lets snapshot {turn} be taken, and the ledger's newest is {newest}")]
    TurnAhead {
        /// The version that may be taken.
        turn: SnapshotVersion,
        /// The version that the head names.
        newest: SnapshotVersion,
    },
}

pmp_protocol::codes!(NotObeyed {
    Unreadable => "E5009",
    Unverified(source) => source,
    Older => "E5010",
    Gone => "E5011",
    NotPermitted => "E5012",
    PinnedAhead => "E5013",
    TurnAhead => "E5014",
});

impl NotObeyed {
    /// What the operator can do (rule 8).
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Unverified(Refusal::UnknownKey(_)) => {
                "ask the hub's operators, by another way, for the public key that signs, or to sign it again with theirs: `pmp-hub \
                 directions --sign`"
                    .to_owned()
            }
            Self::Unreadable(problem) if problem.contains("newer release") => "update this spoke".to_owned(),
            Self::NotPermitted(_) => "ask the hub's operators to update the stack of hub-member.yaml".to_owned(),
            _ => "ask the hub's operators to look at `pmp-hub directions`, and who else writes into the table of receipts; \
                  nothing is changed until then"
                .to_owned(),
        }
    }
}
