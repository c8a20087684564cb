//! Fetches a filter, or its settings, from S3. This module bounds the size. The digest proves that
//! the filter is the intended one.

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use pmp_aws::{ApiError, Outcome};
use pmp_filter_host::S3Object;
use pmp_protocol::Hint;

/// The reason why an object could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// S3 refused, or could not be reached.
    #[error("cannot read the object")]
    Get(#[source] ApiError),
    /// The connection broke before the end of the object.
    #[error("the object broke off after {bytes} bytes")]
    BrokeOff {
        bytes: usize,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The object is larger than `limit`.
    #[error("the object has more than {limit} bytes")]
    TooLarge { limit: usize },
}

impl FetchError {
    /// Whether the object has more bytes than the limit.
    pub(crate) fn is_too_large(&self) -> bool {
        matches!(self, Self::TooLarge { .. })
    }
}

pmp_protocol::codes!(FetchError {
    Get(source) => source,
    BrokeOff => "E5112",
    TooLarge => "E5113",
});

impl Hint for FetchError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Get(error) => match &error.outcome {
                Outcome::Refused { status: 404, .. } => Some(
                    "check bucket, key and version; without `s3:ListBucket` S3 says `AccessDenied` instead of `NoSuchKey`"
                        .to_owned(),
                ),
                Outcome::Refused { status: 301 | 307 | 400, code, .. } if code.contains("Redirect") || code.contains("Region") => {
                    Some("the bucket is in another region: set `AWS_REGION`, or copy the object to this region".to_owned())
                }
                _ => error.hint(),
            },
            Self::BrokeOff { .. } | Self::TooLarge { .. } => None,
        }
    }
}

/// Reads the object, if it has not more than `limit` bytes.
pub(crate) async fn fetch(sdk: &SdkConfig, object: &S3Object, limit: usize) -> Result<Vec<u8>, FetchError> {
    let operation = if object.version_id.is_some() { "s3:GetObjectVersion" } else { "s3:GetObject" };
    let client = client(sdk);
    let get = client.get_object().bucket(&object.bucket).key(&object.key).set_version_id(object.version_id.clone());
    let answer = get.send().await.map_err(|error| FetchError::Get(ApiError::new(operation, &error)))?;
    // The announced size saves a read that would be refused. The bytes that come are counted all
    // the same.
    let announced = answer.content_length().and_then(|length| usize::try_from(length).ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(FetchError::TooLarge { limit });
    }
    let mut body = answer.body;
    let mut bytes = Vec::with_capacity(announced.unwrap_or_default());
    loop {
        match body.next().await {
            None => return Ok(bytes),
            Some(Ok(chunk)) if bytes.len() + chunk.len() > limit => return Err(FetchError::TooLarge { limit }),
            Some(Ok(chunk)) => bytes.extend_from_slice(&chunk),
            Some(Err(source)) => return Err(FetchError::BrokeOff { bytes: bytes.len(), source: source.into() }),
        }
    }
}

/// Makes the client. With a custom endpoint the bucket is part of the path, because few such
/// endpoints have a host name for each bucket.
fn client(sdk: &SdkConfig) -> Client {
    let own_endpoint = pmp_aws::has_own_endpoint(sdk, "S3");
    Client::from_conf(aws_sdk_s3::config::Builder::from(sdk).force_path_style(own_endpoint).build())
}
