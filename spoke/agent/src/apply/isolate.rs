//! Finds the products that the catalog refuses, by halving, so that all others are applied (rule
//! 3). Pure.
//!
//! 1. The products of a batch that failed become *suspects*. Everything else is applied first.
//! 2. Then half of the suspects is tested, in a change set of its own. If it passes, an offending
//!    product is in the other half. If it fails, one is in this half, and nothing is known of the
//!    other.
//! 3. A single product that is known to be offending is *deferred*, with the catalog's own error.
//!    It is tried again after a pause, which grows with every try.
//!
//! For example, P3 of P1 to P8 is offending. The change set with all 8 fails. P1 to P4 fail, P1 and
//! P2 pass, so P3 or P4 is offending. P3 fails alone: it is deferred. P4 and P5 to P8 pass.
//!
//! If the catalog's text names products, those are set apart first: all others are tested together,
//! and usually pass at once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use pmp_catalog::ChangeKind;
use pmp_plan::{ChangeSet, IdLimit, Plan};
use pmp_protocol::{DeferralReason, Deferred, ProductBatch, ProductId};

/// The first pause before a deferred product is tried again; it doubles with every try.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_hours(1);
/// The longest pause before a deferred product is tried again.
pub(crate) const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(24);

/// The suspects and the deferred products of one experience.
#[derive(Debug)]
pub(super) struct Isolation {
    now: Timestamp,
    allow: Side,
    deny: Side,
    deferred: BTreeMap<ProductId, Deferred>,
    /// Records of earlier passes for products whose pause is over.
    before: BTreeMap<ProductId, Deferred>,
}

/// The suspects of one kind of change, allow or deny.
#[derive(Debug, Default)]
struct Side {
    groups: Vec<Group>,
    testing: Option<Test>,
}

#[derive(Debug)]
struct Group {
    ids: Vec<ProductId>,
    /// Whether one of them is known to be offending.
    bad: bool,
    /// The products of this group that the catalog's text names.
    named: Vec<ProductId>,
    error: String,
}

#[derive(Debug)]
struct Test {
    ids: Vec<ProductId>,
    /// The rest of the group, of which one product is offending.
    sibling: Vec<ProductId>,
    error: String,
}

impl Isolation {
    /// Starts from the deferred products of earlier passes. `now` is the start of the pass.
    pub(super) fn new(before: &[Deferred], now: Timestamp) -> Self {
        let (due, deferred) = before
            .iter()
            .map(|found| (found.product.clone(), found.clone()))
            .partition(|(_, found): &(_, Deferred)| found.next_try.is_none_or(|next| next <= now));
        Self { now, allow: Side::default(), deny: Side::default(), deferred, before: due }
    }

    /// Takes deferred products and suspects out of `plan`. Forgets those that `plan` does not name
    /// any more.
    pub(super) fn leave_out_of(&mut self, plan: &mut Plan) {
        self.deferred.retain(|id, _| plan.allow().contains(id) || plan.deny().contains(id));
        self.before.retain(|id, _| plan.allow().contains(id) || plan.deny().contains(id));
        self.take_up_due(plan);
        self.allow.retain(plan.allow());
        self.deny.retain(plan.deny());
        plan.leave_out(self.deferred.keys());
        plan.leave_out(self.allow.ids().chain(self.deny.ids()));
    }

    /// Makes products whose pause is over suspects, to be tested after everything else.
    fn take_up_due(&mut self, plan: &Plan) {
        for (side, needed) in [(&mut self.allow, plan.allow()), (&mut self.deny, plan.deny())] {
            let due: BTreeSet<_> =
                self.before.keys().filter(|id| needed.contains(*id) && !side.ids().any(|other| other == *id)).collect();
            let due: BTreeSet<_> = due.into_iter().filter(|id| !self.deferred.contains_key(*id)).cloned().collect();
            for batch in ProductBatch::split(&due) {
                side.groups.insert(0, Group::new(batch.products().to_vec(), false, String::new()));
            }
        }
    }

    /// Whether a product is a suspect.
    pub(super) fn is_suspect(&self, product: &ProductId) -> bool {
        self.allow.ids().chain(self.deny.ids()).any(|id| id == product)
    }

    /// The number of suspects.
    pub(super) fn suspects(&self) -> usize {
        self.allow.ids().count() + self.deny.ids().count()
    }

    /// Records of earlier passes for products that this pass has not decided on. A pass that ends
    /// early must not lose them, or the next pass would test those products as if they were new.
    pub(super) fn untested(&self) -> impl Iterator<Item = &Deferred> {
        self.before.values().filter(|found| !self.deferred.contains_key(&found.product))
    }

    /// The number of suspects of one kind of change.
    pub(super) fn suspects_of(&self, kind: ChangeKind) -> usize {
        if kind == ChangeKind::Deny { self.deny.ids().count() } else { self.allow.ids().count() }
    }

    /// The deferred products, by id.
    pub(super) fn deferred(&self) -> impl Iterator<Item = &Deferred> {
        self.deferred.values()
    }

    /// The next change set that tests suspects. `None` where there are no suspects left.
    pub(super) fn next_test(&mut self, limit: IdLimit) -> Option<ChangeSet> {
        let (mut allow, mut deny) = (BTreeSet::new(), BTreeSet::new());
        let most = match limit {
            IdLimit::PerChange => ProductBatch::MAX,
            IdLimit::PerRequest(ids) => ids,
        };
        if let Some(ids) = self.side_test(ChangeKind::Allow, most) {
            allow.extend(ids);
        }
        // A failed request names the change that failed, so one test can hold suspects of both
        // sides, one with allow and one with deny. It cannot if the bound of ids counts for the
        // whole request.
        if allow.is_empty() || limit == IdLimit::PerChange {
            deny.extend(self.side_test(ChangeKind::Deny, most).unwrap_or_default());
        }
        ChangeSet::first(&allow, &deny, limit)
    }

    fn side_test(&mut self, kind: ChangeKind, most: usize) -> Option<Vec<ProductId>> {
        loop {
            let side = self.side(kind);
            side.cut_test(most);
            if let Some(test) = &side.testing {
                return Some(test.ids.clone());
            }
            let group = side.groups.pop()?;
            if group.bad && group.ids.len() == 1 {
                self.defer(&group.ids, &group.error);
                continue;
            }
            self.side(kind).testing = Some(group.into_test());
        }
    }

    /// Makes suspects of `ids`, after the change of this kind failed with `error`. One of them is
    /// offending.
    pub(super) fn suspect(&mut self, kind: ChangeKind, ids: &[ProductId], error: &str) {
        self.side(kind).groups.push(Group::new(ids.to_vec(), true, error.to_owned()));
        self.settle(kind);
    }

    /// Records that the test with this kind of change passed, so that its products are applied.
    pub(super) fn passed(&mut self, kind: ChangeKind) {
        let side = self.side(kind);
        if let Some(test) = side.testing.take()
            && !test.sibling.is_empty()
        {
            side.groups.push(Group::new(test.sibling, true, test.error));
        }
        self.settle(kind);
    }

    /// Records that the test with this kind of change failed, so that it holds an offending
    /// product. Nothing is known of the rest of its group any more.
    pub(super) fn failed(&mut self, kind: ChangeKind, error: &str) {
        let side = self.side(kind);
        if let Some(test) = side.testing.take() {
            if !test.sibling.is_empty() {
                side.groups.push(Group::new(test.sibling, false, test.error));
            }
            side.groups.push(Group::new(test.ids, true, error.to_owned()));
        }
        self.settle(kind);
    }

    /// Defers offending products that are alone in their group, because they need no further test.
    fn settle(&mut self, kind: ChangeKind) {
        let side = self.side(kind);
        let (alone, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut side.groups).into_iter().partition(|group| group.bad && group.ids.len() == 1);
        side.groups = rest;
        for group in alone {
            self.defer(&group.ids, &group.error);
        }
    }

    /// Defers `ids`, with the catalog's own error.
    pub(super) fn defer(&mut self, ids: &[ProductId], error: &str) {
        for product in ids {
            let before = self.before.get(product);
            let tries = before.map_or(0, |before| before.tries).saturating_add(1);
            let found = Deferred {
                product: product.clone(),
                reason: DeferralReason::Refused,
                error: error.to_owned(),
                first_seen: before.and_then(|before| before.first_seen).or(Some(self.now)),
                tries,
                next_try: self.now.checked_add(pause(tries)).ok(),
            };
            self.deferred.insert(product.clone(), found);
        }
    }

    fn side(&mut self, kind: ChangeKind) -> &mut Side {
        if kind == ChangeKind::Deny { &mut self.deny } else { &mut self.allow }
    }
}

/// The pause after the given number of tries: 1, 2, 4 … hours, at most a day.
fn pause(tries: u32) -> SignedDuration {
    let hours = 1_i32.checked_shl(tries.saturating_sub(1)).filter(|hours| *hours > 0);
    hours.and_then(|hours| FIRST_PAUSE.checked_mul(hours)).map_or(LONGEST_PAUSE, |pause| pause.min(LONGEST_PAUSE))
}

impl Side {
    fn ids(&self) -> impl Iterator<Item = &ProductId> {
        let testing = self.testing.iter().flat_map(|test| test.ids.iter().chain(&test.sibling));
        self.groups.iter().flat_map(|group| &group.ids).chain(testing)
    }

    /// Shortens the test to as many ids as one request may hold.
    fn cut_test(&mut self, most: usize) {
        let Some(test) = self.testing.as_mut().filter(|test| test.ids.len() > most) else { return };
        let rest = test.ids.split_off(most);
        if test.sibling.is_empty() {
            self.groups.push(Group::new(rest, false, String::new()));
        } else {
            test.sibling.extend(rest);
        }
    }

    fn retain(&mut self, needed: &BTreeSet<ProductId>) {
        for group in &mut self.groups {
            group.ids.retain(|id| needed.contains(id));
        }
        self.groups.retain(|group| !group.ids.is_empty());
        if let Some(test) = &mut self.testing {
            test.ids.retain(|id| needed.contains(id));
            test.sibling.retain(|id| needed.contains(id));
            if test.ids.is_empty() {
                let sibling = std::mem::take(&mut test.sibling);
                let error = std::mem::take(&mut test.error);
                self.testing = None;
                if !sibling.is_empty() {
                    // Somebody else applied all products of the test, so nothing is known of the
                    // rest.
                    self.groups.push(Group::new(sibling, false, error));
                }
            }
        }
    }
}

impl Group {
    fn new(ids: Vec<ProductId>, bad: bool, error: String) -> Self {
        let named: Vec<_> = ids.iter().filter(|id| names(&error, id)).cloned().collect();
        // A text that names every product does not say which one is offending.
        let named = if named.len() == ids.len() { Vec::new() } else { named };
        Self { ids, bad, named, error }
    }

    /// The next test of this group. A group of which nothing is known is tested as a whole. If a
    /// group holds an offending product, the test takes half of it, or all products that the
    /// catalog did not name.
    fn into_test(self) -> Test {
        let Self { mut ids, bad, named, error } = self;
        let sibling = if !bad {
            Vec::new()
        } else if named.is_empty() {
            ids.split_off(ids.len().div_ceil(2))
        } else {
            ids.retain(|id| !named.contains(id));
            named
        };
        Test { ids, sibling, error }
    }
}

/// Whether a text names a product: its whole id, not a longer one that begins with it.
pub(super) fn names(text: &str, id: &ProductId) -> bool {
    let part_of_an_id = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.match_indices(id.as_str()).any(|(start, found)| {
        !text[..start].ends_with(part_of_an_id) && !text[start + found.len()..].starts_with(part_of_an_id)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pmp_plan::{Desired, GuardRails, Observed, plan};
    use pmp_protocol::{Content, ExperienceId, ResourceRequests, SnapshotVersion, Verdicts};
    use proptest::prelude::*;

    use super::*;

    fn product(n: usize) -> ProductId {
        ProductId::new(&format!("prod-{n:03}")).unwrap()
    }

    fn plan_to_allow(products: &BTreeSet<ProductId>) -> Plan {
        let experience = ExperienceId::new("exp-1").unwrap();
        let content =
            Content::new(experience, products.clone(), BTreeSet::new(), BTreeMap::new(), ResourceRequests::Allow);
        let (content, verdicts, none) = (content.unwrap(), Verdicts::new(), BTreeSet::new());
        let observed = Observed { approved: &none, rejected: &none };
        let desired = Desired::new(&content, &verdicts);
        plan(&desired, observed, SnapshotVersion::FIRST, GuardRails::default(), None).unwrap()
    }

    /// Applies `count` products, of which some are poison, as the executor does. Returns the number
    /// of change sets and the products that are left.
    fn isolate(isolation: &mut Isolation, count: usize, poison: &BTreeSet<ProductId>) -> (usize, BTreeSet<ProductId>) {
        let mut left: BTreeSet<_> = (0..count).map(product).collect();
        let mut change_sets = 0;
        loop {
            let mut plan = plan_to_allow(&left);
            isolation.leave_out_of(&mut plan);
            let batch = plan.first(IdLimit::PerChange);
            let test = batch.is_none();
            let Some(set) = batch.or_else(|| isolation.next_test(IdLimit::PerChange)) else {
                return (change_sets, left);
            };
            change_sets += 1;
            let ids = set.allow().unwrap().products();
            match (test, ids.iter().any(|id| poison.contains(id))) {
                (false, true) => isolation.suspect(ChangeKind::Allow, ids, "no such product"),
                (true, true) => isolation.failed(ChangeKind::Allow, "no such product"),
                (_, false) => {
                    left.retain(|id| !ids.contains(id));
                    if test {
                        isolation.passed(ChangeKind::Allow);
                    }
                }
            }
        }
    }

    proptest! {
        /// Exactly the poison is deferred, and everything else is applied.
        #[test]
        fn exactly_the_offending_products_are_deferred(
            count in 1..160_usize, poison in proptest::collection::btree_set(0..160_usize, 0..20),
        ) {
            let poison: BTreeSet<_> = poison.into_iter().filter(|n| *n < count).map(product).collect();
            let mut isolation = Isolation::new(&[], Timestamp::UNIX_EPOCH);
            let (change_sets, left) = isolate(&mut isolation, count, &poison);
            prop_assert_eq!(&left, &poison);
            prop_assert_eq!(isolation.deferred().map(|found| found.product.clone()).collect::<BTreeSet<_>>(), poison.clone());
            prop_assert_eq!(isolation.suspects(), 0);
            // Halving takes about two change sets for each level of each offending product.
            prop_assert!(change_sets <= count.div_ceil(50) + poison.len() * 12, "{change_sets} change sets");
        }
    }

    #[test]
    fn one_offending_product_takes_a_dozen_more_change_sets() {
        let mut isolation = Isolation::new(&[], Timestamp::UNIX_EPOCH);
        assert!(isolate(&mut isolation, 50, &BTreeSet::from([product(7)])).0 <= 13);
        let mut isolation = Isolation::new(&[], Timestamp::UNIX_EPOCH);
        assert!(isolate(&mut isolation, 50, &(0..50).map(product).collect()).0 <= 100);
    }

    #[test]
    fn a_product_that_the_catalog_names_is_suspected_first() {
        let mut isolation = Isolation::new(&[], Timestamp::UNIX_EPOCH);
        let ids: Vec<_> = (0..50).map(product).collect();
        isolation.suspect(ChangeKind::Allow, &ids, "cannot find prod-007, nor prod-0080");
        let test = isolation.next_test(IdLimit::PerChange).unwrap();
        assert_eq!(test.allow().unwrap().products().len(), 49, "all but the one that is named");
        isolation.passed(ChangeKind::Allow);
        assert!(isolation.next_test(IdLimit::PerChange).is_none());
        assert_eq!(isolation.deferred().map(|found| found.product.as_str()).collect::<Vec<_>>(), ["prod-007"]);
    }

    #[test]
    fn a_deferred_product_is_tried_again_ever_later() {
        let hours = |hours: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
        let poison = BTreeSet::from([product(3)]);
        let mut known: Vec<Deferred> = Vec::new();
        for hour in 0..60 {
            let mut isolation = Isolation::new(&known, hours(hour));
            assert_eq!(isolate(&mut isolation, 10, &poison).1, poison);
            known = isolation.deferred().cloned().collect();
            assert_eq!(known[0].first_seen, Some(hours(0)));
        }
        // After 0, 1, 3, 7, 15, 31 and 55 hours.
        assert_eq!(known[0].tries, 7);
        let mut isolation = Isolation::new(&known, hours(400));
        assert_eq!(isolate(&mut isolation, 10, &BTreeSet::new()).1, BTreeSet::new(), "it is applied once it can be");
        assert_eq!(isolation.deferred().count(), 0);
        assert_eq!([1, 2, 5, 6, 40].map(|tries| pause(tries).as_hours()), [1, 2, 16, 24, 24]);
    }
}
