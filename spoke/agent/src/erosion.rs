//! Counts the products that were removed from an experience lately, from its receipts. So the guard
//! rails (rule 5) judge many small removals like one large one. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pmp_plan::Lately;
use pmp_protocol::{ProductId, Receipt, ReceiptStatus, Removal, Snapshot};

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

/// The approved products that somebody else must have approved since the last pass, because the hub
/// does not: to take them back is no removal that a guard rail has to judge. It protects what the
/// hub approved, and counts all of that, as long as this names nothing that was approved before.
///
/// So it is known only where the last pass left the experience in step with the very same snapshot:
/// then nothing was approved that the snapshot does not approve, whatever the filter says (rule 1).
/// `before` is the last receipt, and `approved` what is approved now.
pub(crate) fn added_by_others(
    before: Option<&Receipt>,
    snapshot: &Snapshot,
    approved: &BTreeSet<ProductId>,
) -> BTreeSet<ProductId> {
    let in_step = before.is_some_and(|before| {
        before.status == ReceiptStatus::InSync
            && (before.version, before.digest) == (snapshot.version(), snapshot.digest())
    });
    if !in_step {
        return BTreeSet::new();
    }
    approved.difference(snapshot.content().approved()).cloned().collect()
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
    use pmp_protocol::testing::{content, product, receipt, snapshot};
    use proptest::prelude::*;

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

    /// What happens to an experience. Each number is a set of eight products.
    #[derive(Debug, Clone)]
    enum Event {
        /// Somebody else approves these, and takes away the ones that are approved.
        Edit(u8),
        /// The hub publishes a snapshot that approves these.
        Publish(u8),
        /// A pass, whose filter keeps these. It comes to its end, or is stopped before.
        Pass { filter: u8, ends: bool },
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            any::<u8>().prop_map(Event::Edit),
            any::<u8>().prop_map(Event::Publish),
            (any::<u8>(), any::<bool>()).prop_map(|(filter, ends)| Event::Pass { filter, ends }),
        ]
    }

    fn products(set: u8) -> BTreeSet<ProductId> {
        (0..8).filter(|n| set & (1 << n) != 0).map(|n| product(&format!("prod-{n}"))).collect()
    }

    fn published(version: u64, set: u8) -> Snapshot {
        let ids = products(set);
        snapshot(version, &content(&ids.iter().map(ProductId::as_str).collect::<Vec<_>>(), &[]))
    }

    proptest! {
        /// Rule 5: what the hub approved, and what was left by a pass, always counts when it is
        /// removed.
        #[test]
        fn all_that_the_hub_approved_counts_as_removed(events in prop::collection::vec(event(), 1..40)) {
            let (mut version, mut hub, mut live, mut left) = (1, u8::MAX, 0, 0);
            let mut before: Option<Receipt> = None;
            for event in events {
                match event {
                    Event::Edit(set) => live ^= set,
                    Event::Publish(set) => (version, hub) = (version + 1, set),
                    Event::Pass { filter, ends } => {
                        let now = published(version, hub);
                        let others = added_by_others(before.as_ref(), &now, &products(live));
                        prop_assert!(others.is_disjoint(&products(hub)), "what the hub approves");
                        prop_assert!(others.is_disjoint(&products(left)), "what a pass left approved");
                        prop_assert!(others.is_subset(&products(live)));
                        let status = if ends { ReceiptStatus::InSync } else { ReceiptStatus::Partial };
                        live = if ends { hub & filter } else { live | (hub & filter) };
                        left = live;
                        before = Some(Receipt { digest: now.digest(), ..receipt(version, status, None) });
                    }
                }
            }
        }
    }

    #[test]
    fn what_others_approved_is_known_after_a_pass_that_was_in_step_alone() {
        let now = published(2, 0b0011);
        let of = |version, status| Receipt { digest: now.digest(), ..receipt(version, status, None) };
        let added = |before: Option<&Receipt>| added_by_others(before, &now, &products(0b0111));
        assert_eq!(added(Some(&of(2, ReceiptStatus::InSync))), products(0b0100));
        for before in [of(1, ReceiptStatus::InSync), of(2, ReceiptStatus::Partial), of(2, ReceiptStatus::Held)] {
            assert_eq!(added(Some(&before)), BTreeSet::new(), "{before:?}");
        }
        let other = Receipt { digest: published(2, 0).digest(), ..of(2, ReceiptStatus::InSync) };
        assert_eq!((added(Some(&other)), added(None)), (BTreeSet::new(), BTreeSet::new()));
    }

    #[test]
    fn what_is_older_than_the_window_is_forgotten_and_what_is_too_much_is_summed_up() {
        let many = (0..60).fold(Vec::new(), |removals, n| with(&removals, Some(removal(n, 1, 100))));
        assert_eq!((many.len(), lately(&many)), (48, Lately { removed: 60, approved: 100 }));
        assert_eq!(with(&many, None), many);
        assert_eq!(with(&[], Some(removal(0, 0, 100))), []);
    }
}
