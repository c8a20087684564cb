//! The change types `AllowProductProcurement` and `DenyProductProcurement`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::entity::Body;
use super::super::error_detail::ErrorDetail;
use super::super::{Catalog, CatalogError};
use super::{Action, Change, Draft, policy, read_form};
use pmp_world::Listing;

/// On which list a product is put.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

/// A product of a change, with its note.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Product {
    id: String,
    notes: Option<String>,
}

impl Product {
    /// A product without a note.
    pub(super) fn of(id: String) -> Self {
        Self { id, notes: None }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ProcurementDetails {
    products: Vec<ProductGroup>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ProductGroup {
    ids: Vec<String>,
    notes: Option<String>,
}

/// AWS's limit for product ids in one change.
const MAX_IDS: usize = 50;
const TOO_MANY: &str = "Cumulative number of values in Ids array must be less than or equal to 50";
/// The path of the ids within a change, for the error's field list.
const IDS: &str = "Details.Products.Ids";
const NOT_UNIQUE: &str = "Values in Ids array must be unique";

/// Reads the details of the two change types, with the rules and the error texts that AWS
/// documents.
pub(super) fn read(effect: Effect, details: Value) -> Result<Action, CatalogError> {
    let details: ProcurementDetails = read_form(details)?;
    let between = |what: &str, field: &'static str, length: usize| match (1..=50).contains(&length) {
        true => Ok(()),
        false => Err(CatalogError::validation(format!("{what} must be between 1 and 50")).in_field(field)),
    };
    // This check comes first, so that a request with too many ids gets the documented text, however
    // the ids are grouped.
    if details.products.iter().map(|group| group.ids.len()).sum::<usize>() > MAX_IDS {
        return Err(CatalogError::validation(TOO_MANY).in_field(IDS));
    }
    between("Number of values in Products array", "Details.Products", details.products.len())?;
    let mut products = Vec::new();
    let mut seen = BTreeSet::new();
    for group in details.products {
        between("Number of values in Ids array", IDS, group.ids.len())?;
        if let Some(notes) = &group.notes {
            between("Length of Notes", "Details.Products.Notes", notes.chars().count())?;
        }
        for id in group.ids {
            between("Length of values in Ids array", IDS, id.chars().count())?;
            if !seen.insert(id.clone()) {
                return Err(CatalogError::validation(NOT_UNIQUE).in_field(IDS));
            }
            products.push(Product { id, notes: group.notes.clone() });
        }
    }
    Ok(Action::Procure { effect, products })
}

/// Applies the limit of product ids to all changes of a request together
/// ([`IdLimit::PerRequest`](pmp_world::IdLimit)).
pub(crate) fn check_products_of_request(changes: &[Change]) -> Result<(), CatalogError> {
    let mut seen = BTreeSet::new();
    let products = changes.iter().filter_map(|change| match &change.action {
        Action::Procure { products, .. } => Some(products),
        _ => None,
    });
    let ids: Vec<&str> = products.flatten().map(|product| product.id.as_str()).collect();
    if ids.len() > MAX_IDS {
        return Err(CatalogError::validation(TOO_MANY).in_field(IDS));
    }
    if !ids.iter().all(|id| seen.insert(*id)) {
        return Err(CatalogError::validation(NOT_UNIQUE).in_field(IDS));
    }
    Ok(())
}

pub(super) fn check(draft: &Draft<'_>, experience: &str, products: &[Product]) -> Vec<ErrorDetail> {
    let mut errors = policy::check_there(draft, experience);
    if products.iter().any(|product| draft.catalog.settings.poison.contains(&product.id)) {
        errors.push(draft.catalog.unknown_product());
    }
    errors
}

impl Catalog {
    /// The error of a change that names a product which does not exist. AWS documents neither a
    /// code nor a text for it, so the text does not contain the id: a client must not depend on
    /// that.
    pub(super) fn unknown_product(&self) -> ErrorDetail {
        ErrorDetail {
            code: self.settings.assumptions().unknown_products.clone().into(),
            message: "A product of this change cannot be found".into(),
        }
    }
}

pub(super) fn apply(
    effect: Effect,
    products: &[Product],
    experience: &str,
    catalog: &mut Catalog,
    touched: &mut BTreeSet<String>,
) {
    let policy = catalog.experience(experience).and_then(|experience| experience.policy.clone());
    let Some(entity) = policy.and_then(|policy| catalog.entities.get_mut(&policy)) else { return };
    touched.insert(entity.id.clone());
    let Body::ProcurementPolicy(policy) = &mut entity.body else { return };
    let moves = catalog.settings.assumptions().listing == Listing::Moves;
    let (to, from) = match effect {
        Effect::Allow => (&mut policy.approved, &mut policy.rejected),
        Effect::Deny => (&mut policy.rejected, &mut policy.approved),
    };
    for product in products {
        if moves {
            from.remove(&product.id);
        }
        to.insert(product.id.clone(), product.notes.clone());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(details: Value) -> String {
        read(Effect::Allow, details).map(|_| String::new()).unwrap_or_else(|error| error.message)
    }

    #[test]
    fn details_are_held_to_the_documented_limits() {
        let ids = |count: usize| (0..count).map(|n| format!("prod-{n}")).collect::<Vec<_>>();
        assert_eq!(refusal(json!({"Products": [{"Ids": ids(50), "Notes": "why"}]})), "");
        assert_eq!(refusal(json!({"Products": [{"Ids": ids(51)}]})), TOO_MANY);
        assert_eq!(refusal(json!({"Products": [{"Ids": ids(30)}, {"Ids": ["x"]}, {"Ids": ids(20)}]})), TOO_MANY);
        assert_eq!(refusal(json!({"Products": [{"Ids": ["a"]}, {"Ids": ["a"]}]})), NOT_UNIQUE);
        for bad in [
            json!({"Products": []}),
            json!({"Products": [{"Ids": []}]}),
            json!({"Products": [{"Ids": ["p".repeat(51)]}]}),
            json!({"Products": [{"Ids": [""]}]}),
            json!({"Products": [{"Ids": ["a"], "Notes": ""}]}),
            json!({"Products": [{"Ids": ["a"], "Notes": "n".repeat(51)}]}),
            json!({"Products": [{"Ids": ["a"], "Other": 1}]}),
            json!([]),
        ] {
            assert_ne!(refusal(bad.clone()), "", "{bad}");
        }
    }
}
