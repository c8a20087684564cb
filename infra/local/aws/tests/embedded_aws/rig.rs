//! A server and clients for it, and waiting for a level with a deadline.

use std::path::Path;
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_marketplacecatalog::types::{Change, Entity};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::{Document, Number};
use aws_types::SdkConfig;
use aws_types::region::Region;
use pmp_local_aws::world::{CatalogLimits, ChangeSetTiming, Experience, Organization, ProcurementPolicy};
use pmp_local_aws::{Options, Server, World};

/// The hub's organization: its management account, which owns the management experience.
pub(crate) const HUB: &str = "111111111111";
/// A member organization: its management account, and its delegated administrator.
pub(crate) const MEMBER: &str = "222222222222";
pub(crate) const DELEGATE: &str = "222222222223";
/// A plain member account of that organization.
pub(crate) const EMPLOYEE: &str = "222222222224";
/// An account in no organization.
pub(crate) const OUTSIDER: &str = "999999999999";

pub(crate) const MANAGEMENT: &str = "exp-management";
pub(crate) const LIVE: &str = "exp-member-live";
pub(crate) const ARCHIVED: &str = "exp-member-old";
pub(crate) const WITHOUT_POLICY: &str = "exp-member-bare";

/// Two organizations. Change sets are short, so that tests that wait for them do not wait long.
pub(crate) fn world() -> World {
    let management = ProcurementPolicy::new("policy-management").approving(["prod-a", "prod-b"]).rejecting(["prod-z"]);
    let live = ProcurementPolicy::new("policy-live").approving([("prod-a", "generative-ai")]).rejecting(["prod-r"]);
    World {
        change_sets: ChangeSetTiming::always(Duration::from_millis(20)),
        // Tests look often; the limits have tests of their own.
        catalog: CatalogLimits::without_throttling(),
        organizations: vec![
            Organization::new("o-hub0000000", "Hub", HUB)
                .with_experience(Experience::new(MANAGEMENT, "Management").with_policy(management)),
            Organization::new("o-member0000", "Member", MEMBER)
                .with_delegated_administrator(DELEGATE)
                .with_member(EMPLOYEE)
                .with_experience(Experience::new(LIVE, "Live").with_policy(live))
                .with_experience(
                    Experience::new(ARCHIVED, "Old").with_policy(ProcurementPolicy::new("policy-old")).archived(),
                )
                .with_experience(Experience::new(WITHOUT_POLICY, "Bare").disabled()),
        ],
        ..World::default()
    }
}

/// A running server.
pub(crate) struct Rig {
    pub(crate) server: Server,
}

impl Rig {
    pub(crate) async fn start(world: World) -> Self {
        Self { server: Server::start(world, Options::default()).await.unwrap() }
    }

    /// A server that keeps its state in `folder`.
    pub(crate) async fn keeping(world: World, folder: &Path) -> Self {
        let options = Options { state: Some(folder.to_owned()), ..Options::default() };
        Self { server: Server::start(world, options).await.unwrap() }
    }

    /// The configuration of a client that is `account`.
    pub(crate) fn account(&self, account: &str) -> SdkConfig {
        self.signed_with(Credentials::new(account, "secret", None, None, "test"))
    }

    pub(crate) fn signed_with(&self, credentials: Credentials) -> SdkConfig {
        config(&self.server.endpoint(), credentials)
    }

    /// A client that does not try again: it shows what the server said.
    pub(crate) fn unretried<C>(&self, account: &str, client: impl Fn(&SdkConfig) -> C) -> C {
        client(&self.account(account).into_builder().retry_config(RetryConfig::disabled()).build())
    }

    pub(crate) fn catalog(&self, account: &str) -> aws_sdk_marketplacecatalog::Client {
        aws_sdk_marketplacecatalog::Client::new(&self.account(account))
    }

    pub(crate) fn sqs(&self, account: &str) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.account(account))
    }

    pub(crate) fn sns(&self, account: &str) -> aws_sdk_sns::Client {
        aws_sdk_sns::Client::new(&self.account(account))
    }

    pub(crate) fn dynamodb(&self, account: &str) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.account(account))
    }

    pub(crate) fn sts(&self, account: &str) -> aws_sdk_sts::Client {
        aws_sdk_sts::Client::new(&self.account(account))
    }
}

/// The configuration of a client of any server.
pub(crate) fn config(endpoint: &str, credentials: Credentials) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build()
}

/// Looks until there is something, and fails after ten seconds.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not within ten seconds: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A change of the type on the experience, with the details that the ids make.
pub(crate) fn change(change_type: &str, experience: &str, ids: &[&str]) -> Change {
    change_with(change_type, experience, products(ids, None))
}

pub(crate) fn change_with(change_type: &str, experience: &str, details: Document) -> Change {
    let entity = Entity::builder().r#type("Experience@1.0").identifier(experience).build().unwrap();
    Change::builder().change_type(change_type).entity(entity).details_document(details).build().unwrap()
}

pub(crate) fn products(ids: &[&str], notes: Option<&str>) -> Document {
    let ids = Document::Array(ids.iter().map(|id| Document::from(*id)).collect());
    let mut group = std::collections::HashMap::from([("Ids".to_owned(), ids)]);
    if let Some(notes) = notes {
        group.insert("Notes".to_owned(), Document::from(notes));
    }
    object("Products", Document::Array(vec![Document::Object(group)]))
}

fn object(name: &str, value: Document) -> Document {
    Document::Object(std::collections::HashMap::from([(name.to_owned(), value)]))
}

/// JSON as a document, which is harder to write.
pub(crate) fn document(value: &serde_json::Value) -> Document {
    match value {
        serde_json::Value::Object(fields) => {
            Document::Object(fields.iter().map(|(name, value)| (name.clone(), document(value))).collect())
        }
        serde_json::Value::Array(items) => Document::Array(items.iter().map(document).collect()),
        serde_json::Value::String(text) => Document::String(text.clone()),
        serde_json::Value::Bool(value) => Document::Bool(*value),
        serde_json::Value::Number(number) => Document::Number(Number::PosInt(number.as_u64().unwrap())),
        serde_json::Value::Null => Document::Null,
    }
}

/// A document as JSON, which is easier to look into.
pub(crate) fn json(document: &Document) -> serde_json::Value {
    match document {
        Document::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), json(value))).collect(),
        Document::Array(items) => items.iter().map(json).collect(),
        Document::Number(Number::PosInt(number)) => (*number).into(),
        Document::Number(number) => number.to_f64_lossy().into(),
        Document::String(text) => text.clone().into(),
        Document::Bool(value) => (*value).into(),
        Document::Null => serde_json::Value::Null,
    }
}

/// The ids on the approved and on the rejected list of a policy.
pub(crate) async fn lists(catalog: &aws_sdk_marketplacecatalog::Client, policy: &str) -> (Vec<String>, Vec<String>) {
    let policy = catalog.describe_entity().catalog("AWSMarketplace").entity_id(policy).send().await.unwrap();
    let details = json(policy.details_document().unwrap());
    let list = |effect: &str| {
        let statements = details["Statements"].as_array().unwrap().iter();
        let resources = statements.filter(|s| s["Effect"] == effect).flat_map(|s| s["Resources"].as_array().unwrap());
        resources.map(|resource| resource["Ids"][0].as_str().unwrap().to_owned()).collect()
    };
    (list("Allow"), list("Deny"))
}
