//! `exclude-vendors`: products of these vendors are not approved.

use pmp_filter_names::key;
use serde::Deserialize;

use super::settings::{Names, Taking, Unknown};
use super::{Rule, Taken};
use crate::input::{Context, Product};
use crate::log::{Log, LogLevel};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExcludeVendors {
    vendors: Names,
    #[serde(default)]
    unknown: Unknown,
    #[serde(default)]
    verdict: Taking,
    reason: Option<String>,
}

impl Rule for ExcludeVendors {
    fn judge(&self, product: &Product<'_>) -> Option<Taken> {
        let vendor = match product.manufacturer_id.and_then(|id| self.vendors.find_id(id)) {
            Some(vendor) => vendor,
            // If the id is not in the settings, the vendor's name may be.
            None => match name(product) {
                Some(name) => self.vendors.find(name)?,
                None => return self.unknown.judge("the vendor is"),
            },
        };
        let why = self.reason.clone().unwrap_or_else(|| format!("the vendor `{vendor}` is in `vendors`"));
        Some(Taken { how: self.verdict, why })
    }

    fn needs_attributes(&self) -> bool {
        true
    }

    fn remark(&self, context: &Context<'_>, products: &[Product<'_>], log: &mut Log) {
        let unknown = products.iter().filter(|product| name(product).is_none()).count();
        if unknown > 0 {
            log.add(LogLevel::Warn, &format!("the vendors of {unknown} of {} products are not known", products.len()));
        }
        let ids = products.iter().filter_map(|product| product.manufacturer_id);
        for vendor in self.vendors.unmet(products.iter().filter_map(name), ids) {
            let version = context.snapshot_version;
            log.add(LogLevel::Warn, &format!("no product of `{vendor}` in `vendors` is known in snapshot {version}"));
        }
    }
}

/// The vendor's name. `None` if it has no visible characters.
fn name<'a>(product: &Product<'a>) -> Option<&'a str> {
    product.manufacturer.filter(|name| !key(name).is_empty())
}
