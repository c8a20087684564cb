//! `exclude-vendors`: what one of these vendors made is not approved.

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
        let Some(manufacturer) = known(product) else { return self.unknown.judge("the vendor is") };
        let vendor = self.vendors.find(manufacturer)?;
        let why = self.reason.clone().unwrap_or_else(|| format!("the vendor `{vendor}` is in `vendors`"));
        Some(Taken { how: self.verdict, why })
    }

    fn needs_attributes(&self) -> bool {
        true
    }

    fn remark(&self, context: &Context<'_>, products: &[Product<'_>], log: &mut Log) {
        let unknown = products.iter().filter(|product| known(product).is_none()).count();
        if unknown > 0 {
            log.add(LogLevel::Warn, &format!("the vendors of {unknown} of {} products are not known", products.len()));
        }
        for vendor in self.vendors.unmet(products.iter().filter_map(known)) {
            let version = context.snapshot_version;
            log.add(LogLevel::Warn, &format!("no product of `{vendor}` in `vendors` is known in snapshot {version}"));
        }
    }
}

/// The vendor; a name in which there is nothing to read is none.
fn known<'a>(product: &Product<'a>) -> Option<&'a str> {
    product.manufacturer.filter(|name| !key(name).is_empty())
}
