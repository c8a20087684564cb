//! The table of snapshots, restored to an earlier moment: nothing is published over it, everyone
//! says why, and one command goes on from there.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use pmp_tests::{ALPHA_PROD, Lists, MANAGEMENT, Scene, world};
use serde_json::{Value, json};

use crate::doctor::Checkup;

const SNAPSHOTS: &str = "Snapshots";

pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) async fn items(client: &Client) -> Vec<Item> {
    client.scan().table_name(SNAPSHOTS).send().await.unwrap().items.unwrap()
}

/// What a point-in-time recovery comes to: what was written since is gone, and what was there is as
/// it was.
pub(crate) async fn restore(scene: &Scene, before: &[Item]) {
    let client = Client::new(scene.hub_account.config());
    for item in items(&client).await {
        let key = ["experience", "item"].map(|name| (name.to_owned(), item[name].clone()));
        client.delete_item().table_name(SNAPSHOTS).set_key(Some(key.into())).send().await.unwrap();
    }
    for item in before {
        client.put_item().table_name(SNAPSHOTS).set_item(Some(item.clone())).send().await.unwrap();
    }
}

/// Two versions were published and applied, and then the table was restored to the moment of the
/// first one.
async fn restored() -> Scene {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let before = items(&Client::new(scene.hub_account.config())).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    assert_eq!(scene.hub.json(&["publish"]).await["published"]["version"], 2);
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    restore(&scene, &before).await;
    scene
}

#[tokio::test]
async fn nothing_is_published_over_it_and_everyone_says_why() {
    // Protocol L8.
    let scene = restored().await;
    let what = "the Snapshots table was restored to snapshot 1: it lacks snapshot 2";
    for command in [&["publish"][..], &["publish", "--dry-run"]] {
        let refused = scene.hub.run(command).await;
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(
            refused
                .stderr
                .starts_with(&format!("error: {what}; nothing is published over it\nhint: `pmp-hub recover`")),
            "{refused:?}"
        );
        assert!(refused.stderr.contains("code: E4013"), "{refused:?}");
    }
    let waiting = scene.alpha_account.waiting(&scene.queue_url).await;
    let status = scene.hub.run(&["status", "--check"]).await;
    assert_eq!(status.code, 4, "{status:?}");
    assert!(status.stdout.contains(what), "{}", status.stdout);
    // In a line of its own, below the headline.
    assert!(status.stdout.lines().any(|line| line.starts_with(what)), "{}", status.stdout);
    let rows = scene.hub.json(&["status"]).await;
    assert_eq!((&rows["restored"], &rows["highest_stored"]["version"]), (&json!(true), &json!(2)));
    let lost = "snapshot 2 is not in the ledger any more: the Snapshots table was restored";
    let spokes = rows["spokes"].as_array().unwrap();
    let prod = spokes.iter().find(|row| row["member_experience"] == ALPHA_PROD).unwrap();
    assert_eq!((&prod["state"], &prod["message"]), (&json!("DISPUTED"), &json!(lost)));
    let checkup = Checkup::of(&scene.hub).await;
    checkup.expect("snapshots-table", "failed", what, "pmp-hub recover");
    // Only told.
    let asked = scene.hub.run(&["recover"]).await;
    assert_eq!(asked.code, 3, "{asked:?}");
    assert!(
        asked.stderr.contains("would become snapshot 3\nhint: go on: `pmp-hub recover exp-management`"),
        "{asked:?}"
    );
    assert!(asked.stderr.contains("code: E4057"), "{asked:?}");
    let other = scene.hub.run(&["recover", "exp-other"]).await;
    assert_eq!(other.code, 3, "{other:?}");
    assert!(other.stderr.contains("hint: `exp-other` is not the experience of this hub; go on: "), "{other:?}");
    assert_eq!(scene.alpha_account.waiting(&scene.queue_url).await, waiting);
}

#[tokio::test]
async fn one_command_goes_on_and_several_at_once_or_again_do_no_harm() {
    // Protocol S11.
    let scene = restored().await;
    let recover = || scene.hub.run(&["recover", "--yes", "-o", "json"]);
    let (a, b) = tokio::join!(recover(), recover());
    let told: Vec<Value> = [a, b]
        .iter()
        .map(|finished| {
            assert_eq!(finished.code, 0, "{finished:?}");
            serde_json::from_str(&finished.stdout).unwrap()
        })
        .collect();
    assert!(told.iter().all(|told| told["published"]["version"] == 3), "{told:?}");
    assert!(told.iter().any(|told| told["lost"] == "snapshot 2"), "{told:?}");

    let again = scene.hub.run(&["recover", MANAGEMENT]).await;
    assert!(again.stdout.starts_with("Nothing was lost.\nNo changes. Announced snapshot 3 "), "{again:?}");
    let nothing = scene.hub.run(&["recover"]).await;
    assert_eq!(nothing.code, 0, "nothing was refused: {nothing:?}");
    assert!(nothing.stdout.starts_with("Nothing was lost: the ledger has the newest snapshot"), "{nothing:?}");
    let other = scene.hub.run(&["recover", "exp-other"]).await;
    assert!(other.code == 3 && other.stderr.contains("code: E4058"), "that is another experience: {other:?}");
    assert_eq!(scene.hub.json(&["publish"]).await["published"]["outcome"], "announced");
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a", "prod-b"], &[]));
    assert_eq!(scene.hub.run(&["status", "--check"]).await.code, 0);
    scene.hub.replays_its_audit("after a recovery").await;
}

#[tokio::test]
async fn a_recovery_that_stopped_before_it_announced_is_finished_by_the_next_run() {
    let scene = restored().await;
    let broken = scene.hub.with(&[("PMP_TOPIC_ARN", "arn:aws:sns:us-east-1:111111111111:no-such-topic")]);
    assert_eq!(broken.run(&["recover", "--yes"]).await.code, 1);
    let published = scene.hub.json(&["publish"]).await["published"].clone();
    assert_eq!((&published["version"], &published["outcome"]), (&json!(3), &json!("recovered")));
}

/// A hub that knows no mark gave the number of a lost version to another content.
#[tokio::test]
async fn a_number_that_was_given_a_second_time_changes_nothing() {
    // Protocol L8.
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let client = Client::new(scene.hub_account.config());
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let key = [("organization", "hub#heads"), ("item", MANAGEMENT)].map(|(name, value)| (name.to_owned(), text(value)));
    let mark = client.update_item().table_name("SyncTimestamps").set_key(Some(key.into()));
    let mark = mark
        .update_expression("SET digest = :other")
        .expression_attribute_values(":other", text(&format!("sha256:{}", "ab".repeat(32))));
    mark.send().await.unwrap();
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    for refused in [scene.hub.run(&["publish"]).await, scene.spoke.run(&["sync"]).await] {
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.stderr.contains("restored"), "{}", refused.stderr);
    }
    let applied = scene.alpha_account.lists(ALPHA_PROD).await;
    assert_eq!(applied, Lists::new(&["prod-a"], &[]));
}
