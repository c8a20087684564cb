//! A hub and the member organization alpha, deployed by the templates into the embedded AWS.

use std::path::Path;
use std::time::Duration;

use pmp_local_aws::world::{AccessKey, Role};
use pmp_local_aws::{Options, Server};
use pmp_tests::{ALPHA, Aws, Batch, EXTERNAL_ID, Function, HUB, MANAGEMENT, Program, World, get_json};
use serde_json::{Map, Value, json};

use crate::deploy::deploy;
use crate::record;
use crate::roles::{Decision, Declared};
use crate::stack::{Stack, text};

pub(crate) const ALPHA_ACCOUNT: &str = "222222222222";
pub(crate) const HUB_DELEGATE: &str = "111111111112";
pub(crate) const ALPHA_DELEGATE: &str = "222222222223";
/// Keys that act as the functions' roles.
const HUB_KEY: &str = "AKIAFUNCTIONHUB0";
const SPOKE_KEY: &str = "AKIAFUNCTIONSPOKE0";
/// People of the hub's account, by their keys and names: which managed policies of the template
/// they have, and no others.
const HUB_PEOPLE: [(&str, &str, &[&str]); 2] = [
    ("AKIAOBSERVER0000", "observer", &["ObserverPolicy"]),
    ("AKIAOPERATOR0000", "operator", &["ObserverPolicy", "OperatorPolicy"]),
];
/// People of alpha's account, by their keys and names.
const PEOPLE: [(&str, &str); 2] = [("AKIAUSERADA00000", "ada"), ("AKIAUSERBOB00000", "bob")];
/// The longest time that Lambda permits a function.
const TIME: Duration = Duration::from_secs(900);

/// What is tagged in addition to the templates' own tags, and who deploys the spoke.
#[derive(Clone, Copy, Default)]
pub(crate) struct Besides<'a> {
    /// Roles by their names, each with a tag's key and value.
    pub(crate) roles: &'a [(&'a str, &'a str, &'a str)],
    /// Queues of the spoke by their names, the same.
    pub(crate) queues: &'a [(&'a str, &'a str, &'a str)],
    /// A role of the world, by its key; else the account's administrator.
    pub(crate) deployer: Option<&'a str>,
}

/// Both, as they run.
pub(crate) struct Organizations {
    server: Server,
    hub: Stack,
    member: Stack,
    spoke: Stack,
    /// The roles of all three templates.
    pub(crate) roles: Vec<Declared>,
    pub(crate) hub_account: Aws,
    pub(crate) alpha_account: Aws,
    /// Whether the spoke's queue was let in by the topic; what AWS says where it was not.
    pub(crate) subscribed: Result<(), String>,
}

impl Organizations {
    /// The templates, deployed into `world` in the management accounts. `hub` and `spoke` are
    /// parameters beyond those that have to be given.
    pub(crate) async fn deploy(world: World, hub: &[(&str, &str)], spoke: &[(&str, &str)]) -> Self {
        let deployed = Self::deploy_in([HUB, ALPHA_ACCOUNT], world, hub, spoke, Besides::default()).await;
        assert_eq!(deployed.subscribed, Ok(()));
        deployed
    }

    /// The same in the accounts of delegated administrators.
    pub(crate) async fn deploy_delegated(world: World, spoke: &[(&str, &str)]) -> Self {
        let deployed = Self::deploy_delegated_besides(world, spoke, Besides::default()).await;
        assert_eq!(deployed.subscribed, Ok(()));
        deployed
    }

    /// The same, whether the topic lets the queue in or not.
    pub(crate) async fn deploy_delegated_besides(
        mut world: World,
        spoke: &[(&str, &str)],
        besides: Besides<'_>,
    ) -> Self {
        let delegate = |at: usize, account: &str| world.organizations[at].clone().with_delegated_administrator(account);
        world.organizations = vec![delegate(0, HUB_DELEGATE), delegate(1, ALPHA_DELEGATE)];
        let hub = [("CatalogAccountId", HUB)];
        let spoke = [&[("CatalogAccountId", ALPHA_ACCOUNT)], spoke].concat();
        Self::deploy_in([HUB_DELEGATE, ALPHA_DELEGATE], world, &hub, &spoke, besides).await
    }

    async fn deploy_in(
        [hub_account, alpha_account]: [&str; 2],
        world: World,
        hub: &[(&str, &str)],
        spoke: &[(&str, &str)],
        besides: Besides<'_>,
    ) -> Self {
        let code = [("CodeBucket", "code"), ("CodeKey", "0.1.0/bootstrap.zip")];
        let own = [("ExperienceId", MANAGEMENT), ("MemberOrganizationIds", ALPHA)];
        let hub = Stack::new("infra/cloudformation/hub.yaml", hub_account, &[hub, &code[..], &own].concat());
        let own = [("OrganizationId", ALPHA), ("SpokeAccountId", alpha_account), ("HubExternalId", EXTERNAL_ID)];
        let member = Stack::after("infra/cloudformation/hub-member.yaml", hub_account, &hub, &own);
        let spoke =
            Stack::after("infra/cloudformation/spoke.yaml", alpha_account, &member, &[&code[..], spoke].concat());

        let [hub_roles, member_roles, spoke_roles] =
            [(&hub, hub_account), (&member, hub_account), (&spoke, alpha_account)]
                .map(|(stack, account)| Declared::all(stack, account));
        let key = |id: &str, account: &str, roles: &[Declared]| AccessKey::new(id, account).of_role(&roles[0].name);
        let functions = [key(HUB_KEY, hub_account, &hub_roles), key(SPOKE_KEY, alpha_account, &spoke_roles)];
        let people = PEOPLE.map(|(id, name)| AccessKey::new(id, alpha_account).of_user(name));
        let mut roles: Vec<Declared> = hub_roles.into_iter().chain(member_roles).chain(spoke_roles).collect();
        for (name, key, value) in besides.roles {
            roles.iter_mut().find(|role| role.name == *name).unwrap().tag(key, value);
        }
        let mut world = world;
        world.roles.extend(roles.iter().map(Declared::role));
        world.access_keys.extend(functions.into_iter().chain(people));
        for (id, name, policies) in HUB_PEOPLE {
            let documents = policies.iter().map(|policy| hub.properties(policy)["PolicyDocument"].clone());
            let nobody = json!({"Version": "2012-10-17", "Statement": []});
            let role = Role::new(hub_account, name, nobody);
            world.roles.push(documents.fold(role, |role, document| role.with_permissions(document)));
            world.access_keys.push(AccessKey::new(id, hub_account).of_role(name));
        }
        let options = Options { witness: record::witness(), ..Options::default() };
        let server = Server::start(world, options).await.unwrap();
        let account = |account: &str| Aws::new(&server.endpoint(), account);
        let (hub_account, alpha_account) = (account(hub_account), account(alpha_account));
        deploy(&hub, &hub_account).await.unwrap();
        let deployer = besides.deployer.map(account);
        let subscribed = deploy(&spoke, deployer.as_ref().unwrap_or(&alpha_account)).await;
        let sqs = aws_sdk_sqs::Client::new(alpha_account.config());
        for (name, key, value) in besides.queues {
            let queue = alpha_account.queue_url(name).await;
            sqs.tag_queue().queue_url(queue).tags(*key, *value).send().await.unwrap();
        }
        Self { server, hub, member, spoke, roles, hub_account, alpha_account, subscribed }
    }

    /// What `pmp-spoke doctor` finds, as the function's role: each check by its name.
    pub(crate) async fn spoke_checkup(&self) -> Value {
        let queue = self.queue_url().await;
        let spoke = self.program("pmp-spoke", SPOKE_KEY, &self.spoke).with(&[("PMP_QUEUE_URL", &queue)]);
        let finished = spoke.run(&["doctor", "-o", "json"]).await;
        let checkup: Value = serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("{}", finished.stderr));
        let checks = checkup["checks"].as_array().unwrap().iter();
        checks.map(|check| (text(&check["check"]), check.clone())).collect::<Map<_, _>>().into()
    }

    /// The program `pmp-hub` on the machine of a person of the hub's account, who has the
    /// function's settings and what the managed policies of the template permit.
    pub(crate) fn hub_of(&self, person: &str) -> Program {
        let (key, ..) = HUB_PEOPLE.iter().find(|(_, name, _)| *name == person).unwrap();
        self.program("pmp-hub", key, &self.hub)
    }

    /// The hub's function, with the variables of its template.
    pub(crate) async fn hub_function(&self) -> Function {
        Function::start(&self.program("pmp-hub", HUB_KEY, &self.hub)).await
    }

    /// The spoke's function, with the variables of its template.
    pub(crate) async fn spoke_function(&self) -> Function {
        self.spoke_function_with(&[]).await
    }

    /// The same, with others beside them.
    pub(crate) async fn spoke_function_with(&self, variables: &[(&str, &str)]) -> Function {
        let queue = self.queue_url().await;
        let program = self.program("pmp-spoke", SPOKE_KEY, &self.spoke).with(variables);
        // The embedded AWS's queues have URLs of their own.
        Function::start(&program.with(&[("PMP_QUEUE_URL", &queue)])).await
    }

    /// The program `pmp-spoke` on the machine of a person of alpha's account, who has the
    /// function's settings, and a profile in `folder` by which the SDK assumes the function's role:
    /// as docs/deploy.md says.
    pub(crate) async fn spoke_of(&self, person: &str, folder: &Path) -> Program {
        let (key, _) = PEOPLE.iter().find(|(_, name)| *name == person).unwrap();
        let role = self.spoke_role().arn();
        let profiles = format!(
            "[profile me]\naws_access_key_id = {key}\naws_secret_access_key = secret\n\n\
             [profile pmp-sync-spoke]\nrole_arn = {role}\nsource_profile = me\nregion = us-east-1\n"
        );
        let file = folder.join("config");
        std::fs::write(&file, profiles).unwrap();
        let own = Self::settings(&self.spoke);
        let own: Vec<_> = own.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Program::new("pmp-spoke", &own).with(&[
            ("AWS_CONFIG_FILE", file.to_str().unwrap()),
            ("AWS_PROFILE", "pmp-sync-spoke"),
            ("AWS_ENDPOINT_URL", &self.server.endpoint()),
            ("PMP_QUEUE_URL", &self.queue_url().await),
        ])
    }

    /// The spoke's function's role.
    pub(crate) fn spoke_role(&self) -> &Declared {
        let own = |role: &&Declared| role.arn() == self.spoke.arn("FunctionRole");
        self.roles.iter().find(own).unwrap()
    }

    /// The hub's function's role, as AWS's clients act as it.
    pub(crate) fn as_hub(&self) -> Aws {
        Aws::new(&self.server.endpoint(), HUB_KEY)
    }

    /// The spoke's function's role.
    pub(crate) fn as_spoke(&self) -> Aws {
        Aws::new(&self.server.endpoint(), SPOKE_KEY)
    }

    /// Whoever administers an account.
    pub(crate) fn as_account(&self, account: &str) -> Aws {
        Aws::new(&self.server.endpoint(), account)
    }

    /// An output of the member's stack.
    pub(crate) fn member_output(&self, name: &str) -> String {
        self.member.outputs()[name].clone()
    }

    /// The URL of the spoke's queue.
    pub(crate) async fn queue_url(&self) -> String {
        let name = self.spoke.properties("Queue")["QueueName"].as_str().unwrap().to_owned();
        self.alpha_account.queue_url(&name).await
    }

    /// The variables of a stack's function.
    fn settings(stack: &Stack) -> Vec<(String, String)> {
        let variables = &stack.properties("Function")["Environment"]["Variables"];
        let own = variables.as_object().expect("the function has variables").iter();
        own.map(|(name, value)| (name.clone(), text(value))).collect()
    }

    fn program(&self, name: &'static str, key: &str, stack: &Stack) -> Program {
        let own = Self::settings(stack);
        let own: Vec<_> = own.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Program::new(name, &own).with(&[
            ("AWS_ACCESS_KEY_ID", key),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ENDPOINT_URL", &self.server.endpoint()),
        ])
    }

    /// What IAM was asked, and what it answered.
    pub(crate) async fn decisions(&self) -> Vec<Decision> {
        let listed = get_json(&format!("{}/_local/decisions", self.server.endpoint())).await;
        assert_eq!(listed["left_out"], 0, "some decisions are missing");
        serde_json::from_value(listed["decisions"].clone()).unwrap()
    }
}

/// One look of the hub, as its schedule asks for it.
pub(crate) async fn look(hub: &Function) {
    let event = json!({"version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}});
    let (_, answer) = hub.invoke(event, TIME).await;
    assert!(answer.is_ok(), "{answer:?}\n{}", hub.log());
}

/// One batch of the spoke, as its event source mapping hands it over; the ids of what comes again.
pub(crate) async fn batch(organizations: &Organizations, spoke: &Function) -> Vec<String> {
    batch_within(organizations, spoke, TIME).await
}

/// The same with another time until the deadline.
pub(crate) async fn batch_within(organizations: &Organizations, spoke: &Function, time: Duration) -> Vec<String> {
    let batch = Batch::receive(&organizations.alpha_account, &organizations.queue_url().await).await;
    let (_, answer) = spoke.invoke(batch.event(), time).await;
    batch.settle(&answer).await
}
