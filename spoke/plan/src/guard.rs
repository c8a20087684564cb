//! Guard rails: a plan that would remove too much is held until an operator confirms it (rule 5).

use pmp_protocol::SnapshotVersion;
use serde::Serialize;

/// How much one plan may remove from an experience, together with what was removed lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardRails {
    /// The most, in percent of the approved products, 0 to 100. Removing all of them is held
    /// whatever this says.
    pub max_removed_percent: u8,
    /// The most, in products; none for no such limit.
    pub max_removed_products: Option<usize>,
}

impl Default for GuardRails {
    fn default() -> Self {
        Self { max_removed_percent: 50, max_removed_products: None }
    }
}

/// What was removed from an experience lately: many small steps are judged like one blow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lately {
    /// Approved products that were removed.
    pub removed: usize,
    /// How many were approved before the first of them.
    pub approved: usize,
}

/// The limit that a plan would have passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// It would have removed every approved product.
    Everything,
    /// More than this many percent of the approved products.
    Percent(u8),
    /// More than this many products.
    Products(usize),
}

/// A plan that was not made, because it would remove too much. Nothing may be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it would remove {}", how_much(self))]
pub struct Refusal {
    /// Approved products that it would have removed.
    pub removed: usize,
    /// Number of products that are approved now.
    pub approved: usize,
    /// What was removed lately, and counts as well.
    pub lately: Lately,
    /// The limit that the plan exceeds.
    pub limit: Limit,
    /// How many products it would have changed in all; [`crate::explain`] says which, for people to
    /// judge.
    pub changes: usize,
}

pmp_protocol::codes!(Refusal => "E5201");

pmp_protocol::without_hint!(Refusal);

/// How many products it would remove, with which limit that passes. There is no semicolon in it:
/// the first one of a receipt's error ends what is held.
fn how_much(refusal: &Refusal) -> String {
    let Refusal { removed, approved, lately, limit, .. } = *refusal;
    let (all, of) = lately.with(removed, approved);
    let limit = match limit {
        Limit::Everything => {
            let what = if approved == 1 {
                "the only approved product".to_owned()
            } else {
                format!("all {approved} approved products")
            };
            return match lately.removed {
                0 => format!("{what} (removing all is held)"),
                _ => format!("{what} (with those removed lately {all}, and removing all is held)"),
            };
        }
        Limit::Percent(percent) => format!("limit {percent}%"),
        Limit::Products(products) => format!("limit {products} products"),
    };
    let share = if lately.removed == 0 {
        format!("{}%", percent(removed, approved))
    } else if lately.removed.saturating_add(approved) <= of {
        format!("with those removed lately {all} of {of}, {}%", percent(all, of))
    } else {
        // Others were approved meanwhile, so there never were as many at once as both numbers say.
        format!("with those removed lately {all}, of {of} at most at one time")
    };
    format!("{removed} of {approved} approved products ({share}, {limit})")
}

fn percent(part: usize, whole: usize) -> usize {
    part * 100 / whole.max(1)
}

impl Lately {
    /// How many are removed in all with `removed` more, and of how many.
    fn with(self, removed: usize, approved: usize) -> (usize, usize) {
        (self.removed.saturating_add(removed), self.approved.max(approved))
    }
}

impl GuardRails {
    /// Judges a plan that makes so many `changes`, of which `removed` take away one of the
    /// `approved` products each, after what was removed `lately`. For whoever plans the same for
    /// many experiences; [`crate::plan_after`] judges by itself.
    ///
    /// # Errors
    /// A [`Refusal`] where that is more than is allowed, and `confirmed` is not `version`.
    pub fn judge(
        self,
        removed: usize,
        approved: usize,
        changes: usize,
        lately: Lately,
        version: SnapshotVersion,
        confirmed: Option<SnapshotVersion>,
    ) -> Result<(), Box<Refusal>> {
        match self.exceeded(removed, approved, lately, version, confirmed) {
            None => Ok(()),
            Some(limit) => Err(Box::new(Refusal { removed, approved, lately, limit, changes })),
        }
    }

    /// The limit that removing `removed` of `approved` products would pass after what was removed
    /// lately, if any (rule 5). An operator's confirmation counts for exactly the version that it
    /// names.
    fn exceeded(
        self,
        removed: usize,
        approved: usize,
        lately: Lately,
        version: SnapshotVersion,
        confirmed: Option<SnapshotVersion>,
    ) -> Option<Limit> {
        let (all, of) = lately.with(removed, approved);
        if removed == 0 || confirmed == Some(version) {
            None
        } else if removed == approved {
            Some(Limit::Everything)
        } else if all.saturating_mul(100) > of.saturating_mul(usize::from(self.max_removed_percent)) {
            Some(Limit::Percent(self.max_removed_percent))
        } else {
            self.max_removed_products.filter(|limit| all > *limit).map(Limit::Products)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_holds_at_its_edge() {
        let version = SnapshotVersion::FIRST;
        let default = GuardRails::default();
        let exceeded =
            |guard: GuardRails, removed, approved| guard.exceeded(removed, approved, Lately::default(), version, None);
        assert_eq!(exceeded(default, 0, 0), None);
        assert_eq!(exceeded(default, 5, 10), None);
        assert_eq!(exceeded(default, 6, 10), Some(Limit::Percent(50)));
        assert_eq!(exceeded(default, 10, 10), Some(Limit::Everything));
        let lax = GuardRails { max_removed_percent: 100, max_removed_products: Some(3) };
        assert_eq!(exceeded(lax, 3, 10), None);
        assert_eq!(exceeded(lax, 4, 10), Some(Limit::Products(3)));
        assert_eq!(
            exceeded(GuardRails { max_removed_percent: 100, max_removed_products: None }, 1, 1),
            Some(Limit::Everything)
        );
    }

    #[test]
    fn steps_that_would_pass_by_themselves_are_judged_with_those_before() {
        let guard = GuardRails::default();
        let judged =
            |removed, approved, lately| guard.exceeded(removed, approved, lately, SnapshotVersion::FIRST, None);
        let first = Lately { removed: 45, approved: 100 };
        assert_eq!(judged(45, 100, Lately::default()), None);
        assert_eq!(judged(25, 55, first), Some(Limit::Percent(50)));
        assert_eq!(judged(5, 55, first), None);
        assert_eq!(judged(6, 55, first), Some(Limit::Percent(50)));
        assert_eq!(judged(0, 55, first), None, "what removes nothing is never held");
        // What came since counts, too.
        assert_eq!(judged(6, 155, first), None);
        let few = GuardRails { max_removed_percent: 100, max_removed_products: Some(10) };
        let lately = Lately { removed: 8, approved: 100 };
        let judged = |removed| few.exceeded(removed, 92, lately, SnapshotVersion::FIRST, None);
        assert_eq!((judged(2), judged(3)), (None, Some(Limit::Products(10))));
        let refusal = Refusal { removed: 25, approved: 55, lately: first, limit: Limit::Percent(50), changes: 25 };
        assert_eq!(
            refusal.to_string(),
            "it would remove 25 of 55 approved products (with those removed lately 70 of 100, 70%, limit 50%)"
        );
    }

    /// Two were removed lately, and two others approved since.
    #[test]
    fn numbers_that_are_told_add_up() {
        let lately = Lately { removed: 2, approved: 10 };
        let told = |removed, approved, lately, limit| {
            Refusal { removed, approved, lately, limit, changes: removed }.to_string()
        };
        assert_eq!(
            told(10, 10, lately, Limit::Everything),
            "it would remove all 10 approved products (with those removed lately 12, and removing all is held)"
        );
        assert_eq!(
            told(10, 10, Lately::default(), Limit::Everything),
            "it would remove all 10 approved products (removing all is held)"
        );
        assert_eq!(
            told(1, 1, Lately::default(), Limit::Everything),
            "it would remove the only approved product (removing all is held)"
        );
        assert_eq!(
            told(4, 10, lately, Limit::Percent(50)),
            "it would remove 4 of 10 approved products (with those removed lately 6, of 10 at most at one time, limit 50%)"
        );
        assert_eq!(
            told(4, 8, lately, Limit::Products(5)),
            "it would remove 4 of 8 approved products (with those removed lately 6 of 10, 60%, limit 5 products)"
        );
    }

    #[test]
    fn a_confirmation_covers_exactly_one_version() {
        let guard = GuardRails::default();
        let lately = Lately { removed: 90, approved: 99 };
        let second = SnapshotVersion::FIRST.next();
        assert_eq!(guard.exceeded(9, 9, lately, second, Some(second)), None);
        let other = Some(SnapshotVersion::FIRST);
        assert_eq!(guard.exceeded(9, 9, lately, second, other), Some(Limit::Everything));
    }
}
