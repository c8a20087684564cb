//! The scene of most tests: a hub organization and the member organization alpha, with what both
//! have deployed.

use std::path::Path;
use std::time::Duration;

use axum::http::Method;
use pmp_local_aws::world::{
    CatalogLimits, ChangeEventTarget, ChangeSetTiming, Experience, FaultRule, Organization, ProcurementPolicy, Role,
};
use pmp_local_aws::{Options, Server};
use serde_json::json;

pub use pmp_local_aws::World;

use crate::{Aws, Manners, Program, Proxy, tell};

/// The account that owns the management experience.
pub const HUB: &str = "111111111111";
/// The id of the hub's organization.
pub const HUB_ORGANIZATION: &str = "o-hub0000000";
/// The id of the management experience.
pub const MANAGEMENT: &str = "exp-management";
/// The id of the organization alpha.
pub const ALPHA: &str = "o-alpha00000";
/// Two live experiences of alpha.
pub const ALPHA_PROD: &str = "exp-alpha-prod";
/// The other live experience of alpha, beside [`ALPHA_PROD`].
pub const ALPHA_DEV: &str = "exp-alpha-dev";
/// A disabled experience of alpha.
pub const ALPHA_DISABLED: &str = "exp-alpha-off";
/// An archived experience of alpha.
pub const ALPHA_ARCHIVED: &str = "exp-alpha-old";
/// What the hub asks alpha for when it assumes its role.
pub const EXTERNAL_ID: &str = "alpha-external-id";

const ALPHA_ACCOUNT: &str = "222222222222";
const SNAPSHOTS: &str = "Snapshots";
const TIMESTAMPS: &str = "SyncTimestamps";
/// The queue of the hub's account into which change events come.
pub const EVENTS_QUEUE: &str = "change-events";

/// The hub's organization, whose management experience approves `approved` and rejects `rejected`.
pub fn hub_organization(approved: &[&str], rejected: &[&str]) -> Organization {
    let policy = ProcurementPolicy::new("policy-management")
        .approving(approved.iter().copied())
        .rejecting(rejected.iter().copied());
    Organization::new(HUB_ORGANIZATION, "Hub", HUB)
        .with_experience(Experience::new(MANAGEMENT, "Management").with_policy(policy))
}

/// The organization alpha: two live experiences, a disabled and an archived one.
pub fn alpha() -> Organization {
    let policy = |id: &str| ProcurementPolicy::new(id);
    Organization::new(ALPHA, "Alpha", ALPHA_ACCOUNT)
        .with_experience(Experience::new(ALPHA_PROD, "Production").with_policy(policy("policy-alpha-prod")))
        .with_experience(Experience::new(ALPHA_DEV, "Development").with_policy(policy("policy-alpha-dev")))
        .with_experience(Experience::new(ALPHA_DISABLED, "Off").with_policy(policy("policy-alpha-off")).disabled())
        .with_experience(Experience::new(ALPHA_ARCHIVED, "Old").with_policy(policy("policy-alpha-old")).archived())
}

/// The role in the hub's account that admits `account` of `organization`, as the templates make it:
/// it may read snapshots, write its own partition of the receipts, and read what the hub says about
/// it.
pub fn member_role(account: &str, organization: &str) -> Role {
    member_role_for(HUB, account, organization)
}

/// The same in the account of another hub.
pub fn member_role_for(hub: &str, account: &str, organization: &str) -> Role {
    let table = |name: &str| format!("arn:aws:dynamodb:us-east-1:{hub}:table/{name}");
    let leading = |keys: &[&str]| json!({"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": keys}, "Null": {"dynamodb:LeadingKeys": "false"}});
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{account}:root")}, "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}}]});
    let permissions = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:Query"], "Resource": table(SNAPSHOTS)},
        {"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": table(TIMESTAMPS),
         "Condition": leading(&[organization])},
        {"Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:Query"], "Resource": table(TIMESTAMPS),
         "Condition": leading(&[organization, &format!("hub#{organization}"), "hub#heads"])}]});
    Role::new(hub, &format!("member-{organization}"), trust).with_permissions(permissions)
}

/// Both organizations, with short change sets. Alpha's experiences are empty.
pub fn world(approved: &[&str], rejected: &[&str]) -> World {
    World {
        change_sets: ChangeSetTiming::always(Duration::from_millis(50)),
        // Tests look often, as the accounts that the programs run in.
        catalog: CatalogLimits::without_throttling(),
        organizations: vec![hub_organization(approved, rejected), alpha()],
        roles: vec![member_role(ALPHA_ACCOUNT, ALPHA)],
        change_event_targets: vec![ChangeEventTarget::to_queue(HUB, EVENTS_QUEUE)],
        ..World::default()
    }
}

/// Names a file: then every scene stands behind a proxy and a private root, which are all that the
/// programs are told, and what the proxy saw is added to the file.
const BEHIND_PROXY: &str = "PMP_TESTS_BEHIND_PROXY";

/// A running embedded AWS in which hub and alpha have deployed what they need.
#[derive(Debug)]
pub struct Scene {
    server: Server,
    proxy: Option<Proxy>,
    /// The hub's account, as a person in it acts.
    pub hub_account: Aws,
    /// Clients that act as alpha's account.
    pub alpha_account: Aws,
    /// The program `pmp-hub`, configured.
    pub hub: Program,
    /// The program `pmp-spoke` of alpha, configured, without a filter.
    pub spoke: Program,
    /// The URL of alpha's queue.
    pub queue_url: String,
    /// The URL of alpha's dead-letter queue.
    pub dead_letters_url: String,
    /// The ARN of the hub's topic.
    pub topic_arn: String,
}

impl Scene {
    /// Starts `world` and runs `init` of both programs.
    pub async fn start(world: World) -> Self {
        if std::env::var_os(BEHIND_PROXY).is_some() {
            return Self::start_behind_proxy(world).await;
        }
        let server = Server::start(world, Options::default()).await.unwrap();
        let way = [("AWS_ENDPOINT_URL".to_owned(), server.endpoint())];
        Self::deploy(server, None, &way).await
    }

    /// The same, where a proxy is the only way out, and a root that this machine does not know
    /// signs TLS. The programs get `HTTPS_PROXY` and `AWS_CA_BUNDLE`, and call AWS by its own
    /// names.
    pub async fn start_behind_proxy(world: World) -> Self {
        let server = Server::start(world, Options::default()).await.unwrap();
        let proxy = Proxy::start(&server.endpoint(), Manners::Open).await;
        let bundle = proxy.bundle().to_str().unwrap().to_owned();
        let way = [("HTTPS_PROXY".to_owned(), proxy.url()), ("AWS_CA_BUNDLE".to_owned(), bundle)];
        Self::deploy(server, Some(proxy), &way).await
    }

    async fn deploy(server: Server, proxy: Option<Proxy>, way: &[(String, String)]) -> Self {
        let way: Vec<_> = way.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let hub = Self::program("pmp-hub", HUB).with(&way).with(&[
            ("PMP_EXPERIENCE_ID", MANAGEMENT),
            ("PMP_SNAPSHOTS_TABLE", SNAPSHOTS),
            ("PMP_TIMESTAMPS_TABLE", TIMESTAMPS),
        ]);
        let made = hub.json(&["init", "--allow-account", ALPHA_ACCOUNT]).await;
        let topic_arn = made["topic_arn"].as_str().unwrap().to_owned();
        let events = server.queue_url(HUB, EVENTS_QUEUE);
        let hub = hub.with(&[("PMP_TOPIC_ARN", &topic_arn), ("PMP_EVENTS_QUEUE_URL", &events)]);

        let spoke = Self::program("pmp-spoke", ALPHA_ACCOUNT).with(&way).with(&[
            ("PMP_EXPERIENCE_ID", MANAGEMENT),
            ("PMP_SNAPSHOTS_TABLE", made["snapshots_table"].as_str().unwrap()),
            ("PMP_TIMESTAMPS_TABLE", made["timestamps_table"].as_str().unwrap()),
            ("PMP_TOPIC_ARN", &topic_arn),
            ("PMP_HUB_ROLE_ARN", &format!("arn:aws:iam::{HUB}:role/member-{ALPHA}")),
            ("PMP_HUB_EXTERNAL_ID", EXTERNAL_ID),
        ]);
        let made = spoke.json(&["init"]).await;
        let queue_url = made["queue_url"].as_str().unwrap().to_owned();
        let dead_letters_url = made["dead_letter_queue_url"].as_str().unwrap().to_owned();
        let spoke = spoke.with(&[("PMP_QUEUE_URL", &queue_url)]);

        let account = |account| Aws::new(&server.endpoint(), account);
        let (hub_account, alpha_account) = (account(HUB), account(ALPHA_ACCOUNT));
        Self { server, proxy, hub_account, alpha_account, hub, spoke, queue_url, dead_letters_url, topic_arn }
    }

    /// The queue of the hub's account into which change events come.
    pub fn events_url(&self) -> String {
        self.server.queue_url(HUB, EVENTS_QUEUE)
    }

    /// The proxy, where the scene stands behind one.
    pub fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().unwrap()
    }

    /// A program that acts as `account`, and is told nothing else.
    fn program(name: &'static str, account: &str) -> Program {
        Program::new(
            name,
            &[
                ("AWS_ACCESS_KEY_ID", account),
                ("AWS_SECRET_ACCESS_KEY", "secret"),
                ("AWS_EC2_METADATA_DISABLED", "true"),
            ],
        )
    }

    /// The endpoint of the embedded AWS.
    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// Puts a fault in force; its number.
    pub async fn add_fault(&self, rule: &FaultRule) -> u64 {
        let rule = serde_json::to_value(rule).unwrap();
        tell(Method::POST, &format!("{}/_local/faults", self.endpoint()), &rule).await["id"].as_u64().unwrap()
    }

    /// Puts all faults out of force.
    pub async fn clear_faults(&self) {
        tell(Method::DELETE, &format!("{}/_local/faults", self.endpoint()), &json!({})).await;
    }

    /// Moves the clock of the embedded AWS.
    pub async fn move_clock(&self, by: &str) {
        tell(Method::POST, &format!("{}/_local/clock", self.endpoint()), &json!({ "by": by })).await;
    }

    /// The spoke with a filter, as operators configure it.
    pub fn spoke_with_filter(&self, component: &Path, settings: &str) -> Program {
        self.spoke.with(&[("PMP_FILTER", component.to_str().unwrap()), ("PMP_FILTER_CONFIG", settings)])
    }

    /// The tool of filters' authors, with the environment of alpha's spoke.
    pub fn filter_tool(&self) -> Program {
        self.spoke.named("pmp-filter")
    }

    /// The receipts of all member experiences, as the hub's `status` tells them: experience and
    /// state.
    pub async fn states(&self) -> Vec<(String, String)> {
        let status = self.hub.json(&["status"]).await;
        let row = |row: &serde_json::Value| {
            let text = |value: &serde_json::Value| value.as_str().unwrap_or("-").to_owned();
            (text(&row["member_experience"]), text(&row["state"]))
        };
        let mut states: Vec<_> = status["spokes"].as_array().unwrap().iter().map(row).collect();
        states.sort();
        states
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if let (Some(proxy), Some(file)) = (&self.proxy, std::env::var_os(BEHIND_PROXY)) {
            proxy.record(Path::new(&file));
        }
    }
}

/// The `n`th product id of those that pack worst: as long as an id may be (50 characters), and
/// random in 36 letters.
pub fn longest_id(n: usize) -> String {
    let first = pmp_protocol::Digest::of(&n.to_le_bytes()).hex();
    let second = pmp_protocol::Digest::of(first.as_bytes()).hex();
    let letter = |pair: &[u8]| {
        let byte = u32::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        char::from_digit(byte % 36, 36).unwrap()
    };
    format!("{first}{second}").as_bytes().chunks(2).take(50).map(letter).collect()
}
