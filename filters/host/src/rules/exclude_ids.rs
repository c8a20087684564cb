//! `exclude-ids`: products with these ids are not approved.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::settings::{Ids, Taking};
use super::{Rule, Taken};
use crate::input::{Context, Product};
use crate::log::{Log, LogLevel};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExcludeIds {
    ids: Ids,
    #[serde(default)]
    verdict: Taking,
    reason: Option<String>,
}

impl Rule for ExcludeIds {
    fn judge(&self, product: &Product<'_>) -> Option<Taken> {
        let why = || self.reason.clone().unwrap_or_else(|| "the id is in `ids`".to_owned());
        self.ids.0.contains(product.id).then(|| Taken { how: self.verdict, why: why() })
    }

    fn needs_attributes(&self) -> bool {
        false
    }

    fn remark(&self, context: &Context<'_>, products: &[Product<'_>], log: &mut Log) {
        let known: BTreeSet<_> = products.iter().map(|product| product.id).collect();
        for id in self.ids.0.iter().filter(|id| !known.contains(id)) {
            log.add(LogLevel::Warn, &format!("`{id}` in `ids` is not in snapshot {}", context.snapshot_version));
        }
    }
}
