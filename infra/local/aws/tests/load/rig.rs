//! A server, and clients that share nothing with one another.

use std::time::Duration;

use aws_smithy_types::Document;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use pmp_local_aws::{Options, Server, World};
pub(crate) use pmp_test_clients::change as procurement;
use pmp_test_clients::{Lists, json, without_retries};

pub(crate) const MANAGEMENT: &str = "222222222222";
pub(crate) const DELEGATE: &str = "222222222223";
pub(crate) const CATALOG: &str = "AWSMarketplace";

/// Far more than a test takes: a test that hangs fails instead.
pub(crate) const LIMIT: Duration = Duration::from_secs(170);

pub(crate) async fn serve(world: World) -> Server {
    Server::start(world, Options::default()).await.unwrap()
}

/// A client's configuration: connections of its own, and no retries, so that every refusal is seen.
pub(crate) fn client(server: &Server, account: &str) -> SdkConfig {
    let timeouts = TimeoutConfig::builder().operation_timeout(Duration::from_secs(60)).build();
    let config = without_retries(&pmp_test_clients::account(&server.endpoint(), account));
    config.into_builder().timeout_config(timeouts).build()
}

/// The sorted ids that a policy's document allows, and those that it denies.
pub(crate) fn lists(details: &Document) -> (Vec<String>, Vec<String>) {
    let Lists { mut approved, mut rejected } = pmp_test_clients::lists(&json(details));
    approved.sort_unstable();
    rejected.sort_unstable();
    (approved, rejected)
}

/// The number in `entity@7`.
pub(crate) fn revision(identifier: Option<&str>) -> u64 {
    identifier.unwrap().split_once('@').unwrap().1.parse().unwrap()
}
