//! In place of the client for KMS, where this build has none.

use std::sync::Arc;

use async_trait::async_trait;
use aws_config::SdkConfig;
use pmp_signature::PublicKey;

use super::{Signer, SigningError};

/// A key that cannot be asked.
#[derive(Debug)]
struct NoKms(String);

pub(super) fn signer(_: &SdkConfig, arn: &str) -> Arc<dyn Signer> {
    Arc::new(NoKms(arn.to_owned()))
}

#[async_trait]
impl Signer for NoKms {
    async fn public_key(&self) -> Result<PublicKey, SigningError> {
        Err(SigningError::NoKms(self.0.clone()))
    }

    async fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SigningError> {
        Err(SigningError::NoKms(self.0.clone()))
    }
}
