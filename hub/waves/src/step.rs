//! What the decision says.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use pmp_protocol::{OrganizationId, SnapshotVersion, count};
use serde::{Deserialize, Serialize};

/// What comes next for a version on its way. All but [`Self::Wait`] and [`Self::Done`] change the
/// [`Rollout`](crate::Rollout): they are written down, and then the question is asked again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The configuration has other waves than when the version began: the state takes them over.
    Adopt,
    /// These organizations failed with the version: they count from now on, whatever they say
    /// later.
    Remember {
        /// Those that were not remembered yet.
        failed: BTreeSet<OrganizationId>,
    },
    /// The wave with this position, from 0, begins.
    Enter {
        /// Its position in the configuration.
        wave: usize,
    },
    /// These organizations may take the version from now on.
    Admit {
        /// Members of waves that were entered.
        organizations: BTreeSet<OrganizationId>,
    },
    /// Enough of the wave is in step: its soak time begins.
    InStep {
        /// Its position in the configuration.
        wave: usize,
    },
    /// The wave is not in step any more: its soak time will begin anew.
    OutOfStep {
        /// Its position in the configuration.
        wave: usize,
    },
    /// The wave's deadline came while change windows are closed, or all of it is paused: it begins
    /// anew.
    Prolong {
        /// Its position in the configuration.
        wave: usize,
        /// Whether that is for closed change windows, for which a wave does not wait forever.
        windows: bool,
    },
    /// The change windows of these members were closed for too long: the wave does not wait for
    /// them any more.
    LeaveOut {
        /// Its position in the configuration.
        wave: usize,
        /// Members that were not left out yet.
        organizations: BTreeSet<OrganizationId>,
    },
    /// Nothing is to be done now.
    Wait {
        /// When to ask again at the latest, where a time is known; what is observed may change
        /// before.
        until: Option<Timestamp>,
        /// What it waits for.
        why: Waiting,
    },
    /// The version stops where it is.
    Halt {
        /// Why the version stops.
        reason: Reason,
    },
    /// The version stops. The hub publishes the content of `to` as a new version, and notes it with
    /// [`Rollout::restored`](crate::Rollout::restored). Said again until that is done.
    RollBack {
        /// The last version that went through all waves.
        to: SnapshotVersion,
        /// Why the version stops.
        reason: Reason,
    },
    /// All waves had it. Everybody is directed to it from now on.
    Done,
}

/// What a version waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// No organization is on the roster.
    ForAFleet,
    /// Not enough of the wave is in step.
    ForMembers {
        /// The wave's members, counted.
        tally: Tally,
    },
    /// The wave is in step, and its soak time is not over.
    Soaking {
        /// The wave's members, counted.
        tally: Tally,
    },
    /// The version was stopped; a newer one, or a person's promotion, goes on.
    Stopped,
    /// The version has gone through all waves.
    Done,
}

/// The members of a wave, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// All of the members.
    pub members: usize,
    /// Those that were heard of lately and are not paused.
    pub counted: usize,
    /// Of these, those that are in step with the version.
    pub in_step: usize,
}

impl Tally {
    /// Whether this many percent of the counted ones are in step. Of nobody counted nothing is
    /// known, so they are not.
    pub(crate) fn reaches(self, percent: u8) -> bool {
        self.counted > 0 && self.in_step.saturating_mul(100) >= self.counted.saturating_mul(usize::from(percent))
    }
}

/// Why a version was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Reason {
    /// More organizations failed than are permitted.
    TooManyFailed {
        /// Organizations that failed with the version, in whichever wave.
        failed: usize,
        /// As it is configured.
        max_failures: usize,
    },
    /// The deadline passed, and too few of those that were heard of were in step.
    Deadline {
        /// Position of the wave, from 0.
        wave: usize,
        /// The members of that wave, counted.
        tally: Tally,
    },
    /// A person stopped it.
    ByHand {
        /// Who stopped it, as the operator's identity says.
        by: String,
        /// Why, in that person's words.
        why: String,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyFailed { failed, max_failures } => {
                write!(f, "{} failed, and `max_failures` is {max_failures}", count(*failed, "organization"))
            }
            Self::Deadline { wave, tally } => write!(
                f,
                "the deadline of wave {} passed with {} of {} in step",
                wave + 1,
                tally.in_step,
                count(tally.counted, "organization")
            ),
            Self::ByHand { by, why } => write!(f, "{by} stopped it: {why}"),
        }
    }
}
