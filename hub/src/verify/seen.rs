//! What was read of the experience that `verify-aws` changes.

use pmp_catalog::{ProcurementPolicy, Revision};

/// The experience and its policy, as they were read.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) revision: Revision,
    pub(super) policy: ProcurementPolicy,
}
