//! The products that a pass leaves as they are: what the catalog refused lately, and what could not be looked up for the
//! filter, of which nothing can be decided.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use pmp_protocol::{ProductId, QuarantinedProduct, Receipt, ReceiptStatus};

use crate::apply::{Applied, LONGEST_PAUSE};
use crate::draft::Progress;

/// What could not be looked up is left in this pass alone: the next one begins later than that.
const UNDECIDED_PAUSE: SignedDuration = SignedDuration::from_millis(1);

/// What a pass that began then sets aside from the start: what the last receipt says, and the `undecided` products, with why
/// they are.
pub(crate) fn from_the_start(
    before: Option<&Receipt>,
    undecided: &BTreeMap<ProductId, String>,
    began: Timestamp,
) -> Vec<QuarantinedProduct> {
    let before = before.map_or(&[][..], |before| &before.quarantined);
    // A receipt is text in a table: whatever it says, nothing is left for longer than the spoke itself would leave it.
    let latest = began.checked_add(LONGEST_PAUSE).ok();
    let left = |found: &QuarantinedProduct| {
        let next_try = found.next_try.map(|next| latest.map_or(next, |latest| next.min(latest)));
        QuarantinedProduct { next_try, ..found.clone() }
    };
    let mut set_aside: BTreeMap<_, _> = before.iter().map(|found| (&found.product, left(found))).collect();
    for (product, error) in undecided {
        let found = set_aside.entry(product).or_insert_with(|| QuarantinedProduct {
            product: product.clone(),
            error: format!("not looked up for the filter: {error}"),
            first_seen: Some(began),
            tries: 0,
            next_try: None,
        });
        found.next_try = found.next_try.max(Some(began + UNDECIDED_PAUSE));
    }
    set_aside.into_values().collect()
}

/// What came of a pass, unless it left nothing to do: where some products are `undecided`, it is not known to be in step.
pub(crate) fn in_the_end(
    applied: Applied,
    undecided: &BTreeMap<ProductId, String>,
    set_aside: &[QuarantinedProduct],
) -> Applied {
    let left = set_aside.iter().filter(|found| undecided.contains_key(&found.product));
    let left: Vec<_> = left.cloned().collect();
    let Some(first) = left.first().filter(|_| applied.status == ReceiptStatus::InSync) else { return applied };
    let error = format!("{} of the products are set aside; `{}`: {}", left.len(), first.product, first.error);
    let progress = Progress { quarantined: left, ..applied.progress };
    Applied { status: ReceiptStatus::Partial, progress, error: Some(error) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::Draft;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn product(id: &str) -> ProductId {
        ProductId::new(id).unwrap()
    }

    fn refused(id: &str, next_try: i64) -> QuarantinedProduct {
        let error = "ENTITY_NOT_FOUND: no such product".to_owned();
        QuarantinedProduct {
            product: product(id),
            error,
            first_seen: Some(at(0)),
            tries: 3,
            next_try: Some(at(next_try)),
        }
    }

    fn receipt(quarantined: Vec<QuarantinedProduct>) -> Receipt {
        let draft = Draft::of("exp-member");
        draft.receipt(ReceiptStatus::Partial, &Progress { quarantined, ..Progress::default() }, None)
    }

    fn undecided(ids: &[&str]) -> BTreeMap<ProductId, String> {
        ids.iter().map(|id| (product(id), "throttled".to_owned())).collect()
    }

    #[test]
    fn what_is_undecided_is_left_in_this_pass_and_not_in_the_next() {
        let found = from_the_start(None, &undecided(&["prod-a"]), at(100));
        assert_eq!(found[0].error, "not looked up for the filter: throttled");
        assert_eq!((found[0].first_seen, found[0].tries), (Some(at(100)), 0));
        assert!(found[0].next_try > Some(at(100)) && found[0].next_try < Some(at(101)));
    }

    #[test]
    fn what_the_catalog_refused_keeps_its_error_and_the_later_of_both_times() {
        let before = receipt(vec![refused("prod-due", 50), refused("prod-later", 500), refused("prod-other", 50)]);
        let found = from_the_start(Some(&before), &undecided(&["prod-due", "prod-later"]), at(100));
        assert!(found.iter().all(|found| found.error.starts_with("ENTITY_NOT_FOUND") && found.tries == 3));
        assert!(found[0].next_try > Some(at(100)), "{found:?}");
        assert_eq!((found[1].next_try, found[2].next_try), (Some(at(500)), Some(at(50))));
    }

    #[test]
    fn nothing_is_left_for_longer_than_a_day_whatever_a_receipt_says() {
        let forged = receipt(vec![refused("prod-a", 4_000_000_000), refused("prod-b", 500)]);
        let found = from_the_start(Some(&forged), &undecided(&[]), at(100));
        assert_eq!((found[0].next_try, found[1].next_try), (Some(at(100 + 86_400)), Some(at(500))));
    }

    #[test]
    fn with_something_undecided_nothing_is_in_step() {
        let applied = |status| Applied { status, progress: Progress::default(), error: None };
        let set_aside = from_the_start(None, &undecided(&["prod-a"]), at(100));
        let ended = in_the_end(applied(ReceiptStatus::InSync), &undecided(&["prod-a"]), &set_aside);
        assert_eq!((ended.status, ended.progress.quarantined.len()), (ReceiptStatus::Partial, 1));
        assert!(ended.error.unwrap().starts_with("1 of the products are set aside; `prod-a`: not looked up"));
        // Another end is told as it is, and without anything undecided so is this one.
        assert_eq!(
            in_the_end(applied(ReceiptStatus::Held), &undecided(&["prod-a"]), &set_aside).status,
            ReceiptStatus::Held
        );
        assert_eq!(in_the_end(applied(ReceiptStatus::InSync), &undecided(&[]), &[]).status, ReceiptStatus::InSync);
    }
}
