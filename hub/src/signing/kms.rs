//! Signs with a key of AWS KMS.

use std::sync::Arc;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{MessageType, SigningAlgorithmSpec};
use pmp_aws::ApiError;
use pmp_protocol::Digest;
use pmp_signature::PublicKey;

use super::{Signer, SigningError};

/// The key `arn`, in the region that it names.
pub(super) fn signer(sdk: &SdkConfig, arn: &str) -> Arc<dyn Signer> {
    Arc::new(KmsSigner::new(sdk, arn.to_owned()))
}

/// An asymmetric key of KMS, over P-256.
#[derive(Debug)]
struct KmsSigner {
    client: Client,
    arn: String,
}

impl KmsSigner {
    /// The key `arn`, in the region that it names.
    fn new(sdk: &SdkConfig, arn: String) -> Self {
        Self { client: Client::new(&pmp_aws::in_region_of(sdk, &arn)), arn }
    }

    fn failed(&self, source: ApiError) -> SigningError {
        SigningError::Kms { key: self.arn.clone(), source }
    }
}

#[async_trait]
impl Signer for KmsSigner {
    async fn public_key(&self) -> Result<PublicKey, SigningError> {
        // Each time: behind an alias there may be another key one day.
        let answer = self.client.get_public_key().key_id(&self.arn).send().await;
        let answer = answer.map_err(|error| self.failed(ApiError::new("kms:GetPublicKey", &error)))?;
        let der = answer.public_key.unwrap_or_else(|| Blob::new(Vec::new())).into_inner();
        PublicKey::from_der(&der).map_err(|source| SigningError::Kind { key: self.arn.clone(), source })
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        // As a digest: a raw message may have 4,096 bytes and no more.
        let answer = self
            .client
            .sign()
            .key_id(&self.arn)
            .message(Blob::new(Digest::of(message).bytes().to_vec()))
            .message_type(MessageType::Digest)
            .signing_algorithm(SigningAlgorithmSpec::EcdsaSha256)
            .send()
            .await
            .map_err(|error| self.failed(ApiError::new("kms:Sign", &error)))?;
        Ok(answer.signature.unwrap_or_else(|| Blob::new(Vec::new())).into_inner())
    }
}
