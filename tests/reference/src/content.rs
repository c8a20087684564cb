//! The canonical form of a content, and its digest: protocol S2 and S3, written anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use pmp_protocol::{Digest, ExperienceId, ProductId};

/// The approved and the rejected products of an experience.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lists {
    /// The products that users may procure.
    pub approved: BTreeSet<ProductId>,
    /// The products that they may not procure.
    pub rejected: BTreeSet<ProductId>,
}

impl Lists {
    /// Whether these lists are what is asked for. "A product rejected only in this experience stays
    /// rejected" (HW, "The spoke", 6): so more may be rejected, and nothing else may differ.
    #[must_use]
    pub fn are_as(&self, asked: &Self) -> bool {
        self.approved == asked.approved && asked.rejected.is_subset(&self.rejected)
    }

    /// The same, disregarding some products: those that the catalog refuses are set aside, and all
    /// others are applied (HW, "When something goes wrong").
    #[must_use]
    pub fn are_as_but_for(&self, asked: &Self, aside: &BTreeSet<ProductId>) -> bool {
        let counts = |id: &&ProductId| !aside.contains(*id);
        let approved = |lists: &Self| lists.approved.iter().filter(counts).cloned().collect::<BTreeSet<_>>();
        approved(self) == approved(asked) && asked.rejected.iter().filter(counts).all(|id| self.rejected.contains(id))
    }
}

/// Everything that a management experience says at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The approved and the rejected products.
    pub lists: Lists,
    /// The notes on products, by id.
    pub notes: BTreeMap<ProductId, String>,
    /// `Allow` or `Deny`: whether users may request products that are not approved.
    pub requests: &'static str,
}

impl Content {
    /// S2: JSON in one line, the fields in this order, lists and notes by ascending ids.
    #[must_use]
    pub fn canonical(&self, experience: &ExperienceId) -> String {
        let list = |ids: &BTreeSet<ProductId>| {
            let quoted: Vec<_> = ids.iter().map(|id| quoted(id.as_str())).collect();
            format!("[{}]", quoted.join(","))
        };
        let notes: Vec<_> =
            self.notes.iter().map(|(id, note)| format!("{}:{}", quoted(id.as_str()), quoted(note))).collect();
        format!(
            "{{\"approved\":{},\"experience\":{},\"notes\":{{{}}},\"policy_resource_requests\":{},\"rejected\":{}}}",
            list(&self.lists.approved),
            quoted(experience.as_str()),
            notes.join(","),
            quoted(self.requests),
            list(&self.lists.rejected)
        )
    }

    /// S3: the SHA-256 of these bytes.
    #[must_use]
    pub fn digest(&self, experience: &ExperienceId) -> Digest {
        Digest::of(self.canonical(experience).as_bytes())
    }
}

/// A text of JSON as S2 escapes it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for sign in text.chars() {
        match sign {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{8}' => quoted.push_str("\\b"),
            '\t' => quoted.push_str("\\t"),
            '\n' => quoted.push_str("\\n"),
            '\u{c}' => quoted.push_str("\\f"),
            '\r' => quoted.push_str("\\r"),
            sign if sign < ' ' => {
                // To a String, this never fails.
                let _ = write!(quoted, "\\u{:04x}", u32::from(sign));
            }
            sign => quoted.push(sign),
        }
    }
    quoted.push('"');
    quoted
}
