//! Counts the products that were removed from an experience lately, from its receipts. So the guard
//! rails (rule 5) judge many small removals like one large one. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pmp_plan::Lately;
use pmp_protocol::{Receipt, Removal};

/// How far back the guard rails look by default.
pub(crate) const WINDOW: Duration = Duration::from_secs(24 * 3600);
/// The most removals that a receipt lists one by one. Few passes remove anything.
const MAX_REMOVALS: usize = 48;

/// The removals of the last receipt that are not older than `window`.
pub(crate) fn recent(before: Option<&Receipt>, window: Duration, now: Timestamp) -> Vec<Removal> {
    let window = SignedDuration::try_from(window).unwrap_or(SignedDuration::MAX);
    let removals = before.map_or(&[][..], |before| &before.removals);
    removals.iter().filter(|removal| now.duration_since(removal.at) < window).copied().collect()
}

/// The sum of these removals, and the most products that were approved before any of them.
pub(crate) fn lately(removals: &[Removal]) -> Lately {
    Lately {
        removed: removals.iter().fold(0, |sum, removal| sum.saturating_add(removal.removed)),
        approved: removals.iter().map(|removal| removal.approved).max().unwrap_or_default(),
    }
}

/// Adds one removal. If there are too many, the two oldest are merged, with the time of the later
/// one. So they count for longer, and never for less.
pub(crate) fn with(removals: &[Removal], next: Option<Removal>) -> Vec<Removal> {
    let mut removals: Vec<_> = removals.iter().copied().chain(next.filter(|next| next.removed > 0)).collect();
    while removals.len() > MAX_REMOVALS {
        let oldest = removals.remove(0);
        removals[0].removed = removals[0].removed.saturating_add(oldest.removed);
        removals[0].approved = removals[0].approved.max(oldest.approved);
    }
    removals
}

#[cfg(test)]
mod tests {
    use super::*;

    fn removal(second: i64, removed: usize, approved: usize) -> Removal {
        Removal { at: Timestamp::from_second(second).unwrap(), removed, approved }
    }

    #[test]
    fn five_steps_of_forty_five_percent_are_one_blow() {
        let (mut removals, mut approved) = (Vec::new(), 100);
        let mut judged = Vec::new();
        for step in 0..5 {
            judged.push(lately(&removals));
            let removed = approved * 45 / 100;
            removals = with(&removals, Some(removal(step, removed, approved)));
            approved -= removed;
        }
        assert_eq!(judged[0], Lately::default());
        assert_eq!(judged[1], Lately { removed: 45, approved: 100 });
        assert_eq!(judged[4], Lately { removed: 90, approved: 100 });
    }

    #[test]
    fn what_is_older_than_the_window_is_forgotten_and_what_is_too_much_is_summed_up() {
        let many = (0..60).fold(Vec::new(), |removals, n| with(&removals, Some(removal(n, 1, 100))));
        assert_eq!((many.len(), lately(&many)), (48, Lately { removed: 60, approved: 100 }));
        assert_eq!(with(&many, None), many);
        assert_eq!(with(&[], Some(removal(0, 0, 100))), []);
    }
}
