//! Whether products can be looked up at all: a product that does not exist is asked for, and any
//! answer will do.

use pmp_protocol::ProductId;

use super::ProductDirectory;
use crate::CatalogError;

/// An id of the right form that AWS gave to no product.
const NO_PRODUCT: &str = "prod-0000000000000";

/// Whether the directory tells of single products.
///
/// # Errors
/// What AWS refuses it with.
pub async fn tells_of_products(directory: &dyn ProductDirectory) -> Result<(), CatalogError> {
    directory.product(&no_product()?).await.map(drop)
}

/// Whether the directory can be searched for listings.
///
/// # Errors
/// What AWS refuses it with.
pub async fn tells_of_listings(directory: &dyn ProductDirectory) -> Result<(), CatalogError> {
    directory.listed(&[no_product()?]).await.map(drop)
}

fn no_product() -> Result<ProductId, CatalogError> {
    let unexpected = |error: pmp_protocol::IdError| CatalogError::Unexpected {
        entity: NO_PRODUCT.to_owned(),
        problem: error.to_string(),
    };
    ProductId::new(NO_PRODUCT).map_err(unexpected)
}
