//! What an experience should say: the snapshot, narrowed by the filter.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use pmp_protocol::{Content, FilteredFor, ProductId, Verdict, Verdicts};

/// The lists that an experience should have.
///
/// It can only be narrower than the snapshot (rule 1): it is made by taking products away from the
/// approved ones, and whatever the hub rejected stays rejected.
#[derive(Debug, Clone)]
pub struct Desired<'a> {
    content: &'a Content,
    verdicts: &'a Verdicts,
    // Borrowed where nothing narrows: a hundred experiences then share the snapshot's own lists.
    approved: Cow<'a, BTreeSet<ProductId>>,
    rejected: Cow<'a, BTreeSet<ProductId>>,
}

impl<'a> Desired<'a> {
    /// Narrows `content` by `verdicts`. Verdicts on products that the hub has not approved change
    /// nothing.
    #[must_use]
    pub fn new(content: &'a Content, verdicts: &'a Verdicts) -> Self {
        if verdicts.is_empty() {
            let (approved, rejected) = (Cow::Borrowed(content.approved()), Cow::Borrowed(content.rejected()));
            return Self { content, verdicts, approved, rejected };
        }
        let verdict = |id: &ProductId| verdicts.get(id).map_or(Verdict::Keep, |decision| decision.verdict);
        // Collected in order, a set is built full; grown by insertion, it takes twice the memory.
        let approved = content.approved();
        let kept: BTreeSet<_> = approved.iter().filter(|id| verdict(id) == Verdict::Keep).cloned().collect();
        let also_rejected = approved.iter().filter(|id| verdict(id) == Verdict::Reject);
        let rejected = content.rejected().iter().chain(also_rejected).cloned().collect();
        Self { content, verdicts, approved: Cow::Owned(kept), rejected: Cow::Owned(rejected) }
    }

    /// The products that should be approved.
    #[must_use]
    pub fn approved(&self) -> &BTreeSet<ProductId> {
        &self.approved
    }

    /// The products that should be rejected.
    #[must_use]
    pub fn rejected(&self) -> &BTreeSet<ProductId> {
        &self.rejected
    }

    pub(crate) fn content(&self) -> &'a Content {
        self.content
    }

    pub(crate) fn verdicts(&self) -> &'a Verdicts {
        self.verdicts
    }

    /// How many of the approved products the filter took away.
    #[must_use]
    pub fn filtered(&self) -> usize {
        self.content.approved().len() - self.approved.len()
    }

    /// Why it took them away: up to `most` of its reasons, by falling number of products.
    #[must_use]
    pub fn filtered_for(&self, most: usize) -> Vec<FilteredFor> {
        let mut found = BTreeMap::<(Verdict, Option<&str>), (usize, &ProductId)>::new();
        let filtered = self
            .verdicts
            .iter()
            .filter(|(id, decision)| decision.verdict != Verdict::Keep && self.content.approved().contains(*id));
        for (id, decision) in filtered {
            found.entry((decision.verdict, decision.reason.as_deref())).or_insert((0, id)).0 += 1;
        }
        let mut reasons: Vec<_> = found.into_iter().collect();
        // Stable: what is as frequent stays in the order of verdict and reason.
        reasons.sort_by_key(|(_, (products, _))| std::cmp::Reverse(*products));
        let told = |((verdict, reason), (products, example)): ((Verdict, Option<&str>), (usize, &ProductId))| {
            FilteredFor { verdict, reason: reason.map(str::to_owned), products, example: example.clone() }
        };
        reasons.into_iter().take(most).map(told).collect()
    }
}

#[cfg(test)]
mod tests {
    use pmp_protocol::{Decision, ExperienceId, ResourceRequests};

    use super::*;

    #[test]
    fn reasons_are_told_by_falling_number_of_products_and_not_of_what_the_hub_rejected() {
        let id = |id: &str| ProductId::new(id).unwrap();
        let decision = |verdict, reason: Option<&str>| Decision { verdict, reason: reason.map(str::to_owned) };
        let approved = ["prod-a", "prod-b", "prod-c", "prod-d", "prod-e"].map(id).into();
        let content = Content::new(
            ExperienceId::new("exp-1").unwrap(),
            approved,
            [id("prod-x")].into(),
            BTreeMap::new(),
            ResourceRequests::Allow,
        )
        .unwrap();
        let verdicts = Verdicts::from([
            (id("prod-a"), decision(Verdict::Keep, Some("kept"))),
            (id("prod-b"), decision(Verdict::Exclude, None)),
            (id("prod-c"), decision(Verdict::Reject, Some("genai"))),
            (id("prod-d"), decision(Verdict::Reject, Some("genai"))),
            (id("prod-x"), decision(Verdict::Exclude, Some("rejected by the hub anyway"))),
        ]);
        let desired = Desired::new(&content, &verdicts);
        let for_what = |verdict, reason: Option<&str>, products, example| FilteredFor {
            verdict,
            reason: reason.map(str::to_owned),
            products,
            example: id(example),
        };
        let genai = for_what(Verdict::Reject, Some("genai"), 2, "prod-c");
        assert_eq!(desired.filtered_for(10), [genai.clone(), for_what(Verdict::Exclude, None, 1, "prod-b")]);
        assert_eq!(desired.filtered_for(1), [genai]);
        assert_eq!(desired.filtered(), 3);
    }
}
