//! The directory against a server that answers as Marketplace Discovery's service model has it.

#![cfg(feature = "discovery")]
// `allow-unwrap-in-tests` covers the test functions, not what they share.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use axum::extract::State;
use axum::{Json, Router};
use pmp_catalog::{ProductAttributes, ProductDirectory, SdkDirectory};
use pmp_protocol::ProductId;
use serde_json::{Value, json};

type Asked = Arc<Mutex<Vec<Value>>>;

async fn answer(State(asked): State<Asked>, Json(request): Json<Value>) -> Json<Value> {
    asked.lock().unwrap().push(request);
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

#[tokio::test]
async fn names_are_asked_for_in_one_language_and_ids_are_kept_beside_them() {
    let asked = Asked::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(asked.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let credentials = Credentials::new("111111111111", "secret", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let found = SdkDirectory::new(&config).product(&ProductId::new("prod-a").unwrap()).await.unwrap();
    let expected = ProductAttributes {
        name: Some("Port Scanner".into()),
        manufacturer: Some("Example Security".into()),
        manufacturer_id: Some("seller-1".into()),
        categories: vec!["Security".into()],
        category_ids: vec!["category-1".into(), "category-2".into()],
        fulfillment_types: vec!["SaaS".into()],
    };
    assert_eq!(found, Some(expected));
    assert_eq!(*asked.lock().unwrap(), [json!({"productId": "prod-a", "locale": "en-US"})]);
}
