//! What an experience should say: the snapshot, narrowed by the filter.

use std::borrow::Cow;
use std::collections::BTreeSet;

use pmp_protocol::{Content, ProductId, Verdict, Verdicts};

/// The lists that an experience should have.
///
/// It can only be narrower than the snapshot (rule 1): it is made by taking products away from the approved ones, and
/// whatever the hub rejected stays rejected.
#[derive(Debug, Clone)]
pub struct Desired<'a> {
    content: &'a Content,
    verdicts: &'a Verdicts,
    // Borrowed where nothing narrows: a hundred experiences then share the snapshot's own lists.
    approved: Cow<'a, BTreeSet<ProductId>>,
    rejected: Cow<'a, BTreeSet<ProductId>>,
}

impl<'a> Desired<'a> {
    /// Narrows `content` by `verdicts`. Verdicts on products that the hub has not approved change nothing.
    #[must_use]
    pub fn new(content: &'a Content, verdicts: &'a Verdicts) -> Self {
        if verdicts.is_empty() {
            let (approved, rejected) = (Cow::Borrowed(content.approved()), Cow::Borrowed(content.rejected()));
            return Self { content, verdicts, approved, rejected };
        }
        let verdict = |id: &ProductId| verdicts.get(id).map_or(Verdict::Keep, |decision| decision.verdict);
        let (mut approved, mut rejected) = (BTreeSet::new(), content.rejected().clone());
        for id in content.approved() {
            match verdict(id) {
                Verdict::Keep => approved.insert(id.clone()),
                Verdict::Exclude => continue,
                Verdict::Reject => rejected.insert(id.clone()),
            };
        }
        Self { content, verdicts, approved: Cow::Owned(approved), rejected: Cow::Owned(rejected) }
    }

    /// The products that should be approved.
    #[must_use]
    pub fn approved(&self) -> &BTreeSet<ProductId> {
        &self.approved
    }

    /// The products that should be rejected.
    #[must_use]
    pub fn rejected(&self) -> &BTreeSet<ProductId> {
        &self.rejected
    }

    pub(crate) fn content(&self) -> &'a Content {
        self.content
    }

    pub(crate) fn verdicts(&self) -> &'a Verdicts {
        self.verdicts
    }

    /// How many of the approved products the filter took away.
    #[must_use]
    pub fn narrowed(&self) -> usize {
        self.content.approved().len() - self.approved.len()
    }
}
