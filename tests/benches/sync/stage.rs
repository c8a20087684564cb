//! The stage of one scenario: endpoints, both programs with what `init` made for them, and taps
//! that note every call.

use std::path::Path;
use std::time::Duration;

use pmp_local_aws::{Options, Server};
use pmp_tests::{Agent, Aws, EXTERNAL_ID, Program, Tap, within};

use crate::scenario::{EVENTS_QUEUE, Scenario};

/// Endpoints that are there already: everything but the catalog, and the catalog.
#[derive(Debug, Clone)]
pub(crate) struct Elsewhere {
    pub(crate) services: String,
    pub(crate) catalog: String,
}

/// Everything that a scenario runs on.
#[derive(Debug)]
pub(crate) struct Stage {
    /// Kept for as long as it is to answer.
    _server: Option<Server>,
    pub(crate) hub: Program,
    pub(crate) spoke: Program,
    /// The hub's calls to all but the catalog.
    pub(crate) hub_line: Tap,
    /// The spoke's calls to all but the catalog.
    pub(crate) spoke_line: Tap,
    /// The spoke's calls to the catalog.
    pub(crate) catalog_line: Tap,
    /// The catalog as the accounts of hub and spoke see it, past the taps.
    pub(crate) hub_account: Aws,
    pub(crate) spoke_account: Aws,
    /// The queue with the change events of the spoke's account; none elsewhere.
    pub(crate) events: Option<String>,
}

impl Stage {
    /// Starts the embedded AWS, or takes the endpoints, and runs `init` of both programs. `more`
    /// are variables for the spoke. The programs are those of the build in `folder`, where one is
    /// given.
    pub(crate) async fn set(
        scenario: &Scenario,
        latency: Duration,
        elsewhere: Option<&Elsewhere>,
        more: &[(&str, &str)],
        folder: Option<&Path>,
    ) -> Self {
        let of = |program: Program| folder.map_or_else(|| program.clone(), |folder| program.of(folder));
        let (hub_account, mut spoke_account) = scenario.accounts();
        let server = match elsewhere {
            None => Some(Server::start(scenario.world(latency), Options::default()).await.unwrap()),
            Some(_) => {
                // One account for all: other implementations of AWS know no more.
                spoke_account.clone_from(&hub_account);
                None
            }
        };
        let endpoint = server.as_ref().map(Server::endpoint).unwrap_or_default();
        let services = elsewhere.map_or(endpoint.as_str(), |elsewhere| &elsewhere.services);
        let catalog = elsewhere.map_or(endpoint.as_str(), |elsewhere| &elsewhere.catalog);
        let (hub_line, spoke_line) = (Tap::open(services).await, Tap::open(services).await);
        let catalog_line = Tap::open(catalog).await;

        let events = server.as_ref().map(|server| server.queue_url(&hub_account, EVENTS_QUEUE));
        let hub = of(program("pmp-hub", &hub_account, hub_line.endpoint(), catalog, scenario));
        let hub = hub.with(&[("PMP_EVENTS_QUEUE_URL", events.as_deref().unwrap_or_default())]);
        let made = hub.json(&["init", "--allow-account", &spoke_account]).await;
        let topic = made["topic_arn"].as_str().unwrap().to_owned();
        let hub = hub.with(&[("PMP_TOPIC_ARN", &topic)]);

        let line = (spoke_line.endpoint(), catalog_line.endpoint());
        let mut spoke = of(program("pmp-spoke", &spoke_account, line.0, line.1, scenario))
            .with(&[("PMP_TOPIC_ARN", &topic), ("PMP_ORG_ID", &scenario.organization())]);
        if elsewhere.is_none() {
            let role = format!("arn:aws:iam::{hub_account}:role/member-{}", scenario.organization());
            spoke = spoke.with(&[("PMP_HUB_ROLE_ARN", &role), ("PMP_HUB_EXTERNAL_ID", EXTERNAL_ID)]);
        }
        let made = spoke.json(&["init", "--queue-name", &format!("snapshots-{}", scenario.name)]).await;
        let spoke = spoke.with(&[("PMP_QUEUE_URL", made["queue_url"].as_str().unwrap())]).with(more);

        let events = server.as_ref().map(|server| server.queue_url(&spoke_account, EVENTS_QUEUE));
        let account = |account: &str| Aws::new(catalog, account);
        let (hub_account, spoke_account) = (account(&hub_account), account(&spoke_account));
        Self { _server: server, hub, spoke, hub_line, spoke_line, catalog_line, hub_account, spoke_account, events }
    }

    /// Starts the spoke as an agent; when this returns, it waits for messages.
    pub(crate) async fn start_spoke(&self) -> Agent {
        let agent = self.spoke.start(&["run"]);
        let listening = || async {
            let calls = self.spoke_line.calls();
            if calls.iter().any(|call| call == "ReceiveMessage") { Ok(()) } else { Err(agent.log()) }
        };
        within(Duration::from_secs(60), "the spoke takes messages", listening).await;
        agent
    }
}

fn program(name: &'static str, account: &str, services: &str, catalog: &str, scenario: &Scenario) -> Program {
    Program::new(
        name,
        &[
            ("AWS_ACCESS_KEY_ID", account),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_ENDPOINT_URL", services),
            ("AWS_ENDPOINT_URL_MARKETPLACE_CATALOG", catalog),
            ("PMP_EXPERIENCE_ID", &scenario.management()),
            ("PMP_SNAPSHOTS_TABLE", "Snapshots"),
            ("PMP_TIMESTAMPS_TABLE", "SyncTimestamps"),
        ],
    )
}
