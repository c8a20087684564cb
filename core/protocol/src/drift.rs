//! What others changed in a member experience, as its spoke noticed.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AccountId, Digest, ProductId};

/// How the sentence of a [`Drift`] that is left begins.
pub const LEFT_AS_SET: &str = "left as somebody else set them: ";

/// How a spoke left the lists of an experience: what it compares with when it comes back. The first
/// 8 hexadecimal digits of their digest: the hub reads so much of an organization and no more, and
/// nothing but a notice rests on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Left(String);

impl Left {
    /// Lists with this digest.
    #[must_use]
    pub fn of(lists: &Digest) -> Self {
        Self(lists.short())
    }
}

/// Edits of others: the lists of an experience were not as its spoke had left them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Drift {
    /// When the spoke noticed the latest of them.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::DateTime"))]
    pub noticed_at: Timestamp,
    /// How often it noticed some, as long as receipts tell of it.
    pub times: u32,
    /// How many products were not as hub and filter ask for because of the latest of them.
    #[serde(deserialize_with = "crate::products::read", serialize_with = "crate::products::write")]
    pub products: usize,
    /// Those products, with the list that they were put on. Bounded by the writer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edited: Vec<EditedProduct>,
    /// What became of them.
    pub handling: DriftHandling,
    /// The change sets that did it, the newest first, as far as AWS tells. Bounded by the writer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<ForeignChangeSet>,
    /// Whether all else is applied, where products are left as others set them: then the pass came
    /// to its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rest_applied: bool,
}

/// A product that somebody else put on a list, or that was taken off one in some other way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EditedProduct {
    /// The product that was moved.
    pub product: ProductId,
    /// Where it is now.
    pub now: ListedAs,
}

/// Where a product stands in an experience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ListedAs {
    /// On the list of approved products.
    Approved,
    /// On the list of rejected products.
    Rejected,
    /// On neither of the two lists.
    Unlisted,
}

/// What a spoke does with edits of others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum DriftHandling {
    /// It brings the products back to what hub and filter ask for.
    #[default]
    Heal,
    /// It leaves them as they are, and tells of them.
    Report,
}

impl fmt::Display for DriftHandling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Heal => "heal",
            Self::Report => "report",
        })
    }
}

/// A change set that was not the spoke's. AWS tells the account that started it and no more: who it
/// was there stands in that account's CloudTrail, under the id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ForeignChangeSet {
    /// Id of the change set, as CloudTrail has it.
    pub id: String,
    /// The account that started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// Its name, as whoever started it gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it ended, by the catalog's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::DateTime>"))]
    pub at: Option<Timestamp>,
}

impl Drift {
    /// Whether products are left as others set them.
    #[must_use]
    pub fn is_left(&self) -> bool {
        self.handling == DriftHandling::Report && self.products > 0
    }
}

/// In a sentence: `left as somebody else set them: 3 products, by account 222222222222 in change
/// set cs-1 at 2026-…`.
impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let products = if self.products == 1 { "product" } else { "products" };
        match self.handling {
            DriftHandling::Report => write!(f, "{LEFT_AS_SET}{} {products}", self.products)?,
            DriftHandling::Heal => write!(f, "healed what somebody else had set: {} {products}", self.products)?,
        }
        let Some(newest) = self.by.first() else { return f.write_str("; AWS does not tell by whom") };
        match &newest.account {
            Some(account) => write!(f, ", by account {account}")?,
            None => f.write_str(", by an account that AWS does not tell")?,
        }
        write!(f, " in change set {}", newest.id)?;
        newest.at.iter().try_for_each(|at| write!(f, " at {at}"))?;
        match self.by.len() {
            0 | 1 => Ok(()),
            more => write!(f, " and {} earlier", more - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drift(products: usize, handling: DriftHandling, by: Vec<ForeignChangeSet>) -> Drift {
        Drift {
            noticed_at: Timestamp::UNIX_EPOCH,
            times: 1,
            products,
            edited: Vec::new(),
            handling,
            by,
            rest_applied: false,
        }
    }

    #[test]
    fn it_says_what_became_of_the_products_and_who_it_was_as_far_as_that_is_known() {
        let change_set = |id: &str, account: Option<&str>| ForeignChangeSet {
            id: id.to_owned(),
            account: account.map(|account| AccountId::new(account).unwrap()),
            name: None,
            at: Some(Timestamp::UNIX_EPOCH),
        };
        let by = vec![change_set("cs-2", Some("222222222222")), change_set("cs-1", None)];
        let told = drift(3, DriftHandling::Report, by);
        assert_eq!(
            told.to_string(),
            "left as somebody else set them: 3 products, by account 222222222222 in change set cs-2 at 1970-01-01T00:00:00Z \
             and 1 earlier"
        );
        assert!(told.is_left());
        let unknown = drift(1, DriftHandling::Heal, Vec::new());
        let expected = "healed what somebody else had set: 1 product; AWS does not tell by whom";
        assert_eq!(unknown.to_string(), expected);
        assert!(!unknown.is_left());
    }
}
