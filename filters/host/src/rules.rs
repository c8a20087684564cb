//! The built-in filters: rules that need settings only, and no code.
//!
//! They are Rust, not prebuilt components. So they are reviewed and tested with the rest of this
//! repository, they are ready at once, and nothing must be built or checked in for them. Otherwise
//! they are like any other filter: their decisions pass the same checks as those of a component,
//! and receipts name them.
//!
//! - `exclude-ids`, `exclude-vendors`, `only-categories`: one rule each.
//! - `rules`: several of them at once.
//!
//! A rule decides on one product at a time, and keeps no state.

mod exclude_ids;
mod exclude_vendors;
mod only_categories;
mod settings;
mod several;

use std::fmt;

use pmp_protocol::Digest;

use crate::contract::bindings::pmp_sync::filter::types;
use crate::description::Description;
use crate::input::{Context, Product, Status};
use crate::log::Log;
use crate::output::RawDecision;

/// The version of all built-in filters. It changes when a decision of any of them changes.
const VERSION: &str = "1.2.0";

/// A rule with its settings.
pub(crate) trait Rule: fmt::Debug + Send + Sync {
    /// Decides whether the rule removes a product that the hub approved, how and why. `None` keeps
    /// it.
    fn judge(&self, product: &Product<'_>) -> Option<Taken>;

    /// Whether the rule decides by attributes that are not in a snapshot and must be looked up.
    fn needs_attributes(&self) -> bool;

    /// Logs facts about a run as a whole, such as a setting that matches no product.
    fn remark(&self, context: &Context<'_>, products: &[Product<'_>], log: &mut Log);
}

/// The decision to remove a product.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    how: settings::Taking,
    why: String,
}

/// A built-in filter, with the text and the code of its rule.
pub(crate) struct BuiltIn {
    /// The name by which the spoke's configuration refers to it.
    pub(crate) name: &'static str,
    description: &'static str,
    settings_schema: &'static str,
    /// Reads its settings. An error names the field.
    pub(crate) configure: fn(&str) -> Result<Box<dyn Rule>, String>,
}

/// All built-in filters, sorted by name.
pub(crate) const BUILT_IN: &[BuiltIn] = &[
    BuiltIn {
        name: "exclude-ids",
        description: "Excludes products by id",
        settings_schema: include_str!("rules/exclude-ids.schema.json"),
        configure: settings::read::<exclude_ids::ExcludeIds>,
    },
    BuiltIn {
        name: "exclude-vendors",
        description: "Excludes the products of some vendors",
        settings_schema: include_str!("rules/exclude-vendors.schema.json"),
        configure: settings::read::<exclude_vendors::ExcludeVendors>,
    },
    BuiltIn {
        name: "only-categories",
        description: "Excludes what is in none of some categories",
        settings_schema: include_str!("rules/only-categories.schema.json"),
        configure: settings::read::<only_categories::OnlyCategories>,
    },
    BuiltIn {
        name: "rules",
        description: "Several of the built-in filters at once: what one of them takes away is not approved",
        settings_schema: include_str!("rules/rules.schema.json"),
        configure: settings::read::<several::Several>,
    },
];

impl BuiltIn {
    pub(crate) fn description(&self) -> Description {
        Description {
            name: self.name.to_owned(),
            version: VERSION.to_owned(),
            description: self.description.to_owned(),
            settings_schema: self.settings_schema.to_owned(),
        }
    }

    /// A built-in filter has no file, so its digest covers the name, the version and the schema of
    /// the settings.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(format!("{}@{VERSION}\n{}", self.name, self.settings_schema).as_bytes())
    }
}

/// Applies a rule to all products, as a component's `evaluate` would.
pub(crate) fn evaluate(
    rule: &dyn Rule,
    context: &Context<'_>,
    products: &[Product<'_>],
    log: &mut Log,
) -> Vec<RawDecision> {
    rule.remark(context, products, log);
    let decide = |product: &Product<'_>| match product.status {
        // A product that the hub rejects stays rejected.
        Status::Rejected => RawDecision { verdict: types::Verdict::Reject, reason: None },
        Status::Approved => match rule.judge(product) {
            Some(Taken { how, why }) => RawDecision { verdict: how.verdict(), reason: Some(why) },
            None => RawDecision { verdict: types::Verdict::Keep, reason: None },
        },
    };
    products.iter().map(decide).collect()
}
