//! The hub's side: versions, the outbox, large snapshots.

use aws_sdk_sqs::types::QueueAttributeName;
use pmp_ledger::{DynamoSnapshots, MAX_STORED_BYTES, NewSnapshot, SnapshotStore};
use pmp_protocol::{Counts, Digest, ExperienceId, Hint, Sealed, SnapshotVersion};
use pmp_tests::{MANAGEMENT, Scene, Tap, longest_id, world};
use serde_json::{Value, json};

fn ids(count: usize) -> Vec<String> {
    (0..count).map(longest_id).collect()
}

fn with_approved(ids: &[String]) -> pmp_tests::World {
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    world(&ids, &[])
}

#[tokio::test]
async fn a_version_is_taken_only_when_the_content_changed() {
    // Protocol S9 and S10.
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let version = async || scene.hub.json(&["publish"]).await["published"]["version"].clone();
    assert_eq!(version().await, json!(1));
    assert_eq!(version().await, json!(1));
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    let dry = scene.hub.json(&["publish", "--dry-run"]).await;
    assert_eq!((&dry["published"]["version"], &dry["published"]["outcome"]), (&json!(2), &json!("stored")));
    assert_eq!(version().await, json!(2));
    // Back to what it was: a new version with old content.
    scene.hub_account.reject(MANAGEMENT, &["prod-b"]).await;
    assert_eq!(version().await, json!(3));
}

#[tokio::test]
async fn hubs_at_once_take_one_version_each_at_most_and_leave_no_gap() {
    // Protocol S10 and L3.
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    for round in 1..=3_u64 {
        let publish = || scene.hub.run(&["publish", "-o", "json"]);
        let (a, b, c) = tokio::join!(publish(), publish(), publish());
        for finished in [a, b, c] {
            assert_eq!(finished.code, 0, "{}", finished.stderr);
            let published: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
            assert_eq!(published["published"]["version"], json!(round));
        }
        scene.hub_account.approve(MANAGEMENT, &[&format!("prod-{round}")]).await;
    }
}

#[tokio::test]
async fn what_was_stored_but_not_announced_is_announced_by_the_next_run() {
    // Protocol M2 and L9.
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let broken = scene.hub.with(&[("PMP_TOPIC_ARN", "arn:aws:sns:us-east-1:111111111111:no-such-topic")]);
    let failed = broken.run(&["publish"]).await;
    assert_eq!(failed.code, 1);
    assert!(failed.stderr.contains("error: cannot publish to the topic"), "{}", failed.stderr);
    assert_eq!(scene.alpha_account.waiting(&scene.queue_url).await, 0);

    let status = scene.hub.run(&["status"]).await;
    assert!(status.stdout.contains("not published yet"), "{}", status.stdout);
    let recovered = scene.hub.json(&["publish"]).await;
    assert_eq!(
        (&recovered["published"]["version"], &recovered["published"]["outcome"]),
        (&json!(1), &json!("recovered"))
    );
    assert_eq!(scene.alpha_account.waiting(&scene.queue_url).await, 1);
}

#[tokio::test]
async fn twenty_thousand_products_are_stored_with_at_most_five_writes() {
    let scene = Scene::start(with_approved(&ids(20_000))).await;
    let tap = Tap::open(&scene.endpoint()).await;
    let tapped = scene.hub.with(&[("AWS_ENDPOINT_URL_DYNAMODB", tap.endpoint())]);
    let published = tapped.json(&["publish"]).await["published"].clone();
    assert_eq!((&published["counts"]["approved"], &published["inline"]), (&json!(20_000), &json!(false)));

    // Four calls write: the snapshot with the head in one transaction, the high-water mark in the
    // other table, the head once more to mark it published, and the entry of the audit with its
    // own head.
    let calls = tap.calls();
    assert_eq!(
        calls.iter().filter(|call| !["GetItem", "Query"].contains(&call.as_str())).collect::<Vec<_>>(),
        // Protocol L7.
        ["TransactWriteItems", "PutItem", "UpdateItem", "TransactWriteItems"]
    );
    // Counted as DynamoDB counts them, each item of the transaction is a write.
    let client = aws_sdk_dynamodb::Client::new(scene.hub_account.config());
    let scanned = client.scan().table_name("Snapshots").into_paginator().items().send();
    let items = scanned.collect::<Result<Vec<_>, _>>().await.unwrap().len();
    assert!(items < 5, "{} items, and the head once more", items);
    assert_eq!(scene.hub.json(&["publish"]).await["published"]["version"], json!(1));
}

#[tokio::test]
async fn init_changes_nothing_that_is_as_it_should_be() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let again = scene.hub.json(&["init", "--allow-account", "222222222222"]).await;
    assert_eq!(again["changes"], json!([]));
    assert_eq!(again["topic_arn"], json!(scene.topic_arn));
    let queue = scene.spoke.json(&["init"]).await;
    assert_eq!(queue["queue_url"], json!(scene.queue_url));

    let other = scene.hub.with(&[("PMP_SNAPSHOTS_TABLE", "SyncTimestamps")]).run(&["init"]).await;
    assert_eq!(other.code, 1);
    assert!(
        other.stderr.contains("has the keys `organization` and `item`, not `experience` and `item`"),
        "{}",
        other.stderr
    );
}

/// As spoke.yaml makes it: messages are hidden for longer, come more often, and only over TLS.
#[tokio::test]
async fn init_takes_nothing_from_a_queue_that_is_there_nor_from_its_subscription() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let sqs = aws_sdk_sqs::Client::new(scene.alpha_account.config());
    let sns = aws_sdk_sns::Client::new(scene.alpha_account.config());
    let found = sns.list_subscriptions().send().await.unwrap();
    let subscription = found.subscriptions()[0].subscription_arn().unwrap();
    let attributes = async || {
        let answer = sns.get_subscription_attributes().subscription_arn(subscription).send().await.unwrap();
        answer.attributes.unwrap()
    };
    assert!(!attributes().await.contains_key("FilterPolicy"), "SNS takes two hundred a topic");
    let queue = async || {
        let call = sqs.get_queue_attributes().queue_url(&scene.queue_url).attribute_names(QueueAttributeName::All);
        let mut attributes = call.send().await.unwrap().attributes.unwrap();
        attributes.retain(|name, _| !name.as_str().starts_with("Approximate"));
        attributes
    };
    let made = queue().await;
    let mut policy: Value = serde_json::from_str(&made[&QueueAttributeName::Policy]).unwrap();
    policy["Statement"][0]["Sid"] = json!("HubTopic");
    policy["Statement"].as_array_mut().unwrap().push(
        json!({"Sid": "EncryptedTransport", "Effect": "Deny", "Principal": "*",
        "Action": "sqs:*", "Resource": made[&QueueAttributeName::QueueArn],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}}}),
    );
    let mut redrive: Value = serde_json::from_str(&made[&QueueAttributeName::RedrivePolicy]).unwrap();
    redrive["maxReceiveCount"] = json!(10);
    let call = sqs.set_queue_attributes().queue_url(&scene.queue_url);
    let call = call.attributes(QueueAttributeName::VisibilityTimeout, "5400");
    let call = call.attributes(QueueAttributeName::Policy, policy.to_string());
    call.attributes(QueueAttributeName::RedrivePolicy, redrive.to_string()).send().await.unwrap();
    // Subscribed by an earlier `init`, and in SNS's envelope.
    for (name, value) in [("FilterPolicy", r#"{"experience":["exp-management"]}"#), ("RawMessageDelivery", "false")] {
        let call = sns.set_subscription_attributes().subscription_arn(subscription).attribute_name(name);
        call.attribute_value(value).send().await.unwrap();
    }

    let before = (queue().await, attributes().await);
    let again = scene.spoke.json(&["init"]).await;
    assert_eq!(again["subscription_arn"], json!(subscription));
    assert_eq!((queue().await, attributes().await), before);
}

#[tokio::test]
async fn a_snapshot_that_is_too_large_is_refused_whole_with_the_way_out() {
    // Protocol L4.
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let store = DynamoSnapshots::new(scene.hub_account.config(), "Snapshots".parse().unwrap());
    let counts = Counts { approved: 400_000, rejected: 0 };
    let sealed = &Sealed::from_parts(Digest::of(b"large"), counts, vec![0; MAX_STORED_BYTES + 1]);
    let (experience, taken_at) = (&ExperienceId::new(MANAGEMENT).unwrap(), jiff::Timestamp::now());
    let version = SnapshotVersion::FIRST;
    let new = NewSnapshot { experience, previous: None, version, taken_at, sealed, statement: None, pinned: None };
    let error = store.store(&new).await.unwrap_err();
    assert!(error.to_string().contains("400000 approved"), "{error}");
    assert!(error.hint().unwrap().contains("nothing was published, and spokes stay on the last snapshot"), "{error:?}");
    assert_eq!(store.head(experience).await.unwrap(), None);
}
