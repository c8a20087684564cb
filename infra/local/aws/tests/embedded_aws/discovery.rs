//! Marketplace Discovery, as its SDK client sees it.

use aws_sdk_marketplacediscovery::Client;
use aws_sdk_marketplacediscovery::error::ProvideErrorMetadata;
use aws_sdk_marketplacediscovery::types::{FulfillmentOptionType, SearchFilter, SearchFilterType};
use pmp_local_aws::World;
use pmp_local_aws::world::Product;

use crate::rig::{EMPLOYEE, OUTSIDER, Rig, world};

fn product(id: &str, name: &str, manufacturer: &str, category: &str, fulfillment: &str) -> Product {
    let [name, manufacturer, fulfillment] = [name, manufacturer, fulfillment].map(str::to_owned);
    Product { id: id.into(), name, manufacturer, categories: vec![category.into()], fulfillment, ..Product::default() }
}

async fn rig() -> (Rig, Client) {
    let products = vec![
        product("prod-1", "Vector Store", "Acme", "Databases", "SaaS"),
        product("prod-2", "Vector Search", "Other Inc.", "Databases", "AMI"),
        product("prod-3", "Firewall", "Acme", "Network Security", "Container image"),
    ];
    let rig = Rig::start(World { products, ..world() }).await;
    let client = Client::new(&rig.account(EMPLOYEE));
    (rig, client)
}

#[tokio::test]
async fn a_product_of_the_world_is_answered_to_any_account() {
    let (rig, client) = rig().await;
    for client in [client, Client::new(&rig.account(OUTSIDER))] {
        let product = client.get_product().product_id("prod-2").send().await.unwrap();
        assert_eq!((product.product_id(), product.product_name()), ("prod-2", "Vector Search"));
        assert_eq!(product.manufacturer().unwrap().display_name(), "Other Inc.");
        assert_eq!(product.categories()[0].display_name(), "Databases");
        let options = product.fulfillment_option_summaries();
        assert_eq!(options[0].fulfillment_option_type(), &FulfillmentOptionType::AmazonMachineImage);
        assert_eq!(options[0].display_name(), "AMI");
    }
    let client = Client::new(&rig.account(EMPLOYEE));
    let unknown = client.get_product().product_id("prod-9").send().await.unwrap_err();
    assert_eq!(unknown.code(), Some("ResourceNotFoundException"));
    assert_eq!(unknown.raw_response().unwrap().status().as_u16(), 404);
}

#[tokio::test]
async fn listings_are_found_by_text_and_filter_page_by_page() {
    let (_rig, client) = rig().await;
    let names = async |request: aws_sdk_marketplacediscovery::operation::search_listings::builders::SearchListingsFluentBuilder| {
        let answer = request.send().await.unwrap();
        let names: Vec<String> = answer.listing_summaries().iter().map(|l| l.listing_name().to_owned()).collect();
        assert!(answer.total_results() >= i64::try_from(names.len()).unwrap());
        names
    };
    let filter = |kind: SearchFilterType, value: &str| {
        SearchFilter::builder().filter_type(kind).filter_values(value).build().unwrap()
    };
    assert_eq!(names(client.search_listings()).await, ["Vector Store", "Vector Search", "Firewall"]);
    assert_eq!(names(client.search_listings().search_text("vector acme")).await, ["Vector Store"]);
    let publisher = filter(SearchFilterType::Publisher, "seller-acme");
    assert_eq!(names(client.search_listings().filters(publisher.clone())).await, ["Vector Store", "Firewall"]);
    let container = filter(SearchFilterType::FulfillmentOptionType, "CONTAINER");
    assert_eq!(names(client.search_listings().filters(publisher).filters(container)).await, ["Firewall"]);
    let category = filter(SearchFilterType::Category, "category-databases");
    assert_eq!(names(client.search_listings().filters(category)).await, ["Vector Store", "Vector Search"]);

    let first = client.search_listings().max_results(2).send().await.unwrap();
    assert_eq!((first.total_results(), first.listing_summaries().len()), (3, 2));
    let next = client.search_listings().max_results(2).next_token(first.next_token().unwrap()).send().await.unwrap();
    assert_eq!((next.listing_summaries().len(), next.next_token()), (1, None));
    let entity = next.listing_summaries()[0].associated_entities()[0].product().unwrap();
    assert_eq!(entity.product_id(), "prod-3");
    let refused = client.search_listings().next_token("%").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ValidationException"));
}
