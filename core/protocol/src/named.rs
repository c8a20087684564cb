//! Products by name: what the hub looked up of them stands beside their ids wherever it is known.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{Answers, PlainText, ProductAttributes, ProductId};

/// The longest name, and the longest vendor, that is shown.
const MAX_NAME: usize = 60;

/// A product, with what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NamedProduct {
    /// Id of the product.
    pub id: ProductId,
    /// Its name, as AWS Marketplace shows it; none where that is not known.
    pub name: Option<String>,
    /// Its vendor, as AWS Marketplace shows it; none where that is not known.
    pub vendor: Option<String>,
}

impl NamedProduct {
    /// `Port Scanner · Example Security (prod-…)`; the id alone where nothing is known.
    #[must_use]
    pub fn label(&self) -> String {
        let known = self.known();
        if known.is_empty() { self.id.to_string() } else { format!("{known} ({})", self.id) }
    }

    /// The same in at most `width` columns, where the id leaves room for more than itself: the
    /// names give way, the id does not. A character takes no more columns than bytes.
    #[must_use]
    pub fn label_within(&self, width: usize) -> String {
        /// Of fewer bytes a name says nothing.
        const SHORTEST: usize = 8;
        let known = self.known();
        let room = width.saturating_sub(self.id.as_str().len() + " ()".len());
        if known.is_empty() || room < SHORTEST {
            return self.id.to_string();
        }
        format!("{} ({})", PlainText::bounded(&known, room), self.id)
    }

    /// Its name and its vendor, as far as they are known; blank where neither is. Vendors choose
    /// both, so they are made harmless (rule 14).
    #[must_use]
    pub fn known(&self) -> String {
        let short = |text: &String| PlainText::bounded(text, MAX_NAME).to_string();
        let parts: Vec<_> = [&self.name, &self.vendor].into_iter().flatten().map(short).collect();
        parts.join(" · ")
    }
}

impl Answers {
    /// What is known of a product; none where it was not looked up, or nobody may see it.
    #[must_use]
    pub fn attributes(&self, product: &ProductId) -> Option<&ProductAttributes> {
        self.products.get(product)?.attributes.as_ref()
    }

    /// The product with what is known of it.
    #[must_use]
    pub fn named(&self, product: &ProductId) -> NamedProduct {
        let known = self.attributes(product);
        NamedProduct {
            id: product.clone(),
            name: known.and_then(|known| known.name.clone()),
            vendor: known.and_then(|known| known.manufacturer.clone()),
        }
    }

    /// Those of `products` of which anything is known, each once.
    #[must_use]
    pub fn named_of<'a>(&self, products: impl Iterator<Item = &'a ProductId>) -> Vec<NamedProduct> {
        let products: BTreeSet<_> = products.filter(|id| self.attributes(id).is_some()).collect();
        products.into_iter().map(|id| self.named(id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(id: &str, name: Option<&str>, vendor: Option<&str>) -> NamedProduct {
        let id = ProductId::new(id).unwrap();
        NamedProduct { id, name: name.map(str::to_owned), vendor: vendor.map(str::to_owned) }
    }

    #[test]
    fn a_label_names_what_is_known_and_is_harmless() {
        let label = |name, vendor| product("prod-1", name, vendor).label();
        assert_eq!(label(Some("Port Scanner"), Some("Example Security")), "Port Scanner · Example Security (prod-1)");
        assert_eq!(label(Some("Port Scanner"), None), "Port Scanner (prod-1)");
        assert_eq!(label(None, None), "prod-1");
        assert_eq!(label(Some("Port\u{1b}[2J Knocker"), None), "Port\u{fffd}[2J Knocker (prod-1)");
    }

    #[test]
    fn where_there_is_little_room_the_names_give_way_to_the_id() {
        let scanner = product("prod-scanner", Some("Port Scanner"), Some("Example Security"));
        assert_eq!(scanner.label_within(80), scanner.label());
        let narrow = scanner.label_within(40);
        assert!(narrow.starts_with("Port Scanner") && narrow.ends_with(" (prod-scanner)"), "{narrow}");
        assert!(narrow.len() <= 40, "{narrow}");
        assert_eq!(scanner.label_within(20), "prod-scanner");
        assert_eq!(product("prod-zzz", None, None).label_within(80), "prod-zzz");
    }
}
