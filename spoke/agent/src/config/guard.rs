//! The guard rails (rule 5): how much a plan may remove before an operator has to confirm it.

use pmp_plan::GuardRails;
use pmp_terminal::Settings;

use super::declared::ConfigArgs;

impl ConfigArgs {
    pub(super) fn guard(&self, settings: &mut Settings) -> GuardRails {
        let default = GuardRails::default();
        let percent = self.max_removed_percent().optional(settings).and_then(|it| it.get().try_into().ok());
        // More products than a machine can count are no limit.
        let products = self.max_removed_products().optional(settings).and_then(|it| it.get().try_into().ok());
        GuardRails {
            max_removed_percent: percent.unwrap_or(default.max_removed_percent),
            max_removed_products: products,
        }
    }
}
