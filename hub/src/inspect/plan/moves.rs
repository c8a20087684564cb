//! The changes of all experiences that have the same lists and would have the same: planned once,
//! by the code with which a spoke plans.

use std::collections::{BTreeMap, BTreeSet};

use pmp_plan::{Desired, GuardRails, Lately, Observed, Report, Step, Why, explain, plan_after};
use pmp_protocol::{Content, ProductId, SnapshotVersion, Verdict, Verdicts};

use super::inquiry::{Decided, Outlooks};
use super::{PlannedProduct, PlannedStep};

/// What is said of a product of which the filter knows too little.
const NOT_LOOKED_UP: &str = "the hub has not looked it up yet";

/// What an experience has now, and would have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Case {
    /// The snapshot that is applied there.
    pub(super) from: SnapshotVersion,
    /// What its filter decided and would decide; none where it has none.
    pub(super) decided: Option<Decided>,
}

/// What would change in an experience.
#[derive(Debug)]
pub(super) struct Moves {
    pub(super) allow: BTreeSet<ProductId>,
    pub(super) deny: BTreeSet<ProductId>,
    /// How many products the filter takes away.
    pub(super) filtered: usize,
    /// Approved products that would be taken away.
    removed: usize,
    /// Products that are approved there now.
    approved: usize,
}

/// The changes of all cases.
pub(super) struct MovesOfAll<'a> {
    content: &'a Content,
    kept: &'a BTreeMap<SnapshotVersion, Content>,
    outlooks: &'a Outlooks,
    next: SnapshotVersion,
    guard: GuardRails,
    /// Products that a filter which is given facts cannot decide about.
    undecided: BTreeMap<ProductId, String>,
    planned: BTreeMap<Case, Option<Moves>>,
}

impl<'a> MovesOfAll<'a> {
    pub(super) fn new(
        content: &'a Content,
        kept: &'a BTreeMap<SnapshotVersion, Content>,
        outlooks: &'a Outlooks,
        guard: GuardRails,
        next: SnapshotVersion,
    ) -> Self {
        let undecided = outlooks.undecided(content).into_iter().map(|id| (id, NOT_LOOKED_UP.to_owned())).collect();
        Self { content, kept, outlooks, next, guard, undecided, planned: BTreeMap::new() }
    }

    /// The changes of a case. `None` where it cannot be planned.
    pub(super) fn of(&mut self, case: Case) -> Option<&mut Moves> {
        if !self.planned.contains_key(&case) {
            let moves = self.lists(case).and_then(|lists| self.plan(&lists));
            self.planned.insert(case, moves);
        }
        self.planned.get_mut(&case)?.as_mut()
    }

    fn lists(&self, case: Case) -> Option<Lists<'a>> {
        let before = self.kept.get(&case.from)?;
        let Some(Decided { applied, next, with_facts }) = case.decided else {
            return Some(Lists { before, content: self.content, verdicts: None, with_facts: false });
        };
        let verdicts = (self.outlooks.verdicts(applied, with_facts)?, self.outlooks.verdicts(next, with_facts)?);
        Some(Lists { before, content: self.content, verdicts: Some(verdicts), with_facts })
    }

    fn plan(&self, lists: &Lists<'_>) -> Option<Moves> {
        lists.with(|observed, desired| {
            // As if it were confirmed: guard rails are asked afterwards, for each experience.
            let plan = plan_after(Lately::default(), desired, observed, self.next, self.guard, Some(self.next));
            let mut plan = plan.ok()?;
            let removed = plan.deny().iter().filter(|id| observed.approved.contains(*id)).count();
            if lists.with_facts {
                plan.leave_out(self.undecided.keys());
            }
            let (allow, deny) = (plan.allow().clone(), plan.deny().clone());
            let (filtered, approved) = (desired.filtered(), observed.approved.len());
            Some(Moves { allow, deny, filtered, removed, approved })
        })
    }

    /// The products of a case that are worth a word, with what its filter says of them.
    pub(super) fn named(&self, case: Case) -> Vec<PlannedProduct> {
        let Some(lists) = self.lists(case) else { return Vec::new() };
        let nothing = BTreeMap::new();
        let undecided = if lists.with_facts { &self.undecided } else { &nothing };
        let report: Report = lists.with(|observed, desired| explain(desired, observed, undecided));
        report
            .entries
            .into_iter()
            .filter_map(|entry| lists.worth_a_word(entry.product, entry.step, entry.why))
            .collect()
    }
}

/// What is applied, and what would be published, with what a filter decided about both.
struct Lists<'a> {
    before: &'a Content,
    content: &'a Content,
    verdicts: Option<(&'a Verdicts, &'a Verdicts)>,
    with_facts: bool,
}

impl Lists<'_> {
    /// Calls `then` with the lists that are there, and those that would be.
    fn with<T>(&self, then: impl FnOnce(Observed<'_>, &Desired<'_>) -> T) -> T {
        let none = Verdicts::new();
        let (applied, next) = self.verdicts.unwrap_or((&none, &none));
        let before = Desired::new(self.before, applied);
        let observed = Observed { approved: before.approved(), rejected: before.rejected() };
        then(observed, &Desired::new(self.content, next))
    }

    /// What is told of a product; none where it stays as it is, for the reason for which it is so.
    fn worth_a_word(&self, product: ProductId, step: Step, why: Why) -> Option<PlannedProduct> {
        let (verdict, reason) = match why {
            Why::Filtered(decision) => (Some(decision.verdict), decision.reason),
            Why::Deferred { error } => (None, Some(error)),
            Why::ApprovedByHub
            | Why::ApprovedByHubRejectedHere
            | Why::NotApprovedByHub
            | Why::RejectedByHub
            | Why::RejectedOnlyHere => (None, None),
        };
        let step = match step {
            Step::Allow => PlannedStep::Allow,
            Step::Deny => PlannedStep::Deny,
            Step::Leave if verdict.is_some_and(|verdict| self.was(&product, verdict)) => return None,
            Step::Leave if verdict.is_none() && reason.is_none() => return None,
            Step::Leave => PlannedStep::Leave,
        };
        Some(PlannedProduct { product, step, verdict, reason })
    }

    /// Whether the filter decided so about the product before.
    fn was(&self, product: &ProductId, verdict: Verdict) -> bool {
        let before = self.verdicts.and_then(|(applied, _)| applied.get(product));
        self.before.approved().contains(product) && before.is_some_and(|before| before.verdict == verdict)
    }
}

impl Moves {
    /// What a guard rail says of it, where it would hold it.
    pub(super) fn held(&self, lately: Lately, guard: GuardRails, next: SnapshotVersion) -> Option<String> {
        let changes = self.allow.len() + self.deny.len();
        let judged = guard.judge(self.removed, self.approved, changes, lately, next, None);
        judged.err().map(|refusal| refusal.to_string())
    }
}
