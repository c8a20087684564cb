//! The built-in filters: rules that need settings only, and no code.
//!
//! They are Rust, and not prebuilt components: so they are read and tested with the rest of this repository, are ready
//! at once, and nothing must be built or checked in for them. To everyone else they are filters like any other: what
//! they decide passes through the same checks as what a component decides, and receipts name them.
//!
//! - `exclude-ids`, `exclude-vendors`, `only-categories`: one rule each.
//! - `rules`: several of them at once.
//!
//! A rule looks at one product at a time, takes it away or leaves it, and remembers nothing.

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

/// The version of all built-in filters. It grows when what one of them decides changes.
const VERSION: &str = "1.2.0";

/// A rule with its settings.
pub(crate) trait Rule: fmt::Debug + Send + Sync {
    /// Whether it takes the product, which the hub approved, away, how and why; none where it leaves it.
    fn judge(&self, product: &Product<'_>) -> Option<Taken>;

    /// Whether it decides by what is not in a snapshot, and has to be looked up.
    fn needs_attributes(&self) -> bool;

    /// What is worth knowing of a run as a whole, such as a setting that met nothing.
    fn remark(&self, context: &Context<'_>, products: &[Product<'_>], log: &mut Log);
}

/// A product is taken away.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    how: settings::Taking,
    why: String,
}

/// A built-in filter.
pub(crate) struct BuiltIn {
    /// By which the spoke's configuration means it.
    pub(crate) name: &'static str,
    description: &'static str,
    settings_schema: &'static str,
    /// Reads its settings; an error names the field.
    pub(crate) configure: fn(&str) -> Result<Box<dyn Rule>, String>,
}

/// All of them, by name.
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

    /// There is no file to take a digest of: this one covers the name, the version and the form of the settings.
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
        // Rejected it stays: there is nothing to take away.
        Status::Rejected => RawDecision { verdict: types::Verdict::Reject, reason: None },
        Status::Approved => match rule.judge(product) {
            Some(Taken { how, why }) => RawDecision { verdict: how.verdict(), reason: Some(why) },
            None => RawDecision { verdict: types::Verdict::Keep, reason: None },
        },
    };
    products.iter().map(decide).collect()
}
