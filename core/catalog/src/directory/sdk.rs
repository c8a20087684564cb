//! The directory over the official SDK.

use std::num::NonZeroU32;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_marketplacediscovery::Client;
use aws_sdk_marketplacediscovery::types::FulfillmentOptionSummary;
use pmp_aws::ApiError;
use pmp_protocol::ProductId;

use super::{ProductAttributes, ProductDirectory};
use crate::{CatalogError, ErrorClass, Limiter};

/// Calls per second. AWS documents no quota; after a throttle the rate is halved, and recovers slowly.
const PER_SECOND: u32 = 20;

/// The language of names. It is AWS's default, said so that filters, which compare names, do not depend on that.
const LOCALE: &str = "en-US";

/// The directory over the official SDK, with its retries.
#[derive(Debug)]
pub struct SdkDirectory {
    client: Client,
    limiter: Limiter,
}

impl SdkDirectory {
    /// A directory with the SDK's own configuration.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        let limiter = Limiter::new(NonZeroU32::new(PER_SECOND).unwrap_or(NonZeroU32::MIN));
        Self { client: Client::new(config), limiter }
    }
}

#[async_trait]
impl ProductDirectory for SdkDirectory {
    async fn product(&self, id: &ProductId) -> Result<Option<ProductAttributes>, CatalogError> {
        self.limiter.ready().await;
        let answer = self.client.get_product().product_id(id.as_str()).locale(LOCALE).send().await;
        let answer = answer.map_err(|error| CatalogError::Api(ApiError::new("aws-marketplace:GetProduct", &error)));
        self.limiter.learn(&answer);
        let product = match answer {
            Ok(product) => product,
            Err(error) if error.class() == ErrorClass::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let (manufacturer, manufacturer_id) = match product.manufacturer {
            Some(seller) => (told(seller.display_name), told(seller.seller_profile_id)),
            None => (None, None),
        };
        let (names, ids): (Vec<_>, Vec<_>) =
            product.categories.into_iter().map(|category| (category.display_name, category.category_id)).unzip();
        let mut fulfillment_types: Vec<_> = product.fulfillment_option_summaries.iter().map(fulfillment_type).collect();
        fulfillment_types.dedup();
        Ok(Some(ProductAttributes {
            name: told(product.product_name),
            manufacturer,
            manufacturer_id,
            categories: names.into_iter().filter_map(told).collect(),
            category_ids: ids.into_iter().filter_map(told).collect(),
            fulfillment_types,
        }))
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
