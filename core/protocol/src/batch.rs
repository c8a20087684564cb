//! At most 50 products: what one change of a change set may name.

use serde::Serialize;

use crate::ProductId;

/// The products of one change, `AllowProductProcurement` or `DenyProductProcurement`: 1 to 50,
/// sorted, each once.
///
/// AWS refuses more ("Cumulative number of values in Ids array must be less than or equal to 50")
/// and repeated ids, so such a batch cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ProductBatch(Vec<ProductId>);

impl ProductBatch {
    /// The most products that a change may name.
    pub const MAX: usize = 50;

    /// Cuts products into as few batches as possible, in their order; none where there are no
    /// products.
    ///
    /// A set goes in, so the ids are unique; chunks of [`Self::MAX`] come out, so none is too long
    /// or empty.
    #[must_use]
    pub fn split(products: &std::collections::BTreeSet<ProductId>) -> Vec<Self> {
        let products: Vec<&ProductId> = products.iter().collect();
        products.chunks(Self::MAX).map(|chunk| Self(chunk.iter().map(|id| (*id).clone()).collect())).collect()
    }

    /// The products, sorted by id, each once.
    #[must_use]
    pub fn products(&self) -> &[ProductId] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn batches_are_full_unique_and_complete(numbers in proptest::collection::btree_set(0..1000_u32, 0..400)) {
            let products: BTreeSet<_> = numbers.iter().map(|n| ProductId::new(&format!("prod-{n}")).unwrap()).collect();
            let batches = ProductBatch::split(&products);
            prop_assert_eq!(batches.len(), products.len().div_ceil(ProductBatch::MAX));
            prop_assert!(batches.iter().all(|batch| (1..=ProductBatch::MAX).contains(&batch.products().len())));
            let all: Vec<_> = batches.iter().flat_map(ProductBatch::products).cloned().collect();
            prop_assert_eq!(all, products.into_iter().collect::<Vec<_>>());
        }
    }
}
