//! Compares two contents of a management experience. Pure.

use std::collections::BTreeSet;

use pmp_protocol::{Content, Note, ProductId, ResourceRequests};
use serde::Serialize;

/// Where a product stands in a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Listed {
    /// The management experience approves it.
    Approved,
    /// The management experience rejects it.
    Rejected,
}

impl Listed {
    /// The list of `content` that holds `product`. `None` if neither does.
    pub(crate) fn of(content: &Content, product: &ProductId) -> Option<Self> {
        if content.approved().contains(product) {
            Some(Self::Approved)
        } else {
            content.rejected().contains(product).then_some(Self::Rejected)
        }
    }

    /// The verb for it: the management experience `approves` or `rejects` a product.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Approved => "approves it",
            Self::Rejected => "rejects it",
        }
    }

    /// The same of what was said before.
    pub(crate) fn past(self) -> &'static str {
        match self {
            Self::Approved => "approved it",
            Self::Rejected => "rejected it",
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }
}

/// A product, and what a content says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ListedProduct {
    /// The id of the product.
    pub(crate) product: ProductId,
    /// On which list it is.
    pub(crate) listed: Listed,
    /// The administrator's note on it.
    pub(crate) note: Option<Note>,
}

/// A product of which two contents say different things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ChangedProduct {
    /// The id of the product.
    pub(crate) product: ProductId,
    /// Where it stood; none where it was on neither list.
    pub(crate) before: Option<Listed>,
    /// Where it stands; none where it is on neither list.
    pub(crate) after: Option<Listed>,
    /// The note that was there.
    pub(crate) note_before: Option<Note>,
    /// The note that is there.
    pub(crate) note_after: Option<Note>,
}

/// The differences between two contents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    /// The products, in the order of their ids.
    pub(crate) products: Vec<ChangedProduct>,
    /// Whether users may request products, before and after. `None` if the two are equal.
    pub(crate) policy_resource_requests: Option<(ResourceRequests, ResourceRequests)>,
}

impl Difference {
    /// How many products came to stand elsewhere, each number with its words; those that are none
    /// are left out.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (usize, &'static str)> {
        let now = |listed| self.products.iter().filter(|it| it.after == listed && it.before != listed).count();
        let noted = self.products.iter().filter(|it| it.before == it.after).count();
        let counts = [
            (now(Some(Listed::Approved)), "approved"),
            (now(Some(Listed::Rejected)), "rejected"),
            (now(None), "on neither list any more"),
            (noted, "with another note"),
        ];
        counts.into_iter().filter(|(count, _)| *count > 0)
    }
}

/// All products of a content, in the order of their ids.
pub(crate) fn products(content: &Content) -> Vec<ListedProduct> {
    let listed = |product: &ProductId| {
        let listed = Listed::of(content, product)?;
        Some(ListedProduct { product: product.clone(), listed, note: content.note(product).cloned() })
    };
    all(content).filter_map(listed).collect()
}

/// Compares two contents, product by product. `before` is the older one.
pub(crate) fn between(before: &Content, after: &Content) -> Difference {
    let changed = |product: &ProductId| {
        let changed = ChangedProduct {
            product: product.clone(),
            before: Listed::of(before, product),
            after: Listed::of(after, product),
            note_before: before.note(product).cloned(),
            note_after: after.note(product).cloned(),
        };
        let same = changed.before == changed.after && changed.note_before == changed.note_after;
        (!same).then_some(changed)
    };
    let known: BTreeSet<&ProductId> = all(before).chain(all(after)).collect();
    let requests = (before.policy_resource_requests(), after.policy_resource_requests());
    Difference {
        products: known.into_iter().filter_map(changed).collect(),
        policy_resource_requests: (requests.0 != requests.1).then_some(requests),
    }
}

/// The products on both lists, each list in order.
fn all(content: &Content) -> impl Iterator<Item = &ProductId> {
    let mut products: Vec<&ProductId> = content.approved().iter().chain(content.rejected()).collect();
    products.sort();
    products.into_iter()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pmp_protocol::ExperienceId;
    use proptest::prelude::*;

    use super::*;

    /// A content in which product `n` is nowhere, approved or rejected, with or without a note.
    fn content(marks: &[(u8, bool)], requests: ResourceRequests) -> Content {
        let (mut approved, mut rejected, mut notes) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        for (n, (place, noted)) in marks.iter().enumerate() {
            let id = ProductId::new(&format!("prod-{n}")).unwrap();
            match place {
                1 => approved.insert(id.clone()),
                2 => rejected.insert(id.clone()),
                _ => continue,
            };
            if *noted {
                notes.insert(id, Note::new("checked").unwrap());
            }
        }
        Content::new(ExperienceId::new("exp-1").unwrap(), approved, rejected, notes, requests).unwrap()
    }

    fn marks() -> impl Strategy<Value = Vec<(u8, bool)>> {
        proptest::collection::vec((0..3_u8, any::<bool>()), 0..20)
    }

    proptest! {
        #[test]
        fn what_differs_leads_from_one_content_to_the_other(before in marks(), after in marks()) {
            let (before, after) = (content(&before, ResourceRequests::Allow), content(&after, ResourceRequests::Deny));
            let difference = between(&before, &after);
            let mut led = products(&before);
            for changed in difference.products {
                prop_assert!((changed.before, &changed.note_before) != (changed.after, &changed.note_after));
                led.retain(|row| row.product != changed.product);
                if let Some(listed) = changed.after {
                    led.push(ListedProduct { product: changed.product, listed, note: changed.note_after });
                }
            }
            led.sort_by(|a, b| a.product.cmp(&b.product));
            prop_assert_eq!(led, products(&after));
            prop_assert_eq!(difference.policy_resource_requests, Some((ResourceRequests::Allow, ResourceRequests::Deny)));
        }

        #[test]
        fn nothing_differs_from_itself(marks in marks()) {
            let it = content(&marks, ResourceRequests::Allow);
            prop_assert_eq!(between(&it, &it), Difference::default());
        }
    }
}
