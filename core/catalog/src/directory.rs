//! What AWS Marketplace tells everyone of a product: its name, its vendor, its categories, how it is delivered.
//!
//! A port of its own, because it is another service (Marketplace Discovery) and optional. A failure is never passed off as
//! a product of which nothing is known: whoever asks decides differently then.

use std::fmt::Debug;

use async_trait::async_trait;
use pmp_protocol::ProductId;

use crate::CatalogError;

#[cfg_attr(not(feature = "discovery"), path = "directory/no_sdk.rs")]
mod sdk;

pub use sdk::SdkDirectory;

/// What is known of a product. What is blank in AWS's answer is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductAttributes {
    /// Its title.
    pub name: Option<String>,
    /// Its vendor, as AWS Marketplace shows it in `en-US`.
    pub manufacturer: Option<String>,
    /// The id of the vendor's profile: it stays where the vendor takes another name.
    pub manufacturer_id: Option<String>,
    /// Its categories, as AWS Marketplace shows them in `en-US`.
    pub categories: Vec<String>,
    /// The ids of those that have one: they stay where a category takes another name.
    pub category_ids: Vec<String>,
    /// How it is delivered, as Marketplace Catalog spells it: `AmazonMachineImage`, `Container`, `SaaS`.
    pub fulfillment_types: Vec<String>,
}

/// Tells of products.
#[async_trait]
pub trait ProductDirectory: Debug + Send + Sync {
    /// What is known of this product; none where there is no such product to be seen. Waits for its turn by itself.
    async fn product(&self, id: &ProductId) -> Result<Option<ProductAttributes>, CatalogError>;
}
