//! The delta for one experience.

use std::collections::{BTreeMap, BTreeSet};

use pmp_protocol::{ProductBatch, ProductId, ResourceRequests, SnapshotVersion};

use crate::{ChangeSet, Desired, Entry, GuardRails, IdLimit, Lately, Refusal, Report, Step, Why};

/// The lists that an experience has now.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// Products that are approved there now.
    pub approved: &'a BTreeSet<ProductId>,
    /// Products that are rejected there now.
    pub rejected: &'a BTreeSet<ProductId>,
}

/// What to change in one experience, within the guard rails. Made by [`plan`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    allow: BTreeSet<ProductId>,
    deny: BTreeSet<ProductId>,
    settings: Option<ResourceRequests>,
}

/// Plans the way from `observed` to `desired`, the state that `version` asks for.
///
/// With the desired lists A (approved) and R (rejected) and the observed a and r: allow `A − a`,
/// deny `(a − A) ∪ (R − r)`. What is rejected here alone, `r − R − A`, stays as it is.
///
/// # Errors
/// A [`Refusal`] where that would remove more than `guard` allows and `confirmed` is not `version`.
pub fn plan(
    desired: &Desired<'_>,
    observed: Observed<'_>,
    version: SnapshotVersion,
    guard: GuardRails,
    confirmed: Option<SnapshotVersion>,
) -> Result<Plan, Box<Refusal>> {
    plan_after(Lately::default(), desired, observed, version, guard, confirmed)
}

/// As [`plan`], where something was removed `lately`: the guard rails judge both together.
///
/// # Errors
/// As [`plan`].
pub fn plan_after(
    lately: Lately,
    desired: &Desired<'_>,
    observed: Observed<'_>,
    version: SnapshotVersion,
    guard: GuardRails,
    confirmed: Option<SnapshotVersion>,
) -> Result<Plan, Box<Refusal>> {
    let Delta { allow, removed, deny } = delta(desired, observed);
    let changes = allow.len() + deny.len();
    guard.judge(removed, observed.approved.len(), changes, lately, version, confirmed)?;
    Ok(Plan { allow, deny, settings: None })
}

struct Delta {
    allow: BTreeSet<ProductId>,
    deny: BTreeSet<ProductId>,
    /// How many approved products it takes away.
    removed: usize,
}

fn delta(desired: &Desired<'_>, observed: Observed<'_>) -> Delta {
    let allow = desired.approved().difference(observed.approved).cloned().collect();
    let mut deny: BTreeSet<_> = observed.approved.difference(desired.approved()).cloned().collect();
    let removed = deny.len();
    deny.extend(desired.rejected().difference(observed.rejected).cloned());
    Delta { allow, deny, removed }
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty() && self.settings.is_none()
    }

    /// The same, with the settings brought to what is `wanted` of them; nothing, where they are not
    /// to follow.
    #[must_use]
    pub fn with_settings(self, wanted: Option<ResourceRequests>, observed: ResourceRequests) -> Self {
        Self { settings: wanted.filter(|wanted| *wanted != observed), ..self }
    }

    /// Whether users may request products from now on, where that is to change.
    #[must_use]
    pub fn settings(&self) -> Option<ResourceRequests> {
        self.settings
    }

    /// Products to put on the approved list.
    #[must_use]
    pub fn allow(&self) -> &BTreeSet<ProductId> {
        &self.allow
    }

    /// Products to put on the rejected list.
    #[must_use]
    pub fn deny(&self) -> &BTreeSet<ProductId> {
        &self.deny
    }

    /// How many things it changes: products, and the settings.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.pending() + usize::from(self.settings.is_some())
    }

    /// How many products it changes.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.allow.len() + self.deny.len()
    }

    /// The change sets, to be applied one after the other: `ceil(max(allow, deny) / 50)` of them,
    /// which is the least that AWS's limits permit for one experience.
    #[must_use]
    pub fn change_sets(&self) -> Vec<ChangeSet> {
        let mut change_sets = ChangeSet::pair(ProductBatch::split(&self.allow), ProductBatch::split(&self.deny));
        // The settings travel with the first products.
        match (change_sets.first_mut(), self.settings) {
            (Some(first), settings) => *first = first.clone().and_settings(settings),
            (None, Some(requests)) => change_sets.push(ChangeSet::of_settings(requests)),
            (None, None) => {}
        }
        change_sets
    }

    /// The first of them, under another reading of AWS's limit.
    #[must_use]
    pub fn first(&self, limit: IdLimit) -> Option<ChangeSet> {
        match ChangeSet::first(&self.allow, &self.deny, limit) {
            Some(first) => Some(first.and_settings(self.settings)),
            None => self.settings.map(ChangeSet::of_settings),
        }
    }

    /// Takes these products out of the plan, so that they stay as they are.
    pub fn leave_out<'p>(&mut self, products: impl IntoIterator<Item = &'p ProductId>) {
        for product in products {
            self.allow.remove(product);
            self.deny.remove(product);
        }
    }
}

/// What the plan from `observed` to `desired` does, or would do without guard rails, and why. The
/// `deferred` products, each with the service's own error, are left for now.
#[must_use]
pub fn explain(desired: &Desired<'_>, observed: Observed<'_>, deferred: &BTreeMap<ProductId, String>) -> Report {
    let Delta { mut allow, mut deny, .. } = delta(desired, observed);
    let left: Vec<_> = deferred.iter().filter(|(id, _)| allow.remove(*id) | deny.remove(*id)).collect();
    let mut report = report(desired, observed, &allow, &deny);
    report.entries.retain(|entry| !left.iter().any(|(id, _)| **id == entry.product));
    report.entries.extend(left.into_iter().map(|(id, error)| Entry {
        product: id.clone(),
        step: Step::Leave,
        why: Why::Deferred { error: error.clone() },
    }));
    report
}

fn report(
    desired: &Desired<'_>,
    observed: Observed<'_>,
    allow: &BTreeSet<ProductId>,
    deny: &BTreeSet<ProductId>,
) -> Report {
    let filtered = |id: &ProductId| {
        desired
            .verdicts()
            .get(id)
            .filter(|_| desired.content().approved().contains(id))
            .filter(|_| !desired.approved().contains(id))
            .cloned()
    };
    let mut report = Report::default();
    let mut add = |product: &ProductId, step, why| report.entries.push(Entry { product: product.clone(), step, why });
    for id in allow {
        let rejected_here = observed.rejected.contains(id);
        add(id, Step::Allow, if rejected_here { Why::ApprovedByHubRejectedHere } else { Why::ApprovedByHub });
    }
    for id in deny {
        let why = match filtered(id) {
            Some(decision) => Why::Filtered(decision),
            None if desired.rejected().contains(id) => Why::RejectedByHub,
            None => Why::NotApprovedByHub,
        };
        add(id, Step::Deny, why);
    }
    for id in desired.content().approved().iter().filter(|id| !deny.contains(*id)) {
        if let Some(decision) = filtered(id) {
            add(id, Step::Leave, Why::Filtered(decision));
        }
    }
    let only_here = observed.rejected.iter();
    for id in only_here.filter(|id| !desired.rejected().contains(*id) && !desired.content().approved().contains(*id)) {
        add(id, Step::Leave, Why::RejectedOnlyHere);
    }
    let approved_already = desired.approved().intersection(observed.approved).count();
    let rejected_by_hub = desired.content().rejected();
    report.unchanged = approved_already + rejected_by_hub.intersection(observed.rejected).count();
    report
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pmp_protocol::{Content, Decision, ExperienceId, ResourceRequests, Verdict, Verdicts};
    use proptest::prelude::*;

    use super::*;

    fn ids(list: &[&str]) -> BTreeSet<ProductId> {
        list.iter().map(|id| ProductId::new(id).unwrap()).collect()
    }

    fn content(approved: BTreeSet<ProductId>, rejected: BTreeSet<ProductId>) -> Content {
        let experience = ExperienceId::new("exp-1").unwrap();
        Content::new(experience, approved, rejected, BTreeMap::new(), ResourceRequests::Allow).unwrap()
    }

    fn verdicts(list: &[(&str, Verdict)]) -> Verdicts {
        list.iter()
            .map(|(id, verdict)| (ProductId::new(id).unwrap(), Decision { verdict: *verdict, reason: None }))
            .collect()
    }

    const LAX: GuardRails = GuardRails { max_removed_percent: 100, max_removed_products: None };

    fn planned(
        content: &Content,
        verdicts: &Verdicts,
        approved: &BTreeSet<ProductId>,
        rejected: &BTreeSet<ProductId>,
    ) -> Plan {
        let confirmed = Some(SnapshotVersion::FIRST);
        let observed = Observed { approved, rejected };
        plan(&Desired::new(content, verdicts), observed, SnapshotVersion::FIRST, LAX, confirmed).unwrap()
    }

    fn explained(
        content: &Content,
        verdicts: &Verdicts,
        approved: &BTreeSet<ProductId>,
        rejected: &BTreeSet<ProductId>,
        deferred: &[&str],
    ) -> Report {
        let deferred = ids(deferred).into_iter().map(|id| (id, "no such product".to_owned())).collect();
        explain(&Desired::new(content, verdicts), Observed { approved, rejected }, &deferred)
    }

    #[test]
    fn the_delta_is_what_the_design_says() {
        let content = content(ids(&["new", "kept", "was-rejected"]), ids(&["bad", "already-bad"]));
        let approved = ids(&["kept", "gone", "bad"]);
        let rejected = ids(&["was-rejected", "already-bad", "only-here"]);
        let plan = planned(&content, &Verdicts::new(), &approved, &rejected);
        let report = explained(&content, &Verdicts::new(), &approved, &rejected, &[]);
        assert_eq!(plan.allow(), &ids(&["new", "was-rejected"]));
        assert_eq!(plan.deny(), &ids(&["gone", "bad"]));
        let why = |id: &str| {
            let entry = report.entries.iter().find(|entry| entry.product.as_str() == id).unwrap();
            (entry.step, entry.why.clone())
        };
        assert_eq!(why("new"), (Step::Allow, Why::ApprovedByHub));
        assert_eq!(why("was-rejected"), (Step::Allow, Why::ApprovedByHubRejectedHere));
        assert_eq!(why("gone"), (Step::Deny, Why::NotApprovedByHub));
        assert_eq!(why("bad"), (Step::Deny, Why::RejectedByHub));
        assert_eq!(why("only-here"), (Step::Leave, Why::RejectedOnlyHere));
        assert_eq!(report.unchanged, 2);

        let report = explained(&content, &Verdicts::new(), &approved, &rejected, &["new", "gone", "kept"]);
        assert_eq!((report.count(Step::Allow), report.count(Step::Deny)), (1, 1));
        let left = report.entries.iter().filter(|entry| matches!(entry.why, Why::Deferred { .. }));
        assert_eq!(left.map(|entry| entry.product.as_str()).collect::<Vec<_>>(), ["gone", "new"]);
    }

    #[test]
    fn a_filter_excludes_what_is_there_and_rejects_even_what_is_not() {
        let content = content(ids(&["a", "b", "c", "d"]), ids(&[]));
        let verdicts = verdicts(&[("a", Verdict::Exclude), ("b", Verdict::Exclude), ("c", Verdict::Reject)]);
        let plan = planned(&content, &verdicts, &ids(&["a"]), &ids(&[]));
        assert_eq!(plan.allow(), &ids(&["d"]));
        assert_eq!(plan.deny(), &ids(&["a", "c"]));
        assert_eq!(explained(&content, &verdicts, &ids(&["a"]), &ids(&[]), &[]).count(Step::Leave), 1);
        let again = planned(&content, &verdicts, &ids(&["d"]), &ids(&["a", "c"]));
        assert!(again.is_empty());
    }

    #[test]
    fn a_plan_that_removes_too_much_is_refused_with_the_numbers() {
        let content = content(ids(&["a"]), ids(&[]));
        let (approved, rejected) = (ids(&["a", "b", "c"]), ids(&[]));
        let observed = Observed { approved: &approved, rejected: &rejected };
        let none = Verdicts::new();
        let desired = Desired::new(&content, &none);
        let version = SnapshotVersion::FIRST;
        let refusal = plan(&desired, observed, version, GuardRails::default(), None).unwrap_err();
        assert_eq!(refusal.to_string(), "it would remove 2 of 3 approved products (66%, limit 50%)");
        assert_eq!(refusal.changes, 2);
        let confirmed = Some(version);
        assert!(plan(&desired, observed, version, GuardRails::default(), confirmed).is_ok());
    }

    fn product() -> impl Strategy<Value = ProductId> {
        (0..40_u8).prop_map(|n| ProductId::new(&format!("prod-{n}")).unwrap())
    }

    fn set() -> impl Strategy<Value = BTreeSet<ProductId>> {
        proptest::collection::btree_set(product(), 0..30)
    }

    fn any_verdicts() -> impl Strategy<Value = Verdicts> {
        let verdict = prop_oneof![Just(Verdict::Keep), Just(Verdict::Exclude), Just(Verdict::Reject)];
        let decision = verdict.prop_map(|verdict| Decision { verdict, reason: None });
        proptest::collection::btree_map(product(), decision, 0..30)
    }

    #[test]
    fn settings_follow_only_where_asked_and_travel_with_the_first_products() {
        let content = content(ids(&["a"]), ids(&[]));
        let (none, observed) = (ids(&[]), ResourceRequests::Deny);
        let planned = |approved: &BTreeSet<ProductId>| planned(&content, &Verdicts::new(), approved, &none);
        assert!(planned(&ids(&["a"])).with_settings(None, observed).is_empty());
        assert!(planned(&ids(&["a"])).with_settings(Some(observed), observed).is_empty());

        let alone = planned(&ids(&["a"])).with_settings(Some(ResourceRequests::Allow), observed);
        assert_eq!((alone.changes(), alone.pending()), (1, 0));
        assert_eq!(alone.change_sets(), [ChangeSet::of_settings(ResourceRequests::Allow)]);
        assert_eq!(alone.first(IdLimit::PerChange), Some(ChangeSet::of_settings(ResourceRequests::Allow)));

        let both = planned(&none).with_settings(Some(ResourceRequests::Allow), observed);
        assert_eq!(both.change_sets().len(), 1);
        let first = both.first(IdLimit::PerChange).unwrap();
        assert_eq!((first.settings(), first.allow().is_some()), (Some(ResourceRequests::Allow), true));
    }

    proptest! {
        /// Rule 1, and convergence: applying a plan leads to the desired state, and the next plan
        /// is empty.
        #[test]
        fn a_plan_converges_and_approves_nothing_that_the_hub_has_not(
            approved in set(), rejected in set(), a in set(), r in set(), verdicts in any_verdicts(),
        ) {
            let rejected = &rejected - &approved;
            let content = content(approved, rejected);
            let (a, r) = (&a - &r, r);
            let plan = planned(&content, &verdicts, &a, &r);
            prop_assert!(plan.allow().is_subset(content.approved()));
            prop_assert!(plan.allow().is_disjoint(plan.deny()));

            let mut now_approved = a.clone();
            let mut now_rejected = r.clone();
            for change_set in plan.change_sets() {
                for id in change_set.allow().into_iter().flat_map(ProductBatch::products) {
                    now_rejected.remove(id);
                    now_approved.insert(id.clone());
                }
                for id in change_set.deny().into_iter().flat_map(ProductBatch::products) {
                    now_approved.remove(id);
                    now_rejected.insert(id.clone());
                }
            }
            let desired = Desired::new(&content, &verdicts);
            prop_assert_eq!(&now_approved, desired.approved());
            prop_assert!(now_approved.is_subset(content.approved()));
            prop_assert!(content.rejected().is_subset(&now_rejected));
            prop_assert!(planned(&content, &verdicts, &now_approved, &now_rejected).is_empty());
        }

        #[test]
        fn change_sets_are_at_the_floor_and_denials_come_first(
            allow in proptest::collection::btree_set(0..2000_u16, 0..400),
            deny in proptest::collection::btree_set(2000..4000_u16, 0..400),
        ) {
            let set = |numbers: &BTreeSet<u16>| -> BTreeSet<_> {
                numbers.iter().map(|n| ProductId::new(&format!("prod-{n}")).unwrap()).collect()
            };
            let content = content(set(&allow), BTreeSet::new());
            let plan = planned(&content, &Verdicts::new(), &set(&deny), &BTreeSet::new());
            let change_sets = plan.change_sets();
            prop_assert_eq!(change_sets.len(), allow.len().max(deny.len()).div_ceil(ProductBatch::MAX));
            let first = plan.first(IdLimit::PerChange);
            prop_assert_eq!(change_sets.first(), first.as_ref());
            let with_denials = deny.len().div_ceil(ProductBatch::MAX);
            prop_assert!(change_sets[..with_denials].iter().all(|change_set| change_set.deny().is_some()));
        }

        /// Where the bound is one on requests, denials still come first, and every stricter bound
        /// is kept.
        #[test]
        fn a_bound_on_requests_is_kept_and_denials_come_first(allows in 0..200_u16, denials in 0..200_u16) {
            let set = |range: std::ops::Range<u16>| -> BTreeSet<_> {
                range.map(|n| ProductId::new(&format!("prod-{n}")).unwrap()).collect()
            };
            let (allow, deny) = (set(0..allows), set(1000..1000 + denials));
            let mut limit = IdLimit::PerChange;
            while let Some(stricter) = limit.stricter() {
                limit = stricter;
                let IdLimit::PerRequest(most) = limit else { unreachable!("the strictest limits are on requests") };
                let Some(first) = ChangeSet::first(&allow, &deny, limit) else { continue };
                let count = |batch: Option<&ProductBatch>| batch.map_or(0, |batch| batch.products().len());
                let (allowed, denied) = (count(first.allow()), count(first.deny()));
                prop_assert!((1..=most).contains(&(allowed + denied)));
                prop_assert_eq!(denied, deny.len().min(most));
                prop_assert!(allowed == 0 || denied == deny.len());
            }
            prop_assert_eq!(limit, IdLimit::PerRequest(1));
        }
    }
}
