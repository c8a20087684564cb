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

/// Calls per second that AWS documents for an account. After a throttle the rate is halved, and
/// recovers slowly.
const PRODUCTS_PER_SECOND: u32 = 5;
const SEARCHES_PER_SECOND: u32 = 10;

/// Listings per page: the most (service model).
const PAGE: i32 = 100;
/// The most pages of one search that are read. A product is in few listings; what is not found is
/// asked for by itself.
const MAX_PAGES: usize = 5;

/// The filter that finds the listings of products. The SDK's enumeration is older than this value
/// of the service model.
const PRODUCT_ID: &str = "PRODUCT_ID";

/// The language of names. It is AWS's default, said so that filters, which compare names, do not
/// depend on that.
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

    /// What each listing says of one of these products, where it is of that product alone, at most
    /// [`super::MAX_SEARCHED`]: as it says it, and for those who want to know what that is worth.
    /// For all others there is [`ProductDirectory::listed`].
    ///
    /// # Errors
    /// What AWS refuses the search with.
    pub async fn listings(&self, ids: &[ProductId]) -> Result<Vec<(ProductId, ProductAttributes)>, CatalogError> {
        const OPERATION: &str = "aws-marketplace:SearchListings";
        let values = ids.iter().map(|id| id.as_str().to_owned()).collect();
        let filter = SearchFilter::builder().filter_type(SearchFilterType::from(PRODUCT_ID));
        let filter = filter
            .set_filter_values(Some(values))
            .build()
            .map_err(|error| CatalogError::Unexpected { entity: "listings".to_owned(), problem: error.to_string() })?;
        let (mut found, mut token) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            self.searches.ready().await;
            let call = self.client.search_listings().filters(filter.clone()).max_results(PAGE).locale(LOCALE);
            let page = call.set_next_token(token).send().await;
            let page = page.map_err(|error| CatalogError::Api(ApiError::new(OPERATION, &error)));
            self.searches.learn(&page);
            let page = page?;
            found.extend(page.listing_summaries.into_iter().filter_map(|listing| told_of_one(listing, ids)));
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        Ok(found)
    }
}

/// What a listing says of its product, where that is one of `ids`. One of several products says how
/// all of them together are delivered and classified, and so nothing of any one.
fn told_of_one(listing: ListingSummary, ids: &[ProductId]) -> Option<(ProductId, ProductAttributes)> {
    let mut products: Vec<_> = listing.associated_entities.into_iter().map(|entity| entity.product).collect();
    let (Some(product), true) = (products.pop()?, products.is_empty()) else { return None };
    let id = ids.iter().find(|id| id.as_str() == product.product_id)?.clone();
    let (categories, options) = (listing.categories, &listing.fulfillment_option_summaries);
    Some((id, attributes(product.product_name, product.manufacturer, categories, options)))
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
        let mut found = Found::default();
        self.listings(ids).await?.into_iter().for_each(|(id, told)| found.take(id, told));
        Ok(found.certain())
    }
}

/// What the listings of many products say, and which of it is in doubt.
#[derive(Debug, Default)]
struct Found {
    products: BTreeMap<ProductId, ProductAttributes>,
    /// Of which a listing leaves something out, or two say different things.
    doubtful: BTreeSet<ProductId>,
}

impl Found {
    /// Takes what a listing says of its product. AWS documents nowhere that it says what the
    /// product itself does: what it leaves out may be there all the same, and a filter would decide
    /// otherwise.
    fn take(&mut self, id: ProductId, told: ProductAttributes) {
        let is_whole = !told.categories.is_empty() && !told.fulfillment_types.is_empty();
        let differs = self.products.get(&id).is_some_and(|known| *known != told);
        if differs || !is_whole {
            self.doubtful.insert(id);
        } else {
            self.products.insert(id, told);
        }
    }

    fn certain(mut self) -> BTreeMap<ProductId, ProductAttributes> {
        self.products.retain(|id, _| !self.doubtful.contains(id));
        self.products
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

/// `AmazonMachineImage` of Discovery's `AMAZON_MACHINE_IMAGE`: one spelling for filters, that of
/// Marketplace Catalog.
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
    fn a_listing_that_leaves_something_out_or_contradicts_another_is_not_believed() {
        let id = |id: &str| ProductId::new(id).unwrap();
        let told = |categories: &[&str], delivery: &[&str]| ProductAttributes {
            categories: categories.iter().map(|name| (*name).to_owned()).collect(),
            fulfillment_types: delivery.iter().map(|name| (*name).to_owned()).collect(),
            ..ProductAttributes::default()
        };
        let mut found = Found::default();
        for (product, listing) in [
            ("whole", told(&["Security"], &["SaaS"])),
            ("twice", told(&["Security"], &["SaaS"])),
            ("twice", told(&["Security"], &["SaaS"])),
            ("bare", told(&[], &[])),
            ("half", told(&["Security"], &[])),
            ("at-odds", told(&["Security"], &["SaaS"])),
            ("at-odds", told(&["Storage"], &["SaaS"])),
            ("late", told(&["Security"], &["SaaS"])),
            ("late", told(&[], &["SaaS"])),
        ] {
            found.take(id(product), listing);
        }
        assert_eq!(found.certain().into_keys().collect::<Vec<_>>(), [id("twice"), id("whole")]);
    }

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
