//! In place of the directory, where this build has no client for Marketplace Discovery.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_config::SdkConfig;
use pmp_protocol::ProductId;

use super::{ProductAttributes, ProductDirectory};
use crate::CatalogError;

/// Knows no product, and says so: nobody may take that for a product of which nothing is known.
#[derive(Debug)]
pub struct SdkDirectory;

impl SdkDirectory {
    /// The same whatever the configuration.
    #[must_use]
    pub fn new(_: &SdkConfig) -> Self {
        Self
    }

    /// Fails: this build has no client.
    ///
    /// # Errors
    /// Always.
    pub async fn listings(&self, _: &[ProductId]) -> Result<Vec<(ProductId, ProductAttributes)>, CatalogError> {
        Err(CatalogError::NotInThisBuild("looks products up at AWS Marketplace"))
    }
}

#[async_trait]
impl ProductDirectory for SdkDirectory {
    async fn product(&self, _: &ProductId) -> Result<Option<ProductAttributes>, CatalogError> {
        Err(CatalogError::NotInThisBuild("looks products up at AWS Marketplace"))
    }

    async fn listed(&self, _: &[ProductId]) -> Result<BTreeMap<ProductId, ProductAttributes>, CatalogError> {
        Err(CatalogError::NotInThisBuild("looks products up at AWS Marketplace"))
    }
}

#[cfg(test)]
mod tests {
    use pmp_protocol::Coded as _;

    use super::*;

    #[tokio::test]
    async fn a_build_without_a_client_says_so_of_each_product() {
        let directory = SdkDirectory::new(&SdkConfig::builder().build());
        let id = ProductId::new("prod-a").unwrap();
        let errors = [
            directory.product(&id).await.unwrap_err(),
            directory.listed(std::slice::from_ref(&id)).await.unwrap_err(),
            directory.listings(&[id]).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.code().to_string(), "E1104");
            assert!(error.to_string().contains("build with the default features"), "{error}");
        }
    }
}
