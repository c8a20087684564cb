//! The state of the experience that `verify-aws` changes.

use pmp_catalog::{ProcurementPolicy, Revision};

/// The experience's revision and its policy, from one read.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) revision: Revision,
    pub(super) policy: ProcurementPolicy,
}
