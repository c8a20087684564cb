//! Real processes that are killed at random moments, over a line that loses answers: the work is
//! done, and nobody heard (rules 2 and 6).

use std::time::Duration;

use pmp_local_aws::world::ChangeSetTiming;
use pmp_tests::{ALPHA_DEV, ALPHA_PROD, Lists, Scene, World, eventually, world};
use serde_json::json;

/// Kills before the last run may finish.
const KILLS: usize = 6;

/// The seeds: those of every run, or the one that `PMP_SEED` names.
fn seeds() -> Vec<u64> {
    match std::env::var("PMP_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => vec![1, 2],
    }
}

/// A world whose catalog and tables lose one answer in four of what changes something.
fn lossy(seed: u64, approved: &[&str], rejected: &[&str]) -> World {
    let lost = |service: &str, operation: &str| {
        json!({"fault": {"kind": "lost-answer"}, "service": service, "operation": operation,
               "account": "222222222222", "probability": 0.25, "seed": seed})
    };
    let faults = json!([lost("aws-marketplace", "StartChangeSet"), lost("aws-marketplace", "DescribeChangeSet")]);
    World {
        seed,
        change_sets: ChangeSetTiming::between(Duration::from_millis(100), Duration::from_millis(600)),
        faults: serde_json::from_value(faults).unwrap(),
        ..world(approved, rejected)
    }
}

#[tokio::test]
async fn killed_again_and_again_while_answers_are_lost_it_ends_in_what_the_snapshot_asks_for() {
    for seed in seeds() {
        println!("seed {seed}: replay with PMP_SEED={seed}");
        let mut chance = fastrand::Rng::with_seed(seed);
        let ids: Vec<String> = (0..230).map(|n| format!("prod-{n:04}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let scene = Scene::start(lossy(seed, &ids[..180], &ids[180..])).await;
        scene.hub.json(&["publish"]).await;
        // The dead holder's lease is waited for: a short term keeps the test short.
        let spoke = scene.spoke.with(&[("PMP_LEASE_TERM", "1s")]);
        for _ in 0..KILLS {
            let agent = spoke.start(&["run"]);
            tokio::time::sleep(Duration::from_millis(chance.u64(200..2_500))).await;
            agent.kill().await;
            // What a killed process had taken from the queue is hidden for minutes; the hub
            // announces again.
            scene.hub.json(&["publish"]).await;
        }
        let agent = spoke.start(&["run"]);
        let expected = Lists::new(&ids[..180], &ids[180..]);
        for experience in [ALPHA_PROD, ALPHA_DEV] {
            let what = format!("seed {seed}: {experience}");
            eventually(&what, &expected, async || scene.alpha_account.lists(experience).await).await;
        }
        let synced = async || {
            let states = scene.states().await;
            states.iter().filter(|(_, state)| state == "SYNCED").count()
        };
        eventually(&format!("seed {seed}: both are told to be in step"), &2, synced).await;
        let (code, log) = agent.stop().await;
        assert_eq!(code, 0, "seed {seed}: {log}");
        // Two experiences, each with one chain of ceil(180/50) change sets, which they may share:
        // none was applied twice. A change set that a killed process started before it planned anew
        // may have ended without effect, never more than one for each kill.
        let change_sets = scene.alpha_account.change_sets().await;
        assert!((4..=8 + 2 * KILLS).contains(&change_sets), "seed {seed}: {change_sets} change sets");
    }
}

/// The numbers of a receipt are those of all passes for its snapshot: of one, too, that was killed
/// while its change set ran.
#[tokio::test]
async fn what_a_killed_pass_had_started_is_in_the_numbers_of_the_next() {
    // Protocol R9.
    let timing = ChangeSetTiming::always(Duration::from_secs(2));
    let scene = Scene::start(World { change_sets: timing, ..world(&["prod-a", "prod-b"], &["prod-x"]) }).await;
    scene.hub.json(&["publish"]).await;
    let spoke = scene.spoke.with(&[("PMP_LEASE_TERM", "1s"), ("MEMBER_EXPERIENCE_IDS", ALPHA_PROD)]);
    let receipt = async || {
        let status = scene.hub.json(&["status"]).await;
        let rows = status["spokes"].as_array().unwrap().clone();
        rows.into_iter().find(|row| row["member_experience"] == ALPHA_PROD).map(|row| row["receipt"].clone())
    };
    let agent = spoke.start(&["run"]);
    let names_it = async || receipt().await.is_some_and(|it| it["running"].is_string());
    eventually("the receipt names the change set that runs", &true, names_it).await;
    agent.kill().await;
    let before = receipt().await.unwrap();
    assert_eq!((&before["allowed"], &before["denied"]), (&json!(0), &json!(0)), "{before}");
    assert_eq!(before["running"], before["change_sets"][0], "{before}");

    let lists = Lists::new(&["prod-a", "prod-b"], &["prod-x"]);
    eventually("it ends by itself", &lists, async || scene.alpha_account.lists(ALPHA_PROD).await).await;
    let synced = spoke.run(&["sync", "--wait"]).await;
    assert_eq!(synced.code, 0, "{synced:?}");
    let after = receipt().await.unwrap();
    assert_eq!(after["status"], "in-sync", "{after}");
    assert_eq!((&after["allowed"], &after["denied"]), (&json!(2), &json!(1)), "{after}");
    assert_eq!((&after["change_sets"], after.get("running")), (&before["change_sets"], None), "{after}");
}
