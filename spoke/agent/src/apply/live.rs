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
    let lists = [("approved", &policy.approved), ("rejected", &policy.rejected)];
    let texts = lists.into_iter().flat_map(|(name, list)| {
        let ids = list.iter().flat_map(|id| ["\n", id.as_str()]);
        [name].into_iter().chain(ids).chain(["\n"])
    });
    Left::of(&Digest::of_all(texts.map(str::as_bytes)))
}

#[cfg(test)]
mod tests {
    use pmp_protocol::ProductId;

    use super::*;

    #[test]
    fn how_lists_are_left_is_one_text_of_both() {
        let ids = |ids: &[&str]| ids.iter().map(|id| ProductId::new(id).unwrap()).collect();
        let policy = ProcurementPolicy { approved: ids(&["b", "a"]), rejected: ids(&["c"]), ..Default::default() };
        let text = "approved\na\nb\nrejected\nc\n";
        assert_eq!(left(&policy), Left::of(&Digest::of(text.as_bytes())));
        let nothing = ProcurementPolicy::default();
        assert_eq!(left(&nothing), Left::of(&Digest::of(b"approved\nrejected\n")));
    }
}
