//! A fleet goes through three waves: what that costs the hub, and what it costs each spoke.
//!
//! In the short test of the hub the spokes are played: each writes the receipt and the sign of life
//! that a real one writes, once its direction says that its turn has come. In the tests of the
//! spokes each is a process of its own, which runs after every announcement.

use std::time::Instant;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::StreamExt;
use jiff::Timestamp;
use pmp_local_aws::world::{Experience, Organization, ProcurementPolicy};
use pmp_tests::{MANAGEMENT, Program, Scene, Tap, member_role, world};
use serde_json::Value;

use crate::hostile_members::{Item, TIMESTAMPS, honest, honest_items, of_the_hub, text, with, write};

/// The most that a version may cost the hub for each organization.
const READS: f64 = 6.0;
const WRITES: f64 = 4.0;

/// The most that a version may cost a spoke which follows one experience, in four passes: three
/// find that nothing is to be done, and one applies it. What a pass reads does not depend on how
/// many organizations there are. One that finds nothing reads eight times and writes its sign of
/// life. One that applies reads before it takes the lease and again under it, and writes lease,
/// receipts, record and signs of life.
const READS_OF_A_SPOKE: f64 = 42.0;
const WRITES_OF_A_SPOKE: f64 = 12.0;

const WAVES: &str = r#"
silent_after = "24h"
[[waves]]
name = "canary"
organizations = ["o-member0000", "o-member0001"]
[[waves]]
name = "quarter"
share = 25
[[waves]]
name = "all"
share = 100
"#;

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// The organizations whose turn for `version` has come, as their own partitions say.
async fn admitted(scene: &Scene, version: u64) -> Vec<String> {
    let pages = of_the_hub(scene).query().table_name(TIMESTAMPS).key_condition_expression("organization = :o");
    let pages = pages.expression_attribute_values(":o", text("hub#directed")).into_paginator().items().send();
    let items: Vec<Item> = pages.collect::<Result<_, _>>().await.unwrap();
    let turn = |item: &Item| item.get("turn")?.as_m().ok()?.get("version")?.as_n().ok()?.parse::<u64>().ok();
    let of = |item: &Item| item.get("member")?.as_s().ok().cloned();
    items.iter().filter(|item| turn(item) == Some(version)).filter_map(of).collect()
}

/// What a spoke writes that has applied a version.
fn applied(item: Item, version: u64, digest: &str) -> Item {
    if !item.contains_key("member_experience") {
        return with(item, "last_seen", text(Timestamp::now().to_string()));
    }
    let now = Timestamp::now().to_string();
    let of = [("version", number(version)), ("digest", text(digest)), ("at", text(&now))];
    let of = AttributeValue::M(of.map(|(name, value)| (name.to_owned(), value)).into());
    let item = with(with(item, "version", number(version)), "digest", text(digest));
    with(with(with(item, "received_at", text(&now)), "applied_at", text(&now)), "applied", of)
}

/// How many requests read, and how many items were written. Renewals of a lease are left out: a
/// slow machine makes them, and no version.
fn counted(tap: &Tap) -> (usize, usize) {
    let (mut reads, mut writes) = (0, 0);
    for call in tap.record() {
        let asked: Value = serde_json::from_slice(&call.asked).unwrap_or_default();
        match call.operation.as_str() {
            "GetItem" | "Query" | "Scan" => reads += 1,
            "PutItem" if asked["Item"]["renewals"]["N"].as_str().is_some_and(|renewals| renewals != "0") => {}
            "PutItem" | "UpdateItem" | "DeleteItem" => writes += 1,
            "TransactWriteItems" => writes += asked["TransactItems"].as_array().map_or(1, Vec::len),
            "BatchWriteItem" => {
                let tables = asked["RequestItems"].as_object();
                writes += tables.map_or(1, |it| it.values().map(|items| items.as_array().map_or(1, Vec::len)).sum());
            }
            _ => {}
        }
    }
    (reads, writes)
}

#[tokio::test]
async fn sixty_organizations_go_through_three_waves() {
    through_three_waves(60).await;
}

#[tokio::test]
#[ignore = "takes minutes: .ci/soak sizes"]
async fn two_hundred_organizations_go_through_three_waves_with_all_their_spokes() {
    let (reads, writes) = all_their_spokes(200).await;
    assert!(reads <= READS && writes <= WRITES, "{reads} {writes}");
}

/// What the hub reads once for all is no small share of it in a fleet of this size: only what the
/// spokes cost is held to its bound.
#[tokio::test]
async fn five_organizations_go_through_three_waves_with_all_their_spokes() {
    all_their_spokes(5).await;
}

/// Organizations, each with a spoke that is a process of its own, go through three waves. Every
/// announcement makes every spoke look. Returns what the hub read and wrote for each organization.
#[allow(clippy::print_stdout)]
async fn all_their_spokes(organizations: usize) -> (f64, f64) {
    let mut world = world(&["prod-a"], &[]);
    let names: Vec<String> = (0..organizations).map(|at| format!("o-member{at:04}")).collect();
    let account = |at: usize| format!("5{at:011}");
    for (at, name) in names.iter().enumerate() {
        let experience = Experience::new(&format!("exp-of-{name}"), "Production");
        let experience = experience.with_policy(ProcurementPolicy::new(&format!("policy-{name}")));
        world.organizations.push(Organization::new(name, name, &account(at)).with_experience(experience));
        world.roles.push(member_role(&account(at), name));
    }
    let scene = Scene::start(world).await;
    let (of_hub, of_spokes) = (Tap::open(&scene.endpoint()).await, Tap::open(&scene.endpoint()).await);
    let hub = scene.hub.with(&[
        ("PMP_MEMBER_ORGANIZATIONS", &names.join(",")),
        ("PMP_WAVES", WAVES),
        ("AWS_ENDPOINT_URL_DYNAMODB", of_hub.endpoint()),
    ]);
    let spokes: Vec<Program> = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let role = format!("arn:aws:iam::{}:role/member-{name}", pmp_tests::HUB);
            let endpoint = ("AWS_ENDPOINT_URL_DYNAMODB", of_spokes.endpoint());
            scene.spoke.with(&[("AWS_ACCESS_KEY_ID", &account(at)), ("PMP_HUB_ROLE_ARN", &role), endpoint])
        })
        .collect();
    let sync_all = async || {
        let runs = futures::stream::iter(&spokes).map(|spoke| spoke.run(&["sync"])).buffer_unordered(4);
        let failed: Vec<_> = runs.filter(|run| std::future::ready(run.code != 0)).collect().await;
        assert!(failed.is_empty(), "{failed:?}");
    };
    hub.json(&["publish"]).await;
    sync_all().await;
    // The first snapshot is for everybody; waves begin after it.
    hub.json(&["publish"]).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    let (before, before_spokes) = (counted(&of_hub), counted(&of_spokes));
    let began = Instant::now();
    for wave in 1..=4 {
        let published = hub.json(&["publish"]).await;
        assert_eq!(published["published"]["version"], 2);
        let came = admitted(&scene, 2).await.len();
        sync_all().await;
        println!("run {wave}: the turn of {came} organizations has come, {:.1} s", began.elapsed().as_secs_f64());
    }
    let took = began.elapsed();
    let status = scene.hub.with(&[("PMP_MEMBER_ORGANIZATIONS", &names.join(","))]).json(&["status"]).await;
    let (waves, rows) = (&status["waves"], status["spokes"].as_array().unwrap());
    assert_eq!((&waves["state"], &waves["last_good"]), (&"done".into(), &2.into()), "{waves}");
    assert!(rows.len() == organizations && rows.iter().all(|row| row["state"] == "SYNCED" && row["version"] == 2));
    let each = |count: usize| count as f64 / organizations as f64;
    let told = |whose: &str, before: (usize, usize), after: (usize, usize)| {
        let (reads, writes) = (each(after.0 - before.0), each(after.1 - before.1));
        println!("{whose}: {reads:.2} reads and {writes:.2} writes for each organization");
        (reads, writes)
    };
    println!("{organizations} spokes through three waves, four passes each, in {:.1} s", took.as_secs_f64());
    let of_the_hub = told("the hub", before, counted(&of_hub));
    let of_a_spoke = told("the spokes, of their four passes", before_spokes, counted(&of_spokes));
    assert!(of_a_spoke.0 <= READS_OF_A_SPOKE && of_a_spoke.1 <= WRITES_OF_A_SPOKE, "{of_a_spoke:?}");
    of_the_hub
}

// Whoever runs it sees the figures that the documents give.
#[allow(clippy::print_stdout)]
async fn through_three_waves(organizations: usize) {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let items = honest_items(&scene).await;
    let names: Vec<String> = (0..organizations).map(|at| format!("o-member{at:04}")).collect();
    for name in &names {
        write(&scene, honest(&items, name, 1)).await;
    }
    let tap = Tap::open(&scene.endpoint()).await;
    let hub = scene.hub.with(&[
        ("PMP_MEMBER_ORGANIZATIONS", &names.join(",")),
        ("PMP_WAVES", WAVES),
        ("AWS_ENDPOINT_URL_DYNAMODB", tap.endpoint()),
    ]);
    hub.json(&["publish"]).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    let before = counted(&tap);
    let began = Instant::now();
    let mut came = Vec::new();
    for wave in 1..=4 {
        let published = hub.json(&["publish"]).await;
        assert_eq!(published["published"]["version"], 2);
        let head = published["published"]["digest"].as_str().unwrap().to_owned();
        let now = admitted(&scene, 2).await;
        for name in now.iter().filter(|name| !came.contains(*name)) {
            let of_it = honest(&items, name, 1).into_iter().map(|item| applied(item, 2, &head)).collect();
            write(&scene, of_it).await;
        }
        println!("run {wave}: the turn of {} organizations has come", now.len());
        came = now;
    }
    let took = began.elapsed();
    let after = counted(&tap);
    let (reads, writes) = (after.0 - before.0, after.1 - before.1);
    let each = |count: usize| count as f64 / organizations as f64;
    println!(
        "{organizations} organizations through three waves in {:.1} s: {reads} reads and {writes} writes, {:.2} and {:.2} \
         for each organization",
        took.as_secs_f64(),
        each(reads),
        each(writes)
    );
    assert_eq!(came.len(), organizations);
    let waves = scene.hub.json(&["status"]).await["waves"].clone();
    assert_eq!((&waves["state"], &waves["last_good"]), (&"done".into(), &2.into()), "{waves}");
    assert!(each(reads) <= READS && each(writes) <= WRITES);
}
