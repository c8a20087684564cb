//! What can be wrong with a course of events, in words for a person.

use std::fmt;

use jiff::Timestamp;
use pmp_protocol::{Code, Coded, Hint, SnapshotVersion};

/// The first entry that cannot be true beside the others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {entry} {wrong}")]
pub struct Contradiction {
    /// Number of the entry.
    pub entry: u64,
    /// What is wrong with it.
    pub wrong: Wrong,
}

/// What a person begins, and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// That an organization, or the fleet, stays at a snapshot.
    Pin,
    /// That it changes nothing for a while.
    Pause,
    /// That a snapshot is let through which a guard rail holds.
    Confirmation,
}

impl fmt::Display for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pin => "a pin",
            Self::Pause => "a pause",
            Self::Confirmation => "a confirmation",
        })
    }
}

/// Why an entry cannot be true.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// A number stands for two contents.
    #[error("gives snapshot {version} another content than entry {by} does")]
    OtherContent {
        /// Number of the snapshot.
        version: SnapshotVersion,
        /// The entry that names the other content.
        by: u64,
    },
    /// A snapshot has two numbers of products.
    #[error("counts other products in snapshot {version} than entry {by} does")]
    OtherCounts {
        /// Number of the snapshot.
        version: SnapshotVersion,
        /// The entry that counts otherwise.
        by: u64,
    },
    /// One snapshot was stored by two entries.
    #[error("stores snapshot {version}, which entry {by} stored before")]
    StoredTwice {
        /// Number of the snapshot.
        version: SnapshotVersion,
        /// The entry that stored it.
        by: u64,
    },
    /// Something is about a snapshot that never was.
    #[error("is about snapshot {0}, and no entry tells that there is one")]
    Untold(SnapshotVersion),
    /// A snapshot is missing among those that are told.
    #[error("tells of snapshot {version}, and no entry tells of snapshot {missing}, which must come before it")]
    Hole {
        /// The snapshot that comes after the hole.
        version: SnapshotVersion,
        /// The first that is missing.
        missing: SnapshotVersion,
    },
    /// What was published while the fleet was pinned is not what it was pinned to.
    #[error("says that snapshot {version} has the content of snapshot {pinned}, and it has another one")]
    OtherPinned {
        /// Number of the snapshot.
        version: SnapshotVersion,
        /// The one that the fleet was pinned to.
        pinned: SnapshotVersion,
    },
    /// What the hub takes back goes to a snapshot that is not older.
    #[error("takes snapshot {version} back to {to}, which is not older")]
    BackToNewer {
        /// Number of the snapshot.
        version: SnapshotVersion,
        /// The one whose content was to come back.
        to: SnapshotVersion,
    },
    /// The highest snapshot that ever was is below one that is told.
    #[error("says that no snapshot was higher than {mark}, and there was snapshot {told}")]
    MarkBelow {
        /// The highest one, as the entry says.
        mark: SnapshotVersion,
        /// A higher one, which an entry tells of.
        told: SnapshotVersion,
    },
    /// Something is ended that nobody began.
    #[error("ends {what} of {whose}, and no entry before it began one")]
    NotBegun {
        /// What it is that is ended.
        what: Begun,
        /// Whose it is, for a person.
        whose: String,
    },
    /// A pause was over when it began.
    #[error("pauses until {0}, which was over by then")]
    PauseOver(Timestamp),
    /// Something failed that nobody asked for.
    #[error("says that entry {0} failed, and that is nothing which a person asked for")]
    NotAsked(u64),
    /// One request of a person failed twice.
    #[error("says that entry {0} failed, which an entry before it said")]
    FailedTwice(u64),
    /// Something was not done for an organization that it was not for.
    #[error("says that entry {entry} was not done for {organization}, which that one does not name")]
    NotNamed {
        /// The entry that failed in part.
        entry: u64,
        /// Organization that only the later one names.
        organization: String,
    },
    /// A wave is entered that the settings do not have.
    #[error("lets snapshot {version} into the wave `{wave}`, which the settings before it do not have")]
    UnknownWave {
        /// Number of the snapshot.
        version: SnapshotVersion,
        /// Name of the wave that was entered.
        wave: String,
    },
    /// A wave is entered before one that comes first.
    #[error("lets snapshot {version} into the wave `{wave}`, and it was not in the wave `{before}` before")]
    NotItsTurn {
        /// Number of the snapshot.
        version: SnapshotVersion,
        /// Name of the wave that was entered.
        wave: String,
        /// Name of the wave that comes first.
        before: String,
    },
    /// A snapshot is for everybody without having been in any wave.
    #[error("lets everybody take snapshot {0}, which was in no wave")]
    NoWave(SnapshotVersion),
    /// A snapshot that was stopped goes on by itself.
    #[error("lets snapshot {version} go on, which entry {by} stopped or took back, and no person promoted it since")]
    WentOn {
        /// Number of the snapshot.
        version: SnapshotVersion,
        /// The entry that stopped it.
        by: u64,
    },
    /// Settings end an organization that they did not admit.
    #[error("says that the settings do not admit {0} any more, and no entry before it says that they did")]
    NotAdmitted(String),
    /// The numbers by status are not those of all receipts.
    #[error("counts {receipts} receipts, and {sum} by their status")]
    Sum {
        /// All receipts that were seen and believed.
        receipts: usize,
        /// The sum over the statuses.
        sum: usize,
    },
    /// More outcomes are named than there may be.
    #[error("names {named} outcomes of {receipts} receipts")]
    TooMany {
        /// All receipts that were seen and believed.
        receipts: usize,
        /// Outcomes that are named.
        named: usize,
    },
    /// One experience has two outcomes in one entry.
    #[error("names the outcome of {0} twice")]
    Twice(String),
}

pmp_protocol::codes!(Wrong {
    OtherContent => "E1617",
    OtherCounts => "E1618",
    StoredTwice => "E1619",
    Untold => "E1620",
    Hole => "E1621",
    OtherPinned => "E1622",
    BackToNewer => "E1623",
    MarkBelow => "E1624",
    NotBegun => "E1625",
    PauseOver => "E1626",
    NotAsked => "E1627",
    FailedTwice => "E1628",
    NotNamed => "E1629",
    UnknownWave => "E1630",
    NotItsTurn => "E1631",
    NoWave => "E1632",
    WentOn => "E1633",
    NotAdmitted => "E1634",
    Sum => "E1635",
    TooMany => "E1636",
    Twice => "E1637",
});

impl Coded for Contradiction {
    fn code(&self) -> Code {
        self.wrong.code()
    }
}

impl Hint for Contradiction {
    fn hint(&self) -> Option<String> {
        Some(
            match self.wrong {
                Wrong::Untold(_) | Wrong::Hole { .. } => {
                    "export it again: an entry may have been on its way. If that is wrong at the same entry, compare it with \
                     CloudTrail and with a file that was exported before: entries were not written, or were written again"
                }
                _ => {
                    "compare the entry with CloudTrail and with a file that was exported before: what was done may have no entry, \
                     or entries were written again"
                }
            }
            .to_owned(),
        )
    }
}
