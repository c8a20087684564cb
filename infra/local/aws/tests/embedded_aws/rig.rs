//! A server and clients for it, and waiting for a level with a deadline.

use std::path::Path;
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_types::SdkConfig;
use pmp_local_aws::world::{CatalogLimits, ChangeSetTiming, Experience, Organization, ProcurementPolicy};
use pmp_local_aws::{Options, Server, World};
use pmp_test_clients::without_retries;
pub(crate) use pmp_test_clients::{change, change_with, document, json, products};

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

/// A running server, and clients for it.
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
        pmp_test_clients::account(&self.server.endpoint(), account)
    }

    pub(crate) fn signed_with(&self, credentials: Credentials) -> SdkConfig {
        pmp_test_clients::config(&self.server.endpoint(), credentials)
    }

    /// A client that does not try again: it shows what the server said.
    pub(crate) fn unretried<C>(&self, account: &str, client: impl Fn(&SdkConfig) -> C) -> C {
        client(&without_retries(&self.account(account)))
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

/// The ids on the approved and on the rejected list of a policy.
pub(crate) async fn lists(catalog: &aws_sdk_marketplacecatalog::Client, policy: &str) -> (Vec<String>, Vec<String>) {
    let policy = catalog.describe_entity().catalog("AWSMarketplace").entity_id(policy).send().await.unwrap();
    let lists = pmp_test_clients::lists(&json(policy.details_document().unwrap()));
    (lists.approved, lists.rejected)
}
