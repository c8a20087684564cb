//! The guard rails (rule 5): how much a plan may remove before an operator has to confirm it.

use pmp_plan::GuardRails;
use pmp_terminal::{Settings, Source};

use super::ConfigArgs;

pub(super) const REMOVED_PERCENT: Source =
    Source { flag: "--max-removed-percent", variable: "PMP_MAX_REMOVED_PERCENT" };
pub(super) const REMOVED_PRODUCTS: Source =
    Source { flag: "--max-removed-products", variable: "PMP_MAX_REMOVED_PRODUCTS" };

impl ConfigArgs {
    pub(super) fn guard(&self, settings: &mut Settings) -> GuardRails {
        let default = GuardRails::default();
        let percent = settings.number(self.max_removed_percent.as_deref(), REMOVED_PERCENT, 0..=100);
        GuardRails {
            max_removed_percent: percent.unwrap_or(default.max_removed_percent),
            max_removed_products: settings.number(self.max_removed_products.as_deref(), REMOVED_PRODUCTS, 0..),
        }
    }
}
