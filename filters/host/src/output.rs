//! Turns a filter's output into decisions. This module ensures that a filter can only narrow (rule
//! 1).

use pmp_protocol::{Decision, Verdict, Verdicts};

use crate::contract::bindings::pmp_sync::filter::types;
use crate::input::{Product, Status};
use crate::text::tame;

pub(crate) type RawDecision = types::Decision;

/// The decision on a product of this status. A product that the hub rejected stays rejected, so the
/// filter's decision on it is ignored, unless it is to reject it as well.
pub(crate) fn narrow(status: Status, raw: RawDecision, reason_bytes: usize) -> Decision {
    let verdict = match (status, raw.verdict) {
        (Status::Rejected, types::Verdict::Keep | types::Verdict::Exclude) => {
            return Decision { verdict: Verdict::Reject, reason: None };
        }
        (_, types::Verdict::Reject) => Verdict::Reject,
        (Status::Approved, types::Verdict::Exclude) => Verdict::Exclude,
        (Status::Approved, types::Verdict::Keep) => Verdict::Keep,
    };
    let reason = raw.reason.map(|reason| tame(&reason, reason_bytes)).filter(|reason| !reason.is_empty());
    Decision { verdict, reason }
}

/// The decisions that change something: those on products that the hub approved and the filter does
/// not keep.
pub(crate) fn narrowing(products: &[Product<'_>], decisions: &[Decision]) -> Verdicts {
    let narrowed = |(product, decision): &(&Product<'_>, &Decision)| {
        product.status == Status::Approved && decision.verdict != Verdict::Keep
    };
    products
        .iter()
        .zip(decisions)
        .filter(narrowed)
        .map(|(product, decision)| (product.id.clone(), decision.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use pmp_protocol::ProductId;
    use proptest::prelude::*;

    use super::*;

    fn raw(verdict: types::Verdict, reason: Option<&str>) -> RawDecision {
        RawDecision { verdict, reason: reason.map(str::to_owned) }
    }

    #[test]
    fn what_the_hub_rejected_stays_rejected_whatever_the_verdict() {
        let reason = Some("mine");
        for verdict in [types::Verdict::Keep, types::Verdict::Exclude] {
            let decision = narrow(Status::Rejected, raw(verdict, reason), 256);
            assert_eq!(decision, Decision { verdict: Verdict::Reject, reason: None });
        }
        let decision = narrow(Status::Rejected, raw(types::Verdict::Reject, reason), 256);
        assert_eq!(decision, Decision { verdict: Verdict::Reject, reason: Some("mine".to_owned()) });
    }

    #[test]
    fn reasons_are_bounded_and_an_empty_one_is_none() {
        let long = narrow(Status::Approved, raw(types::Verdict::Exclude, Some(&"x".repeat(1000))), 256);
        assert_eq!(long.reason.map(|reason| reason.len()), Some(256));
        let blank = narrow(Status::Approved, raw(types::Verdict::Keep, Some(" \n")), 256);
        assert_eq!(blank, Decision { verdict: Verdict::Keep, reason: None });
    }

    fn any_status() -> impl Strategy<Value = Status> {
        prop_oneof![Just(Status::Approved), Just(Status::Rejected)]
    }

    fn any_raw() -> impl Strategy<Value = RawDecision> {
        let verdict =
            prop_oneof![Just(types::Verdict::Keep), Just(types::Verdict::Exclude), Just(types::Verdict::Reject)];
        (verdict, any::<Option<String>>()).prop_map(|(verdict, reason)| RawDecision { verdict, reason })
    }

    proptest! {
        #[test]
        fn whatever_a_filter_says_it_only_narrows(said in proptest::collection::vec((any_status(), any_raw()), 0..40)) {
            let ids: Vec<_> = (0..said.len()).map(|n| ProductId::new(&format!("prod-{n}")).unwrap()).collect();
            let products: Vec<_> =
                ids.iter().zip(&said).map(|(id, (status, _))| Product::new(id, *status)).collect();
            let decisions: Vec<_> =
                said.iter().cloned().map(|(status, raw)| narrow(status, raw, 256)).collect();

            // No product may be approved here that the hub has not approved, and no id is new.
            for (product, decision) in products.iter().zip(&decisions) {
                if decision.verdict == Verdict::Keep {
                    prop_assert_eq!(product.status, Status::Approved);
                }
                if let Some(reason) = &decision.reason {
                    prop_assert!(reason.len() <= 256 && !reason.chars().any(char::is_control));
                }
            }
            for (id, decision) in narrowing(&products, &decisions) {
                let product = products.iter().find(|product| *product.id == id);
                prop_assert_eq!(product.map(|product| product.status), Some(Status::Approved));
                prop_assert_ne!(decision.verdict, Verdict::Keep);
            }
        }
    }
}
