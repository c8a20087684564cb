//! Change sets within AWS's limits, by construction.

use pmp_protocol::ProductBatch;

/// One change set on one experience: up to 50 products to allow **and** up to 50 to deny, never neither.
///
/// AWS allows each change type once per entity in a change set, and 50 products per change: two optional batches can
/// hold nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSet {
    allow: Option<ProductBatch>,
    deny: Option<ProductBatch>,
}

impl ChangeSet {
    /// Pairs the batches: as many change sets as the longer list needs, and every denial in the first ones, so that
    /// none waits behind a thousand allows.
    pub(crate) fn pair(allow: Vec<ProductBatch>, deny: Vec<ProductBatch>) -> Vec<Self> {
        let (mut allow, mut deny) = (allow.into_iter(), deny.into_iter());
        std::iter::from_fn(|| match (allow.next(), deny.next()) {
            (None, None) => None,
            (allow, deny) => Some(Self { allow, deny }),
        })
        .collect()
    }

    /// Products to allow.
    #[must_use]
    pub fn allow(&self) -> Option<&ProductBatch> {
        self.allow.as_ref()
    }

    /// Products to deny.
    #[must_use]
    pub fn deny(&self) -> Option<&ProductBatch> {
        self.deny.as_ref()
    }
}
