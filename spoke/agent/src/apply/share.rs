//! Decides how many waiting parts share a change set. Pure.
//!
//! A change set for one experience alone is best: no other experience can make it fail or wait. But
//! AWS permits only 5 `StartChangeSet` calls a second and 10 polls. If these calls are the
//! bottleneck, the parts of several experiences go into one change set.
//!
//! Example: 100 experiences, change sets that take one second. 3 polls for each change set permit
//! about 3 change sets at once, so a change set takes as many experiences as it has room for: 20
//! that only allow products, or 10 that also deny some. With change sets of a minute, every
//! experience has its own.

use std::time::Duration;

use pmp_catalog::ChangeSetRequest;

/// The most experiences in one change set: AWS permits 20 changes, and each experience needs at
/// least one.
pub(crate) const MOST_EXPERIENCES: usize = ChangeSetRequest::MAX_CHANGES;
/// The share of the permitted calls that this module plans with. The rest is slack.
const USE: f64 = 0.8;
/// The polls that one change set takes: one or two where its end is expected, and slack.
const POLLS: f64 = 3.0;
/// The assumed duration before the end of any change set was seen. It is short, because too many
/// starts cannot be taken back, while sharing costs nothing unless a product is refused.
const UNKNOWN: Duration = Duration::from_secs(1);
/// How long a part waits for others to share with, as a share of a change set's duration. Together
/// with the polls' delay it stays within a tenth of the duration.
const LINGER: f64 = 0.03;
const SHORTEST_LINGER: Duration = Duration::from_millis(40);
const LONGEST_LINGER: Duration = Duration::from_secs(1);

/// The permitted calls per second that every change set needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Permitted {
    /// Permitted calls of `StartChangeSet`, per second.
    pub(crate) starts: f64,
    /// Permitted calls of `DescribeChangeSet`, per second.
    pub(crate) polls: f64,
}

/// How experiences share change sets, so that calls do not become the bottleneck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sharing {
    /// The most experiences for one change set: 1 to [`MOST_EXPERIENCES`].
    pub(crate) share: usize,
    /// Size of a change set if all parts were spread evenly. Waiting for more would never fill it.
    pub(crate) even_size: usize,
    /// How long the first part waits for others.
    pub(crate) linger: Duration,
}

impl Sharing {
    /// No sharing: one experience for each change set.
    pub(crate) const NONE: Self = Self { share: 1, even_size: 1, linger: Duration::ZERO };

    /// The sharing of `active` experiences whose change sets take `typical` time. `None` if that is
    /// not known yet.
    pub(crate) fn new(active: usize, permitted: Permitted, typical: Option<Duration>) -> Self {
        let typical = typical.unwrap_or(UNKNOWN);
        let at_once = (permitted.starts.min(permitted.polls / POLLS) * USE * typical.as_secs_f64()).max(1.0);
        // The clamp leaves a whole number from 1 to MOST_EXPERIENCES: nothing is cut off.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let share = (active as f64 / at_once).ceil().clamp(1.0, MOST_EXPERIENCES as f64) as usize;
        let even_size = (active / active.div_ceil(share).max(1)).max(1);
        Self { share, even_size, linger: typical.mul_f64(LINGER).clamp(SHORTEST_LINGER, LONGEST_LINGER) }
    }
}

/// How many change sets the waiting parts need, where `share` parts should go into each. `changes`
/// says how many changes each part takes.
pub(crate) fn change_sets(changes: &[usize], share: usize) -> usize {
    let (mut rest, mut sets) = (changes, 0);
    while !rest.is_empty() {
        rest = &rest[first(rest, share)..];
        sets += 1;
    }
    sets
}

/// The sizes of at most `sets` change sets, which take the waiting parts in their order, as evenly
/// as possible, and none more than it has room for. What does not fit waits for later ones.
pub(crate) fn sizes(changes: &[usize], sets: usize) -> Vec<usize> {
    let (mut rest, mut sizes) = (changes, Vec::new());
    for left in (1..=sets).rev() {
        if rest.is_empty() {
            break;
        }
        let size = first(rest, rest.len().div_ceil(left));
        rest = &rest[size..];
        sizes.push(size);
    }
    sizes
}

/// Whether parts that take so many changes leave no room for another one.
pub(crate) fn is_full(changes: &[usize]) -> bool {
    changes.iter().sum::<usize>() >= ChangeSetRequest::MAX_CHANGES
}

/// How many of the first parts fit into one change set: `most` at the most, and one at least.
fn first(changes: &[usize], most: usize) -> usize {
    let mut taken = 0;
    let fits = |changes: &&usize| {
        taken += **changes;
        taken <= ChangeSetRequest::MAX_CHANGES
    };
    changes.iter().take(most).take_while(fits).count().max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    const PERMITTED: Permitted = Permitted { starts: 5.0, polls: 10.0 };

    #[test]
    fn nobody_shares_while_calls_suffice() {
        for (active, typical) in [(1, SECOND), (2, SECOND), (20, SECOND * 10), (75, SECOND * 30)] {
            assert_eq!(Sharing::new(active, PERMITTED, Some(typical)).share, 1, "{active} of {typical:?}");
        }
        // 10 polls a second, 3 for each change set: 2.7 change sets of a second at once.
        assert_eq!(Sharing::new(10, PERMITTED, Some(SECOND)).share, 4);
        assert_eq!(Sharing::new(10, PERMITTED, None).share, 4);
        // With more polls, starts are the bottleneck: 4 at once.
        assert_eq!(Sharing::new(10, Permitted { polls: 100.0, ..PERMITTED }, Some(SECOND)).share, 3);
        assert_eq!(Sharing::new(100, PERMITTED, Some(SECOND)).share, MOST_EXPERIENCES);
        assert_eq!(change_sets(&[2; 3], 1), 3);
    }

    #[test]
    fn a_part_waits_for_as_many_as_may_come_and_only_a_little() {
        // 10 in 3 change sets: 4, 3 and 3.
        assert_eq!(Sharing::new(10, PERMITTED, Some(SECOND)).even_size, 3);
        assert_eq!(Sharing::new(1, PERMITTED, Some(SECOND)).even_size, 1);
        assert_eq!(Sharing::new(0, PERMITTED, Some(SECOND)).even_size, 1);
        assert_eq!(Sharing::new(100, PERMITTED, Some(SECOND)).even_size, MOST_EXPERIENCES);
        let linger = |typical| Sharing::new(100, PERMITTED, Some(typical)).linger;
        assert_eq!([SECOND, SECOND * 10, SECOND * 1_000].map(linger), [SECOND / 25, SECOND * 3 / 10, SECOND]);
    }

    #[test]
    fn parts_that_wait_for_few_permits_share_them() {
        assert_eq!(change_sets(&[2; 100], 1), 100);
        assert_eq!(sizes(&[2; 100], 5), [10; 5]);
        assert_eq!(sizes(&[2; 7], 3), [3, 2, 2]);
        assert_eq!(sizes(&[2; 2], 5), [1, 1]);
        assert!(sizes(&[], 5).is_empty());
    }

    #[test]
    fn experiences_that_only_allow_share_with_twice_as_many() {
        assert_eq!((change_sets(&[1; 300], MOST_EXPERIENCES), change_sets(&[2; 300], MOST_EXPERIENCES)), (15, 30));
        assert_eq!(sizes(&[1; 300], 4), [20; 4]);
        // 1 + 9 x 2 changes leave room for one more, and not for two.
        let mixed = [1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1];
        assert_eq!(sizes(&mixed, 1), [10]);
        assert!(is_full(&[2; 10]) && is_full(&[1; 20]) && !is_full(&[1; 19]));
    }

    proptest! {
        #[test]
        fn every_change_set_has_a_part_and_room_for_it(
            changes in proptest::collection::vec(1..=3_usize, 0..500), permits in 0..20_usize, share in 1..=MOST_EXPERIENCES,
        ) {
            let wanted = change_sets(&changes, share);
            prop_assert!(wanted <= changes.len() && wanted * share >= changes.len());
            let sizes = sizes(&changes, wanted.min(permits));
            prop_assert!(sizes.len() <= permits);
            let mut rest = changes.as_slice();
            for size in sizes {
                let (set, others) = rest.split_at(size);
                prop_assert!(size >= 1 && set.iter().sum::<usize>() <= ChangeSetRequest::MAX_CHANGES);
                rest = others;
            }
            // Where starts suffice, and any parts fit together, none waits.
            prop_assert!(rest.is_empty() || permits < wanted || share * 3 > ChangeSetRequest::MAX_CHANGES);
        }
    }
}
