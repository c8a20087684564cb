//! Procurement policies: the approved and the rejected products of an experience.

use std::collections::{BTreeMap, BTreeSet};

use pmp_protocol::{Note, ProductId, ResourceRequests};

/// What a procurement policy says. A product that it both allows and denies stands here as
/// rejected, the safe reading, and in `contradictory`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcurementPolicy {
    /// Approved products, without the contradictory ones.
    pub approved: BTreeSet<ProductId>,
    /// Products on the rejected list. The catalog never takes one off without approving it.
    pub rejected: BTreeSet<ProductId>,
    /// Products that were on both lists.
    pub contradictory: BTreeSet<ProductId>,
    /// The notes that administrators left.
    pub notes: BTreeMap<ProductId, Note>,
    /// Whether users may request products.
    pub policy_resource_requests: ResourceRequests,
}
