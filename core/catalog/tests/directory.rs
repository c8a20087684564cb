//! The directory against a server that answers as Marketplace Discovery's service model has it.

#![cfg(feature = "discovery")]
// `allow-unwrap-in-tests` covers the test functions, not what they share.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use axum::extract::{OriginalUri, State};
use axum::{Json, Router};
use pmp_catalog::{ProductAttributes, ProductDirectory, SdkDirectory};
use pmp_protocol::ProductId;
use pmp_test_clients::{account, without_retries};
use serde_json::{Value, json};

type Asked = Arc<Mutex<Vec<Value>>>;

/// Answers with the listings of a search, or with a product.
async fn answer(State((asked, listings)): State<(Asked, Value)>, uri: OriginalUri, body: Json<Value>) -> Json<Value> {
    asked.lock().unwrap().push(body.0);
    if uri.path().ends_with("/searchListings") {
        return Json(json!({"totalResults": 1, "listingSummaries": listings}));
    }
    Json(json!({
        "productId": "prod-a", "catalog": "AWSMarketplace", "productName": "Port Scanner", "deployedOnAws": "NOT_APPLICABLE",
        "manufacturer": {"sellerProfileId": "seller-1", "displayName": "Example Security"},
        "shortDescription": "", "longDescription": "", "logoThumbnailUrl": "https://example.com/logo.png",
        "fulfillmentOptionSummaries": [{"fulfillmentOptionType": "SAAS", "displayName": "SaaS"}],
        "categories": [{"categoryId": "category-1", "displayName": "Security"}, {"categoryId": "category-2", "displayName": " "}],
        "highlights": [], "promotionalMedia": [], "resources": [], "sellerEngagements": [],
        "listingId": "prodview-1", "purchaseIndicators": []
    }))
}

/// A directory at a server whose searches find these listings, and what it is asked.
async fn directory(listings: Value) -> (SdkDirectory, Asked) {
    let asked = Asked::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state((asked.clone(), listings));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let config = without_retries(&account(&endpoint, "111111111111"));
    (SdkDirectory::new(&config), asked)
}

fn expected() -> ProductAttributes {
    ProductAttributes {
        name: Some("Port Scanner".into()),
        manufacturer: Some("Example Security".into()),
        manufacturer_id: Some("seller-1".into()),
        categories: vec!["Security".into()],
        category_ids: vec!["category-1".into(), "category-2".into()],
        fulfillment_types: vec!["SaaS".into()],
    }
}

#[tokio::test]
async fn names_are_asked_for_in_one_language_and_ids_are_kept_beside_them() {
    let (directory, asked) = directory(json!([])).await;
    let found = directory.product(&ProductId::new("prod-a").unwrap()).await.unwrap();
    assert_eq!(found, Some(expected()));
    assert_eq!(*asked.lock().unwrap(), [json!({"productId": "prod-a", "locale": "en-US"})]);
}

/// A listing of these products, as the service model has it.
fn listing(products: &[&str], publisher: &str, category: &str) -> Value {
    let seller = json!({"sellerProfileId": "seller-1", "displayName": "Example Security"});
    let product =
        |id: &&str| json!({"product": {"productId": id, "productName": "Port Scanner", "manufacturer": seller}});
    json!({
        "listingId": "prodview-1", "listingName": "A bundle", "catalog": "AWSMarketplace", "shortDescription": "",
        "publisher": {"sellerProfileId": "seller-9", "displayName": publisher},
        "fulfillmentOptionSummaries": [{"fulfillmentOptionType": "SAAS", "displayName": "SaaS"}],
        "logoThumbnailUrl": "https://example.com/logo.png", "reviewSummary": {"reviewSourceSummaries": []},
        "categories": [{"categoryId": category, "displayName": "Security"}, {"categoryId": "category-2", "displayName": " "}],
        "badges": [], "pricingModels": [], "pricingUnits": [],
        "associatedEntities": products.iter().map(product).collect::<Vec<_>>()
    })
}

#[tokio::test]
async fn a_listing_tells_of_its_one_product_and_of_none_where_there_are_several() {
    let listings = json!([
        listing(&["prod-a"], "A reseller", "category-1"),
        listing(&["prod-b", "prod-c"], "Example Security", "category-1"),
        listing(&["prod-d"], "Example Security", "category-1"),
        listing(&["prod-d"], "Example Security", "category-9"),
        listing(&["prod-not-asked-for"], "Example Security", "category-1"),
    ]);
    let (directory, asked) = directory(listings).await;
    let ids = ["prod-a", "prod-b", "prod-c", "prod-d"].map(|id| ProductId::new(id).unwrap());
    let found = directory.listed(&ids).await.unwrap();
    // What listings say of `prod-d` is not the same, and what one says of two products is of
    // neither.
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [(ids[0].clone(), expected())]);
    let filter = json!({"filterType": "PRODUCT_ID", "filterValues": ["prod-a", "prod-b", "prod-c", "prod-d"]});
    assert_eq!(*asked.lock().unwrap(), [json!({"filters": [filter], "maxResults": 100, "locale": "en-US"})]);
}
