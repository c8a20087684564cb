//! What AWS Marketplace tells everyone of a product: its name, its vendor, its categories, how it
//! is delivered.
//!
//! A port of its own, because it is another service (Marketplace Discovery) and optional. A failure
//! is never passed off as a product of which nothing is known: whoever asks decides differently
//! then.

use std::collections::BTreeMap;
use std::fmt::Debug;

use async_trait::async_trait;
pub use pmp_protocol::ProductAttributes;
use pmp_protocol::ProductId;

use crate::CatalogError;

mod look_up;
#[cfg(any(test, not(feature = "discovery")))]
#[cfg_attr(
    feature = "discovery",
    expect(unreachable_pub, reason = "it is public where it is in the place of the other")
)]
mod no_sdk;
mod probe;
#[cfg(feature = "discovery")]
mod sdk;

pub use look_up::{LookUp, Told};
#[cfg(not(feature = "discovery"))]
pub use no_sdk::SdkDirectory;
pub use probe::{tells_of_listings, tells_of_products};
#[cfg(feature = "discovery")]
pub use sdk::SdkDirectory;

/// The most products that are asked for in one search of listings (service model: values of a
/// filter).
pub const MAX_SEARCHED: usize = 30;

/// Answers what AWS Marketplace shows of products. Each call waits for its own permit.
#[async_trait]
pub trait ProductDirectory: Debug + Send + Sync {
    /// What is known of this product; none where there is no such product to be seen.
    async fn product(&self, id: &ProductId) -> Result<Option<ProductAttributes>, CatalogError>;

    /// What listings tell of these products, at most [`MAX_SEARCHED`]. Of one that is missing in
    /// the answer nothing is said: it may be in no listing, or only in listings that speak of
    /// several products at once, leave something out, or contradict one another. [`Self::product`]
    /// tells.
    async fn listed(&self, ids: &[ProductId]) -> Result<BTreeMap<ProductId, ProductAttributes>, CatalogError>;
}
