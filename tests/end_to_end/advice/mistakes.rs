//! Mistakes that people make with a hub and a spoke, one variant each: in the settings, in the
//! account's resources, and in what earlier runs left behind.
//!
//! What is not here is what no command can heal, because a person has to decide: see
//! `docs/operations.md`.

use std::path::Path;

use aws_sdk_dynamodb::types::{AttributeValue, TimeToLiveSpecification};
use aws_sdk_sqs::types::QueueAttributeName as Name;
use jiff::Timestamp;
use pmp_local_aws::world::{Fault, FaultRule};
use pmp_tests::{ALPHA, ALPHA_DEV, ALPHA_DISABLED, ALPHA_PROD, HUB, MANAGEMENT, Program, Scene};
use serde_json::json;

/// Whose configuration or account it is made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Hub,
    Spoke,
}

macro_rules! mistakes {
    (of a new world: $($new:ident),*; hub: $($hub:ident),*; with a key: $($key:ident),*; spoke: $($spoke:ident),*;) => {
        /// One mistake that people make.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Mistake { $($new,)* $($hub,)* $($key,)* $($spoke,)* }

        /// Those of a hub that signs.
        pub(super) const WITH_A_KEY: &[Mistake] = &[$(Mistake::$key,)*];

        /// Those that can be made in any world, in any order.
        pub(super) const ALL: &[Mistake] = &[$(Mistake::$hub,)* $(Mistake::$spoke,)*];

        impl Mistake {
            pub(super) fn side(self) -> Side {
                match self {
                    $(Mistake::$new => Side::Spoke,)*
                    $(Mistake::$hub => Side::Hub,)*
                    $(Mistake::$key => Side::Hub,)*
                    $(Mistake::$spoke => Side::Spoke,)*
                }
            }
        }
    };
}

mistakes! {
    of a new world: NoPass;
    hub: TopicName, TopicAccount, TopicRegion, NoTopic, SnapshotsName, TimestampsName, SwappedTables, NoSnapshotsTable,
        NoTimestampsTable, AnotherTable, TableOfAnotherAccount, ExperienceId, ExperienceArn, NoExperience, NoExperienceId, StaleAfter,
        Interval, KeepVersions, MaxHold, StatementLifetime, EventsQueue, EventsAccount, Region, NoRegion, Profile,
        Endpoint, AttemptTimeout, Expiry, Unpublished, NotifyTopic, NotifyFormat, FilterProgram, UntoldWindows,
        ContextName, TopicOfContext, IntervalOfContext;
    with a key: KeyReadable, AnotherKey;
    spoke: SpokesTopicName, SpokesTopicRegion, QueueName, QueueAccount, NoQueue, QueueDeleted, NoSubscription,
        FilterPolicy, NoQueuePolicy, PolicyOfAnotherTopic, UnusableKey, NotEncrypted, Retention, Visibility,
        NoDeadLetters, Receives, DeadLettersDeleted, RoleOfAnother, RoleAccount, Organization, MemberId, DisabledMember,
        SpokesExperienceId, SpokesExperienceArn, SpokesNoExperience, SpokesNoExperienceId, SpokesSwappedTables, SpokesSnapshotsName,
        SpokesTimestampsName, SpokesSnapshotsAccount, SpokesTimestampsRegion, SpokesNoTable, FilterFile, BuiltIn,
        NoFacts, LeaseTerm, Mode, IdLimit, Rates, OpenChangeSets, StopAfter, Lease, ErrorOfBefore, SpokesRegion, SpokesOtherRegion, SpokesTablesRegion,
        SpokesProfile, SpokesEndpoint, ConnectTimeout;
}

impl Mistake {
    /// Whether it is made in the member's account, or left behind in the ledger, and not in the
    /// settings.
    fn is_in_an_account(self) -> bool {
        use Mistake::*;
        matches!(
            self,
            QueueDeleted
                | NoSubscription
                | FilterPolicy
                | NoQueuePolicy
                | PolicyOfAnotherTopic
                | UnusableKey
                | NotEncrypted
                | Retention
                | Visibility
                | NoDeadLetters
                | Receives
                | DeadLettersDeleted
                | Lease
                | ErrorOfBefore
                | Unpublished
                | AnotherTable
                | Expiry
        )
    }

    fn is_of_the_file(self) -> bool {
        matches!(self, Self::ContextName | Self::TopicOfContext | Self::IntervalOfContext)
    }

    /// Whether a program can know what was meant where both are made at once. One of the two is
    /// enough to tell of the other, such as the subscription of the topic.
    pub(super) fn goes_with(self, other: Self) -> bool {
        let told_by = |topic: Self, queue: Self| {
            matches!(topic, Mistake::SpokesTopicName | Mistake::SpokesTopicRegion)
                && matches!(queue, Mistake::NoSubscription | Mistake::QueueDeleted)
        };
        // In a wrong region, the queue is what tells of the right one.
        let of_the_queue = |region: Self, queue: Self| {
            let queues = [Mistake::QueueName, Mistake::QueueAccount, Mistake::NoQueue, Mistake::QueueDeleted];
            region == Mistake::SpokesOtherRegion && queues.contains(&queue)
        };
        let in_one_account = self.is_in_an_account() && other.is_in_an_account();
        // There is one configuration file, and a context that is not there keeps everything else
        // back.
        let of_the_file = self.is_of_the_file() || other.is_of_the_file();
        let apart = self == other || in_one_account || of_the_file;
        let hidden = |one, other| told_by(one, other) || of_the_queue(one, other);
        !(apart || hidden(self, other) || hidden(other, self))
    }
}

/// The text with a slip in it, as fingers make them: a letter left out, doubled, or another one. It
/// is in the last letters, so that what kind of name it is stays.
fn slip(text: &str, chance: &mut fastrand::Rng) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let at = letters.len() - 1 - chance.usize(..4);
    match chance.usize(..3) {
        0 => drop(letters.remove(at)),
        1 => letters.insert(at, letters[at]),
        _ => letters[at] = if letters[at] == 'x' { 'y' } else { 'x' },
    }
    let slipped: String = letters.into_iter().collect();
    // Two like letters side by side: it is the same with them exchanged.
    if slipped == text { format!("{text}x") } else { slipped }
}

fn one_of<'a>(texts: &[&'a str], chance: &mut fastrand::Rng) -> &'a str {
    texts[chance.usize(..texts.len())]
}

fn sqs(scene: &Scene) -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::new(scene.alpha_account.config())
}

fn sns(scene: &Scene) -> aws_sdk_sns::Client {
    aws_sdk_sns::Client::new(scene.alpha_account.config())
}

fn dynamodb(scene: &Scene) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(scene.hub_account.config())
}

async fn set_queue(scene: &Scene, attributes: &[(Name, &str)]) {
    let call = sqs(scene).set_queue_attributes().queue_url(&scene.queue_url);
    let call = attributes.iter().fold(call, |call, (name, value)| call.attributes(name.clone(), *value));
    call.send().await.unwrap();
}

async fn subscription(scene: &Scene) -> String {
    let found = sns(scene).list_subscriptions().send().await.unwrap();
    let ours = found.subscriptions().iter().find(|one| one.topic_arn() == Some(&scene.topic_arn)).unwrap();
    ours.subscription_arn().unwrap().to_owned()
}

/// A lease of someone else, whose clock is wrong by years.
async fn odd_lease(scene: &Scene) {
    let (text, number) = (|text: &str| AttributeValue::S(text.into()), |n: i64| AttributeValue::N(n.to_string()));
    let call = dynamodb(scene).put_item().table_name("SyncTimestamps").item("organization", text(ALPHA));
    let call = call.item("item", text("lease")).item("holder_id", text("gone")).item("holder", text("a spoke"));
    let call = call.item("taken_at", text(&Timestamp::now().to_string())).item("renewals", number(0));
    let end = number(i64::MAX / 1_000_000);
    call.item("term_ms", number(1_000)).item("expires_at_ms", end).send().await.unwrap();
}

/// Profiles of the AWS SDK, in a file, of which one is that of `program`.
fn with_profiles(program: &Program, account: &str, folder: &Path) -> Program {
    let file = folder.join("profiles");
    let profile = |name: &str, key: &str| {
        format!("[profile {name}]\naws_access_key_id = {key}\naws_secret_access_key = secret\nregion = us-east-1\n")
    };
    let text = format!("{}{}", profile("marketplace", account), profile("billing", "555555555555"));
    std::fs::write(&file, text).unwrap();
    program
        .without("AWS_ACCESS_KEY_ID")
        .without("AWS_SECRET_ACCESS_KEY")
        .with(&[("AWS_CONFIG_FILE", file.to_str().unwrap()), ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")])
}

/// The products of which AWS Marketplace knows a vendor, by their numbers: the first so many are
/// published by the tests, and any other by a mistake.
pub(super) const KNOWN: usize = 2_000;
/// More than there are mistakes.
const PUBLISHED: usize = 500;

/// Makes the mistake; the program as it is configured then.
pub(super) async fn make(mistake: Mistake, scene: &Scene, chance: &mut fastrand::Rng, folder: &Path) -> Program {
    match mistake.side() {
        Side::Hub => of_the_hub(mistake, scene, chance, folder).await,
        Side::Spoke => of_the_spoke(mistake, scene, chance, folder).await,
    }
}

async fn of_the_hub(mistake: Mistake, scene: &Scene, chance: &mut fastrand::Rng, folder: &Path) -> Program {
    let with = |variable: &str, value: &str| scene.hub.with(&[(variable, value)]);
    let no_duration = one_of(&["3", "hourly", "1 day and a bit", "-1h"], chance);
    match mistake {
        Mistake::TopicName => with("PMP_TOPIC_ARN", &slip(&scene.topic_arn, chance)),
        Mistake::TopicAccount => with("PMP_TOPIC_ARN", &scene.topic_arn.replace(HUB, "111111111112")),
        Mistake::TopicRegion => {
            let region = one_of(&["eu-west-1", "us-east-2"], chance);
            with("PMP_TOPIC_ARN", &scene.topic_arn.replace("us-east-1", region))
        }
        Mistake::NoTopic => with("PMP_TOPIC_ARN", one_of(&["", " "], chance)),
        Mistake::SnapshotsName => with("PMP_SNAPSHOTS_TABLE", &slip("Snapshots", chance)),
        Mistake::TimestampsName => with("PMP_TIMESTAMPS_TABLE", &slip("SyncTimestamps", chance)),
        Mistake::SwappedTables => {
            scene.hub.with(&[("PMP_SNAPSHOTS_TABLE", "SyncTimestamps"), ("PMP_TIMESTAMPS_TABLE", "Snapshots")])
        }
        Mistake::NoSnapshotsTable => with("PMP_SNAPSHOTS_TABLE", ""),
        Mistake::NoTimestampsTable => with("PMP_TIMESTAMPS_TABLE", ""),
        Mistake::AnotherTable => {
            another_table(scene).await;
            with("PMP_SNAPSHOTS_TABLE", "Invoices")
        }
        Mistake::TableOfAnotherAccount => {
            let account = one_of(&["222222222222", "111111111112"], chance);
            with("PMP_SNAPSHOTS_TABLE", &format!("arn:aws:dynamodb:us-east-1:{account}:table/Snapshots"))
        }
        Mistake::ExperienceId => with("PMP_EXPERIENCE_ID", &slip(MANAGEMENT, chance)),
        Mistake::ExperienceArn => with("PMP_EXPERIENCE_ID", &arn_of(MANAGEMENT)),
        Mistake::NoExperience => with("PMP_EXPERIENCE_ID", ""),
        Mistake::NoExperienceId => with("PMP_EXPERIENCE_ID", one_of(&["management", "Management", "entity-1"], chance)),
        Mistake::StaleAfter => with("PMP_STALE_AFTER", no_duration),
        Mistake::Interval => with("PMP_INTERVAL", no_duration),
        Mistake::KeepVersions => with("PMP_KEEP_VERSIONS", one_of(&["1", "all", "-5"], chance)),
        Mistake::MaxHold => with("PMP_MAX_HOLD", one_of(&["5m", "a week", "10000h"], chance)),
        Mistake::StatementLifetime => with("PMP_STATEMENT_LIFETIME", one_of(&["1h", "for ever"], chance)),
        Mistake::EventsQueue => with("PMP_EVENTS_QUEUE_URL", &slip(&scene.events_url(), chance)),
        Mistake::EventsAccount => with("PMP_EVENTS_QUEUE_URL", &scene.events_url().replace(HUB, "111111111112")),
        Mistake::Region => with("AWS_REGION", one_of(&["eu-west-1", "us-west-2"], chance)),
        Mistake::NoRegion => with("AWS_REGION", one_of(&["US East", "N. Virginia"], chance)),
        Mistake::Profile => {
            with_profiles(&scene.hub, HUB, folder).with(&[("AWS_PROFILE", &slip("marketplace", chance))])
        }
        Mistake::Endpoint => with("AWS_ENDPOINT_URL_DYNAMODB", one_of(&["localhost:4566", "http//x"], chance)),
        Mistake::AttemptTimeout => with("PMP_ATTEMPT_TIMEOUT", one_of(&["10s", "30"], chance)),
        Mistake::Expiry => {
            let off = TimeToLiveSpecification::builder().attribute_name("expires_at").enabled(false).build().unwrap();
            let call = dynamodb(scene).update_time_to_live().table_name("SyncTimestamps");
            call.time_to_live_specification(off).send().await.unwrap();
            scene.hub.clone()
        }
        Mistake::Unpublished => {
            scene.hub_account.approve(MANAGEMENT, &[&format!("prod-{}", chance.usize(PUBLISHED..KNOWN))]).await;
            let fault = FaultRule::new(Fault::AccessDenied { message: None });
            scene.add_fault(&FaultRule { operation: Some("Publish".into()), ..fault }).await;
            assert_ne!(scene.hub.run(&["publish"]).await.code, 0);
            scene.clear_faults().await;
            scene.hub.clone()
        }
        Mistake::NotifyTopic => {
            let hub = aws_sdk_sns::Client::new(scene.hub_account.config());
            let made = hub.create_topic().name("operations-mail").send().await.unwrap();
            with("PMP_NOTIFY_TOPIC_ARN", &slip(made.topic_arn().unwrap(), chance))
        }
        Mistake::NotifyFormat => with("PMP_NOTIFY_FORMAT", one_of(&["JSONs", "chatbots", "chatbt"], chance)),
        Mistake::FilterProgram => {
            with("PMP_FILTER_PROGRAM", one_of(&["/nowhere/pmp-filter", "/opt/pmp/filter"], chance))
        }
        Mistake::UntoldWindows => {
            with("PMP_CHANGE_WINDOWS", one_of(&["Mon-Sun 00:00-24:00 UTC", "Mon-Sun 00:00-24:00 Asia/Tokyo"], chance))
        }
        Mistake::ContextName => {
            let file = with_contexts(folder, "");
            scene.hub.with(&[("PMP_CONFIG", &file), ("PMP_CONTEXT", &slip("production", chance))])
        }
        Mistake::TopicOfContext => {
            let topic = slip(&scene.topic_arn, chance);
            let file = with_contexts(folder, &format!("PMP_TOPIC_ARN = \"{topic}\"\n"));
            scene.hub.with(&[("PMP_CONFIG", &file), ("PMP_CONTEXT", "production"), ("PMP_TOPIC_ARN", "")])
        }
        Mistake::IntervalOfContext => {
            let file = with_contexts(folder, &format!("PMP_INTERVAL = \"{no_duration}\"\n"));
            scene.hub.with(&[("PMP_CONFIG", &file), ("PMP_CONTEXT", "production")])
        }
        Mistake::KeyReadable => {
            use std::os::unix::fs::PermissionsExt as _;
            let key = private_key(folder, KEYS[0]);
            let mode = one_of(&["644", "640", "604"], chance);
            let mode = std::fs::Permissions::from_mode(u32::from_str_radix(mode, 8).unwrap());
            std::fs::set_permissions(&key, mode).unwrap();
            with("PMP_SIGNING_KEY", &format!("file:{key}"))
        }
        // The head is signed by the other one until the hub publishes.
        Mistake::AnotherKey => with("PMP_SIGNING_KEY", &format!("file:{}", private_key(folder, KEYS[1]))),
        _ => scene.hub.clone(),
    }
}

/// Private keys of Ed25519: those of RFC 8032's first two test vectors.
const KEYS: [&str; 2] = [
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g",
    "MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7",
];

/// The path of a file with a private key that nobody else can read.
fn private_key(folder: &Path, key: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join("key.pem");
    std::fs::write(&path, format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A configuration file with two contexts, of which one has these settings, too.
fn with_contexts(folder: &Path, settings: &str) -> String {
    let file = folder.join("config.toml");
    let text = format!("[contexts.production]\nPMP_LOG = \"warn\"\n{settings}[contexts.staging]\nPMP_LOG = \"info\"\n");
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

/// A table of something else in the hub's account.
async fn another_table(scene: &Scene) {
    use aws_sdk_dynamodb::types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType::S,
    };
    let definition = AttributeDefinition::builder().attribute_name("number").attribute_type(S).build().unwrap();
    let key = KeySchemaElement::builder().attribute_name("number").key_type(KeyType::Hash).build().unwrap();
    let call = dynamodb(scene).create_table().table_name("Invoices").billing_mode(BillingMode::PayPerRequest);
    // It may be there already, from an earlier mistake.
    let _ = call.attribute_definitions(definition).key_schema(key).send().await;
}

async fn of_the_spoke(mistake: Mistake, scene: &Scene, chance: &mut fastrand::Rng, folder: &Path) -> Program {
    match mistake {
        Mistake::QueueDeleted
        | Mistake::NoSubscription
        | Mistake::FilterPolicy
        | Mistake::NoQueuePolicy
        | Mistake::PolicyOfAnotherTopic
        | Mistake::UnusableKey
        | Mistake::NotEncrypted
        | Mistake::Retention
        | Mistake::Visibility
        | Mistake::NoDeadLetters
        | Mistake::Receives
        | Mistake::DeadLettersDeleted => {
            in_the_account(mistake, scene, chance).await;
            scene.spoke.clone()
        }
        Mistake::Lease => {
            odd_lease(scene).await;
            scene.spoke.clone()
        }
        Mistake::ErrorOfBefore => {
            let broken = scene.spoke.with(&[("PMP_FILTER", "no-such-filter.wasm")]);
            assert_eq!(broken.run(&["sync"]).await.code, 1);
            scene.spoke.clone()
        }
        Mistake::FilterFile => {
            let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
            let example = repository.join("filters/examples/exclude-products/exclude-products.wasm");
            std::fs::copy(example, folder.join("exclude-products.wasm")).unwrap();
            let slipped = folder.join(slip("exclude-products", chance) + ".wasm");
            scene.spoke_with_filter(&slipped, r#"{"exclude_ids":["prod-x"]}"#)
        }
        Mistake::BuiltIn => scene.spoke_with_filter(Path::new(&slip("exclude-ids", chance)), r#"{"ids":["prod-x"]}"#),
        Mistake::NoFacts => {
            let settings = r#"{"vendors":["Nobody"],"unknown":"keep"}"#;
            scene.spoke_with_filter(Path::new("exclude-vendors"), settings)
        }
        _ => scene.spoke.with(&in_the_settings(mistake, scene, chance, folder)),
    }
}

/// The variables of the spoke that are wrong.
fn in_the_settings(
    mistake: Mistake,
    scene: &Scene,
    chance: &mut fastrand::Rng,
    folder: &Path,
) -> Vec<(&'static str, &'static str)> {
    let table = |name: &str| format!("arn:aws:dynamodb:us-east-1:{HUB}:table/{name}");
    let role = |account: &str, organization: &str| format!("arn:aws:iam::{account}:role/member-{organization}");
    let no_number = one_of(&["many", "0", "1.5"], chance);
    let (variable, value) = match mistake {
        Mistake::SpokesTopicName => ("PMP_TOPIC_ARN", slip(&scene.topic_arn, chance)),
        Mistake::SpokesTopicRegion => ("PMP_TOPIC_ARN", scene.topic_arn.replace("us-east-1", "us-east-2")),
        Mistake::QueueName => ("PMP_QUEUE_URL", slip(&scene.queue_url, chance)),
        Mistake::QueueAccount => ("PMP_QUEUE_URL", scene.queue_url.replace("222222222222", "222222222223")),
        Mistake::NoQueue => ("PMP_QUEUE_URL", String::new()),
        Mistake::RoleOfAnother => ("PMP_HUB_ROLE_ARN", role(HUB, one_of(&["o-beta000000", "o-gamma00000"], chance))),
        Mistake::RoleAccount => ("PMP_HUB_ROLE_ARN", role("111111111112", ALPHA)),
        Mistake::Organization => ("PMP_ORG_ID", one_of(&["o-alpha00001", "o-alpha0000", "alpha"], chance).to_owned()),
        Mistake::MemberId => ("MEMBER_EXPERIENCE_IDS", format!("{ALPHA_DEV},{}", slip(ALPHA_PROD, chance))),
        Mistake::DisabledMember => ("MEMBER_EXPERIENCE_IDS", format!("{ALPHA_PROD},{ALPHA_DISABLED},{ALPHA_DEV}")),
        Mistake::SpokesExperienceId => ("PMP_EXPERIENCE_ID", slip(MANAGEMENT, chance)),
        Mistake::SpokesExperienceArn => ("PMP_EXPERIENCE_ID", arn_of(MANAGEMENT)),
        Mistake::SpokesNoExperience => ("PMP_EXPERIENCE_ID", String::new()),
        Mistake::SpokesNoExperienceId => ("PMP_EXPERIENCE_ID", "management".to_owned()),
        Mistake::SpokesSwappedTables => {
            let swapped =
                [("PMP_SNAPSHOTS_TABLE", table("SyncTimestamps")), ("PMP_TIMESTAMPS_TABLE", table("Snapshots"))];
            return swapped.map(|(variable, value)| (variable, kept(value))).to_vec();
        }
        Mistake::SpokesSnapshotsName => ("PMP_SNAPSHOTS_TABLE", table(&slip("Snapshots", chance))),
        Mistake::SpokesTimestampsName => ("PMP_TIMESTAMPS_TABLE", table(&slip("SyncTimestamps", chance))),
        Mistake::SpokesSnapshotsAccount => ("PMP_SNAPSHOTS_TABLE", table("Snapshots").replace(HUB, "111111111112")),
        Mistake::SpokesTimestampsRegion => {
            ("PMP_TIMESTAMPS_TABLE", table("SyncTimestamps").replace("us-east-1", "eu-west-1"))
        }
        Mistake::SpokesNoTable => (one_of(&["PMP_SNAPSHOTS_TABLE", "PMP_TIMESTAMPS_TABLE"], chance), String::new()),
        Mistake::LeaseTerm => ("PMP_LEASE_TERM", one_of(&["5", "a minute", "10h"], chance).to_owned()),
        Mistake::Mode => ("PMP_MODE", one_of(&["aply", "Appply", "apply-all"], chance).to_owned()),
        Mistake::IdLimit => ("PMP_PRODUCT_ID_LIMIT", one_of(&["changes", "requests", "requst"], chance).to_owned()),
        Mistake::Rates => ("PMP_CATALOG_RATES", one_of(&["5", "start-change-set=fast", "starts=5"], chance).to_owned()),
        Mistake::OpenChangeSets => ("PMP_MAX_OPEN_CHANGE_SETS", no_number.to_owned()),
        Mistake::StopAfter => ("PMP_STOP_AFTER", one_of(&["50", "soon"], chance).to_owned()),
        Mistake::SpokesRegion => ("AWS_REGION", one_of(&["us_east_1", "Virginia"], chance).to_owned()),
        Mistake::SpokesOtherRegion => ("AWS_REGION", one_of(&["eu-west-1", "us-west-2"], chance).to_owned()),
        Mistake::SpokesTablesRegion => {
            let wrong = |name: &str| table(name).replace("us-east-1", "eu-west-1");
            let set = [("PMP_SNAPSHOTS_TABLE", wrong("Snapshots")), ("PMP_TIMESTAMPS_TABLE", wrong("SyncTimestamps"))];
            return set.map(|(variable, value)| (variable, kept(value))).to_vec();
        }
        Mistake::SpokesEndpoint => ("AWS_ENDPOINT_URL_SQS", one_of(&["sqs", "127.0.0.1:80"], chance).to_owned()),
        Mistake::ConnectTimeout => ("PMP_CONNECT_TIMEOUT", one_of(&["5", "0s"], chance).to_owned()),
        Mistake::SpokesProfile => {
            let file = folder.join("profiles");
            std::fs::write(&file, "[profile spoke-prod]\nregion = us-east-1\n[profile billing]\n").unwrap();
            let file = file.to_str().unwrap().to_owned();
            let set = [("AWS_CONFIG_FILE", file), ("AWS_PROFILE", slip("spoke-prod", chance))];
            return set.map(|(variable, value)| (variable, kept(value))).to_vec();
        }
        _ => return Vec::new(),
    };
    vec![(variable, kept(value))]
}

/// The ARN of an experience, as the console shows it.
fn arn_of(experience: &str) -> String {
    format!("arn:aws:aws-marketplace:us-east-1:{HUB}:AWSMarketplace/Experience/{experience}")
}

/// The text for as long as the test runs.
fn kept(text: String) -> &'static str {
    text.leak()
}

/// What is wrong in the member's account.
async fn in_the_account(mistake: Mistake, scene: &Scene, chance: &mut fastrand::Rng) {
    let dead_letters = |receives: u32| {
        let arn = "arn:aws:sqs:us-east-1:222222222222:pmp-sync-snapshots-dead-letters";
        json!({"deadLetterTargetArn": arn, "maxReceiveCount": receives}).to_string()
    };
    match mistake {
        Mistake::QueueDeleted => drop(sqs(scene).delete_queue().queue_url(&scene.queue_url).send().await.unwrap()),
        Mistake::DeadLettersDeleted => {
            sqs(scene).delete_queue().queue_url(&scene.dead_letters_url).send().await.unwrap();
        }
        Mistake::NoSubscription => {
            sns(scene).unsubscribe().subscription_arn(subscription(scene).await).send().await.unwrap();
        }
        Mistake::FilterPolicy => {
            let call = sns(scene).set_subscription_attributes().subscription_arn(subscription(scene).await);
            let policy = json!({"experience": [one_of(&["exp-other", "exp-managment"], chance)]});
            call.attribute_name("FilterPolicy").attribute_value(policy.to_string()).send().await.unwrap();
        }
        Mistake::NoQueuePolicy => set_queue(scene, &[(Name::Policy, "")]).await,
        Mistake::PolicyOfAnotherTopic => {
            let queue = "arn:aws:sqs:us-east-1:222222222222:pmp-sync-snapshots";
            let topic = format!("arn:aws:sns:us-east-1:{HUB}:{}", one_of(&["alarms", "pmp-other-snapshots"], chance));
            let policy = json!({"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
                "Resource": queue, "Condition": {"ArnEquals": {"aws:SourceArn": topic}}}]});
            set_queue(scene, &[(Name::Policy, &policy.to_string())]).await;
        }
        Mistake::UnusableKey => {
            set_queue(scene, &[(Name::SqsManagedSseEnabled, "false"), (Name::KmsMasterKeyId, "alias/aws/sqs")]).await;
        }
        Mistake::NotEncrypted => set_queue(scene, &[(Name::SqsManagedSseEnabled, "false")]).await,
        Mistake::Retention => {
            set_queue(scene, &[(Name::MessageRetentionPeriod, one_of(&["60", "120", "300"], chance))]).await;
        }
        Mistake::Visibility => set_queue(scene, &[(Name::VisibilityTimeout, one_of(&["0", "5", "20"], chance))]).await,
        Mistake::NoDeadLetters => set_queue(scene, &[(Name::RedrivePolicy, "")]).await,
        Mistake::Receives => {
            let receives = 1 + chance.u32(..2);
            set_queue(scene, &[(Name::RedrivePolicy, &dead_letters(receives))]).await;
        }
        _ => {}
    }
}
