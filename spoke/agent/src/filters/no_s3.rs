//! Replaces the client for S3 in builds without it.

use aws_config::SdkConfig;
use pmp_filter_host::S3Object;
use pmp_protocol::Hint;

/// The error of every fetch in such a build.
#[derive(Debug, thiserror::Error)]
#[error("this build does not read from S3")]
pub(crate) struct FetchError;

impl FetchError {
    /// Whether the object has more bytes than the limit.
    pub(crate) fn is_too_large(&self) -> bool {
        false
    }
}

pmp_protocol::codes!(FetchError => "E5109");

impl Hint for FetchError {
    fn hint(&self) -> Option<String> {
        Some("name a file, or build pmp-spoke with its default features".to_owned())
    }
}

pub(crate) async fn fetch(_: &SdkConfig, _: &S3Object, _: usize) -> Result<Vec<u8>, FetchError> {
    Err(FetchError)
}
