//! Whether what entries tell goes together: a model of what the hub promises, which reads a whole
//! audit and names the first entry that cannot be true beside the others.
//!
//! [`Verifier`](crate::Verifier) shows that nobody altered the entries. This shows that what they
//! tell is a course of events which the hub and its operators can have taken: that a snapshot keeps
//! its content, that nothing is directed that was never stored, that no wave comes before its turn.
//! So a table that was written again as a whole is found where its story does not hold.
//!
//! What entries of several writers allow is allowed: an entry about a snapshot may stand before the
//! one that tells of it, because the member that applied it was seen by another hub than the one
//! that stored it. So whether something is missing is decided at the end of the file. Times are not
//! compared, because each writer has a clock of its own, and what a member says of itself is not
//! judged: it would make the hub's audit wrong by a word of its own (rule 11).
//!
//! An example. Entry 4 pins the fleet to snapshot 2, and names its content. Entry 3 says that
//! snapshot 2 has another content. Then entry 4 is the first that is wrong.
//!
//! Pure. `versions.rs` is about snapshots, `directed.rs` about what persons ask for, `waves.rs`
//! about waves and settings; `wrong.rs` has the words for all that can be wrong.

mod directed;
mod versions;
mod waves;
mod wrong;

use std::collections::BTreeSet;

use pmp_protocol::SnapshotVersion;

use crate::line::unframe;
use crate::replay::directed::Directed;
use crate::replay::versions::Versions;
use crate::replay::waves::Waves;
use crate::{Entry, Event, MAX_OUTCOMES, SeenOutcome};

pub use wrong::{Contradiction, Wrong};

/// The key of receipts that do not match the ledger, among the numbers by status: the hub counts
/// them, and believes none.
const DISPUTED: &str = "disputed";

/// What an audit tells, where all of it goes together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// The lowest snapshot that an entry tells of; none where no entry does.
    pub lowest: Option<SnapshotVersion>,
    /// The highest one that an entry tells of; none where no entry does.
    pub highest: Option<SnapshotVersion>,
    /// Outcomes of members' receipts.
    pub outcomes: usize,
    /// What persons asked for.
    pub asked: usize,
    /// Entries of actions that this release does not know: nothing is said of them.
    pub not_understood: usize,
}

/// Reads entries one by one, in the order of their numbers.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    /// Whether the first entry of all was read: only then something that no entry tells of was
    /// never there.
    whole: bool,
    versions: Versions,
    directed: Directed,
    waves: Waves,
    outcomes: usize,
    not_understood: usize,
    /// The first that is wrong whatever follows.
    first: Option<Contradiction>,
}

impl Replay {
    /// Takes the next line of a file, after [`Verifier::line`](crate::Verifier::line) took it: an
    /// entry, or the last line, which tells nothing more.
    pub fn line(&mut self, line: &[u8]) {
        let Some(framed) = unframe(line) else { return };
        if !framed.text.starts_with(b"{\"schema\":") {
            self.entry(&(String::from_utf8_lossy(framed.text) + "}"));
        }
    }

    /// Takes the next entry, by its text as the ledger has it.
    pub fn entry(&mut self, text: &str) {
        let Ok(Entry { number, at, event, .. }) = serde_json::from_str::<Entry>(text) else {
            self.not_understood += 1;
            return;
        };
        self.whole |= number == 1;
        let wrong = match event {
            Event::Pause { until, .. } if until <= at => Err(Wrong::PauseOver(until)),
            _ => Ok(()),
        };
        // All of it is taken up, so that what follows is judged by what stands there.
        if let Err(wrong) = wrong.and(self.event(number, &event)) {
            self.first.get_or_insert(Contradiction { entry: number, wrong });
        }
    }

    fn event(&mut self, number: u64, event: &Event) -> Result<(), Wrong> {
        let asked = self.directed.take(number, event, self.whole);
        let versions = self.versions.take(number, event);
        let waves = self.waves.take(number, event, self.whole);
        let receipts = match event {
            Event::Receipts { receipts, statuses, changed, .. } => {
                self.outcomes += changed.len();
                let disputed = statuses.get(DISPUTED).copied().unwrap_or_default();
                let sum = statuses.values().fold(0_usize, |sum, of| sum.saturating_add(*of)).saturating_sub(disputed);
                counted(*receipts, sum, changed)
            }
            _ => Ok(()),
        };
        asked.and(versions).and(waves).and(receipts)
    }

    /// What all of it tells, after the last entry.
    ///
    /// # Errors
    /// The first entry that is wrong.
    pub fn finish(self) -> Result<Replayed, Contradiction> {
        let missing = self.versions.missing();
        let first = [self.first, missing].into_iter().flatten().min_by_key(|it| it.entry);
        match first {
            Some(contradiction) => Err(contradiction),
            None => Ok(Replayed {
                lowest: self.versions.lowest(),
                highest: self.versions.highest(),
                outcomes: self.outcomes,
                asked: self.directed.asked(),
                not_understood: self.not_understood,
            }),
        }
    }
}

/// Whether an entry about receipts counts as many as it says, and names each experience once.
fn counted(receipts: usize, sum: usize, changed: &[SeenOutcome]) -> Result<(), Wrong> {
    if sum != receipts {
        return Err(Wrong::Sum { receipts, sum });
    }
    if changed.len() > receipts.min(MAX_OUTCOMES) {
        return Err(Wrong::TooMany { receipts, named: changed.len() });
    }
    let mut named = BTreeSet::new();
    match changed.iter().find(|it| !named.insert((&it.organization, &it.member_experience))) {
        Some(it) => Err(Wrong::Twice(it.member_experience.to_string())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
