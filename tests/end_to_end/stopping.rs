//! Every stop is bounded, says why, and costs nothing: signals and deadlines (rule 7).

use std::time::Duration;

use pmp_local_aws::world::ChangeSetTiming;
use pmp_tests::{ALPHA_PROD, Lists, Program, Scene, World, eventually, within, world};
use serde_json::Value;
use tokio::net::TcpListener;

/// Twelve batches for alpha's production experience, half a second each.
pub(crate) async fn twelve_batches() -> (Scene, Program, Lists) {
    let ids: Vec<String> = (0..600).map(|n| format!("prod-{n:04}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let change_sets = ChangeSetTiming::always(Duration::from_millis(500));
    let scene = Scene::start(World { change_sets, ..world(&ids, &[]) }).await;
    scene.hub.json(&["publish"]).await;
    let spoke = scene.spoke.with(&[("MEMBER_EXPERIENCE_IDS", ALPHA_PROD)]);
    (scene, spoke, Lists::new(&ids, &[]))
}

pub(crate) async fn receipt(scene: &Scene) -> Value {
    scene.hub.json(&["status"]).await["spokes"][0]["receipt"].clone()
}

#[tokio::test]
async fn a_sync_whose_time_is_up_says_what_is_pending_and_the_next_goes_on() {
    let (scene, spoke, expected) = twelve_batches().await;
    let stopped = spoke.run(&["sync", "--stop-after", "2s", "-o", "json"]).await;
    assert_eq!(stopped.code, 1, "{}", stopped.stderr);
    let printed: Value = serde_json::from_str(&stopped.stdout).unwrap();
    assert_eq!(printed["receipts"][0]["status"], "partial");
    let told = receipt(&scene).await;
    assert!(told["error"].as_str().unwrap().starts_with("the time for this run is up"), "{told}");
    assert!((1..600).contains(&told["pending"].as_u64().unwrap()), "{told}");
    let before = told["allowed"].as_u64().unwrap();
    assert!((1..600).contains(&before), "{told}");

    let went_on = spoke.run(&["sync"]).await;
    assert_eq!(went_on.code, 0, "{went_on:?}");
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, expected);
    // The receipt tells what was done for the snapshot, whichever pass did it; the table what this
    // one did.
    let told = receipt(&scene).await;
    let in_all = told["allowed"].as_u64().unwrap();
    let row = went_on.stdout.lines().find(|line| line.starts_with(ALPHA_PROD)).unwrap();
    let of_this_pass: u64 = row.split_whitespace().nth(2).unwrap().parse().unwrap();
    assert_eq!(in_all, 600, "{told}");
    // A change set that ran as the first pass was stopped is not of this pass, which counts it.
    assert!([0, 50].contains(&(in_all - before - of_this_pass)), "{told} {row}");
    assert_eq!(told["change_sets"].as_array().unwrap().len(), 12, "{told}");
    assert_eq!(scene.alpha_account.change_sets().await, 12);
}

#[tokio::test]
async fn an_agent_whose_time_is_up_leaves_the_message_for_the_next() {
    let (scene, spoke, expected) = twelve_batches().await;
    let (code, log) = spoke.start(&["run", "--stop-after", "2s"]).ended().await;
    assert_eq!(code, 0, "{log}");
    assert_eq!(receipt(&scene).await["status"], "partial", "{log}");
    assert_eq!(scene.alpha_account.waiting(&scene.queue_url).await, 1);

    let next = spoke.start(&["run"]);
    eventually("the next run finishes", &0, async || scene.alpha_account.waiting(&scene.queue_url).await).await;
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, expected);
    assert_eq!(scene.alpha_account.change_sets().await, 12);
    assert_eq!(next.stop().await.0, 0);
}

#[tokio::test]
async fn a_sync_that_is_interrupted_names_the_signal_and_gives_the_lease_back() {
    let (scene, spoke, _) = twelve_batches().await;
    let syncing = spoke.start(&["sync"]);
    eventually("it has begun", &true, async || scene.alpha_account.change_sets().await > 0).await;
    syncing.signal("INT").await;
    let (code, log) = syncing.ended().await;
    // Whoever presses Ctrl-C is told how far it got, and of no error.
    assert_eq!(code, 130, "{log}");
    assert!(
        log.contains("Stopped before the end. The next sync goes on from here.") && !log.contains("error"),
        "{log}"
    );
    let told = receipt(&scene).await;
    assert!(told["error"].as_str().unwrap().starts_with("told to stop by SIGINT (Ctrl-C)"), "{told}");
    // No one has to wait for the end of its term.
    assert_eq!(spoke.run(&["sync"]).await.code, 0);
}

#[tokio::test]
async fn a_second_signal_ends_the_process_at_once() {
    for second in [("INT", 130), ("TERM", 143)] {
        the_second_signal_ends_it(second).await;
    }
}

async fn the_second_signal_ends_it(second: (&str, i32)) {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    // A ledger that takes connections and never answers: the first signal waits for it.
    let deaf = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", deaf.local_addr().unwrap());
    let syncing = scene.spoke.with(&[("AWS_ENDPOINT_URL_DYNAMODB", &endpoint)]).start(&["sync", "--wait"]);
    let (_connection, _) = deaf.accept().await.unwrap();
    syncing.signal("TERM").await;
    within(Duration::from_secs(10), "the first signal", async || {
        let log = syncing.log();
        if log.contains("a second signal stops it at once") { Ok(()) } else { Err(log) }
    })
    .await;
    // The code is that of the signal that ended it.
    let (second, code) = second;
    syncing.signal(second).await;
    assert_eq!(syncing.ended().await.0, code);
}
