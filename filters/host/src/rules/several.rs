//! `rules`: several rules at once. A product is kept if all of them keep it.

use serde::Deserialize;

use super::exclude_ids::ExcludeIds;
use super::exclude_vendors::ExcludeVendors;
use super::only_categories::OnlyCategories;
use super::{Rule, Taken};
use crate::input::{Context, Product};
use crate::log::Log;

#[derive(Debug, Deserialize)]
#[serde(try_from = "Given")]
pub(super) struct Several(Vec<Box<dyn Rule>>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Given {
    exclude_ids: Option<ExcludeIds>,
    exclude_vendors: Option<ExcludeVendors>,
    only_categories: Option<OnlyCategories>,
}

impl TryFrom<Given> for Several {
    type Error = &'static str;

    fn try_from(given: Given) -> Result<Self, Self::Error> {
        let mut rules: Vec<Box<dyn Rule>> = Vec::new();
        given.exclude_ids.into_iter().for_each(|rule| rules.push(Box::new(rule)));
        given.exclude_vendors.into_iter().for_each(|rule| rules.push(Box::new(rule)));
        given.only_categories.into_iter().for_each(|rule| rules.push(Box::new(rule)));
        if rules.is_empty() {
            return Err("there is no rule: `exclude-ids`, `exclude-vendors` or `only-categories` is needed");
        }
        Ok(Self(rules))
    }
}

impl Rule for Several {
    /// The strictest decision counts; of equal ones, the first.
    fn judge(&self, product: &Product<'_>) -> Option<Taken> {
        self.0.iter().filter_map(|rule| rule.judge(product)).reduce(
            |first, next| {
                if next.how > first.how { next } else { first }
            },
        )
    }

    fn needs_attributes(&self) -> bool {
        self.0.iter().any(|rule| rule.needs_attributes())
    }

    fn remark(&self, context: &Context<'_>, products: &[Product<'_>], log: &mut Log) {
        self.0.iter().for_each(|rule| rule.remark(context, products, log));
    }
}
