//! What the lists of an experience must be: the rule by which the demo judges, apart from the
//! programs that it judges.

use std::collections::BTreeSet;

use pmp_protocol::ProductId;

/// How many ids a difference names before it only counts.
const NAMED: usize = 3;

/// The approved and the rejected products of an experience.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lists {
    pub(super) approved: BTreeSet<ProductId>,
    pub(super) rejected: BTreeSet<ProductId>,
}

impl Lists {
    /// These lists after they followed `management`, of whose approved products only those that
    /// `keeps` are wanted. What was approved here alone ends as rejected: the catalog knows no
    /// other way to take a product away.
    pub(super) fn after_following(&self, management: &Self, keeps: impl Fn(&ProductId) -> bool) -> Self {
        let approved: BTreeSet<_> = management.approved.iter().filter(|id| keeps(id)).cloned().collect();
        let mut rejected: BTreeSet<_> = &self.rejected | &management.rejected;
        rejected.extend(self.approved.iter().cloned());
        rejected.retain(|id| !approved.contains(id));
        Self { approved, rejected }
    }

    /// What `found` has too few and too many of, in words; nothing where it is the same.
    pub(super) fn difference(&self, found: &Self) -> Vec<String> {
        let mut words = Vec::new();
        for (list, expected, found) in
            [("approved", &self.approved, &found.approved), ("rejected", &self.rejected, &found.rejected)]
        {
            words.extend(name("not ", list, expected.difference(found)));
            words.extend(name("wrongly ", list, found.difference(expected)));
        }
        words
    }
}

fn name<'p>(how: &str, list: &str, products: impl Iterator<Item = &'p ProductId>) -> Option<String> {
    let products: Vec<_> = products.map(ProductId::as_str).collect();
    let named = products.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    let more = if products.len() > NAMED { ", …" } else { "" };
    (!products.is_empty()).then(|| format!("{} {how}{list}: {named}{more}", products.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(approved: &[&str], rejected: &[&str]) -> Lists {
        let set = |ids: &[&str]| ids.iter().map(|id| ProductId::new(id).unwrap()).collect();
        Lists { approved: set(approved), rejected: set(rejected) }
    }

    #[test]
    fn following_approves_denies_and_leaves_local_rejections() {
        let management = lists(&["a", "b", "genai"], &["z"]);
        let member = lists(&["a", "local"], &["b", "only-here"]);
        let after = member.after_following(&management, |id| id.as_str() != "genai");
        assert_eq!(after, lists(&["a", "b"], &["local", "only-here", "z"]));
        assert_eq!(
            after.after_following(&management, |id| id.as_str() != "genai"),
            after,
            "then there is nothing to do"
        );
    }

    #[test]
    fn what_the_filter_drops_is_rejected_only_where_it_was_approved() {
        let management = lists(&["x", "y"], &[]);
        let after = lists(&["x"], &[]).after_following(&management, |_| false);
        assert_eq!(after, lists(&[], &["x"]));
    }

    #[test]
    fn a_difference_names_the_first_few() {
        let expected = lists(&["a", "b", "c", "d", "e"], &["z"]);
        assert_eq!(
            expected.difference(&lists(&["e", "q"], &["z"])),
            ["4 not approved: a, b, c, …", "1 wrongly approved: q"]
        );
        assert!(expected.difference(&expected).is_empty());
    }
}
