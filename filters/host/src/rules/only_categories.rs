//! `only-categories`: what is in none of these categories is not approved.

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
        let Some((first, more)) = product.categories.split_first() else {
            return self.unknown.judge("the categories are");
        };
        if product.categories.iter().any(|category| self.categories.find(category).is_some()) {
            return None;
        }
        let others = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        let why =
            self.reason.clone().unwrap_or_else(|| format!("the category `{first}`{others} is not in `categories`"));
        Some(Taken { how: self.verdict, why })
    }

    fn needs_attributes(&self) -> bool {
        true
    }

    fn remark(&self, context: &Context<'_>, products: &[Product<'_>], log: &mut Log) {
        let unknown = products.iter().filter(|product| product.categories.is_empty()).count();
        if unknown > 0 {
            let all = products.len();
            log.add(LogLevel::Warn, &format!("the categories of {unknown} of {all} products are not known"));
        }
        let met = products.iter().flat_map(|product| product.categories).map(String::as_str);
        for category in self.categories.unmet(met) {
            let version = context.snapshot_version;
            let text =
                format!("no product in the category `{category}` in `categories` is known in snapshot {version}");
            log.add(LogLevel::Warn, &text);
        }
    }
}
