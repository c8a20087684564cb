//! A server, and clients that share nothing with one another.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_marketplacecatalog::types::{Change, Entity};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_types::Document;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use pmp_local_aws::{Options, Server, World};

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
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(server.endpoint())
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(account, "any", None, None, "load")))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_timeout(Duration::from_secs(60)).build())
        .build()
}

/// A change that allows or denies products.
pub(crate) fn procurement(change_type: &str, experience: &str, ids: &[String]) -> Change {
    let object = |name: &str, value| Document::Object([(name.to_owned(), value)].into());
    let ids = Document::Array(ids.iter().map(|id| Document::from(id.as_str())).collect());
    let details = object("Products", Document::Array(vec![object("Ids", ids)]));
    let entity = Entity::builder().r#type("Experience@1.0").identifier(experience).build().unwrap();
    Change::builder().change_type(change_type).entity(entity).details_document(details).build().unwrap()
}

/// The sorted ids that a policy's document allows, and those that it denies.
pub(crate) fn lists(details: &Document) -> (Vec<String>, Vec<String>) {
    let field = |document: &Document, name: &str| document.as_object().unwrap()[name].clone();
    let strings = |document: Document| match document {
        Document::Array(items) => items.into_iter().map(|item| item.as_string().unwrap().to_owned()).collect(),
        _ => Vec::new(),
    };
    let list = |effect: &str| {
        let mut found: Vec<String> = Vec::new();
        for statement in field(details, "Statements").as_array().unwrap() {
            if field(statement, "Effect").as_string() == Some(effect) {
                for resource in field(statement, "Resources").as_array().unwrap() {
                    found.extend::<Vec<String>>(strings(field(resource, "Ids")));
                }
            }
        }
        found.sort_unstable();
        found
    };
    (list("Allow"), list("Deny"))
}

/// The number in `entity@7`.
pub(crate) fn revision(identifier: Option<&str>) -> u64 {
    identifier.unwrap().split_once('@').unwrap().1.parse().unwrap()
}
