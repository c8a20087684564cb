//! The products that a pass leaves as they are: the catalog refused them lately, or they could not
//! be looked up, so that the filter could not judge them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use pmp_protocol::{DeferralReason, Deferred, ProductId, Receipt, ReceiptStatus};

use crate::apply::{Applied, LONGEST_PAUSE};
use crate::draft::Progress;

/// A product that could not be looked up is left in this pass only: the next pass begins later than
/// this, and looks it up again.
const NOT_LOOKED_UP_PAUSE: SignedDuration = SignedDuration::from_millis(1);

/// The products that a pass defers at its start: those that the last receipt defers, and those that
/// were `not_looked_up`, each with its reason. `began` is when the pass began.
pub(crate) fn at_start(
    before: Option<&Receipt>,
    not_looked_up: &BTreeMap<ProductId, String>,
    began: Timestamp,
) -> Vec<Deferred> {
    let before = before.map_or(&[][..], |before| &before.deferred);
    // A receipt is text in a table that others can write. Whatever it says, no product is deferred
    // for longer than the spoke itself would defer it.
    let latest = began.checked_add(LONGEST_PAUSE).ok();
    let left = |found: &Deferred| {
        let next_try = found.next_try.map(|next| latest.map_or(next, |latest| next.min(latest)));
        Deferred { next_try, ..found.clone() }
    };
    let mut deferred: BTreeMap<_, _> = before.iter().map(|found| (&found.product, left(found))).collect();
    for (product, error) in not_looked_up {
        let found = deferred.entry(product).or_insert_with(|| Deferred {
            product: product.clone(),
            reason: DeferralReason::NotLookedUp,
            error: format!("not looked up for the filter: {error}"),
            first_seen: Some(began),
            tries: 0,
            next_try: None,
        });
        found.next_try = found.next_try.max(Some(began + NOT_LOOKED_UP_PAUSE));
    }
    deferred.into_values().collect()
}

/// The result of a pass, once the products that were `not_looked_up` count: an experience whose
/// products the filter could not all judge is `partial`, and not in step.
pub(crate) fn finish(applied: Applied, not_looked_up: &BTreeMap<ProductId, String>, deferred: &[Deferred]) -> Applied {
    let left = deferred.iter().filter(|found| not_looked_up.contains_key(&found.product));
    let left: Vec<_> = left.cloned().collect();
    let Some(first) = left.first().filter(|_| applied.status == ReceiptStatus::InSync) else { return applied };
    let error = format!("{} of the products are set aside; `{}`: {}", left.len(), first.product, first.error);
    let progress = Progress { deferred: left, ..applied.progress };
    Applied { status: ReceiptStatus::Partial, progress, error: Some(error), closed: false }
}

#[cfg(test)]
mod tests {
    use pmp_protocol::testing::{self, product};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn refused(id: &str, next_try: i64) -> Deferred {
        let error = "ENTITY_NOT_FOUND: no such product".to_owned();
        Deferred {
            product: product(id),
            reason: DeferralReason::Refused,
            error,
            first_seen: Some(at(0)),
            tries: 3,
            next_try: Some(at(next_try)),
        }
    }

    fn receipt(deferred: Vec<Deferred>) -> Receipt {
        Receipt { deferred, ..testing::receipt(1, ReceiptStatus::Partial, None) }
    }

    fn not_looked_up(ids: &[&str]) -> BTreeMap<ProductId, String> {
        ids.iter().map(|id| (product(id), "throttled".to_owned())).collect()
    }

    #[test]
    fn what_is_not_looked_up_is_left_in_this_pass_and_not_in_the_next() {
        let found = at_start(None, &not_looked_up(&["prod-a"]), at(100));
        assert_eq!(found[0].error, "not looked up for the filter: throttled");
        assert_eq!(found[0].reason, DeferralReason::NotLookedUp);
        assert_eq!((found[0].first_seen, found[0].tries), (Some(at(100)), 0));
        assert!(found[0].next_try > Some(at(100)) && found[0].next_try < Some(at(101)));
    }

    #[test]
    fn what_the_catalog_refused_keeps_its_error_and_the_later_of_both_times() {
        let before = receipt(vec![refused("prod-due", 50), refused("prod-later", 500), refused("prod-other", 50)]);
        let found = at_start(Some(&before), &not_looked_up(&["prod-due", "prod-later"]), at(100));
        assert!(found.iter().all(|found| found.error.starts_with("ENTITY_NOT_FOUND") && found.tries == 3));
        assert!(found.iter().all(|found| found.reason == DeferralReason::Refused));
        assert!(found[0].next_try > Some(at(100)), "{found:?}");
        assert_eq!((found[1].next_try, found[2].next_try), (Some(at(500)), Some(at(50))));
    }

    #[test]
    fn nothing_is_left_for_longer_than_a_day_whatever_a_receipt_says() {
        let forged = receipt(vec![refused("prod-a", 4_000_000_000), refused("prod-b", 500)]);
        let found = at_start(Some(&forged), &not_looked_up(&[]), at(100));
        assert_eq!((found[0].next_try, found[1].next_try), (Some(at(100 + 86_400)), Some(at(500))));
    }

    #[test]
    fn with_something_not_looked_up_nothing_is_in_step() {
        let applied = |status| Applied { status, progress: Progress::default(), error: None, closed: false };
        let deferred = at_start(None, &not_looked_up(&["prod-a"]), at(100));
        let ended = finish(applied(ReceiptStatus::InSync), &not_looked_up(&["prod-a"]), &deferred);
        assert_eq!((ended.status, ended.progress.deferred.len()), (ReceiptStatus::Partial, 1));
        assert!(ended.error.unwrap().starts_with("1 of the products are set aside; `prod-a`: not looked up"));
        // Another end is told as it is, and without anything not looked up so is this one.
        assert_eq!(
            finish(applied(ReceiptStatus::Held), &not_looked_up(&["prod-a"]), &deferred).status,
            ReceiptStatus::Held
        );
        assert_eq!(finish(applied(ReceiptStatus::InSync), &not_looked_up(&[]), &[]).status, ReceiptStatus::InSync);
    }
}
