//! The directory over the official SDK.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_marketplacediscovery::Client;
use aws_sdk_marketplacediscovery::types::{
    Category, FulfillmentOptionSummary, ListingSummary, SearchFilter, SearchFilterType, SellerInformation,
};
use pmp_aws::ApiError;
use pmp_protocol::ProductId;

use super::{ProductAttributes, ProductDirectory};
use crate::{CatalogError, ErrorClass, Limiter};

/// Calls per second that AWS documents for an account. After a throttle the rate is halved, and recovers slowly.
const PRODUCTS_PER_SECOND: u32 = 5;
const SEARCHES_PER_SECOND: u32 = 10;

/// Listings per page: the most (service model).
const PAGE: i32 = 100;
/// The most pages of one search that are read. A product is in few listings; what is not found is asked for by itself.
const MAX_PAGES: usize = 5;

/// The filter that finds the listings of products. The SDK's enumeration is older than this value of the service model.
const PRODUCT_ID: &str = "PRODUCT_ID";

/// The language of names. It is AWS's default, said so that filters, which compare names, do not depend on that.
const LOCALE: &str = "en-US";

/// The directory over the official SDK, with its retries.
#[derive(Debug)]
pub struct SdkDirectory {
    client: Client,
    products: Limiter,
    searches: Limiter,
}

impl SdkDirectory {
    /// A directory with the SDK's own configuration.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        let limiter = |per_second| Limiter::steady(NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN));
        let (products, searches) = (limiter(PRODUCTS_PER_SECOND), limiter(SEARCHES_PER_SECOND));
        Self { client: Client::new(config), products, searches }
    }
}

#[async_trait]
impl ProductDirectory for SdkDirectory {
    async fn product(&self, id: &ProductId) -> Result<Option<ProductAttributes>, CatalogError> {
        self.products.ready().await;
        let answer = self.client.get_product().product_id(id.as_str()).locale(LOCALE).send().await;
        let answer = answer.map_err(|error| CatalogError::Api(ApiError::new("aws-marketplace:GetProduct", &error)));
        self.products.learn(&answer);
        match answer {
            Ok(product) => Ok(Some(attributes(
                product.product_name,
                product.manufacturer,
                product.categories,
                &product.fulfillment_option_summaries,
            ))),
            Err(error) if error.class() == ErrorClass::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn listed(&self, ids: &[ProductId]) -> Result<BTreeMap<ProductId, ProductAttributes>, CatalogError> {
        const OPERATION: &str = "aws-marketplace:SearchListings";
        let values = ids.iter().map(|id| id.as_str().to_owned()).collect();
        let filter = SearchFilter::builder().filter_type(SearchFilterType::from(PRODUCT_ID));
        let filter = filter
            .set_filter_values(Some(values))
            .build()
            .map_err(|error| CatalogError::Unexpected { entity: "listings".to_owned(), problem: error.to_string() })?;
        let (mut found, mut token) = (Found::default(), None);
        for _ in 0..MAX_PAGES {
            self.searches.ready().await;
            let call = self.client.search_listings().filters(filter.clone()).max_results(PAGE).locale(LOCALE);
            let page = call.set_next_token(token).send().await;
            let page = page.map_err(|error| CatalogError::Api(ApiError::new(OPERATION, &error)));
            self.searches.learn(&page);
            let page = page?;
            page.listing_summaries.into_iter().for_each(|listing| found.take(listing));
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        Ok(found.of(ids))
    }
}

/// What listings say.
#[derive(Debug, Default)]
struct Found {
    products: BTreeMap<String, ProductAttributes>,
    /// Of which two listings say different things.
    doubtful: BTreeSet<String>,
}

impl Found {
    /// Takes what a listing says of its product. One of several products says how all of them together are delivered and
    /// classified, and so nothing of any one.
    fn take(&mut self, listing: ListingSummary) {
        let mut products: Vec<_> = listing.associated_entities.into_iter().map(|entity| entity.product).collect();
        let (Some(Some(product)), true) = (products.pop(), products.is_empty()) else { return };
        let told = attributes(
            product.product_name,
            product.manufacturer,
            listing.categories,
            &listing.fulfillment_option_summaries,
        );
        match self.products.get(&product.product_id) {
            Some(known) if *known != told => {
                self.doubtful.insert(product.product_id);
            }
            Some(_) => {}
            None => {
                self.products.insert(product.product_id, told);
            }
        }
    }

    fn of(mut self, ids: &[ProductId]) -> BTreeMap<ProductId, ProductAttributes> {
        let certain = ids.iter().filter(|id| !self.doubtful.contains(id.as_str()));
        certain.filter_map(|id| Some((id.clone(), self.products.remove(id.as_str())?))).collect()
    }
}

fn attributes(
    name: String,
    manufacturer: Option<SellerInformation>,
    categories: Vec<Category>,
    fulfillment_options: &[FulfillmentOptionSummary],
) -> ProductAttributes {
    let (manufacturer, manufacturer_id) = match manufacturer {
        Some(seller) => (told(seller.display_name), told(seller.seller_profile_id)),
        None => (None, None),
    };
    let (names, ids): (Vec<_>, Vec<_>) =
        categories.into_iter().map(|category| (category.display_name, category.category_id)).unzip();
    let mut fulfillment_types: Vec<_> = fulfillment_options.iter().map(fulfillment_type).collect();
    fulfillment_types.dedup();
    ProductAttributes {
        name: told(name),
        manufacturer,
        manufacturer_id,
        categories: names.into_iter().filter_map(told).collect(),
        category_ids: ids.into_iter().filter_map(told).collect(),
        fulfillment_types,
    }
}

fn told(text: String) -> Option<String> {
    (!text.trim().is_empty()).then_some(text)
}

fn fulfillment_type(option: &FulfillmentOptionSummary) -> String {
    spelled(option.fulfillment_option_type.as_str())
}

/// `AmazonMachineImage` of Discovery's `AMAZON_MACHINE_IMAGE`: one spelling for filters, that of Marketplace Catalog.
fn spelled(discovery: &str) -> String {
    match discovery {
        "SAAS" => "SaaS".to_owned(),
        "API" => "API".to_owned(),
        other => other.split('_').map(capitalized).collect(),
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters.map(|letter| letter.to_ascii_lowercase())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fulfillment_types_are_spelled_as_the_catalog_does() {
        for (discovery, catalog) in [
            ("AMAZON_MACHINE_IMAGE", "AmazonMachineImage"),
            ("CONTAINER", "Container"),
            ("SAAS", "SaaS"),
            ("EKS_ADD_ON", "EksAddOn"),
        ] {
            assert_eq!(spelled(discovery), catalog);
        }
    }
}
