//! Is it everywhere yet: `wait` and `versions`.

use std::time::Duration;

use pmp_tests::{ALPHA, MANAGEMENT, Scene, within, world};
use serde_json::json;

#[tokio::test]
async fn it_waits_until_a_snapshot_is_everywhere_and_names_who_is_missing_on_the_way() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let there = scene.hub.run(&["wait"]).await;
    assert_eq!((there.code, there.stdout.as_str()), (0, "Snapshot 1 is everywhere.\n"), "{there:?}");

    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    scene.hub.json(&["publish"]).await;
    let early = scene.hub.run(&["wait", "--timeout", "1s"]).await;
    assert_eq!(early.code, 4, "{early:?}");
    assert!(
        early.stdout.contains("2 experiences without snapshot 2 after 1 s") && early.stdout.contains(ALPHA),
        "{early:?}"
    );
    // What it had before is there still.
    assert_eq!(scene.hub.run(&["wait", "1"]).await.code, 0);

    let waiting = scene.hub.start(&["wait", "2", "--timeout", "60s", "-o", "json"]);
    within(Duration::from_secs(20), "a line of progress", async || {
        let log = waiting.log();
        let told = log.contains("snapshot 2: applied in 0 of 2 experiences; waiting for 2 experiences: o-alpha00000 ");
        told.then_some(()).ok_or(log)
    })
    .await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let printed = within(Duration::from_secs(30), "the end of the wait", async || {
        let printed = waiting.printed();
        serde_json::from_str::<serde_json::Value>(&printed).map_err(|_| printed)
    })
    .await;
    assert_eq!(
        (&printed["everywhere"], &printed["version"], &printed["missing"]),
        (&json!(true), &json!(2), &json!([]))
    );
    assert_eq!(waiting.ended().await.0, 0);

    let versions = scene.hub.json(&["versions"]).await;
    let row = json!({"version": 2, "organizations": 1, "experiences": 2, "states": {"SYNCED": 2}});
    assert_eq!((&versions["newest"], &versions["versions"]), (&json!(2), &json!([row])));
    let table = scene.hub.run(&["versions"]).await;
    assert!(table.stdout.ends_with("2 of 2 member experiences on snapshot 2, the newest\n"), "{}", table.stdout);
}

#[tokio::test]
async fn it_does_not_wait_for_what_the_ledger_does_not_have_nor_take_silence_for_an_end() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let nothing = scene.hub.run(&["wait"]).await;
    assert_eq!(nothing.code, 1, "{nothing:?}");
    assert!(nothing.stderr.contains("the ledger knows of no snapshot of"), "{nothing:?}");
    assert!(nothing.stderr.contains("code: E4054"), "{nothing:?}");
    scene.hub.json(&["publish"]).await;
    let ahead = scene.hub.run(&["wait", "7"]).await;
    assert_eq!(ahead.code, 1, "{ahead:?}");
    assert!(ahead.stderr.contains("the ledger has no snapshot 7: the newest is 1"), "{ahead:?}");
    assert!(ahead.stderr.contains("code: E4068"), "{ahead:?}");
    let nobody = scene.hub.run(&["wait", "--timeout", "1s"]).await;
    assert_eq!(
        (nobody.code, nobody.stdout.as_str()),
        (4, "Snapshot 1 is nowhere after 1 s: no spoke has reported yet.\n"),
        "{nobody:?}"
    );
    // Told to stop, it has not seen what it waited for: nobody goes on as if it were there. A
    // person who leaves is told of no error.
    let stopped = async |signal: &str| {
        let agent = scene.hub.start(&["wait"]);
        within(Duration::from_secs(20), "a line of progress", async || {
            let log = agent.log();
            log.contains("no spoke has reported yet").then_some(()).ok_or(log)
        })
        .await;
        agent.signal(signal).await;
        agent.ended().await
    };
    let (code, log) = stopped("TERM").await;
    assert_eq!(code, 1, "{log}");
    assert!(log.contains("error: told to stop by SIGTERM, before snapshot 1 was everywhere"), "{log}");
    assert!(log.contains("code: E4067"), "{log}");
    let (code, log) = stopped("INT").await;
    assert_eq!(code, 4, "{log}");
    assert!(log.contains("Stopped waiting before snapshot 1 was everywhere."), "{log}");
    assert!(!log.contains("error") && !log.contains("code:"), "{log}");
}
