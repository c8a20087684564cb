//! The trials of Marketplace Discovery. They only read: they look products from experiences' lists
//! up in both ways.

use std::collections::BTreeSet;

use pmp_catalog::{CatalogError, ErrorClass, ProductAttributes, ProductDirectory, SdkDirectory};
use pmp_protocol::ProductId;
use pmp_terminal::count;
use pmp_terminal::progress::{self, Step};
use serde_json::Value;

use super::assumption::Assumption;
use super::judge::Described;
use super::record::{Judgement, Record};

/// The number of products that are looked up: with five calls a second, this takes a second.
const PRODUCTS: usize = 5;

/// The facts about products from listings, one listing each.
type Listings = Result<Vec<(ProductId, ProductAttributes)>, CatalogError>;
/// The facts about a product from `GetProduct`. `None` if it shows no such product.
type Single = Result<Option<ProductAttributes>, CatalogError>;

/// Makes the trials with the products of these policies.
pub(super) async fn try_products(directory: &SdkDirectory, policies: &[Described], record: &mut Record) {
    let ids: Vec<_> =
        policies.iter().flat_map(|(_, details)| products_of(details)).collect::<BTreeSet<_>>().into_iter().collect();
    let ids = &ids[..ids.len().min(PRODUCTS)];
    if ids.is_empty() {
        for assumption in [Assumption::ProductSearches, Assumption::Listings] {
            record.say(assumption, Judgement::not_tried("There is no product on the lists of the experiences."));
        }
        return;
    }
    progress::step(Step::Doing, &format!("looking {} up", count(ids.len(), "product")));
    let listings = directory.listings(ids).await;
    let mut singles = Vec::new();
    for id in ids {
        singles.push((id.clone(), directory.product(id).await));
    }
    record.say(Assumption::ProductSearches, searches(&listings, &singles));
    record.say(Assumption::Listings, agreement(&listings, &singles));
}

/// The ids on the lists of a policy. Everything else in it is ignored.
fn products_of(details: &Value) -> impl Iterator<Item = ProductId> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let resources = list(&details["Statements"]).into_iter().flat_map(move |statement| list(&statement["Resources"]));
    let ids = resources.flat_map(move |resource| resource["Ids"].as_array().cloned().unwrap_or_default());
    ids.filter_map(|id| ProductId::new(id.as_str()?).ok())
}

/// The products that `GetProduct` knows.
fn known(singles: &[(ProductId, Single)]) -> Result<Vec<(&ProductId, &ProductAttributes)>, Judgement> {
    let known: Vec<_> = singles.iter().filter_map(|(id, single)| Some((id, single.as_ref().ok()?.as_ref()?))).collect();
    let failed = singles.iter().find_map(|(_, single)| single.as_ref().err());
    match (known.is_empty(), failed) {
        (false, _) => Ok(known),
        (true, Some(error)) => Err(Judgement::not_tried(format!("Products cannot be looked up: {error}."))),
        (true, None) => Err(Judgement::not_tried(format!(
            "GetProduct tells of none of {} on the lists of the experiences.",
            count(singles.len(), "product")
        ))),
    }
}

/// Judges whether products that `GetProduct` knows are also found by a search for their ids.
fn searches(listings: &Listings, singles: &[(ProductId, Single)]) -> Judgement {
    let known = match known(singles) {
        Ok(known) => known,
        Err(judgement) => return judgement,
    };
    let listings = match listings {
        Ok(listings) => listings,
        Err(error) if error.class() == ErrorClass::Invalid => {
            return Judgement::refuted(format!("A search for the ids of products was refused: {error}."));
        }
        Err(error) => return Judgement::not_tried(format!("Listings cannot be searched: {error}.")),
    };
    let found = known.iter().filter(|(id, _)| listings.iter().any(|(listed, _)| listed == *id)).count();
    match found {
        0 => Judgement::refuted(format!(
            "GetProduct tells of {}, and a search for their ids finds none.",
            count(known.len(), "product")
        )),
        _ => Judgement::confirmed(format!("A search for ids found {found} of {}.", count(known.len(), "product"))),
    }
}

/// Judges whether listings give the same facts about products as `GetProduct`.
fn agreement(listings: &Listings, singles: &[(ProductId, Single)]) -> Judgement {
    let known = match known(singles) {
        Ok(known) => known,
        Err(judgement) => return judgement,
    };
    let Ok(listings) = listings else { return Judgement::not_tried("Listings cannot be searched.") };
    let mut compared = 0;
    for (id, single) in known {
        for (_, listing) in listings.iter().filter(|(listed, _)| listed == id) {
            compared += 1;
            if let Some(difference) = difference(listing, single) {
                return Judgement::refuted(format!("A listing of `{id}` {difference}."));
            }
        }
    }
    match compared {
        0 => Judgement::not_tried("None of the products is in a listing of its own."),
        _ => Judgement::confirmed(format!("{} say what GetProduct says.", count(compared, "listing"))),
    }
}

fn difference(listing: &ProductAttributes, product: &ProductAttributes) -> Option<String> {
    let words = |list: &[String]| if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    let fields = [
        ("categories", &listing.categories, &product.categories),
        ("ids of categories", &listing.category_ids, &product.category_ids),
        ("ways of delivery", &listing.fulfillment_types, &product.fulfillment_types),
    ];
    fields
        .into_iter()
        .find(|(_, listed, told)| listed != told)
        .map(|(what, listed, told)| format!("has other {what} ({}) than GetProduct ({})", words(listed), words(told)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::record::Verdict::{Confirmed, NotTried, Refuted};
    use super::*;

    fn id(id: &str) -> ProductId {
        ProductId::new(id).unwrap()
    }

    fn told(category: &str) -> ProductAttributes {
        ProductAttributes { categories: vec![category.to_owned()], ..ProductAttributes::default() }
    }

    fn failed(code: &str) -> CatalogError {
        CatalogError::Entity { entity: "listings".into(), code: code.into(), message: String::new() }
    }

    #[test]
    fn a_search_for_ids_is_held_against_what_is_looked_up_by_itself() {
        let singles = [(id("prod-a"), Ok(Some(told("Security")))), (id("prod-b"), Ok(None))];
        let verdict = |listings: Listings| searches(&listings, &singles).verdict;
        assert_eq!(verdict(Ok(vec![(id("prod-a"), told("Security"))])), Confirmed);
        assert_eq!(verdict(Ok(vec![])), Refuted);
        assert_eq!(verdict(Err(failed("ValidationException"))), Refuted);
        assert_eq!(verdict(Err(failed("AccessDeniedException"))), NotTried);
        assert_eq!(searches(&Ok(vec![]), &[(id("prod-b"), Ok(None))]).verdict, NotTried);
        assert_eq!(searches(&Ok(vec![]), &[(id("prod-b"), Err(failed("AccessDeniedException")))]).verdict, NotTried);
    }

    #[test]
    fn a_listing_says_what_the_product_says_or_something_else() {
        let singles = [(id("prod-a"), Ok(Some(told("Security"))))];
        let verdict = |listings: Listings| agreement(&listings, &singles).verdict;
        assert_eq!(verdict(Ok(vec![(id("prod-a"), told("Security"))])), Confirmed);
        assert_eq!(verdict(Ok(vec![(id("prod-a"), ProductAttributes::default())])), Refuted);
        assert_eq!(verdict(Ok(vec![(id("prod-a"), told("Security")), (id("prod-a"), told("Other"))])), Refuted);
        assert_eq!(verdict(Ok(vec![])), NotTried);
        assert_eq!(verdict(Err(failed("ValidationException"))), NotTried);
    }

    #[test]
    fn the_products_of_a_policy_are_found_whatever_else_it_holds() {
        let details = json!({"Statements": [{"Resources": [{"Ids": ["prod-a", 1]}, {}]}, {"Resources": null}, 3]});
        assert_eq!(products_of(&details).collect::<Vec<_>>(), [id("prod-a")]);
        assert_eq!(products_of(&json!({"Statements": null})).count(), 0);
    }
}
