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

#[cfg(test)]
mod tests {
    use pmp_protocol::{Coded as _, Hint as _};

    use super::*;

    #[tokio::test]
    async fn a_build_without_kms_neither_signs_nor_verifies() {
        let arn = "arn:aws:kms:us-east-1:111111111111:key/1";
        let signer = signer(&SdkConfig::builder().build(), arn);
        for error in [signer.public_key().await.map(drop).unwrap_err(), signer.sign(b"it").await.map(drop).unwrap_err()]
        {
            assert_eq!(error.code().to_string(), "E4034");
            assert!(error.to_string().contains(arn) && error.hint().unwrap().contains("default features"), "{error}");
        }
    }
}
