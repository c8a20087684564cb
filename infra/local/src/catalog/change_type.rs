//! The change types: what each one asks for, when it fails, and what it does. One row per type in [`CHANGE_TYPES`].

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use super::change_set::{Change, ErrorDetail};
use super::entity::Policy;
use super::{Catalog, CatalogError};

/// A kind of change that a change set may hold.
pub(super) struct ChangeType {
    /// Its name in the API.
    pub(super) name: &'static str,
    /// The type of entity that it is asked on.
    pub(super) entity_type: &'static str,
    /// Reads its details document.
    pub(super) read: fn(Value) -> Result<Action, CatalogError>,
}

/// Every change type that the simulator knows. Another one is an `Action` and a row.
const CHANGE_TYPES: &[ChangeType] = &[
    ChangeType {
        name: "AllowProductProcurement",
        entity_type: "Experience@1.0",
        read: |details| read(Effect::Allow, details),
    },
    ChangeType {
        name: "DenyProductProcurement",
        entity_type: "Experience@1.0",
        read: |details| read(Effect::Deny, details),
    },
];

/// The change type of that name.
pub(super) fn change_type(name: &str) -> Result<&'static ChangeType, CatalogError> {
    let unknown = || CatalogError::validation(format!("Change type {name} is not supported"));
    CHANGE_TYPES.iter().find(|known| known.name == name).ok_or_else(unknown)
}

/// What a change does, read and checked.
#[derive(Debug)]
pub(super) enum Action {
    /// Puts products on a list, and takes them off the other one.
    Procure { effect: Effect, products: Vec<Product> },
}

/// On which list a product is put.
#[derive(Debug, Clone, Copy)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// A product of a change, with its note.
#[derive(Debug)]
pub(super) struct Product {
    id: String,
    notes: Option<String>,
}

impl Action {
    /// Changes the policy of the experience that the change names.
    pub(super) fn apply(&self, policy: &mut Policy) {
        match self {
            Self::Procure { effect, products } => {
                let (to, from) = match effect {
                    Effect::Allow => (&mut policy.approved, &mut policy.rejected),
                    Effect::Deny => (&mut policy.rejected, &mut policy.approved),
                };
                for product in products {
                    from.remove(&product.id);
                    to.insert(product.id.clone(), product.notes.clone());
                }
            }
        }
    }
}

impl Catalog {
    /// Why a change cannot be applied; nothing when it can.
    pub(super) fn errors_of(&self, change: &Change) -> Vec<ErrorDetail> {
        let mut errors = Vec::new();
        let experience = self.experiences.get(&change.entity);
        if experience.and_then(|experience| experience.policy.as_ref()).is_none() {
            errors.push(ErrorDetail::not_found("Procurement policy missing from Experience"));
        }
        let Action::Procure { products, .. } = &change.action;
        if products.iter().any(|product| self.poison.contains(&product.id)) {
            // AWS documents no text for this, so the id is not in it: a client must not depend on being told.
            errors.push(ErrorDetail::not_found("A product of this change cannot be found"));
        }
        errors
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

/// Reads the details of the two procurement change types, by the rules and with the texts that AWS documents.
fn read(effect: Effect, details: Value) -> Result<Action, CatalogError> {
    let malformed = |error| CatalogError::validation(format!("Details do not match the schema: {error}"));
    let details: ProcurementDetails = serde_json::from_value(details).map_err(malformed)?;
    let between = |what: &str, length: usize| match (1..=50).contains(&length) {
        true => Ok(()),
        false => Err(CatalogError::validation(format!("{what} must be between 1 and 50"))),
    };
    // First, so that a request with too many ids gets the documented text, however they are grouped.
    if details.products.iter().map(|group| group.ids.len()).sum::<usize>() > 50 {
        let limit = "Cumulative number of values in Ids array must be less than or equal to 50";
        return Err(CatalogError::validation(limit));
    }
    between("Number of values in Products array", details.products.len())?;
    let mut products = Vec::new();
    let mut seen = BTreeSet::new();
    for group in details.products {
        between("Number of values in Ids array", group.ids.len())?;
        if let Some(notes) = &group.notes {
            between("Length of Notes", notes.chars().count())?;
        }
        for id in group.ids {
            between("Length of values in Ids array", id.chars().count())?;
            if !seen.insert(id.clone()) {
                return Err(CatalogError::validation("Values in Ids array must be unique"));
            }
            products.push(Product { id, notes: group.notes.clone() });
        }
    }
    Ok(Action::Procure { effect, products })
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
        let too_many = "Cumulative number of values in Ids array must be less than or equal to 50";
        assert_eq!(refusal(json!({"Products": [{"Ids": ids(51)}]})), too_many);
        assert_eq!(refusal(json!({"Products": [{"Ids": ids(30)}, {"Ids": ["x"]}, {"Ids": ids(20)}]})), too_many);
        let unique = "Values in Ids array must be unique";
        assert_eq!(refusal(json!({"Products": [{"Ids": ["a"]}, {"Ids": ["a"]}]})), unique);
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

    #[test]
    fn an_unknown_change_type_is_a_validation_error() {
        assert_eq!(change_type("DeleteEverything").err().map(|e| e.kind.status()), Some(422));
    }
}
