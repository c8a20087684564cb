//! Why a plan does what it does: product by product, for `plan`, receipts and reviews.

use pmp_protocol::{Decision, ProductId};
use serde::Serialize;

/// Everything a plan has to say of the products that it changes, or deliberately leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// One entry for each product, by its id.
    pub entries: Vec<Entry>,
    /// Products that are as they should be, and that no filter touched.
    pub unchanged: usize,
}

/// What a plan says of one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Id of the product.
    pub product: ProductId,
    /// What happens to it.
    pub step: Step,
    /// The reason for the step.
    #[serde(flatten)]
    pub why: Why,
}

/// What happens to a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Put on the approved list.
    Allow,
    /// Put on the rejected list.
    Deny,
    /// Left as it is.
    Leave,
}

/// The reason for a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Why {
    /// The hub approves it, and it is on neither list here.
    ApprovedByHub,
    /// The hub approves it, and it is rejected here.
    ApprovedByHubRejectedHere,
    /// It is approved here, and the hub does not approve it.
    NotApprovedByHub,
    /// The hub rejects it.
    RejectedByHub,
    /// The hub approves it, and the filter takes it away.
    #[serde(rename = "narrowed-by-filter")]
    Filtered(Decision),
    /// The catalog refused it, or it could not be looked up for the filter; a later pass tries it
    /// again.
    #[serde(rename = "quarantined")]
    Deferred {
        /// The service's own error.
        error: String,
    },
    /// It is rejected here alone. The catalog can only take it off the list by approving it, so it
    /// stays: no drift.
    RejectedOnlyHere,
}

impl Report {
    /// How many products a step concerns.
    #[must_use]
    pub fn count(&self, step: Step) -> usize {
        self.entries.iter().filter(|entry| entry.step == step).count()
    }
}
