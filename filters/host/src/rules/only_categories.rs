//! `only-categories`: products outside of these categories are not approved.

use serde::Deserialize;

use super::settings::{Names, Taking, Unknown};
use super::{Rule, Taken};
use crate::input::{Context, Product};
use crate::log::{Log, LogLevel};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OnlyCategories {
    categories: Names,
    #[serde(default)]
    unknown: Unknown,
    #[serde(default)]
    verdict: Taking,
    reason: Option<String>,
}

impl Rule for OnlyCategories {
    fn judge(&self, product: &Product<'_>) -> Option<Taken> {
        let by_id = product.category_ids.iter().any(|id| self.categories.find_id(id).is_some());
        if by_id || product.categories.iter().any(|category| self.categories.find(category).is_some()) {
            return None;
        }
        let told = if product.categories.is_empty() { product.category_ids } else { product.categories };
        let Some((first, more)) = told.split_first() else {
            return self.unknown.judge("the categories are");
        };
        let others = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        let why =
            self.reason.clone().unwrap_or_else(|| format!("the category `{first}`{others} is not in `categories`"));
        Some(Taken { how: self.verdict, why })
    }

    fn needs_attributes(&self) -> bool {
        true
    }

    fn remark(&self, context: &Context<'_>, products: &[Product<'_>], log: &mut Log) {
        let is_unknown = |product: &&Product<'_>| product.categories.is_empty() && product.category_ids.is_empty();
        let unknown = products.iter().filter(is_unknown).count();
        if unknown > 0 {
            let all = products.len();
            log.add(LogLevel::Warn, &format!("the categories of {unknown} of {all} products are not known"));
        }
        let met = products.iter().flat_map(|product| product.categories).map(String::as_str);
        let ids = products.iter().flat_map(|product| product.category_ids).map(String::as_str);
        for category in self.categories.unmet(met, ids) {
            let version = context.snapshot_version;
            let text =
                format!("no product in the category `{category}` in `categories` is known in snapshot {version}");
            log.add(LogLevel::Warn, &text);
        }
    }
}
