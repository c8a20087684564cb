//! Guard rails: a plan that would remove too much is held until an operator confirms it (rule 5).

use pmp_protocol::SnapshotVersion;
use serde::Serialize;

/// How much one plan may remove from an experience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardRails {
    /// The most, in percent of the approved products, 0 to 100. Removing all of them is held whatever this says.
    pub max_removed_percent: u8,
    /// The most, in products; none for no such limit.
    pub max_removed_products: Option<usize>,
}

impl Default for GuardRails {
    fn default() -> Self {
        Self { max_removed_percent: 50, max_removed_products: None }
    }
}

/// What an operator has let through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Confirmation {
    /// Nothing.
    #[default]
    None,
    /// Exactly this version, whatever it removes.
    Version(SnapshotVersion),
}

impl Confirmation {
    fn covers(self, version: SnapshotVersion) -> bool {
        self == Self::Version(version)
    }
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
#[error("it would remove {removed} of {approved} approved products ({}%, limit {})", percent(*.removed, *.approved), limit_text(*.limit))]
pub struct Refusal {
    /// Approved products that it would have removed.
    pub removed: usize,
    /// Approved products now.
    pub approved: usize,
    /// The limit.
    pub limit: Limit,
    /// How many products it would have changed in all; [`crate::explain`] says which, for people to judge.
    pub changes: usize,
}

fn limit_text(limit: Limit) -> String {
    match limit {
        Limit::Everything => "not all".to_owned(),
        Limit::Percent(percent) => format!("{percent}%"),
        Limit::Products(products) => format!("{products} products"),
    }
}

fn percent(part: usize, whole: usize) -> usize {
    part * 100 / whole.max(1)
}

impl GuardRails {
    /// The limit that removing `removed` of `approved` products would pass, if any.
    pub(crate) fn exceeded(
        self,
        removed: usize,
        approved: usize,
        version: SnapshotVersion,
        confirmation: Confirmation,
    ) -> Option<Limit> {
        if removed == 0 || confirmation.covers(version) {
            None
        } else if removed == approved {
            Some(Limit::Everything)
        } else if removed * 100 > approved * usize::from(self.max_removed_percent) {
            Some(Limit::Percent(self.max_removed_percent))
        } else {
            self.max_removed_products.filter(|limit| removed > *limit).map(Limit::Products)
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
            |guard: GuardRails, removed, approved| guard.exceeded(removed, approved, version, Confirmation::None);
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
    fn a_confirmation_covers_exactly_one_version() {
        let guard = GuardRails::default();
        let second = SnapshotVersion::FIRST.next();
        assert_eq!(guard.exceeded(9, 9, second, Confirmation::Version(second)), None);
        let other = Confirmation::Version(SnapshotVersion::FIRST);
        assert_eq!(guard.exceeded(9, 9, second, other), Some(Limit::Everything));
    }
}
