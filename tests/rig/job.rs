//! The least time in which a job can be done at all: what AWS's limits and the duration of change
//! sets leave.

use std::time::Duration;

/// The most product ids in one change, changes in one change set, and `StartChangeSet` calls a
/// second, as AWS documents.
const IDS: usize = 50;
const CHANGES: usize = 20;
const STARTS_PER_SECOND: u32 = 5;

/// So many products to allow and to deny, in each of so many experiences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// How many member experiences it has.
    pub experiences: usize,
    /// Products to allow in each.
    pub allow: usize,
    /// Products to deny in each.
    pub deny: usize,
}

impl Job {
    /// The change sets of one experience, one after the other: allow and deny travel together.
    pub fn chain(&self) -> usize {
        self.allow.max(self.deny).div_ceil(IDS)
    }

    /// The fewest change sets in all: one for each link of each experience's chain; or, where
    /// experiences share them, as few as hold 20 changes each.
    pub fn change_sets(&self, shared: bool) -> usize {
        if !shared {
            return self.chain() * self.experiences;
        }
        let changes = |link: usize| usize::from(self.allow > link * IDS) + usize::from(self.deny > link * IDS);
        (0..self.chain()).map(|link| self.experiences.div_ceil(CHANGES / changes(link).max(1))).sum()
    }

    /// The larger of (longest chain of change sets × latency) and (change sets ÷ permitted rate of
    /// starts + latency).
    pub fn floor(&self, latency: Duration, shared: bool) -> Duration {
        let count = |n: usize| u32::try_from(n).unwrap();
        match self.chain() {
            0 => Duration::ZERO,
            chain => {
                let starts = Duration::from_secs(1) * count(self.change_sets(shared)) / STARTS_PER_SECOND;
                (latency * count(chain)).max(starts + latency)
            }
        }
    }
}
