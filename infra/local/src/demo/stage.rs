//! Everything that runs: the embedded AWS, the hub, the spokes; and a look at how far the
//! experiences are.

use std::path::{Path, PathBuf};

use pmp_catalog::PolicyId;
use pmp_local_aws::{Options, Server};
use pmp_terminal::Failure;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::accounts::Account;
use super::lists::Lists;
use super::process::{Environment, Launcher, Part, Running};
use super::scene::{HUB_ACCOUNT, MANAGEMENT, Member, MemberExperience, Scene, State};
use super::world::{EVENTS_QUEUE, world};
use super::{Demo, products::Selection};

/// The worked filter, as it is checked in.
const FILTER: &[u8] = include_bytes!("../../../../filters/examples/exclude-products/exclude-products.wasm");
/// Long: what changes is told by events, and the schedule is what is not shown here.
const INTERVAL: &str = "1h";

/// The stage of one run.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) scene: Scene,
    pub(super) launcher: Launcher,
    pub(super) hub: Environment,
    /// One for each member, in the scene's order.
    pub(super) spokes: Vec<Environment>,
    server: Server,
    region: String,
    filter: PathBuf,
    /// The owners of the members' experiences, in the scene's order.
    owners: Vec<Account>,
    programs: Vec<Running>,
}

/// An experience that is not what it must be.
#[derive(Debug)]
pub(super) struct Differing {
    pub(super) member: &'static str,
    pub(super) text: String,
}

/// The part of `pmp-hub init`'s answer that others need.
#[derive(Deserialize)]
struct HubMade {
    snapshots_table: String,
    timestamps_table: String,
    topic_arn: String,
}

/// The part of `pmp-spoke init`'s answer that `run` needs.
#[derive(Deserialize)]
struct SpokeMade {
    queue_url: String,
}

impl Stage {
    /// Starts the embedded AWS with the scene in it.
    pub(super) async fn start(args: &Demo, folder: &Path) -> Result<Self, Failure> {
        let selection = Selection::new(args.seed, args.products.into())?;
        let scene = Scene::new(selection)?;
        let world = world(&scene, args.seed, args.latency);
        let region = world.region.clone();
        let filter = folder.join("exclude-products.wasm");
        std::fs::write(&filter, FILTER)
            .map_err(|error| Failure::tried("E1751", format!("cannot write `{}`", filter.display()), error))?;
        let launcher = Launcher::new(folder);
        let server = Server::start(world, Options::default()).await?;
        let endpoint = server.endpoint();
        let owners = scene.members.iter().map(|member| Account::new(&endpoint, &region, member.management_account));
        let owners = owners.collect();
        let (hub, spokes, programs) = (Environment::default(), Vec::new(), Vec::new());
        Ok(Self { scene, launcher, hub, spokes, server, region, filter, owners, programs })
    }

    pub(super) fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    /// The account with that number.
    pub(super) fn account(&self, number: &str) -> Account {
        Account::new(&self.endpoint(), &self.region, number)
    }

    /// Has `pmp-hub init` make the tables and the topic, and let the members subscribe.
    pub(super) async fn init_hub(&mut self) -> Result<(), Failure> {
        let mut args = vec!["init", "--output", "json"];
        for member in &self.scene.members {
            args.extend(["--allow-account", member.spoke_account]);
        }
        let base = self.environment(HUB_ACCOUNT);
        let made: HubMade = read(&self.launcher.run(Part::Hub, &args, &base).await?)?;
        let common = |environment: Environment| {
            environment
                .with("PMP_EXPERIENCE_ID", MANAGEMENT)
                .with("PMP_SNAPSHOTS_TABLE", &made.snapshots_table)
                .with("PMP_TIMESTAMPS_TABLE", &made.timestamps_table)
                .with("PMP_TOPIC_ARN", &made.topic_arn)
        };
        let events = self.server.queue_url(HUB_ACCOUNT, EVENTS_QUEUE);
        self.hub = common(base).with("PMP_EVENTS_QUEUE_URL", events);
        self.spokes = self.scene.members.iter().map(|member| common(self.spoke_environment(member))).collect();
        Ok(())
    }

    /// Has each `pmp-spoke init` make a queue and subscribe it.
    pub(super) async fn init_spokes(&mut self) -> Result<(), Failure> {
        for environment in &mut self.spokes {
            let made = self.launcher.run(Part::Spoke, &["init", "--output", "json"], environment).await?;
            let made: SpokeMade = read(&made)?;
            *environment = std::mem::take(environment).with("PMP_QUEUE_URL", made.queue_url);
        }
        Ok(())
    }

    /// Starts the programs that stay. The hub publishes at once.
    pub(super) fn start_programs(&mut self) -> Result<(), Failure> {
        self.programs.push(self.launcher.start("hub", Part::Hub, &["run", "--interval", INTERVAL], &self.hub)?);
        for (member, environment) in self.scene.members.iter().zip(&self.spokes) {
            self.programs.push(self.launcher.start(&log_name(member.name), Part::Spoke, &["run"], environment)?);
        }
        Ok(())
    }

    fn environment(&self, account: &str) -> Environment {
        Environment::default()
            .with("AWS_ENDPOINT_URL", self.endpoint())
            .with("AWS_REGION", &self.region)
            .with("AWS_ACCESS_KEY_ID", account)
            .with("AWS_SECRET_ACCESS_KEY", "demo")
            .with("AWS_EC2_METADATA_DISABLED", "true")
    }

    fn spoke_environment(&self, member: &Member) -> Environment {
        let role = format!("arn:aws:iam::{HUB_ACCOUNT}:role/{}", member.role());
        let environment = self
            .environment(member.spoke_account)
            .with("PMP_ORG_ID", member.organization)
            .with("PMP_HUB_ROLE_ARN", role)
            .with("PMP_HUB_EXTERNAL_ID", &member.external_id);
        match &member.filter {
            Some(filter) => {
                environment.with("PMP_FILTER", self.filter.display()).with("PMP_FILTER_CONFIG", filter.json())
            }
            None => environment,
        }
    }

    /// What every experience says at this moment, by member and experience in the scene's order.
    pub(super) async fn look(&self) -> Result<Vec<Vec<Lists>>, Failure> {
        let mut found = Vec::new();
        for (member, owner) in self.scene.members.iter().zip(&self.owners) {
            let policies: Vec<PolicyId> = member.experiences.iter().filter_map(|e| PolicyId::new(&e.policy)).collect();
            found.push(owner.lists(&policies).await?);
        }
        Ok(found)
    }

    /// The experiences that are not what they must be, among those that `wanted` picks.
    pub(super) fn differing(&self, found: &[Vec<Lists>], wanted: impl Fn(State) -> bool) -> Vec<Differing> {
        let pairs = self.scene.members.iter().zip(found);
        let pairs =
            pairs.flat_map(|(member, lists)| member.experiences.iter().zip(lists).map(move |pair| (member, pair)));
        let differs = |(member, (experience, lists)): (&Member, (&MemberExperience, &Lists))| {
            let words = experience.expected.difference(lists);
            let text = format!("{}: {}", experience.id, words.join("; "));
            (wanted(experience.state) && !words.is_empty()).then_some(Differing { member: member.name, text })
        };
        pairs.filter_map(differs).collect()
    }

    /// A program that ended though nobody told it to, as a failure.
    pub(super) fn check_programs(&mut self) -> Result<(), Failure> {
        for program in &mut self.programs {
            if let Some(status) = program.ended() {
                let error = format!("{} ended before it was told to, with {status}", program.name);
                return Err(with_tail(Failure::new("E3057", error), program));
            }
        }
        Ok(())
    }

    /// Adds the end of the logs of the hub and of these members' spokes to a failure.
    pub(super) fn explain(&self, failure: Failure, members: &[&str]) -> Failure {
        let names: Vec<_> = members.iter().map(|member| log_name(member)).collect();
        let involved = self.programs.iter().filter(|program| program.name == "hub" || names.contains(&program.name));
        involved.fold(failure, with_tail)
    }

    /// Ends everything: the programs together, then the embedded AWS that they may still need.
    pub(super) async fn end(mut self) {
        self.programs.iter().for_each(Running::tell_to_stop);
        for program in &mut self.programs {
            program.stop().await;
        }
        self.server.shutdown().await;
    }
}

/// Reads what a program answered in JSON.
pub(super) fn read<T: DeserializeOwned>(answer: &str) -> Result<T, Failure> {
    serde_json::from_str(answer)
        .map_err(|error| Failure::tried("E3058", "cannot understand what a program answered", error))
}

fn log_name(member: &str) -> String {
    format!("spoke-{member}")
}

fn with_tail(failure: Failure, program: &Running) -> Failure {
    let tail = program.tail();
    let heading = if tail.is_empty() { "has logged nothing" } else { "ends its log with:" };
    let failure = failure.detail(format!("{} {heading}", program.name));
    tail.into_iter().fold(failure, |failure, line| failure.detail(format!("  {line}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_lacks_a_field_is_an_error() {
        let failure = read::<SpokeMade>("{}").err().unwrap();
        assert!(failure.one_line().contains("missing field `queue_url`"), "{}", failure.one_line());
        assert_eq!(failure.code().to_string(), "E3058");
    }
}
