//! The state of an experience as the catalog shows it.

use pmp_catalog::{Experience, PolicyId, ProcurementPolicy};
use pmp_protocol::{Digest, Left, MemberId};

/// An experience that can be kept in step, with its lists as they are now.
#[derive(Debug)]
pub(crate) struct Live {
    /// What a change set may name.
    pub(crate) member: MemberId,
    pub(crate) experience: Experience,
    pub(crate) policy_id: PolicyId,
    pub(crate) policy: ProcurementPolicy,
}

/// The state of an experience's lists, independent of their order.
pub(crate) fn left(policy: &ProcurementPolicy) -> Left {
    let mut text = String::new();
    for (list, name) in [(&policy.approved, "approved"), (&policy.rejected, "rejected")] {
        text.push_str(name);
        for id in list {
            text.push('\n');
            text.push_str(id.as_str());
        }
        text.push('\n');
    }
    Left::of(&Digest::of(text.as_bytes()))
}
