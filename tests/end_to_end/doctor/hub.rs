//! What `pmp-hub doctor` finds.

use pmp_local_aws::world::{AccessKey, Fault, FaultRule, Role};
use pmp_tests::{HUB, MANAGEMENT, Scene, world};
use serde_json::json;

use super::{Checkup, operations};

const READER: &str = "AKIAHUBDOCTOR00001";

/// A scene in which a spoke has reported.
async fn in_step() -> Scene {
    let scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    scene
}

#[tokio::test]
async fn everything_is_well_and_nothing_is_changed() {
    let scene = in_step().await;
    let checkup = Checkup::of(&scene.hub).await;
    // What is not set is not looked at.
    assert_eq!(checkup.that_are("skipped"), ["signing-key"]);
    assert_eq!(checkup.that_are("ok").len(), checkup.checks.len() - 1, "{:#?}", checkup.checks);
    let names: Vec<_> = checkup.checks.iter().map(|check| check["check"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "configuration",
            "credentials",
            "account",
            "clock",
            "region",
            "catalog",
            "snapshots-table",
            "timestamps-table",
            "spokes",
            "topic",
            "subscriptions",
            "change-events",
            "signing-key",
            "network"
        ]
    );
    assert_eq!(checkup.check("catalog")["detail"], "exp-management: 1 approved and 1 rejected");
    assert_eq!(
        operations(&scene.hub, &scene.endpoint()).await,
        [
            "DescribeEntity",
            "DescribeTable",
            "DescribeTimeToLive",
            "GetCallerIdentity",
            "GetItem",
            "GetQueueAttributes",
            "GetTopicAttributes",
            "ListSubscriptionsByTopic",
            "Query",
            "Scan"
        ]
    );
}

#[tokio::test]
async fn a_person_reads_a_table_with_the_fixes_below() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let hub = scene.hub.with(&[("PMP_TOPIC_ARN", "arn:aws:sns:us-east-1:111111111111:other")]);
    let finished = hub.run(&["doctor"]).await;
    assert_eq!(finished.code, 4, "{finished:?}");
    let line = |text: &str| {
        let found = finished.stdout.lines().position(|line| line.contains(text));
        found.unwrap_or_else(|| panic!("no `{text}` in\n{}", finished.stdout))
    };
    let topic = line("topic              failed    topic `arn:aws:sns:us-east-1:111111111111:other` does not exist");
    assert_eq!(line("fix: check --topic-arn (PMP_TOPIC_ARN)"), topic + 1);
    assert_eq!(line("subscriptions      skipped   `topic` failed"), topic + 2);
    // The commands stand below, whole, in the order in which they have to run.
    let below = "14 checks: 9 ok, 2 warnings, 1 failed, 2 skipped\n\nTo fix it, paste:\n  pmp-hub publish\n";
    assert!(finished.stdout.ends_with(below), "{}", finished.stdout);
}

#[tokio::test]
async fn what_is_not_set_up_yet_is_a_warning() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let checkup = Checkup::of(&scene.hub.with(&[("PMP_TIMESTAMPS_TABLE", "")])).await;
    checkup.expect("snapshots-table", "warning", "no snapshot yet", "pmp-hub publish");
    checkup.expect("timestamps-table", "warning", "PMP_TIMESTAMPS_TABLE) is not set", "`status`");
    assert_eq!(checkup.that_are("skipped"), ["spokes", "signing-key"]);
    assert_eq!(checkup.code, 0);
}

#[tokio::test]
async fn a_configuration_that_is_not_complete_hides_nothing_else() {
    let scene = in_step().await;
    let hub = scene.hub.with(&[("PMP_EXPERIENCE_ID", "management"), ("PMP_TOPIC_ARN", "")]);
    let checkup = Checkup::of(&hub).await;
    checkup.expect("configuration", "failed", "`management` is not an experience id", "`--help` explains each");
    checkup.expect("configuration", "failed", "--topic-arn (PMP_TOPIC_ARN) is missing", "");
    assert_eq!(checkup.check("catalog")["detail"], "--experience-id (PMP_EXPERIENCE_ID) is missing or wrong");
    assert_eq!(checkup.check("change-events")["result"], "ok");
}

#[tokio::test]
async fn a_table_that_is_not_there_and_one_that_is_the_other() {
    let scene = in_step().await;
    let checkup = Checkup::of(&scene.hub.with(&[("PMP_SNAPSHOTS_TABLE", "Snapshotz")])).await;
    checkup.expect(
        "snapshots-table",
        "failed",
        "table `Snapshotz` does not exist",
        "--snapshots-table (PMP_SNAPSHOTS_TABLE)",
    );
    let swapped = scene.hub.with(&[("PMP_SNAPSHOTS_TABLE", "SyncTimestamps"), ("PMP_TIMESTAMPS_TABLE", "Snapshots")]);
    let checkup = Checkup::of(&swapped).await;
    checkup.expect("snapshots-table", "failed", "has the keys `organization` and `item`", "name another table");
    checkup.expect("snapshots-table", "failed", "", "look whether the settings of both are swapped");
    assert_eq!(checkup.check("timestamps-table")["result"], "failed");
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let mut world = world(&["prod-a"], &[]);
    let statement = |action: &str| json!({"Effect": "Allow", "Action": action, "Resource": "*"});
    let actions = ["dynamodb:Query", "dynamodb:GetItem", "sqs:GetQueueAttributes"];
    let permissions = json!({"Version": "2012-10-17", "Statement": actions.map(statement)});
    let trust = json!({"Version": "2012-10-17", "Statement": []});
    world.roles.push(Role::new(HUB, "reader", trust).with_permissions(permissions));
    world.access_keys.push(AccessKey::new(READER, HUB).of_role("reader"));
    let scene = Scene::start(world).await;
    scene.hub.json(&["publish"]).await;
    let checkup = Checkup::of(&scene.hub.with(&[("AWS_ACCESS_KEY_ID", READER)])).await;
    checkup.expect("catalog", "failed", "AccessDenied", "grant `aws-marketplace:DescribeEntity`");
    checkup.expect("timestamps-table", "failed", "AccessDenied", "grant `dynamodb:Scan`");
    // What only the checkup needs may be missing: `publish` works without.
    checkup.expect(
        "topic",
        "warning",
        "AuthorizationError",
        "grant `sns:GetTopicAttributes` to the person who runs `doctor`",
    );
    checkup.expect("subscriptions", "warning", "", "grant `sns:ListSubscriptionsByTopic`");
    assert_eq!(checkup.check("snapshots-table")["result"], "ok");
}

#[tokio::test]
async fn an_experience_that_is_not_there() {
    let scene = in_step().await;
    let checkup = Checkup::of(&scene.hub.with(&[("PMP_EXPERIENCE_ID", "exp-unknown")])).await;
    checkup.expect("catalog", "failed", "the catalog does not find `exp-unknown`", "exists and is shared");
    assert_ne!(MANAGEMENT, "exp-unknown");
    // Nothing can have been published of it, and nobody follows it: that is no advice on its own.
    for check in ["snapshots-table", "spokes"] {
        assert_eq!(checkup.check(check)["result"], "skipped", "{check}");
        assert_eq!(checkup.check(check)["detail"], "`catalog` failed", "{check}");
    }
}

#[tokio::test]
async fn the_settings_of_single_commands_are_looked_at_too() {
    let scene = in_step().await;
    for (variable, wrong, said) in [
        ("PMP_STALE_AFTER", "3", "`3` is not a duration"),
        ("PMP_INTERVAL", "hourly", "`hourly` is not a duration"),
        ("PMP_KEEP_VERSIONS", "one", "`one` is not a whole number of at least 2"),
    ] {
        let checkup = Checkup::of(&scene.hub.with(&[(variable, wrong)])).await;
        checkup.expect("configuration", "failed", said, &format!("({variable}); `--help` explains each"));
        assert_eq!(checkup.code, 4, "{variable}");
    }
    // A blank is how templates spell "not set".
    assert_eq!(Checkup::of(&scene.hub.with(&[("PMP_STALE_AFTER", ""), ("PMP_INTERVAL", "")])).await.code, 0);
}

#[tokio::test]
async fn a_subscription_that_nobody_confirmed_is_counted() {
    let scene = in_step().await;
    // The topic's owner subscribes somebody else's queue: it waits for that account to agree.
    let sns = aws_sdk_sns::Client::new(scene.hub_account.config());
    let queue = "arn:aws:sqs:us-east-1:555555555555:elsewhere";
    let answer = sns.subscribe().topic_arn(&scene.topic_arn).protocol("sqs").endpoint(queue).send().await.unwrap();
    assert_eq!(answer.subscription_arn(), Some("pending confirmation"));
    let checkup = Checkup::of(&scene.hub).await;
    checkup.expect("subscriptions", "warning", "2 subscriptions; 1 not confirmed", "the account that owns the queue");
}

#[tokio::test]
async fn without_credentials_only_what_needs_none_is_looked_at() {
    let scene = in_step().await;
    let hub = scene.hub.with(&[("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", ""), ("AWS_REGION", "eu-west-1")]);
    let checkup = Checkup::of(&hub).await;
    checkup.expect("credentials", "failed", "no credentials were found", "AWS_PROFILE");
    checkup.expect("region", "warning", "eu-west-1: the catalog is asked in us-east-1", "AWS_REGION to us-east-1");
    assert_eq!(checkup.that_are("failed"), ["credentials"]);
    assert_eq!(checkup.check("catalog")["detail"], "`credentials` failed");
}

#[tokio::test]
async fn filter_policies_are_counted_before_sns_takes_no_more() {
    let scene = in_step().await;
    let own = aws_sdk_sns::Client::new(scene.hub_account.config());
    let subscribe = async |number: usize, policy: &str| {
        let endpoint = format!("arn:aws:sqs:us-east-1:{HUB}:queue-{number}");
        let call = own.subscribe().topic_arn(&scene.topic_arn).protocol("sqs").endpoint(endpoint);
        call.attributes("FilterPolicy", policy).send().await.unwrap();
    };
    for number in 0..159 {
        subscribe(number, r#"{"experience":["exp-management"]}"#).await;
    }
    let checkup = Checkup::of(&scene.hub).await;
    assert_eq!(checkup.check("subscriptions")["result"], "ok");
    assert!(checkup.check("subscriptions")["detail"].to_string().contains("159 of 200 filter policies"));
    // An empty one is none.
    subscribe(159, "{}").await;
    assert_eq!(Checkup::of(&scene.hub).await.check("subscriptions")["result"], "ok");
    subscribe(160, r#"{"experience":["exp-management"]}"#).await;
    let checkup = Checkup::of(&scene.hub).await;
    checkup.expect("subscriptions", "warning", "160 of 200 filter policies", "--attribute-name FilterPolicy");
}

#[tokio::test]
async fn products_that_are_to_be_looked_up_for_the_members() {
    let scene = in_step().await;
    let hub = scene.hub.with(&[("PMP_PRODUCT_ATTRIBUTES", "true")]);
    let checkup = Checkup::of(&hub).await;
    checkup.expect("products", "warning", "none were looked up yet", "pmp-hub publish");
    hub.json(&["publish"]).await;
    let checkup = Checkup::of(&hub).await;
    let detail = checkup.check("products")["detail"].as_str().unwrap().to_owned();
    assert!(detail.starts_with("1 product looked up, stored "), "{detail}");
    for operation in ["SearchListings", "GetProduct"] {
        let denied =
            FaultRule { operation: Some(operation.into()), ..FaultRule::new(Fault::AccessDenied { message: None }) };
        scene.add_fault(&denied).await;
        let checkup = Checkup::of(&hub).await;
        let (refused, grant) =
            (format!("`aws-marketplace:{operation}` was refused"), format!("grant `aws-marketplace:{operation}`"));
        checkup.expect("products", "failed", &refused, &grant);
        scene.clear_faults().await;
    }
}
