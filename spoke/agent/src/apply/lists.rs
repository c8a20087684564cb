//! The lists that a plan starts from: the catalog's own, with the products that the plan must leave
//! alone already in their desired place.

use std::borrow::Cow;
use std::collections::BTreeSet;

use pmp_catalog::ProcurementPolicy;
use pmp_plan::Desired;
use pmp_protocol::ProductId;

type Lists<'a> = (Cow<'a, BTreeSet<ProductId>>, Cow<'a, BTreeSet<ProductId>>);

/// The approved and the rejected products, as if those that are `left_alone` were in the desired
/// state already. So neither the plan nor a guard rail counts them.
pub(crate) fn as_if_done<'a>(
    policy: &'a ProcurementPolicy,
    desired: &Desired<'_>,
    left_alone: &BTreeSet<ProductId>,
) -> Lists<'a> {
    let (mut approved, mut rejected) = (Cow::Borrowed(&policy.approved), Cow::Borrowed(&policy.rejected));
    for id in left_alone {
        if desired.approved().contains(id) {
            approved.to_mut().insert(id.clone());
        } else {
            approved.to_mut().remove(id);
        }
        if desired.rejected().contains(id) {
            rejected.to_mut().insert(id.clone());
        }
    }
    (approved, rejected)
}

#[cfg(test)]
mod tests {
    use pmp_plan::{GuardRails, Observed, plan};
    use pmp_protocol::{Content, ExperienceId, SnapshotVersion, Verdicts};

    use std::collections::BTreeMap;

    use super::*;

    fn ids(ids: &[&str]) -> BTreeSet<ProductId> {
        ids.iter().map(|id| ProductId::new(id).unwrap()).collect()
    }

    #[test]
    fn what_is_left_alone_is_in_no_plan_and_all_else_is() {
        let (management, lists) = (ExperienceId::new("exp-management").unwrap(), (ids(&["a", "b"]), ids(&["x", "y"])));
        let content = Content::new(management, lists.0, lists.1, BTreeMap::new(), Default::default()).unwrap();
        let verdicts = Verdicts::new();
        let desired = Desired::new(&content, &verdicts);
        let policy = ProcurementPolicy { approved: ids(&["n", "m", "x"]), rejected: ids(&["a"]), ..Default::default() };
        let changes = |left_alone: &BTreeSet<ProductId>| {
            let lists = as_if_done(&policy, &desired, left_alone);
            let observed = Observed { approved: &lists.0, rejected: &lists.1 };
            let version = SnapshotVersion::FIRST;
            let plan = plan(&desired, observed, version, GuardRails::default(), Some(version)).unwrap();
            (plan.allow().clone(), plan.deny().clone())
        };
        assert_eq!(changes(&ids(&[])), (ids(&["a", "b"]), ids(&["m", "n", "x", "y"])));
        assert_eq!(changes(&ids(&["a", "n", "x"])), (ids(&["b"]), ids(&["m", "y"])));
        assert_eq!(changes(&ids(&["a", "b", "m", "n", "x", "y"])), (ids(&[]), ids(&[])));
    }
}
