//! In place of the client for S3, where this build has none.

use aws_config::SdkConfig;
use pmp_filter_host::S3Object;

/// An object cannot be fetched.
#[derive(Debug, thiserror::Error)]
#[error("this build does not read from S3")]
pub(crate) struct FetchError;

impl FetchError {
    /// Whether the object has more bytes than are read.
    pub(crate) fn is_too_large(&self) -> bool {
        false
    }

    /// What the operator can do.
    pub(crate) fn hint(&self) -> Option<String> {
        Some("name a file, or build pmp-spoke with its default features".to_owned())
    }
}

pub(crate) async fn fetch(_: &SdkConfig, _: &S3Object, _: usize) -> Result<Vec<u8>, FetchError> {
    Err(FetchError)
}
