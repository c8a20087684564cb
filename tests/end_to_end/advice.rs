//! What a command advises where something is wrong: what helps, and not what does not.

mod mistakes;
mod pasted;

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use aws_sdk_sqs::types::QueueAttributeName;
use pmp_local_aws::world::{Fault, FaultRule};
use pmp_tests::{ALPHA_DEV, ALPHA_PROD, Finished, HUB, MANAGEMENT, Scene, within, world};
use serde_json::json;

use crate::doctor::Checkup;

/// Calls of `operation` are refused with AWS's words for `why`.
fn refuses(operation: &str, why: &str) -> FaultRule {
    let message = format!("User: x is not authorized to perform: it on resource: y with an explicit deny in a {why}");
    FaultRule { operation: Some(operation.into()), ..FaultRule::new(Fault::AccessDenied { message: Some(message) }) }
}

/// It failed, and advises to ask for an exception, and nothing else.
#[track_caller]
fn assert_asks_for_an_exception(failed: &Finished, policy: &str) {
    let told = format!("{}{}", failed.stdout, failed.stderr);
    assert!(told.contains(&format!("a {policy} of ")) && told.contains("nothing that is granted helps"), "{told}");
    for useless in ["grant `", "--allow-account", "external id", "PMP_HUB_EXTERNAL_ID", "does not say"] {
        assert!(!told.contains(useless), "{useless}: {told}");
    }
}

#[tokio::test]
async fn where_a_guard_rail_refused_no_permission_is_advised() {
    let (scp, rcp) = ("service control policy", "resource control policy");
    let scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    let queue = ["init", "--queue-name", "another"];
    for (operation, policy, arguments) in [
        ("CreateQueue", scp, &queue[..]),
        ("Subscribe", scp, &queue),
        ("AssumeRole", rcp, &["plan"]),
        ("ListEntities", scp, &["plan"]),
        ("StartChangeSet", scp, &["sync"]),
    ] {
        scene.add_fault(&refuses(operation, policy)).await;
        let failed = scene.spoke.run(arguments).await;
        assert_ne!(failed.code, 0, "{operation}: {failed:?}");
        assert_asks_for_an_exception(&failed, policy);
        if operation == "StartChangeSet" {
            // The receipt says the same to the hub's operators.
            let status = scene.hub.run(&["status", "-o", "json"]).await;
            assert_asks_for_an_exception(&status, policy);
        }
        scene.clear_faults().await;
    }
    for (operation, check) in [("AssumeRole", "hub-role"), ("ListSubscriptions", "subscription")] {
        scene.add_fault(&refuses(operation, rcp)).await;
        let checkup = Checkup::of(&scene.spoke).await;
        let fixes = checkup.check(check)["fixes"].as_array().unwrap().clone();
        assert_eq!(fixes.len(), 1, "{fixes:?}");
        assert!(fixes[0].as_str().unwrap().starts_with("a resource control policy of "), "{fixes:?}");
        scene.clear_faults().await;
    }
}

/// A statement that denies wins over all that allow.
#[tokio::test]
async fn a_queue_that_denies_or_that_forgets_too_early_is_told_of() {
    let scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    let sqs = aws_sdk_sqs::Client::new(scene.alpha_account.config());
    let set = async |name: QueueAttributeName, value: &str| {
        sqs.set_queue_attributes().queue_url(&scene.queue_url).attributes(name, value).send().await.unwrap();
    };
    let attributes = sqs.get_queue_attributes().queue_url(&scene.queue_url).attribute_names(QueueAttributeName::Policy);
    let policy = attributes.send().await.unwrap().attributes.unwrap().remove(&QueueAttributeName::Policy).unwrap();
    let mut policy: serde_json::Value = serde_json::from_str(&policy).unwrap();
    policy["Statement"]
        .as_array_mut()
        .unwrap()
        .push(json!({"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}));
    set(QueueAttributeName::Policy, &policy.to_string()).await;
    set(QueueAttributeName::MessageRetentionPeriod, "60").await;
    set(QueueAttributeName::VisibilityTimeout, "300").await;
    let checkup = Checkup::of(&scene.spoke).await;
    checkup.expect("queue-policy", "failed", "denies `arn:aws:sns:", "take the statement with");
    assert!(checkup.check("queue-policy")["commands"].as_array().unwrap().is_empty());
    checkup.expect("queue", "warning", "kept for 60 s", "MessageRetentionPeriod=1209600");
    let name = scene.queue_url.rsplit('/').next().unwrap();
    let denied = scene.spoke.run(&["init", "--queue-name", name]).await;
    assert_eq!(denied.code, 1, "{denied:?}");
    assert!(denied.stderr.contains("denies `arn:aws:sns:") && denied.stderr.contains("code: E5007"), "{denied:?}");
}

/// What no command may do by itself: choose a key, a role's secret, whom to let in, what to remove.
#[tokio::test]
async fn what_only_a_person_can_decide_has_no_command() {
    let scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    let repository = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let filter = repository.join("filters/examples/exclude-products/exclude-products.wasm");
    for (check, set) in [
        ("hub-role", &[("PMP_HUB_EXTERNAL_ID", "another")][..]),
        ("hub-role", &[("PMP_HUB_ROLE_ARN", ""), ("PMP_HUB_EXTERNAL_ID", "")]),
        ("configuration", &[("MEMBER_EXPERIENCE_IDS", ",")]),
        ("configuration", &[("PMP_CHANGE_WINDOWS", "at night")]),
        ("configuration", &[("PMP_MAX_REMOVED_PERCENT", "half")]),
        ("configuration", &[("PMP_FILTER_SHARE", "nothing")]),
        ("configuration", &[("PMP_MODE", "dry-run")]),
        ("configuration", &[("PMP_TRUSTED_KEYS", "/nowhere/hub.pem")]),
        ("filter", &[("PMP_FILTER", filter.to_str().unwrap()), ("PMP_FILTER_DIGEST", digest)]),
    ] {
        let checkup = Checkup::of(&scene.spoke.with(set)).await;
        assert_eq!(checkup.check(check)["result"], "failed", "{set:?}");
        // A sync refuses as long as the settings are wrong.
        let commands: Vec<_> = checkup.commands().into_iter().filter(|it| *it != "pmp-spoke sync").collect();
        assert!(commands.is_empty(), "{set:?}: {commands:?}");
    }
    for set in [("PMP_WAVES", "[[waves]]"), ("PMP_SIGNING_KEY", "/nowhere"), ("PMP_MEMBER_ORGANIZATIONS", "alpha")] {
        let checkup = Checkup::of(&scene.hub.with(&[set])).await;
        assert_eq!(checkup.check("configuration")["result"], "failed", "{set:?}");
        let commands = checkup.commands();
        assert!(commands.is_empty(), "{set:?}: {commands:?}");
    }
    // A topic that was deleted: who may subscribe to a new one is not for the members' reports to
    // say.
    let sns = aws_sdk_sns::Client::new(scene.hub_account.config());
    sns.delete_topic().topic_arn(&scene.topic_arn).send().await.unwrap();
    let checkup = Checkup::of(&scene.hub).await;
    checkup.expect("topic", "failed", "does not exist", "`pmp-hub init --allow-account ACCOUNT`");
    assert!(checkup.commands().is_empty(), "{:?}", checkup.commands());
}

#[tokio::test]
async fn settings_that_name_what_is_not_there_are_named() {
    let scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    let topic = scene.hub.with(&[("PMP_TOPIC_ARN", "arn:aws:sns:us-east-1:111111111111:other")]);
    let unknown = topic.run(&["publish"]).await;
    assert_eq!(unknown.code, 1, "{unknown:?}");
    assert!(unknown.stderr.contains("hint: check --topic-arn (PMP_TOPIC_ARN)"), "{unknown:?}");
    let swapped = [("PMP_SNAPSHOTS_TABLE", "SyncTimestamps"), ("PMP_TIMESTAMPS_TABLE", "Snapshots")];
    let swapped = scene.hub.with(&swapped).run(&["status"]).await;
    assert_eq!(swapped.code, 1, "{swapped:?}");
    assert!(swapped.stderr.contains("the settings of the hub's two tables are swapped"), "{swapped:?}");
}

/// What is published is so: that its events cannot be read is another matter.
#[tokio::test]
async fn a_queue_of_events_that_is_not_there_is_not_told_of_as_a_failure_to_publish() {
    let scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    let nowhere = format!("{}/{HUB}/nowhere", scene.endpoint());
    let hub = scene.hub.with(&[("PMP_EVENTS_QUEUE_URL", &nowhere)]).start(&["run"]);
    let told = within(Duration::from_secs(20), "the queue is missed", async || {
        let log = hub.log();
        if log.contains("could not use the queue of change events") { Ok(log) } else { Err(log) }
    })
    .await;
    assert!(told.contains("check --events-queue-url (PMP_EVENTS_QUEUE_URL)"), "{told}");
    assert!(!told.contains("could not publish"), "{told}");
    assert_eq!(hub.stop().await.0, 0);
}

/// Keys of numbers take none of the items.
#[tokio::test]
async fn a_table_whose_keys_are_of_another_type_is_not_taken() {
    let scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    let dynamodb = aws_sdk_dynamodb::Client::new(scene.hub_account.config());
    let mut call = dynamodb.create_table().table_name("Numbers").billing_mode(BillingMode::PayPerRequest);
    for (name, kind, of) in
        [("experience", KeyType::Hash, ScalarAttributeType::S), ("item", KeyType::Range, ScalarAttributeType::N)]
    {
        let definition = AttributeDefinition::builder().attribute_name(name).attribute_type(of).build().unwrap();
        let key = KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
        call = call.attribute_definitions(definition).key_schema(key);
    }
    call.send().await.unwrap();
    let refused = scene.hub.with(&[("PMP_SNAPSHOTS_TABLE", "Numbers")]).run(&["init"]).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("`item` of type N"), "{refused:?}");
}

#[tokio::test]
async fn a_hub_with_fewer_listeners_than_members_says_so_and_takes_its_own_silence() {
    let scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let admitted = scene.hub.with(&[("PMP_MEMBER_ORGANIZATIONS", "o-alpha00000,o-beta000000")]);
    let checkup = Checkup::of(&admitted).await;
    checkup.expect("subscriptions", "warning", "2 organizations admitted, so 1 cannot hear", "`pmp-hub members`");
    // A silence that is longer than the shortest there is.
    let strict = scene.hub.with(&[("PMP_STALE_AFTER", "1ms"), ("PMP_INTERVAL", "")]);
    Checkup::of(&strict).await.expect("spokes", "warning", "stale", "`pmp-hub status`");
    let without = Checkup::of(&scene.hub.with(&[("PMP_EVENTS_QUEUE_URL", "")])).await;
    assert_eq!(without.that_are("skipped"), ["change-events", "signing-key"]);
}

/// What is printed to paste, and every sentence beside it.
fn advice(checkup: &Checkup) -> (Vec<String>, String) {
    let fixes = checkup.checks().iter().map(|check| check["fixes"].to_string()).collect();
    let mut commands: Vec<_> = checkup.commands().into_iter().map(str::to_owned).collect();
    commands.dedup();
    (commands, fixes)
}

/// What passes by itself says nothing of settings or permissions.
#[tokio::test]
async fn of_a_ledger_that_is_throttled_nothing_is_advised_but_to_wait() {
    let scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let table = format!("arn:aws:dynamodb:us-east-1:{HUB}:table/Snapshots");
    let by_arn = scene.hub.with(&[("PMP_SNAPSHOTS_TABLE", &table)]);
    for operation in [None, Some("GetItem"), Some("Query"), Some("DescribeTable")] {
        let throttled =
            FaultRule { service: Some("dynamodb".into()), ..FaultRule::new(Fault::Throttling { message: None }) };
        scene.add_fault(&FaultRule { operation: operation.map(Into::into), ..throttled }).await;
        for program in [&scene.hub, &by_arn, &scene.spoke] {
            let checkup = Checkup::of(program).await;
            let (commands, fixes) = advice(&checkup);
            assert!(commands.is_empty(), "{operation:?}: {commands:?}");
            for useless in ["grant", "check ", "init", "PMP_"] {
                assert!(!fixes.contains(useless), "{operation:?}: `{useless}`: {fixes}");
            }
        }
        scene.clear_faults().await;
    }
}

/// Each is told by what is wrong, and by nothing else: no permission is missing, nothing has to be
/// made, and what is right is not told to be checked.
#[tokio::test]
async fn a_wrong_region_a_wrong_table_and_an_arn_are_told_as_such_and_nothing_else_is_advised() {
    let scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let table = |region: &str, name: &str| format!("arn:aws:dynamodb:{region}:{HUB}:table/{name}");
    let right = table("us-east-1", "Snapshots");
    let arn = format!("arn:aws:aws-marketplace:us-east-1:{HUB}:AWSMarketplace/Experience/{MANAGEMENT}");
    let topic = scene.topic_arn.replace("us-east-1", "eu-west-1");
    let elsewhere = "https://sqs.eu-west-1.amazonaws.com/222222222222/pmp-sync-snapshots";
    let set = |variable: &str, value: &str| format!("export {variable}={value}");
    for (program, variable, wrong, command) in [
        (&scene.spoke, "PMP_SNAPSHOTS_TABLE", &*table("us-east-1", "Snapshot"), set("PMP_SNAPSHOTS_TABLE", &right)),
        (&scene.spoke, "PMP_SNAPSHOTS_TABLE", &table("eu-west-1", "Snapshots"), set("PMP_SNAPSHOTS_TABLE", &right)),
        (&scene.spoke, "AWS_REGION", "eu-west-1", set("AWS_REGION", "us-east-1")),
        (&scene.spoke, "PMP_QUEUE_URL", elsewhere, set("PMP_QUEUE_URL", &scene.queue_url)),
        (&scene.spoke, "PMP_TOPIC_ARN", &topic, set("PMP_TOPIC_ARN", &scene.topic_arn)),
        (&scene.spoke, "PMP_EXPERIENCE_ID", &arn, set("PMP_EXPERIENCE_ID", MANAGEMENT)),
        (&scene.hub, "PMP_EXPERIENCE_ID", &arn, set("PMP_EXPERIENCE_ID", MANAGEMENT)),
        (&scene.hub, "PMP_SNAPSHOTS_TABLE", "Snapshot", set("PMP_SNAPSHOTS_TABLE", "Snapshots")),
        (&scene.hub, "AWS_REGION", "eu-west-1", set("AWS_REGION", "us-east-1")),
    ] {
        let checkup = Checkup::of(&program.with(&[(variable, wrong)])).await;
        let (commands, fixes) = advice(&checkup);
        assert_eq!(commands, [command], "{variable}={wrong}");
        assert!(!fixes.contains("grant") && !fixes.contains("allow `"), "{variable}={wrong}: {fixes}");
        if variable == "PMP_SNAPSHOTS_TABLE" {
            assert!(!fixes.contains("PMP_TIMESTAMPS_TABLE"), "{variable}={wrong}: {fixes}");
            assert_eq!(checkup.that_are("failed"), ["snapshots-table"], "{variable}={wrong}");
        }
    }
}

/// Before the first snapshot the ledger knows no id that could be meant: the ARN says it.
#[tokio::test]
async fn the_arn_of_an_experience_says_its_id_before_anything_was_published() {
    let scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    let arn = |id: &str| format!("arn:aws:aws-marketplace:us-east-1:{HUB}:AWSMarketplace/Experience/{id}");
    for program in [&scene.hub, &scene.spoke] {
        let checkup = Checkup::of(&program.with(&[("PMP_EXPERIENCE_ID", &arn(MANAGEMENT))])).await;
        assert!(checkup.commands().contains(&"export PMP_EXPERIENCE_ID=exp-management"), "{:?}", checkup.commands());
    }
    // Tables that are named by their own ARNs are right.
    let table = |name: &str| format!("arn:aws:dynamodb:us-east-1:{HUB}:table/{name}");
    let (snapshots, receipts) = (table("Snapshots"), table("SyncTimestamps"));
    let by_arn = [("PMP_SNAPSHOTS_TABLE", &*snapshots), ("PMP_TIMESTAMPS_TABLE", &*receipts)];
    let wrong = scene.hub.with(&by_arn).with(&[("PMP_EXPERIENCE_ID", &arn(MANAGEMENT))]);
    let checkup = Checkup::of(&wrong).await;
    assert!(!checkup.commands().iter().any(|command| command.contains("TABLE")), "{:?}", checkup.commands());
    let both = format!("{},{}", arn(ALPHA_DEV), ALPHA_PROD);
    let checkup = Checkup::of(&scene.spoke.with(&[("MEMBER_EXPERIENCE_IDS", &both)])).await;
    let told = format!("export MEMBER_EXPERIENCE_IDS={ALPHA_DEV},{ALPHA_PROD}");
    assert!(checkup.commands().contains(&&*told), "{:?}", checkup.commands());
}
