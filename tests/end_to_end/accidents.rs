//! Accidents that cost nothing: reads that lag, sessions that end early, items that are lost,
//! processes that are killed, queues that are shared (rules 2, 6 and 12).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use pmp_ledger::{DynamoSnapshots, NewSnapshot, SnapshotStore, Stored};
use pmp_local_aws::world::{ChangeSetTiming, Fault, FaultRule};
use pmp_protocol::{Content, ExperienceId, ResourceRequests, Sealed, SnapshotVersion};
use pmp_tests::{ALPHA_DEV, ALPHA_PROD, Lists, MANAGEMENT, Scene, World, eventually, within, world};
use serde_json::json;

#[tokio::test]
async fn reads_that_lag_behind_a_change_end_in_step_without_a_second_start() {
    let ids: Vec<String> = (0..120).map(|n| format!("prod-{n:04}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    for (min, max) in [(700, 700), (3_000, 3_000), (0, 8_000)] {
        let duration = Duration::from_millis;
        let faults = vec![FaultRule::new(Fault::StaleRead { min: duration(min), max: Some(duration(max)) })];
        let scene = Scene::start(World { faults, ..world(&ids, &[]) }).await;
        // The hub must not read what is stale as the truth, but nothing changes there.
        scene.hub.json(&["publish"]).await;
        let spoke = scene.spoke.with(&[("MEMBER_EXPERIENCE_IDS", ALPHA_PROD)]);
        let synced = spoke.run(&["sync", "-o", "json"]).await;
        assert_eq!(synced.code, 0, "{min} to {max} ms: {}{}", synced.stdout, synced.stderr);
        let printed: serde_json::Value = serde_json::from_str(&synced.stdout).unwrap();
        assert_eq!(printed["receipts"][0]["allowed"], 120, "{printed}");
        assert_eq!(scene.alpha_account.change_sets().await, 3, "{min} to {max} ms");
        scene.clear_faults().await;
        assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&ids, &[]));
    }
}

#[tokio::test]
async fn a_session_that_ends_before_its_time_is_renewed_at_once() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let spoke = scene.spoke.start(&["run"]);
    let lists = async || scene.alpha_account.lists(ALPHA_PROD).await;
    eventually("the first snapshot", &Lists::new(&["prod-a"], &[]), lists).await;
    eventually("the queue is empty", &0, async || scene.alpha_account.waiting(&scene.queue_url).await).await;
    // Sessions last an hour; the spoke's own clock says that there is much left.
    tokio::time::sleep(Duration::from_secs(2)).await;
    scene.move_clock("61m").await;
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    scene.hub.json(&["publish"]).await;
    within(Duration::from_secs(20), "the snapshot after it", async || {
        if lists().await == Lists::new(&["prod-a", "prod-b"], &[]) { Ok(()) } else { Err(spoke.log()) }
    })
    .await;
    let (code, log) = spoke.stop().await;
    assert_eq!(code, 0, "{log}");
    assert_eq!(log.matches("AWS no longer takes this session").count(), 1, "once: {log}");
    assert!(!log.contains("the pass failed"), "{log}");
}

fn key(item: &str) -> Option<std::collections::HashMap<String, AttributeValue>> {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    Some([("experience".to_owned(), text(MANAGEMENT)), ("item".to_owned(), text(item))].into())
}

#[tokio::test]
async fn a_chunk_that_is_lost_or_damaged_is_stored_again_by_the_next_publish() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let dynamodb = aws_sdk_dynamodb::Client::new(scene.hub_account.config());
    let chunk = format!("v{:020}#0001", 1);
    for damage in ["deleted", "content", "chunks"] {
        if damage == "deleted" {
            dynamodb.delete_item().table_name("Snapshots").set_key(key(&chunk)).send().await.unwrap();
        } else {
            let value = match damage {
                "content" => AttributeValue::B(aws_sdk_dynamodb::primitives::Blob::new(vec![1, 2, 3])),
                _ => AttributeValue::N("7".to_owned()),
            };
            let call = dynamodb
                .update_item()
                .table_name("Snapshots")
                .set_key(key(&chunk))
                .update_expression("SET #it = :value");
            let call = call.expression_attribute_names("#it", damage).expression_attribute_values(":value", value);
            call.send().await.unwrap();
        }
        assert_eq!(scene.spoke.run(&["sync"]).await.code, 1, "{damage}: there is nothing to read");
        let published = scene.hub.run(&["publish"]).await;
        assert_eq!(published.code, 0, "{damage}: {published:?}");
        assert!(published.stderr.contains("the ledger lost what it held: stored again"), "{damage}: {published:?}");
        let synced = scene.spoke.run(&["sync"]).await;
        assert_eq!(synced.code, 0, "{damage}: {synced:?}");
    }
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &[]));
    // Nothing is said of a ledger that is whole.
    assert!(!scene.hub.run(&["publish"]).await.stderr.contains("stored again"));
}

#[tokio::test]
async fn the_work_of_a_killed_spoke_goes_on_without_its_message() {
    let ids: Vec<String> = (0..300).map(|n| format!("prod-{n:04}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let change_sets = ChangeSetTiming::always(Duration::from_millis(400));
    let scene = Scene::start(World { change_sets, ..world(&ids, &[]) }).await;
    scene.hub.json(&["publish"]).await;
    let spoke = scene.spoke.with(&[("MEMBER_EXPERIENCE_IDS", ALPHA_PROD), ("PMP_LEASE_TERM", "2s")]);
    let killed = spoke.start(&["run"]);
    eventually("it has begun", &true, async || scene.alpha_account.change_sets().await > 1).await;
    killed.kill().await;
    // Its message is hidden for five minutes.
    let next = spoke.start(&["run"]);
    within(Duration::from_secs(15), "the rest", async || {
        if scene.alpha_account.lists(ALPHA_PROD).await == Lists::new(&ids, &[]) { Ok(()) } else { Err(next.log()) }
    })
    .await;
    let (code, log) = next.stop().await;
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("the ledger says that something is left to do"), "{log}");
}

#[tokio::test]
async fn a_message_for_another_spoke_is_handed_back_and_in_the_end_set_aside() {
    // Protocol M11.
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let foreign = json!({
        "schema": "pmp-sync.snapshot/1", "experience": "exp-theirs", "version": 1,
        "digest": format!("sha256:{}", "0".repeat(64)), "taken_at": "2026-11-24T12:00:00Z",
        "reason": "changed", "counts": {"approved": 0, "rejected": 0}, "body": {"stored": {"chunks": 1}}
    });
    scene.alpha_account.send(&scene.queue_url, &foreign.to_string()).await;
    let spoke = scene.spoke.start(&["run"]);
    let lists = async || scene.alpha_account.lists(ALPHA_PROD).await;
    eventually("it takes no other along", &Lists::new(&["prod-a"], &[]), lists).await;
    // Whoever else is at the queue sees it in between, several times.
    within(Duration::from_secs(30), "it is set aside", async || {
        let waiting = scene.alpha_account.waiting(&scene.dead_letters_url).await;
        if waiting == 1 { Ok(()) } else { Err(spoke.log()) }
    })
    .await;
    let (code, log) = spoke.stop().await;
    assert_eq!(code, 0, "{log}");
    assert_eq!(log.matches("a message for another spoke; looking again shortly").count(), 4, "{log}");
    assert_eq!(scene.alpha_account.waiting(&scene.queue_url).await, 0);
}

#[tokio::test]
async fn an_experience_that_a_hub_reads_is_no_member_unless_it_is_named() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    // Another hub reads alpha's production experience, and keeps its snapshots in the same table.
    let store = DynamoSnapshots::new(scene.hub_account.config(), "Snapshots".parse().unwrap());
    let experience = ExperienceId::new(ALPHA_PROD).unwrap();
    let lists = (BTreeSet::new(), BTreeSet::new());
    let content = Content::new(experience.clone(), lists.0, lists.1, BTreeMap::new(), ResourceRequests::Allow).unwrap();
    let (sealed, taken_at) = (Sealed::new(&content).unwrap(), jiff::Timestamp::now());
    let new = NewSnapshot {
        experience: &experience,
        previous: None,
        version: SnapshotVersion::FIRST,
        taken_at,
        sealed: &sealed,
        statement: None,
        pinned: None,
    };
    assert_eq!(store.store(&new).await.unwrap(), Stored::Won { chunks: 1 });

    let plan = scene.spoke.run(&["plan"]).await;
    assert!(plan.stdout.contains("Skipped: it is a management experience itself"), "{}", plan.stdout);
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::default());
    assert_eq!(scene.alpha_account.lists(ALPHA_DEV).await, Lists::new(&["prod-a"], &[]));
    let named = scene.spoke.with(&[("MEMBER_EXPERIENCE_IDS", ALPHA_PROD)]);
    assert_eq!(named.run(&["sync"]).await.code, 0);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &[]));
}

#[tokio::test]
async fn a_listing_that_failed_is_not_one_without_entries() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    scene.hub.json(&["publish"]).await;
    // One of the two listings is refused, whichever: the other may be the one that has no entries.
    let denied = Fault::AccessDenied { message: None };
    for seed in 0..6 {
        let rule = FaultRule {
            operation: Some("ListEntities".into()),
            probability: Some(0.5),
            seed: Some(seed),
            ..FaultRule::new(denied.clone())
        };
        scene.add_fault(&rule).await;
        let synced = scene.spoke.run(&["sync"]).await;
        scene.clear_faults().await;
        let states = scene.states().await;
        let kept: Vec<_> = states.iter().filter(|(id, _)| id == ALPHA_PROD || id == ALPHA_DEV).collect();
        assert!(kept.iter().all(|(_, state)| state != "SKIPPED"), "seed {seed}: {states:?} {synced:?}");
        assert!(
            synced.code == 0 || synced.stderr.contains("cannot list the member experiences"),
            "seed {seed}: {synced:?}"
        );
    }
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a", "prod-b"], &[]));
}
