//! How parts that wait share change sets. Pure.
//!
//! A change set by itself is best: nothing else can fail it, and nothing else makes it wait. But `StartChangeSet` is rare
//! (5 a second), and so are the looks that tell when one ended: where they are scarce, parts of several experiences go into
//! one.

use std::time::Duration;

/// The most experiences in one change set: 20 changes, an allow and a deny for each.
pub(crate) const MOST: usize = 10;
/// Of the permitted calls, the share to plan with: the rest is slack.
const USE: f64 = 0.8;
/// The looks that a change set takes: one or two where its end is expected, and slack.
const LOOKS: f64 = 3.0;
/// How long a change set is taken to last before any was seen to end: short, since starts that were too many cannot be made
/// good, while sharing costs nothing unless something is at fault.
const UNKNOWN: Duration = Duration::from_secs(1);
/// How long a part waits for others to share with: this share of what a change set takes, within bounds. Together with the
/// looks it stays within a tenth.
const LINGER: f64 = 0.03;
const SHORTEST_LINGER: Duration = Duration::from_millis(40);
const LONGEST_LINGER: Duration = Duration::from_secs(1);

/// The permitted calls per second that every change set needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Permitted {
    /// `StartChangeSet`.
    pub(crate) starts: f64,
    /// `DescribeChangeSet`.
    pub(crate) looks: f64,
}

/// How experiences that each start one change set after the other share them, so that calls do not become the bottleneck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sharing {
    /// How many of them at most should go into one change set, 1 to [`MOST`].
    pub(crate) share: usize,
    /// How many there are in a change set when all are spread evenly: who waits for company waits for no more.
    pub(crate) company: usize,
    /// How long to wait for company.
    pub(crate) linger: Duration,
}

impl Sharing {
    /// Everyone for itself.
    pub(crate) const NONE: Self = Self { share: 1, company: 1, linger: Duration::ZERO };

    /// For `active` experiences, where change sets take `typical` time, as far as that is known.
    pub(crate) fn new(active: usize, permitted: Permitted, typical: Option<Duration>) -> Self {
        let typical = typical.unwrap_or(UNKNOWN);
        let at_once = (permitted.starts.min(permitted.looks / LOOKS) * USE * typical.as_secs_f64()).max(1.0);
        // At most MOST: a small whole number.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let share = (active as f64 / at_once).ceil().clamp(1.0, MOST as f64) as usize;
        let company = (active / active.div_ceil(share).max(1)).max(1);
        Self { share, company, linger: typical.mul_f64(LINGER).clamp(SHORTEST_LINGER, LONGEST_LINGER) }
    }
}

/// How many change sets to start now for `waiting` parts, when there are turns for `turns`, and `share` of them should go
/// into one.
pub(crate) fn change_sets(waiting: usize, turns: usize, share: usize) -> usize {
    waiting.div_ceil(share.max(1)).min(turns)
}

/// The sizes of `sets` change sets that take `waiting` parts as evenly as possible, none more than [`MOST`].
pub(crate) fn sizes(waiting: usize, sets: usize) -> Vec<usize> {
    let sets = sets.min(waiting);
    (0..sets).map(|index| (waiting / sets + usize::from(index < waiting % sets)).min(MOST)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    const PERMITTED: Permitted = Permitted { starts: 5.0, looks: 10.0 };

    #[test]
    fn nobody_shares_while_calls_suffice() {
        for (active, typical) in [(1, SECOND), (2, SECOND), (20, SECOND * 10), (75, SECOND * 30)] {
            assert_eq!(Sharing::new(active, PERMITTED, Some(typical)).share, 1, "{active} of {typical:?}");
        }
        // 10 looks a second, 3 for each change set: 2.7 change sets of a second at once.
        assert_eq!(Sharing::new(10, PERMITTED, Some(SECOND)).share, 4);
        assert_eq!(Sharing::new(10, PERMITTED, None).share, 4);
        // Where looks are plenty, starts are the bottleneck: 4 at once.
        assert_eq!(Sharing::new(10, Permitted { looks: 100.0, ..PERMITTED }, Some(SECOND)).share, 3);
        assert_eq!(Sharing::new(100, PERMITTED, Some(SECOND)).share, MOST);
        assert_eq!(change_sets(3, 5, 1), 3);
    }

    #[test]
    fn who_waits_for_company_waits_for_as_many_as_may_come_and_only_a_little() {
        // 10 in 3 change sets: 4, 3 and 3.
        assert_eq!(Sharing::new(10, PERMITTED, Some(SECOND)).company, 3);
        assert_eq!(Sharing::new(1, PERMITTED, Some(SECOND)).company, 1);
        assert_eq!(Sharing::new(0, PERMITTED, Some(SECOND)).company, 1);
        assert_eq!(Sharing::new(100, PERMITTED, Some(SECOND)).company, MOST);
        let linger = |typical| Sharing::new(100, PERMITTED, Some(typical)).linger;
        assert_eq!([SECOND, SECOND * 10, SECOND * 1_000].map(linger), [SECOND / 25, SECOND * 3 / 10, SECOND]);
    }

    #[test]
    fn what_waits_for_few_turns_shares_them() {
        assert_eq!(change_sets(100, 5, 1), 5);
        assert_eq!(sizes(100, 5), [10; 5]);
        assert_eq!(sizes(7, 3), [3, 2, 2]);
        assert_eq!(sizes(2, 5), [1, 1]);
        assert!(sizes(0, 5).is_empty());
    }

    proptest! {
        #[test]
        fn every_change_set_has_a_part_and_room_for_it(waiting in 0..500_usize, turns in 0..20_usize, share in 1..=MOST) {
            let sets = change_sets(waiting, turns, share);
            let sizes = sizes(waiting, sets);
            prop_assert!(sets <= turns && sets <= waiting);
            prop_assert_eq!(sizes.len(), sets);
            prop_assert!(sizes.iter().all(|size| (1..=MOST).contains(size)));
            prop_assert_eq!(sizes.iter().sum::<usize>(), waiting.min(sets * MOST).min(waiting));
        }
    }
}
