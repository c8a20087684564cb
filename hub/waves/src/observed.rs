//! What the hub sees of an organization.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use pmp_protocol::{OrganizationId, SnapshotVersion};

/// The organizations on the roster, each with what is seen of it.
pub type Fleet = BTreeMap<OrganizationId, Observed>;

/// What receipts and signs of life say of one organization, after the hub compared them with the
/// ledger (rule 10). One that has several experiences stands as its worst one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    /// The version that its receipts are about; none where there is none.
    pub version: Option<SnapshotVersion>,
    /// How it stands with that version.
    pub standing: Standing,
    /// When it was last heard of; none where it never was.
    pub last_seen: Option<Timestamp>,
}

/// How an organization stands with the version that it tried last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Everything is as the version and the filters ask for.
    InStep,
    /// It is being applied, or is left in part for the next pass.
    Working,
    /// A guard rail stopped it, and an operator has to confirm. No failure: the deadline counts.
    Held,
    /// It cannot be applied yet: its change windows are closed, and will open.
    Waiting,
    /// It could not be applied.
    Failed,
    /// Nothing is to be expected of the organization: it holds, is pinned to another version, or
    /// keeps nothing in step. It is counted like a silent one.
    Paused,
    /// The hub's operators paused it, or everybody. It is not counted either; but a wave that is
    /// paused as a whole waits for the end of the pause, which always comes.
    PausedByHub,
}

impl Observed {
    /// An organization of which nothing was ever heard.
    pub const NEVER: Self = Self { version: None, standing: Standing::Working, last_seen: None };

    /// Whether it says of `version` that it stands so.
    pub(crate) fn stands(&self, version: SnapshotVersion, standing: Standing) -> bool {
        self.version == Some(version) && self.standing == standing
    }

    /// Whether it counts among those that a wave waits for: it was heard of lately, and is not
    /// paused.
    pub(crate) fn counts(&self, silent_after: SignedDuration, now: Timestamp) -> bool {
        self.is_heard(silent_after, now) && !matches!(self.standing, Standing::Paused | Standing::PausedByHub)
    }

    /// Whether it was heard of lately.
    pub(crate) fn is_heard(&self, silent_after: SignedDuration, now: Timestamp) -> bool {
        // A sign of life from the future is from a clock that is ahead: it was heard of.
        self.last_seen.is_some_and(|seen| now.duration_since(seen) < silent_after)
    }
}
