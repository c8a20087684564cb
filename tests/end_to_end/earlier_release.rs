//! This release beside the one before it: each program with the other's partner, over tables that
//! either wrote. The table in docs/compatibility.md says what is to be expected, and these tests
//! hold it.
//!
//! The tables of the earlier release are kept here as that release wrote them. What needs its
//! programs is run by `tests/compatibility/run`, which builds them.

use std::collections::HashMap;
use std::path::PathBuf;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use pmp_tests::{
    ALPHA, ALPHA_ARCHIVED, ALPHA_DEV, ALPHA_DISABLED, ALPHA_PROD, Lists, MANAGEMENT, Program, Scene, World, world,
};
use serde_json::{Map, Value, json};

use crate::confirming::two_thirds_to_remove;

const TABLES: [(&str, &str); 2] = [("Snapshots", "experience"), ("SyncTimestamps", "organization")];
/// What the earlier release wrote; see [`record`].
const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/end_to_end/earlier_release/tables.json");

type Item = HashMap<String, AttributeValue>;

/// The programs of the earlier release, where they were built.
fn earlier() -> PathBuf {
    std::env::var_os("PMP_EARLIER_BIN_DIR").expect("PMP_EARLIER_BIN_DIR: see tests/compatibility/run").into()
}

/// Alpha's experiences approve a product each that the management experience does not.
fn recorded_world() -> World {
    let mut world = world(&["prod-a", "prod-b"], &["prod-x"]);
    for experience in &mut world.organizations[1].experiences {
        experience.policy.as_mut().unwrap().approved.extend(["prod-a", "prod-z"].map(Into::into));
    }
    world
}

async fn states(hub: &Program) -> Vec<(String, String)> {
    let status = hub.json(&["status"]).await;
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or("-").to_owned();
    let rows = status["spokes"].as_array().unwrap().iter();
    let mut states: Vec<_> = rows.map(|row| (text(row, "member_experience"), text(row, "state"))).collect();
    states.sort();
    states
}

/// Both live experiences in this state; the others are never touched.
fn both(state: &str) -> Vec<(String, String)> {
    let rows = [(ALPHA_DEV, state), (ALPHA_DISABLED, "SKIPPED"), (ALPHA_ARCHIVED, "SKIPPED"), (ALPHA_PROD, state)];
    rows.map(|(member, state)| (member.to_owned(), state.to_owned())).into()
}

/// What alpha approves and rejects, in both of its experiences.
async fn lists(scene: &Scene) -> Lists {
    let (prod, dev) = (scene.alpha_account.lists(ALPHA_PROD).await, scene.alpha_account.lists(ALPHA_DEV).await);
    assert_eq!(prod, dev);
    prod
}

/// A change that comes over: publish, sync, and both say so.
async fn a_change_comes_over(scene: &Scene, hub: &Program, spoke: &Program, product: &str) {
    scene.hub_account.approve(MANAGEMENT, &[product]).await;
    hub.json(&["publish"]).await;
    let synced = spoke.run(&["sync"]).await;
    assert_eq!(synced.code, 0, "{synced:?}");
    assert!(lists(scene).await.approved.iter().any(|approved| approved == product), "{product}");
    assert_eq!(states(hub).await, both("SYNCED"), "{product}");
}

#[tokio::test]
#[ignore = "needs the programs of the earlier release: tests/compatibility/run"]
async fn either_hub_and_either_spoke_follow_each_other_over_the_same_tables() {
    let scene = Scene::start(recorded_world()).await;
    let earlier = earlier();
    let (old_hub, old_spoke) = (scene.hub.of(&earlier), scene.spoke.of(&earlier));
    let steps = [
        ("old hub, old spoke", &old_hub, &old_spoke),
        ("old hub, new spoke", &old_hub, &scene.spoke),
        ("new hub, new spoke", &scene.hub, &scene.spoke),
        ("new hub, old spoke", &scene.hub, &old_spoke),
        // Back again, over what the new ones wrote.
        ("old hub, old spoke, after the new ones", &old_hub, &old_spoke),
        ("old hub, new spoke, after the new ones", &old_hub, &scene.spoke),
        ("new hub, new spoke, after the old ones", &scene.hub, &scene.spoke),
    ];
    scene.hub.json(&["init", "--admit", ALPHA]).await;
    for (n, (names, hub, spoke)) in steps.into_iter().enumerate() {
        println!("{names}");
        a_change_comes_over(&scene, hub, spoke, &format!("prod-step-{n}")).await;
        // The other hub reads the same tables.
        assert_eq!(states(&scene.hub).await, both("SYNCED"), "{names}");
        assert_eq!(states(&old_hub).await, both("SYNCED"), "{names}");
    }
}

#[tokio::test]
#[ignore = "needs the programs of the earlier release: tests/compatibility/run"]
async fn an_earlier_spoke_does_not_mind_signatures_and_a_later_one_asks_for_them() {
    let scene = Scene::start(recorded_world()).await;
    let folder = tempfile::tempdir().unwrap();
    let (secret, public) = crate::signatures::key_pair(folder.path());
    let hub = scene.hub.with(&[("PMP_SIGNING_KEY", &format!("file:{}", secret.display()))]);
    a_change_comes_over(&scene, &hub, &scene.spoke.of(&earlier()), "prod-1").await;
    let trusting = scene.spoke.with(&[("PMP_TRUSTED_KEYS", &public)]);
    a_change_comes_over(&scene, &hub, &trusting, "prod-2").await;
    // The earlier hub goes on where it stands, and cannot sign: who trusts keys waits for one that
    // does.
    scene.hub_account.approve(MANAGEMENT, &["prod-3"]).await;
    scene.hub.of(&earlier()).json(&["publish"]).await;
    let refused = trusting.run(&["sync"]).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("is not trusted; nothing is changed"), "{}", refused.stderr);
    assert!(!lists(&scene).await.approved.iter().any(|approved| approved == "prod-3"));
    hub.json(&["publish"]).await;
    assert_eq!(trusting.run(&["sync"]).await.code, 0);
    assert!(lists(&scene).await.approved.iter().any(|approved| approved == "prod-3"));
}

#[tokio::test]
#[ignore = "needs the programs of the earlier release: tests/compatibility/run"]
async fn a_confirmation_counts_for_spokes_of_the_same_release_alone() {
    let scene = two_thirds_to_remove().await;
    let earlier = earlier();
    let (old_hub, old_spoke) = (scene.hub.of(&earlier), scene.spoke.of(&earlier));
    for spoke in [&old_spoke, &scene.spoke] {
        spoke.run(&["sync"]).await;
        assert_eq!(states(&scene.hub).await, both("HELD"));
        assert_eq!(states(&old_hub).await, both("HELD"));
    }
    // The earlier hub's word lies where a member can write it.
    old_hub.json(&["confirm", ALPHA, "1"]).await;
    scene.spoke.run(&["sync"]).await;
    assert_eq!(states(&scene.hub).await, both("HELD"));
    // The earlier spoke does not look where this hub's word lies; the earlier hub does not stumble
    // over it.
    scene.hub.json(&["confirm", ALPHA, "1"]).await;
    scene.spoke.run(&["sync"]).await;
    assert_eq!(states(&scene.hub).await, both("SYNCED"));
    assert_eq!(states(&old_hub).await, both("SYNCED"));
}

/// The tables as the earlier release left them, loaded into a scene that stands as it stood then.
async fn as_the_earlier_release_left_it() -> Scene {
    let scene = Scene::start(recorded_world()).await;
    let recorded: Value = serde_json::from_str(&std::fs::read_to_string(RECORDED).unwrap()).unwrap();
    let client = Client::new(scene.hub_account.config());
    for (table, _) in TABLES {
        for item in recorded[table].as_array().unwrap() {
            client.put_item().table_name(table).set_item(Some(from_json(item))).send().await.unwrap();
        }
    }
    scene
}

#[tokio::test]
async fn what_the_earlier_release_wrote_is_read_and_gone_on_with() {
    let scene = as_the_earlier_release_left_it().await;
    // Its receipts are as old as the recording.
    let status = scene.hub.json(&["status", "--stale-after", "876000h"]).await;
    assert_eq!((&status["snapshot"]["version"], &status["restored"]), (&json!(2), &json!(false)));
    let rows = status["spokes"].as_array().unwrap().iter().filter(|row| row["state"] != "SKIPPED");
    for row in rows.clone() {
        assert_eq!((&row["state"], &row["receipt"]["version"]), (&json!("SYNCED"), &json!(2)), "{row}");
    }
    assert_eq!(rows.count(), 2);
    // The same content is no new version; a spoke brings what differs into step, and its receipts
    // replace those.
    assert_eq!(scene.hub.json(&["publish"]).await["published"]["version"], 2);
    let synced = scene.spoke.run(&["sync"]).await;
    assert_eq!(synced.code, 0, "{synced:?}");
    assert_eq!(states(&scene.hub).await, both("SYNCED"));
    assert_eq!(lists(&scene).await, Lists::new(&["prod-a", "prod-b"], &["prod-x", "prod-z"]));
    a_change_comes_over(&scene, &scene.hub, &scene.spoke, "prod-c").await;
    assert_eq!(scene.hub.json(&["status"]).await["snapshot"]["version"], 3);
}

/// Writes [`RECORDED`], with the programs of the earlier release: two versions, applied.
#[tokio::test]
#[ignore = "records the tables of the earlier release: tests/compatibility/run --record"]
async fn record() {
    let mut world = recorded_world();
    world.organizations[0].experiences[0].policy.as_mut().unwrap().approved.pop();
    let scene = Scene::start(world).await;
    let earlier = earlier();
    let (hub, spoke) = (scene.hub.of(&earlier), scene.spoke.of(&earlier));
    hub.json(&["publish"]).await;
    assert_eq!(spoke.run(&["sync"]).await.code, 0);
    a_change_comes_over(&scene, &hub, &spoke, "prod-b").await;
    let client = Client::new(scene.hub_account.config());
    let mut tables = Map::new();
    for (table, partition) in TABLES {
        let items = client.scan().table_name(table).send().await.unwrap().items.unwrap();
        let mut items: Vec<Value> = items.iter().map(to_json).collect();
        items.sort_by_key(|item| (item[partition].to_string(), item["item"].to_string()));
        tables.insert(table.to_owned(), items.into());
    }
    std::fs::write(RECORDED, serde_json::to_string_pretty(&tables).unwrap() + "\n").unwrap();
}

/// An item in DynamoDB's own JSON.
fn to_json(item: &Item) -> Value {
    let attributes = item.iter().map(|(name, value)| (name.clone(), value_to_json(value)));
    attributes.collect::<std::collections::BTreeMap<_, _>>().into_iter().collect::<Map<_, _>>().into()
}

fn value_to_json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::Bool(yes) => json!({ "BOOL": yes }),
        AttributeValue::Null(yes) => json!({ "NULL": yes }),
        AttributeValue::B(bytes) => json!({ "B": aws_smithy_types::base64::encode(bytes) }),
        AttributeValue::L(values) => json!({ "L": values.iter().map(value_to_json).collect::<Vec<_>>() }),
        AttributeValue::M(values) => json!({ "M": to_json(values) }),
        other => panic!("{other:?}"),
    }
}

fn from_json(item: &Value) -> Item {
    item.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value_from_json(value))).collect()
}

fn value_from_json(value: &Value) -> AttributeValue {
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    let text = || value.as_str().unwrap().to_owned();
    match kind.as_str() {
        "S" => AttributeValue::S(text()),
        "N" => AttributeValue::N(text()),
        "BOOL" => AttributeValue::Bool(value.as_bool().unwrap()),
        "NULL" => AttributeValue::Null(true),
        "B" => AttributeValue::B(Blob::new(aws_smithy_types::base64::decode(text()).unwrap())),
        "L" => AttributeValue::L(value.as_array().unwrap().iter().map(value_from_json).collect()),
        "M" => AttributeValue::M(from_json(value)),
        other => panic!("{other}"),
    }
}
