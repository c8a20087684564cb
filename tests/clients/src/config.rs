//! The configuration of a client.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

/// A client that acts as `account` at `endpoint`: where signatures are not verified, an account's
/// number is its access key.
pub fn account(endpoint: &str, account: &str) -> SdkConfig {
    config(endpoint, Credentials::new(account, "secret", None, None, "test"))
}

/// A client with these credentials at `endpoint`, which must speak HTTP without TLS. It has
/// connections of its own.
pub fn config(endpoint: &str, credentials: Credentials) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build()
}

/// The same client without retries: a test sees each refusal as the server sent it.
pub fn without_retries(config: &SdkConfig) -> SdkConfig {
    config.clone().into_builder().retry_config(RetryConfig::disabled()).build()
}
