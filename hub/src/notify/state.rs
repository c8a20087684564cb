//! What operations is told of: the states, in the order of their urgency. Pure.

use pmp_protocol::{ExperienceId, OrganizationId};
use serde::{Deserialize, Serialize};

/// How something stands, as far as operations is told. The least urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// Nothing is to be done about it.
    Well,
    /// In step, but for products that the catalog refused, or that could not be looked up.
    SetAside,
    /// Paused, or held by its member, for more than a day.
    PausedTooLong,
    /// It has not acknowledged the snapshot that it is to be on.
    Behind,
    /// Its spoke gives no sign of life, or never gave one.
    Silent,
    /// Somebody else changed it, and its spoke leaves that.
    Drifted,
    /// Its spoke refused or failed.
    Failed,
    /// A guard rail holds it, until an operator lets it through.
    Held,
    /// A version was stopped in the waves, and waits for a person.
    WaveHalted,
    /// Something that was reported cannot be read.
    Unreadable,
    /// What was reported does not match the ledger.
    Disputed,
}

impl State {
    /// The name in JSON.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::SetAside => "set-aside",
            Self::PausedTooLong => "paused-too-long",
            Self::Behind => "behind",
            Self::Silent => "silent",
            Self::Drifted => "drifted",
            Self::Failed => "failed",
            Self::Held => "held",
            Self::WaveHalted => "wave-halted",
            Self::Unreadable => "unreadable",
            Self::Disputed => "disputed",
        }
    }

    /// What a notification is called whose subjects came to this state.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Well => "recovered",
            other => other.as_str(),
        }
    }

    /// What a sentence says of one subject, and of several.
    pub(crate) fn verb(self, several: bool) -> &'static str {
        match (self, several) {
            (Self::Well, _) => "recovered",
            (Self::SetAside, false) => "has products set aside",
            (Self::SetAside, true) => "have products set aside",
            (Self::PausedTooLong, false) => "has been paused for more than a day",
            (Self::PausedTooLong, true) => "have been paused for more than a day",
            (Self::Behind, false) => "is behind",
            (Self::Behind, true) => "are behind",
            (Self::Silent, false) => "is silent",
            (Self::Silent, true) => "are silent",
            (Self::Drifted, false) => "was changed by others, and is left so",
            (Self::Drifted, true) => "were changed by others, and are left so",
            (Self::Failed, _) => "failed",
            (Self::Held, false) => "is held by a guard rail",
            (Self::Held, true) => "are held by a guard rail",
            (Self::WaveHalted, _) => "are stopped",
            (Self::Unreadable, _) => "cannot be read",
            (Self::Disputed, false) => "is disputed",
            (Self::Disputed, true) => "are disputed",
        }
    }
}

/// What a state is of: a member experience, an organization as a whole, or the waves of the fleet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Subject {
    /// Organization that it belongs to; none where the fleet's waves are meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) organization: Option<OrganizationId>,
    /// The member experience; none where the organization as a whole is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) member_experience: Option<ExperienceId>,
}

impl Subject {
    /// The waves of the fleet.
    pub(crate) const WAVES: Self = Self { organization: None, member_experience: None };
}
