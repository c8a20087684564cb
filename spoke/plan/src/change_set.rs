//! Change sets within AWS's limits, by construction.

use std::collections::BTreeSet;

use pmp_protocol::{ProductBatch, ProductId, ResourceRequests};

/// What AWS's bound of 50 product ids applies to. Its documentation does not say which of the two
/// it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdLimit {
    /// Each change: 50 products to allow and 50 to deny.
    PerChange,
    /// The request: this many in all, 1 to 50.
    PerRequest(usize),
}

impl IdLimit {
    /// The next stricter limit, for a catalog that refuses what this one permits; none below one
    /// id.
    #[must_use]
    pub fn stricter(self) -> Option<Self> {
        match self {
            Self::PerChange => Some(Self::PerRequest(ProductBatch::MAX)),
            Self::PerRequest(0 | 1) => None,
            Self::PerRequest(ids) => Some(Self::PerRequest(ids / 2)),
        }
    }
}

/// One change set on one experience: up to 50 products to allow **and** up to 50 to deny, and the
/// settings; never nothing.
///
/// AWS allows each change type once per entity in a change set, and 50 products per change: two
/// optional batches can hold nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSet {
    allow: Option<ProductBatch>,
    deny: Option<ProductBatch>,
    settings: Option<ResourceRequests>,
}

impl ChangeSet {
    /// The first change set for these products: as many as `limit` permits, and denials before
    /// allows where they share it. None where there are no products.
    #[must_use]
    pub fn first(allow: &BTreeSet<ProductId>, deny: &BTreeSet<ProductId>, limit: IdLimit) -> Option<Self> {
        let (allows, denials) = match limit {
            IdLimit::PerChange => (ProductBatch::MAX, ProductBatch::MAX),
            IdLimit::PerRequest(ids) => {
                let denials = deny.len().min(ids);
                (ids - denials, denials)
            }
        };
        let batch = |products: &BTreeSet<ProductId>, most: usize| {
            let first: BTreeSet<_> = products.iter().take(most.min(ProductBatch::MAX)).cloned().collect();
            ProductBatch::split(&first).pop()
        };
        let first = Self { allow: batch(allow, allows), deny: batch(deny, denials), settings: None };
        (first.allow.is_some() || first.deny.is_some()).then_some(first)
    }

    /// Pairs the batches: as many change sets as the longer list needs, and every denial in the
    /// first ones, so that none waits behind a thousand allows.
    pub(crate) fn pair(allow: Vec<ProductBatch>, deny: Vec<ProductBatch>) -> Vec<Self> {
        let (mut allow, mut deny) = (allow.into_iter(), deny.into_iter());
        std::iter::from_fn(|| match (allow.next(), deny.next()) {
            (None, None) => None,
            (allow, deny) => Some(Self { allow, deny, settings: None }),
        })
        .collect()
    }

    /// A change set for the settings alone.
    pub(crate) fn of_settings(requests: ResourceRequests) -> Self {
        Self { allow: None, deny: None, settings: Some(requests) }
    }

    /// The same, with the settings.
    pub(crate) fn and_settings(self, settings: Option<ResourceRequests>) -> Self {
        Self { settings, ..self }
    }

    /// Whether users may request products from now on, where that is to change.
    #[must_use]
    pub fn settings(&self) -> Option<ResourceRequests> {
        self.settings
    }

    /// Products that this change set allows.
    #[must_use]
    pub fn allow(&self) -> Option<&ProductBatch> {
        self.allow.as_ref()
    }

    /// Products that this change set denies.
    #[must_use]
    pub fn deny(&self) -> Option<&ProductBatch> {
        self.deny.as_ref()
    }
}
