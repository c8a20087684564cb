//! Several management experiences in one hub: each has its own versions, waves and roster, and none
//! stands in the way of another.

use pmp_local_aws::world::{Experience, Fault, FaultRule, Organization, ProcurementPolicy};
use pmp_tests::{
    ALPHA, ALPHA_DEV, ALPHA_PROD, Function, HUB, Lists, MANAGEMENT, Program, Scene, eventually, member_role, world,
};
use serde_json::{Value, json};

use crate::doctor::Checkup;
use crate::functions::TIME;
use crate::schemas::hold_document;

const SECOND: &str = "exp-second";
const BETA: &str = "o-beta000000";
const BETA_ACCOUNT: &str = "333333333333";
const BETA_PROD: &str = "exp-beta-prod";

/// Alpha follows the first, beta the second, which has waves.
const TABLES: &str = r#"
[exp-management]
members = ["o-alpha00000"]

[exp-second]
members = ["o-beta000000"]
change_windows = "daily 00:00-24:00 UTC"
max_hold = "24h"

[[exp-second.waves.waves]]
name = "canary"
organizations = ["o-beta000000"]
soak = "1h"

[[exp-second.waves.waves]]
name = "all"
share = 100
"#;

/// One hub with both, alpha's spoke of the first, and beta's of the second.
struct Two {
    scene: Scene,
    hub: Program,
    alpha: Program,
    beta: Program,
    beta_queue: String,
}

async fn two() -> Two {
    let mut world = world(&["prod-a"], &[]);
    let policy = ProcurementPolicy::new("policy-second").approving(["prod-s"]);
    world.organizations[0].experiences.push(Experience::new(SECOND, "Second").with_policy(policy));
    let beta = Experience::new(BETA_PROD, "Production").with_policy(ProcurementPolicy::new("policy-beta"));
    world.organizations.push(Organization::new(BETA, "Beta", BETA_ACCOUNT).with_experience(beta));
    world.roles.push(member_role(BETA_ACCOUNT, BETA));
    let scene = Scene::start(world).await;
    scene.hub.json(&["init", "--allow-account", BETA_ACCOUNT]).await;
    // The first queue was subscribed while the topic was its own.
    let sns = aws_sdk_sns::Client::new(scene.alpha_account.config());
    let subscription = sns.list_subscriptions().send().await.unwrap().subscriptions().first().cloned().unwrap();
    sns.unsubscribe().subscription_arn(subscription.subscription_arn().unwrap()).send().await.unwrap();
    let alpha = scene.spoke.with(&[("MEMBER_EXPERIENCE_IDS", ALPHA_PROD)]);
    alpha.json(&["init", "--shared-topic"]).await;
    let role = format!("arn:aws:iam::{HUB}:role/member-{BETA}");
    let beta = [("AWS_ACCESS_KEY_ID", BETA_ACCOUNT), ("PMP_HUB_ROLE_ARN", &role), ("PMP_EXPERIENCE_ID", SECOND)];
    let beta = scene.spoke.with(&beta);
    let beta_queue = beta.json(&["init", "--shared-topic"]).await["queue_url"].as_str().unwrap().to_owned();
    let beta = beta.with(&[("PMP_QUEUE_URL", &beta_queue)]);
    let hub = scene.hub.without("PMP_EXPERIENCE_ID").with(&[("PMP_EXPERIENCES", TABLES)]);
    Two { scene, hub, alpha, beta, beta_queue }
}

/// What came of each: id, outcome and version.
fn told(answer: &Value) -> Vec<(String, String, u64)> {
    let one = |one: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let published = &one["published"];
        (text(&one["experience"]), text(&published["outcome"]), published["version"].as_u64().unwrap_or_default())
    };
    // The answer of the command has a version, and that of the function has none.
    if answer["schema_version"].is_u64() {
        hold_document("hub", "publish", answer);
    }
    answer["experiences"].as_array().unwrap_or_else(|| panic!("{answer}")).iter().map(one).collect()
}

fn outcomes(expected: [(&str, &str, u64); 2]) -> Vec<(String, String, u64)> {
    expected.map(|(id, outcome, version)| (id.to_owned(), outcome.to_owned(), version)).into()
}

/// A command about one of them.
fn of<'a>(experience: &'a str, command: &[&'a str]) -> Vec<&'a str> {
    [command, &["--experience-id", experience]].concat()
}

#[tokio::test]
async fn each_has_its_own_versions_waves_and_roster_and_reaches_its_own_members() {
    let Two { scene, hub, alpha, beta, beta_queue } = two().await;
    let dry = hub.json(&["publish", "--dry-run"]).await;
    assert_eq!((&dry["dry_run"], dry.get("published")), (&json!(true), None));
    // Protocol M3.
    let stored = outcomes([(MANAGEMENT, "stored", 1), (SECOND, "stored", 1)]);
    assert_eq!(told(&dry), stored);
    let first = hub.json(&["publish"]).await;
    assert_eq!((told(&first), &first["dry_run"]), (stored, &json!(false)));
    assert_eq!(scene.alpha_account.waiting(&scene.queue_url).await, 1);
    let beta_account = pmp_tests::Aws::new(&scene.endpoint(), BETA_ACCOUNT);
    assert_eq!(beta_account.waiting(&beta_queue).await, 1);
    for spoke in [&alpha, &beta] {
        assert_eq!(spoke.run(&["sync"]).await.code, 0);
    }
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &[]));
    assert_eq!(beta_account.lists(BETA_PROD).await, Lists::new(&["prod-s"], &[]));
    assert_eq!(scene.alpha_account.lists(ALPHA_DEV).await, Lists::new(&[], &[]));

    // A change of one is a version of that one, and goes through its waves.
    hub.json(&["publish"]).await;
    scene.hub_account.approve(SECOND, &["prod-t"]).await;
    let second = hub.run(&["publish"]).await;
    assert_eq!(second.code, 0, "{}", second.stderr);
    let lines: Vec<_> = second.stdout.lines().collect();
    assert!(lines[0].starts_with("exp-management: No changes. Announced snapshot 1 again"), "{lines:?}");
    assert!(lines[1].starts_with("exp-second: Published snapshot 2"), "{lines:?}");
    let status = async |experience: &str| hub.json(&of(experience, &["status"])).await;
    let (of_first, of_second) = (status(MANAGEMENT).await, status(SECOND).await);
    let rows = |status: &Value| {
        let rows =
            status["spokes"].as_array().unwrap().iter().map(|row| row["organization"].as_str().unwrap().to_owned());
        rows.collect::<Vec<_>>()
    };
    assert_eq!((rows(&of_first), rows(&of_second)), (vec![ALPHA.to_owned()], vec![BETA.to_owned()]));
    assert_eq!(
        (of_first.get("waves").unwrap_or(&Value::Null), &of_second["waves"]["version"]),
        (&Value::Null, &json!(2))
    );
    let directed = async |experience: &str| hub.json(&of(experience, &["directions"])).await.to_string();
    assert!(directed(SECOND).await.contains("00:00-24:00"), "{}", directed(SECOND).await);
    assert!(!directed(MANAGEMENT).await.contains("00:00-24:00"));

    // Whoever steers one leaves the other alone.
    let pinned = hub.run(&of(SECOND, &["pin", "1", "--reason", "prod-t is wrong"])).await;
    assert_eq!(pinned.code, 0, "{}", pinned.stderr);
    let newest =
        async |experience: &str| hub.json(&of(experience, &["history"])).await["versions"][0]["version"].clone();
    assert_eq!((newest(MANAGEMENT).await, newest(SECOND).await), (json!(1), json!(3)));
    assert!(!directed(MANAGEMENT).await.contains("prod-t is wrong"));
}

#[tokio::test]
async fn a_command_about_one_fleet_asks_which_and_knows_no_other() {
    let Two { scene, hub, .. } = two().await;
    let commands: [&[&str]; 5] =
        [&["status"], &["status", "--check"], &["wait"], &["members"], &["pin", "1", "--reason", "x"]];
    for command in commands {
        let asked = hub.run(command).await;
        assert_eq!(asked.code, 1, "{command:?}: {}", asked.stderr);
        let expected = "--experience-id (PMP_EXPERIENCE_ID) is missing: --experiences (PMP_EXPERIENCES) names several, so choose one of \
                        `exp-management`, `exp-second`";
        assert!(asked.stderr.contains(expected), "{}", asked.stderr);
    }
    for command in [&["status"][..], &["publish"], &["run"], &["recover"]] {
        let mistyped = hub.run(&of("exp-secnod", command)).await;
        assert_eq!(mistyped.code, 1);
        let expected =
            "`exp-secnod` is not among those of --experiences (PMP_EXPERIENCES): `exp-management`, `exp-second`";
        assert!(mistyped.stderr.contains(expected), "{}", mistyped.stderr);
    }
    // One table is a choice, and its answer that of one management experience.
    let only = hub.with(&[("PMP_EXPERIENCES", SECOND)]);
    assert_eq!(only.json(&["publish"]).await["published"]["experience"], SECOND);
    assert_eq!(only.json(&["status"]).await["experience"], SECOND);
    // And so is an id: the other is not published.
    assert_eq!(hub.json(&of(SECOND, &["publish"])).await["published"]["outcome"], "announced");
    let never = hub.run(&of(MANAGEMENT, &["history"])).await;
    assert!(never.stderr.contains("knows of no snapshot of `exp-management`"), "{}", never.stderr);
    // A management experience of the hub is never one to try changes on.
    let tried = scene.hub.with(&[("PMP_EXPERIENCES", TABLES)]).run(&["verify-aws", "--change", SECOND]).await;
    assert!(tried.code != 0 && tried.stderr.contains("it is the management experience"), "{}", tried.stderr);
}

#[tokio::test]
async fn one_that_cannot_be_read_is_named_and_holds_no_other_up() {
    let Two { scene: _scene, hub, .. } = two().await;
    let hub = hub.with(&[("PMP_EXPERIENCES", "exp-nowhere,exp-management,exp-second")]);
    let published = hub.run(&["publish", "-o", "json"]).await;
    assert_eq!(published.code, 1);
    let expected = "error: 1 of 3 management experiences could not be published\n  `exp-nowhere`: cannot read the management experience";
    assert!(published.stderr.contains(expected), "{}", published.stderr);
    let answer: Value = serde_json::from_str(&published.stdout).unwrap();
    hold_document("hub", "publish", &answer);
    assert_eq!(told(&answer)[1..], outcomes([(MANAGEMENT, "stored", 1), (SECOND, "stored", 1)]));
    assert!(answer["experiences"][0]["error"].as_str().unwrap().contains("exp-nowhere"), "{answer}");

    let checks = hub.run(&["doctor", "-o", "json"]).await;
    assert_eq!(checks.code, 4, "{}", checks.stdout);
    let checks: Value = serde_json::from_str(&checks.stdout).unwrap();
    let of = |check: &str| {
        let all = checks["checks"].as_array().unwrap().iter().filter(|one| one["check"] == check);
        all.map(|one| (one["about"].clone(), one["result"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(
        of("catalog"),
        [("exp-nowhere", "failed"), (MANAGEMENT, "ok"), (SECOND, "ok")].map(|(id, found)| (json!(id), json!(found)))
    );
    assert_eq!(of("topic"), [(Value::Null, json!("ok"))]);
}

#[tokio::test]
async fn the_function_publishes_each_and_names_what_failed() {
    let Two { scene, hub, .. } = two().await;
    // The templates set the first one's id, too, which chooses for commands alone.
    let program = hub.with(&[("PMP_EXPERIENCE_ID", MANAGEMENT)]);
    let function = Function::start(&program).await;
    let answer = function.invoke(json!({}), TIME).await.1.unwrap();
    let versions: Vec<_> =
        answer["experiences"].as_array().unwrap().iter().map(|one| &one["answer"]["published"]["version"]).collect();
    assert_eq!(versions, [1, 1], "{answer}");
    let told: Vec<_> = function.documents().iter().map(|one| one["Experience"].as_str().unwrap().to_owned()).collect();
    assert!(told.contains(&MANAGEMENT.to_owned()) && told.contains(&SECOND.to_owned()), "{told:?}");
    assert_eq!(function.stop().await.0, 0);

    let program = scene.hub.with(&[("PMP_EXPERIENCES", "exp-management,exp-nowhere")]);
    let function = Function::start(&program).await;
    let refused = function.invoke(json!({}), TIME).await.1.unwrap_err()["errorMessage"].as_str().unwrap().to_owned();
    assert!(
        refused.starts_with("error: 1 of 2 management experiences could not be published\n  `exp-nowhere`: "),
        "{refused}"
    );
    let log = function.log();
    let named = |line: &&str| line.contains("could not publish") && line.contains("exp-nowhere");
    assert_eq!(log.lines().filter(named).count(), 1, "{log}");
    assert_eq!(function.stop().await.0, 0);
    let history = scene.hub.json(&["history"]).await;
    assert_eq!(history["versions"].as_array().unwrap().len(), 1, "it was announced again");

    // A chosen one that is none of them would be forgotten without a word.
    let program = scene.hub.with(&[("PMP_EXPERIENCES", "exp-second,exp-third")]);
    let refused = Function::start(&program).await.init_error().await["errorMessage"].as_str().unwrap().to_owned();
    assert!(refused.contains("`exp-management` is not among those of --experiences"), "{refused}");
}

#[tokio::test]
async fn one_process_serves_all_and_a_change_event_has_each_look() {
    let Two { scene, hub, .. } = two().await;
    let tables = format!("{TABLES}\n[exp-nowhere]\n");
    let agent = hub.with(&[("PMP_EXPERIENCES", &tables)]).start(&["run", "--interval", "1h", "--log-format", "json"]);
    let versions = async || {
        let mut found = Vec::new();
        for experience in [MANAGEMENT, SECOND] {
            let history = hub.run(&of(experience, &["history", "-o", "json"])).await;
            let history: Value = serde_json::from_str(&history.stdout).unwrap_or_default();
            found.push(history["versions"].as_array().map_or(0, Vec::len));
        }
        found
    };
    eventually("both are stored", &vec![1, 1], versions).await;
    scene.hub_account.approve(SECOND, &["prod-t"]).await;
    eventually("the second follows its change", &vec![1, 2], versions).await;
    eventually("the event is deleted", &0, async || scene.hub_account.waiting(&scene.events_url()).await).await;
    let (code, log) = agent.stop().await;
    assert_eq!(code, 0, "{log}");
    let named = |line: &&str| line.contains("could not publish") && line.contains(r#""experience":"exp-nowhere""#);
    assert!(log.lines().any(|line| named(&line)), "{log}");
}

/// The filter policy of the only subscription of alpha's account.
async fn filter_policy(scene: &Scene) -> Option<Value> {
    let sns = aws_sdk_sns::Client::new(scene.alpha_account.config());
    let found = sns.list_subscriptions().send().await.unwrap();
    let [one] = found.subscriptions() else { panic!("{found:?}") };
    let found = sns.get_subscription_attributes().subscription_arn(one.subscription_arn().unwrap()).send().await;
    let attributes = found.unwrap().attributes.unwrap_or_default();
    attributes.get("FilterPolicy").map(|policy| serde_json::from_str(policy).unwrap())
}

#[tokio::test]
async fn a_subscription_that_is_there_gets_the_filter_policy() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    // It was made while the topic was that of one management experience.
    assert_eq!(filter_policy(&scene).await, None);
    let made = scene.spoke.run(&["init", "--shared-topic"]).await;
    assert_eq!((made.code, filter_policy(&scene).await), (0, Some(json!({"experience": [MANAGEMENT]}))), "{made:?}");
    let told = "# the subscription has the filter policy {\"experience\":[\"exp-management\"]} now";
    assert!(made.stdout.contains(told), "{made:?}");
    // What is repeated changes nothing, and an `init` without the flag takes nothing away.
    let again = scene.spoke.run(&["init", "--shared-topic"]).await;
    assert!(
        again.stdout.contains("# the subscription's filter policy lets exp-management through already"),
        "{again:?}"
    );
    assert_eq!(scene.spoke.run(&["init"]).await.code, 0);
    assert_eq!(filter_policy(&scene).await, Some(json!({"experience": [MANAGEMENT]})));
}

#[tokio::test]
async fn what_keeps_the_filter_policy_from_being_set_is_told() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let denied = Fault::AccessDenied { message: None };
    let rule = FaultRule { operation: Some("SetSubscriptionAttributes".into()), ..FaultRule::new(denied) };
    scene.add_fault(&rule).await;
    let made = scene.spoke.run(&["init", "--shared-topic"]).await;
    assert_eq!((made.code, filter_policy(&scene).await), (1, None), "{made:?}");
    assert!(made.stderr.contains("sns:SetSubscriptionAttributes"), "{made:?}");
}

/// Who subscribed while the topic was that of one management experience gets all messages now.
#[tokio::test]
async fn both_doctors_warn_of_a_subscription_without_a_filter_policy() {
    let mut world = world(&["prod-a"], &[]);
    let policy = ProcurementPolicy::new("policy-second").approving(["prod-s"]);
    world.organizations[0].experiences.push(Experience::new(SECOND, "Second").with_policy(policy));
    let scene = Scene::start(world).await;
    let hub = scene.hub.without("PMP_EXPERIENCE_ID").with(&[("PMP_EXPERIENCES", "exp-management,exp-second")]);
    hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let text = "1 of 1 subscription has no filter policy, and the topic carries 2 management experiences";
    let fix =
        "let the operators of account 222222222222 run `pmp-spoke init --queue-name pmp-sync-snapshots --shared-topic`";
    Checkup::of(&hub).await.expect("subscriptions", "warning", text, fix);
    let checkup = Checkup::of(&scene.spoke).await;
    let text = "no filter policy; the ledger holds another management experience, exp-second, as well: messages about it come, too, \
                and become dead letters";
    checkup.expect("subscription", "warning", text, "SharedTopic");
    let command = "pmp-spoke init --queue-name pmp-sync-snapshots --shared-topic";
    assert_eq!(checkup.commands(), [command]);
    // The command heals it, and both say so.
    assert_eq!(scene.spoke.run(&command.split(' ').skip(1).collect::<Vec<_>>()).await.code, 0);
    Checkup::of(&hub).await.expect_ok("subscriptions", "1 subscription");
    Checkup::of(&scene.spoke).await.expect_ok("subscription", "only about exp-management");
    // One alone needs none.
    let alone = Scene::start(pmp_tests::world(&["prod-a"], &[])).await;
    alone.hub.json(&["publish"]).await;
    Checkup::of(&alone.hub).await.expect_ok("subscriptions", "1 subscription");
    Checkup::of(&alone.spoke).await.expect_ok("subscription", "no filter policy");
}
