//! How parts that wait share change sets. Pure.
//!
//! A change set by itself is best: nothing else can fail it, and nothing else makes it wait. But `StartChangeSet` is rare
//! (5 a second), so where starts are scarce, parts of several experiences go into one.

use std::time::Duration;

/// The most experiences in one change set: 20 changes, an allow and a deny for each.
pub(crate) const MOST: usize = 10;
/// Of the permitted starts, the share to plan with: the rest is slack.
const USE: f64 = 0.8;
/// How long a change set is taken to last before any was seen to end.
const UNKNOWN: Duration = Duration::from_secs(5);

/// How many experiences should share a change set, 1 to [`MOST`], so that starts do not become the bottleneck: with
/// `active` experiences that each start one change set after the other, `per_second` starts, and change sets that take
/// `typical` time, `per_second × typical` of them can run at once.
pub(crate) fn share(active: usize, per_second: f64, typical: Option<Duration>) -> usize {
    let at_once = (per_second * USE * typical.unwrap_or(UNKNOWN).as_secs_f64()).max(1.0);
    // At most MOST: a small whole number.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let wanted = (active as f64 / at_once).ceil().clamp(1.0, MOST as f64) as usize;
    wanted
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

    #[test]
    fn nobody_shares_while_starts_suffice() {
        assert_eq!(share(1, 5.0, Some(SECOND)), 1);
        assert_eq!(share(4, 5.0, Some(SECOND)), 1);
        assert_eq!(share(100, 5.0, Some(SECOND * 30)), 1);
        // 5 starts a second and change sets of a second: 4 at once.
        assert_eq!(share(10, 5.0, Some(SECOND)), 3);
        assert_eq!(share(100, 5.0, Some(SECOND)), MOST);
        assert_eq!(change_sets(3, 5, 1), 3);
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
