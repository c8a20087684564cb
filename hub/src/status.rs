//! How the spokes stand: pure, from what the hub sees to rows sorted worst first.
//!
//! [`fleet::Fleet`] reads the ledger into a [`fleet::View`]; [`judge::rows`] makes a row of each
//! receipt, and of whatever concerns an organization as a whole; [`group::group`] puts rows with
//! one cause together. What a person sees of them is made in `render`.

pub(crate) mod cause;
pub(crate) mod fleet;
pub(crate) mod group;
pub(crate) mod judge;
pub(crate) mod named;
pub(crate) mod windows;

use std::borrow::Cow;
use std::str::FromStr;

use jiff::Timestamp;
use pmp_protocol::{
    Applied, Attempt, Confirmed, ExperienceId, OrganizationId, Pin, Receipt, SnapshotVersion, not_one_of,
};
use serde::Serialize;

use crate::rollout::told::{InWave, TurnOf};
use crate::status::group::Caused;
use crate::status::judge::what_is_held;

/// How one member experience stands. Worst first, which is the order of `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SpokeState {
    /// What was reported does not match the ledger: it is not believed.
    Disputed,
    /// Something that was reported cannot be read.
    Unreadable,
    /// A guard rail holds it, until an operator lets it through.
    Held,
    /// The spoke refused or failed, and says why.
    Error,
    /// Somebody else changed it, and its spoke leaves that, as it was told to.
    Drifted,
    /// The organization was admitted, and has never reported.
    Never,
    /// No sign of life, or no newer snapshot acknowledged, for longer than expected.
    Stale,
    /// Nothing is changed there until a time: operators of the hub paused it, or the member holds.
    Paused,
    /// On its way to the current snapshot.
    Applying,
    /// Its spoke only observes, and something would change.
    WouldChange,
    /// Acknowledged the snapshot that its organization is pinned to.
    Pinned,
    /// Acknowledged the current snapshot.
    Synced,
    /// Not managed now: missing, disabled, archived, or without a policy.
    Skipped,
}

impl SpokeState {
    /// All that are told besides `SYNCED`, in their order.
    pub(crate) const OTHERS: [Self; 12] = [
        Self::Disputed,
        Self::Unreadable,
        Self::Held,
        Self::Error,
        Self::Drifted,
        Self::Never,
        Self::Stale,
        Self::Paused,
        Self::Applying,
        Self::WouldChange,
        Self::Pinned,
        Self::Skipped,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Disputed => "DISPUTED",
            Self::Unreadable => "UNREADABLE",
            Self::Held => "HELD",
            Self::Error => "ERROR",
            Self::Drifted => "DRIFTED",
            Self::Never => "NEVER",
            Self::Stale => "STALE",
            Self::Paused => "PAUSED",
            Self::Applying => "APPLYING",
            Self::WouldChange => "WOULD_CHANGE",
            Self::Skipped => "SKIPPED",
            Self::Pinned => "PINNED",
            Self::Synced => "SYNCED",
        }
    }

    /// How `--state` spells it, as every value of a flag is spelled.
    fn flag(self) -> String {
        self.as_str().to_lowercase().replace('_', "-")
    }

    /// Its name in a sentence.
    pub(crate) fn word(self) -> String {
        self.as_str().to_lowercase().replace('_', " ")
    }

    /// Whether its spoke brings it to the snapshots that the hub publishes, now.
    pub(crate) fn is_kept_in_step(self) -> bool {
        !matches!(self, Self::Skipped | Self::WouldChange | Self::Pinned | Self::Paused)
    }

    /// Whether `status --check` is content.
    #[must_use]
    pub fn is_healthy(self) -> bool {
        matches!(self, Self::Synced | Self::Pinned | Self::Paused | Self::Skipped | Self::Applying | Self::WouldChange)
    }
}

impl FromStr for SpokeState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = || Self::OTHERS.into_iter().chain([Self::Synced]);
        let written = text.to_ascii_lowercase().replace('_', "-");
        all().find(|state| state.flag() == written).ok_or_else(|| {
            let names: Vec<_> = all().map(Self::flag).collect();
            not_one_of(text, &names.iter().map(AsRef::as_ref).collect::<Vec<&str>>())
        })
    }
}

/// One row of `status`: a member experience, or an organization as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SpokeStatus {
    /// Organization that this row is about.
    pub organization: OrganizationId,
    /// The member experience; none where the organization as a whole is meant.
    pub member_experience: Option<ExperienceId>,
    /// State of the experience, or of the organization.
    pub state: SpokeState,
    /// The version of the last receipt.
    pub version: Option<SnapshotVersion>,
    /// What was tried last, and what came of it.
    pub tried: Option<Attempt>,
    /// The snapshot that is in force, as far as the spoke said so.
    pub applied: Option<Applied>,
    /// How many versions what is applied is behind; none where nothing is. Of an older spoke, that
    /// does not say what is applied, what was tried.
    pub lag: Option<u64>,
    /// When its spoke last finished a pass.
    #[cfg_attr(test, schemars(with = "Option<pmp_protocol::schema::DateTime>"))]
    pub last_seen: Option<Timestamp>,
    /// Why, in a sentence.
    pub message: String,
    /// Which of the organization's spokes is meant; none of older spokes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spoke: Option<String>,
    /// Who let through what is held, where someone did and the spoke has not taken it up yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<Confirmed>,
    /// What its organization is pinned to; absent where that is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned: Option<Pin>,
    /// The wave that its organization belongs to, and whether its turn has come; absent where there
    /// are no waves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wave: Option<InWave>,
    /// Receipt that the row was judged from, where there is one.
    pub receipt: Option<Receipt>,
    /// The sort key of an item that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl SpokeStatus {
    /// What every row has, as the columns of a spreadsheet.
    pub(crate) const COLUMNS: &[&str] = &[
        "organization",
        "member_experience",
        "state",
        "version",
        "tried",
        "applied",
        "lag",
        "last_seen",
        "message",
        "spoke",
        "receipt",
    ];

    /// The version that is applied, as far as it is believed; of an older spoke, that does not say
    /// what is applied, what was tried.
    pub(crate) fn in_force(&self) -> Option<SnapshotVersion> {
        self.lag.and(self.applied.map(|applied| applied.version).or(self.version))
    }

    /// Whether it is in step with an older snapshot, since its turn for the newest has not come.
    pub(crate) fn waits_for_its_wave(&self) -> bool {
        self.state == SpokeState::Synced && self.wave.as_ref().is_some_and(|wave| wave.turn != TurnOf::Come)
    }

    /// A row about the organization as a whole.
    pub(crate) fn whole(organization: &OrganizationId, state: SpokeState, message: String) -> Self {
        Self {
            organization: organization.clone(),
            member_experience: None,
            state,
            version: None,
            tried: None,
            applied: None,
            lag: None,
            last_seen: None,
            message,
            spoke: None,
            confirmation: None,
            pinned: None,
            wave: None,
            receipt: None,
            key: None,
        }
    }
}

impl Caused for SpokeStatus {
    type Class = SpokeState;

    fn class(&self) -> SpokeState {
        self.state
    }

    fn organization(&self) -> Option<&OrganizationId> {
        Some(&self.organization)
    }

    /// The message, without what is to be done about it in this organization.
    fn cause(&self) -> Cow<'_, str> {
        match (&self.receipt, &self.confirmation) {
            (Some(receipt), None) if self.state == SpokeState::Held => what_is_held(receipt).into(),
            (Some(receipt), Some(_)) => {
                format!("{}; confirmed, the spokes take it up next", what_is_held(receipt)).into()
            }
            _ => self.message.as_str().into(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
