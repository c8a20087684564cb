//! The contract's values, made convenient.

use crate::{Decision, Managed, Product, Status, Verdict};

impl Managed {
    /// The experience is managed.
    #[must_use]
    pub const fn yes() -> Self {
        Self { managed: true, reason: None }
    }

    /// The experience is not managed, with the reason.
    #[must_use]
    pub fn no(reason: impl Into<String>) -> Self {
        Self { managed: false, reason: Some(reason.into()) }
    }
}

impl Decision {
    /// The hub's decision stays.
    #[must_use]
    pub const fn keep() -> Self {
        Self { verdict: Verdict::Keep, reason: None }
    }

    /// The product is not approved here, with the reason.
    #[must_use]
    pub fn exclude(reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::Exclude, reason: Some(reason.into()) }
    }

    /// The product is not approved here and put on the list of rejected products, with the reason.
    #[must_use]
    pub fn reject(reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::Reject, reason: Some(reason.into()) }
    }
}

impl Product {
    /// A product that the hub approved, without any other facts.
    #[must_use]
    pub fn approved(id: &str) -> Self {
        Self::bare(id, Status::Approved)
    }

    /// A product that the hub rejected, without any other facts.
    #[must_use]
    pub fn rejected(id: &str) -> Self {
        Self::bare(id, Status::Rejected)
    }

    fn bare(id: &str, status: Status) -> Self {
        Self {
            id: id.to_owned(),
            status,
            name: None,
            manufacturer: None,
            categories: Vec::new(),
            fulfillment_types: Vec::new(),
            labels: Vec::new(),
        }
    }

    /// Whether the product carries this label. Labels are lower case.
    #[must_use]
    pub fn has_label(&self, label: &str) -> bool {
        self.labels.iter().any(|own| own == label)
    }
}
