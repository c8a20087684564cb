//! How fast a snapshot arrived, and who is behind since when. Pure.
//!
//! The ledger keeps one receipt for each experience, with the snapshot that was applied last. So of
//! the newest snapshot it is known exactly when each experience came to it. Of an earlier one it is
//! known of those alone that are still on it: the page says so, and guesses nothing.

use jiff::{SignedDuration, Timestamp};
use pmp_ledger::KeptVersion;
use pmp_protocol::SnapshotVersion;

use crate::status::{SpokeState, SpokeStatus};

/// The steps in which arrivals are counted.
pub(super) const STEPS: [(SignedDuration, &str); 7] = [
    (SignedDuration::from_mins(1), "1 minute"),
    (SignedDuration::from_mins(5), "5 minutes"),
    (SignedDuration::from_mins(15), "15 minutes"),
    (SignedDuration::from_hours(1), "1 hour"),
    (SignedDuration::from_hours(6), "6 hours"),
    (SignedDuration::from_hours(24), "1 day"),
    (SignedDuration::from_hours(24 * 7), "7 days"),
];

/// The experiences that came to one snapshot and are still on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arrivals {
    /// How long each took since the snapshot was taken, the shortest first.
    took: Vec<SignedDuration>,
}

impl Arrivals {
    /// Those that `rows` tell of, as far as the hub believes them.
    pub(super) fn at(kept: &KeptVersion, rows: &[SpokeStatus]) -> Self {
        let believed = rows.iter().filter(|row| row.state != SpokeState::Disputed && row.lag.is_some());
        let applied = believed.filter_map(|row| row.applied).filter(|applied| applied.version == kept.version);
        // A clock of a member may be a little behind the hub's.
        let mut took: Vec<_> =
            applied.map(|applied| applied.at.duration_since(kept.taken_at).max(SignedDuration::ZERO)).collect();
        took.sort();
        Self { took }
    }

    pub(super) fn count(&self) -> usize {
        self.took.len()
    }

    /// How many came within `time`.
    pub(super) fn within(&self, time: SignedDuration) -> usize {
        self.took.partition_point(|took| *took <= time)
    }

    /// In what time so many per cent of them came. `None` where there are none.
    pub(super) fn percentile(&self, percent: usize) -> Option<SignedDuration> {
        let at = (self.took.len() * percent).div_ceil(100).saturating_sub(1);
        self.took.get(at).copied()
    }
}

/// Experiences that are behind by the same number of snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Behind {
    pub(super) by: u64,
    pub(super) experiences: usize,
    /// Since when the one is behind that is so for the longest time. `None` where the snapshot that
    /// it lacks is not kept any more.
    pub(super) since: Option<Timestamp>,
}

/// Whether it is to be on the snapshot that the hub publishes.
pub(super) fn is_counted(row: &SpokeStatus) -> bool {
    row.member_experience.is_some() && row.state.is_kept_in_step()
}

/// Those that are behind, by how much, the least first.
pub(super) fn behind(rows: &[SpokeStatus], kept: &[KeptVersion]) -> Vec<Behind> {
    let lagging = rows.iter().filter(|row| is_counted(row));
    let lagging = lagging.filter_map(|row| Some((row.lag.filter(|lag| *lag > 0)?, row.in_force()?)));
    let mut found = std::collections::BTreeMap::<u64, Behind>::new();
    for (by, version) in lagging {
        let group = found.entry(by).or_insert(Behind { by, experiences: 0, since: next_taken(kept, version) });
        group.experiences += 1;
        group.since = group.since.min(next_taken(kept, version));
    }
    found.into_values().collect()
}

/// When the snapshot after `version` was taken. `None` if it is not kept.
fn next_taken(kept: &[KeptVersion], version: SnapshotVersion) -> Option<Timestamp> {
    kept.iter().find(|kept| kept.version == version.next()).map(|kept| kept.taken_at)
}

/// A time as people say it: `40 s`, `18 min`, `3 h`, `2 d`.
pub(super) fn told(time: SignedDuration) -> String {
    match time.as_secs() {
        seconds @ ..120 => format!("{} s", seconds.max(0)),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use pmp_protocol::testing::{now, version};
    use pmp_protocol::{Applied, Digest, ExperienceId, OrganizationId};

    use super::*;

    fn kept(number: u64, ago: SignedDuration) -> KeptVersion {
        KeptVersion {
            version: version(number),
            digest: Digest::of(b"it"),
            taken_at: now() - ago,
            counts: None,
            pinned: None,
        }
    }

    fn on(number: u64, ago: SignedDuration, lag: u64) -> SpokeStatus {
        let id = OrganizationId::new("o-alpha00000").unwrap();
        SpokeStatus {
            member_experience: Some(ExperienceId::new("exp-a").unwrap()),
            version: Some(version(number)),
            applied: Some(Applied { version: version(number), digest: Digest::of(b"it"), at: now() - ago }),
            lag: Some(lag),
            ..SpokeStatus::whole(&id, SpokeState::Synced, String::new())
        }
    }

    #[test]
    fn arrivals_are_counted_from_when_the_snapshot_was_taken() {
        let (hour, minute) = (SignedDuration::from_hours(1), SignedDuration::from_mins(1));
        let mut rows: Vec<_> = (0..10).map(|at| on(42, hour - minute * at, 0)).collect();
        // A clock that is behind, one on another snapshot, and one that is not believed.
        rows.push(on(42, hour + minute, 0));
        rows.push(on(41, hour, 1));
        rows.push(SpokeStatus { state: SpokeState::Disputed, ..on(42, hour, 0) });
        let arrivals = Arrivals::at(&kept(42, hour), &rows);
        assert_eq!((arrivals.count(), arrivals.within(minute), arrivals.within(hour)), (11, 3, 11));
        assert_eq!(arrivals.percentile(50).map(told).as_deref(), Some("4 min"));
        assert_eq!(arrivals.percentile(100).map(told).as_deref(), Some("9 min"));
        assert_eq!(Arrivals::at(&kept(40, hour), &rows).percentile(95), None);
    }

    #[test]
    fn who_is_behind_is_told_by_how_much_and_since_when() {
        let hour = SignedDuration::from_hours(1);
        let all = [kept(41, hour * 2), kept(42, hour)];
        let rows = [on(42, hour, 0), on(41, hour, 1), on(41, hour, 1), on(39, hour * 9, 3)];
        let told = behind(&rows, &all);
        let told: Vec<_> = told.iter().map(|it| (it.by, it.experiences, it.since)).collect();
        assert_eq!(told, [(1, 2, Some(now() - hour)), (3, 1, None)]);
        let paused = [SpokeStatus { state: SpokeState::Paused, ..on(41, hour, 1) }];
        assert_eq!(behind(&paused, &all), Vec::new());
    }
}
