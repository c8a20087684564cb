//! What a management experience says at one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ExperienceId, ProductId};

/// Everything that a management experience says: the approved and the rejected products, the notes
/// on them, and whether users may request products.
///
/// The two lists are sorted, unique and disjoint by construction. Its canonical form, and so its
/// digest, is the compact JSON of this type with the fields in the order in which they are
/// declared, which is alphabetical.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
// Protocol S2.
pub struct Content {
    approved: BTreeSet<ProductId>,
    experience: ExperienceId,
    notes: BTreeMap<ProductId, Note>,
    policy_resource_requests: ResourceRequests,
    rejected: BTreeSet<ProductId>,
}

/// Lists that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// A product stands on both lists.
    #[error("{count} products are both approved and rejected, the first is `{first}`")]
    Overlap {
        /// How many products are on both lists.
        count: usize,
        /// The first, in order.
        first: ProductId,
    },
    /// A note on a product that is on neither list.
    #[error("a note is about `{0}`, which is neither approved nor rejected")]
    StrayNote(ProductId),
}

crate::codes!(ContentError {
    Overlap => "E1006",
    StrayNote => "E1007",
});

crate::without_hint!(ContentError);

/// Whether users of the experience may request products that are not approved
/// (`PolicyResourceRequests` of the procurement policy).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ResourceRequests {
    /// Users may ask for products.
    #[default]
    Allow,
    /// Users may not request products that are not approved.
    Deny,
}

impl ResourceRequests {
    /// As AWS writes it: `Allow` or `Deny`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        }
    }
}

/// The note that an administrator left on a product in the management experience (`Notes`, 1 to 50
/// characters). Its comma-separated words are the product's labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Note(String);

impl Note {
    /// The note, or none where the text is blank.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// As the administrator wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The labels: the parts between commas, trimmed, in lower case, without empty ones.
    pub fn labels(&self) -> impl Iterator<Item = String> + '_ {
        self.0.split(',').map(|label| label.trim().to_lowercase()).filter(|label| !label.is_empty())
    }
}

impl Content {
    /// Takes the lists, and refuses those that contradict each other.
    pub fn new(
        experience: ExperienceId,
        approved: BTreeSet<ProductId>,
        rejected: BTreeSet<ProductId>,
        notes: BTreeMap<ProductId, Note>,
        policy_resource_requests: ResourceRequests,
    ) -> Result<Self, ContentError> {
        let mut overlap = approved.intersection(&rejected);
        if let Some(first) = overlap.next() {
            return Err(ContentError::Overlap { count: 1 + overlap.count(), first: first.clone() });
        }
        if let Some(stray) = notes.keys().find(|id| !approved.contains(*id) && !rejected.contains(*id)) {
            return Err(ContentError::StrayNote(stray.clone()));
        }
        Ok(Self { approved, experience, notes, policy_resource_requests, rejected })
    }

    /// The management experience that says this.
    #[must_use]
    pub fn experience(&self) -> &ExperienceId {
        &self.experience
    }

    /// Products on the approved list, sorted by id.
    #[must_use]
    pub fn approved(&self) -> &BTreeSet<ProductId> {
        &self.approved
    }

    /// Products on the rejected list, sorted by id.
    #[must_use]
    pub fn rejected(&self) -> &BTreeSet<ProductId> {
        &self.rejected
    }

    /// The note on a product, if there is one.
    #[must_use]
    pub fn note(&self, product: &ProductId) -> Option<&Note> {
        self.notes.get(product)
    }

    /// Whether users may request products.
    #[must_use]
    pub fn policy_resource_requests(&self) -> ResourceRequests {
        self.policy_resource_requests
    }

    /// The number of products on each list.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts { approved: self.approved.len(), rejected: self.rejected.len() }
    }
}

/// How many products each list holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// How many products are approved.
    pub approved: usize,
    /// How many products are rejected.
    pub rejected: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} approved and {} rejected", self.approved, self.rejected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(list: &[&str]) -> BTreeSet<ProductId> {
        list.iter().map(|id| ProductId::new(id).unwrap()).collect()
    }

    #[test]
    fn contradicting_lists_are_refused() {
        // Protocol S6.
        let experience = ExperienceId::new("exp-1").unwrap();
        let both = Content::new(
            experience.clone(),
            ids(&["a", "b", "c"]),
            ids(&["b", "c"]),
            BTreeMap::new(),
            ResourceRequests::Allow,
        );
        let first = ProductId::new("b").unwrap();
        assert_eq!(both, Err(ContentError::Overlap { count: 2, first }));

        let stray = ProductId::new("z").unwrap();
        let notes = BTreeMap::from([(stray.clone(), Note::new("genai").unwrap())]);
        let result = Content::new(experience, ids(&["a"]), ids(&[]), notes, ResourceRequests::Allow);
        assert_eq!(result, Err(ContentError::StrayNote(stray)));
    }

    #[test]
    fn labels_are_the_parts_of_a_note() {
        let note = Note::new(" GenAI, eu-only ,, ").unwrap();
        assert_eq!(note.labels().collect::<Vec<_>>(), ["genai", "eu-only"]);
        assert_eq!(Note::new("  "), None);
    }
}
