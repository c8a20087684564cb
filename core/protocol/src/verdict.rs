//! What a filter says of a product.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ProductId;

/// A filter's word on one product that the hub approved.
///
/// There is no verdict that approves: a filter can only narrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As the hub says.
    Keep,
    /// Not approved here; denied only where it is approved now.
    Exclude,
    /// Not approved here, and put on the rejected list even where it was never approved.
    Reject,
}

impl Verdict {
    /// As it is spelled in the ledger and in every output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Exclude => "exclude",
            Self::Reject => "reject",
        }
    }
}

/// A verdict with the filter's own words for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What is to happen.
    pub verdict: Verdict,
    /// Why, in the filter's words; bounded and cleaned by the filter host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The decisions that narrow, by product. A product that is not here is kept.
pub type Verdicts = BTreeMap<ProductId, Decision>;
