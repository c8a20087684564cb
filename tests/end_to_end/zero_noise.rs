//! What says the same makes no noise: no version, no line of a plan, no figure, and of a pass
//! hardly a trace.

use pmp_tests::{ALPHA, ALPHA_PROD, MANAGEMENT, Scene, Tap, eventually, world};
use serde_json::{Value, json};

/// The items in alpha's partition, as they are.
async fn items(scene: &Scene) -> Vec<Value> {
    let spoke = scene.spoke.json(&["status"]).await;
    spoke["receipts"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_policy_that_is_written_otherwise_and_says_the_same_moves_nothing() {
    // Protocol R10.
    let scene = Scene::start(world(&["prod-a", "prod-b", "prod-c"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let (before, receipts) = (scene.alpha_account.change_sets().await, items(&scene).await);
    // Whatever moves in the policy and comes back: other orders, other statements, other revisions.
    for (out, back) in [(vec!["prod-c"], "prod-c"), (vec!["prod-a", "prod-b"], "prod-b")] {
        scene.hub_account.reject(MANAGEMENT, &out).await;
        scene.hub_account.approve(MANAGEMENT, &["prod-b", "prod-a", "prod-c"]).await;
        scene.hub_account.approve(MANAGEMENT, &[back]).await;
        let published = scene.hub.json(&["publish"]).await;
        assert_eq!(published["published"]["version"], 1, "{published}");
        let planned = scene.spoke.run(&["plan", "--detailed-exitcode"]).await;
        assert_eq!(planned.code, 0, "{planned:?}");
        assert!(!planned.stdout.contains("allow ") && !planned.stdout.contains("deny "), "{planned:?}");
        assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    }
    assert_eq!(scene.hub.json(&["diff"]).await["products"], json!([]));
    assert_eq!(scene.alpha_account.change_sets().await, before);
    // No receipt was written again: the ones that stand are those of the pass that did something.
    assert_eq!(items(&scene).await, receipts);
}

#[tokio::test]
async fn a_pass_without_a_change_logs_one_line_and_lives_all_the_same() {
    let scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    let agent = scene.spoke.with(&[("NO_COLOR", "1")]).start(&["run"]);
    let last_seen = async || scene.spoke.json(&["status"]).await["last_seen"].clone();
    eventually("the first pass is done", &false, async || last_seen().await.is_null()).await;
    eventually("its message is gone", &0, async || scene.alpha_account.waiting(&scene.queue_url).await).await;
    let (first, receipts, seen) = (agent.log(), items(&scene).await, last_seen().await);
    assert!(first.contains("experience done"), "{first}");
    // The same is announced again, as by schedule.
    scene.hub.json(&["publish"]).await;
    eventually("the second pass is done", &true, async || last_seen().await != seen).await;
    eventually("its message is gone", &0, async || scene.alpha_account.waiting(&scene.queue_url).await).await;
    let now = last_seen().await;
    let log = agent.log();
    let second: Vec<_> = log[first.len()..].lines().filter(|line| line.contains("INFO")).collect();
    assert!(second.len() <= 1, "{second:#?}");
    agent.stop().await;
    assert_eq!(items(&scene).await, receipts);
    // The hub sees by the sign of life that it lives, and by the receipt that it is in step.
    let status = scene.hub.json(&["status"]).await;
    let row = status["spokes"].as_array().unwrap().iter().find(|row| row["member_experience"] == ALPHA_PROD).unwrap();
    assert_eq!((&row["state"], &row["last_seen"], &row["organization"]), (&json!("SYNCED"), &now, &json!(ALPHA)));
}

/// The key of the item that a call writes; none where it writes none.
fn written(call: &pmp_tests::Call) -> Option<String> {
    let asked: Value = serde_json::from_slice(&call.asked).ok()?;
    match call.operation.as_str() {
        "PutItem" => asked["Item"]["item"]["S"].as_str().map(str::to_owned),
        "UpdateItem" | "DeleteItem" | "BatchWriteItem" | "TransactWriteItems" => Some(call.operation.clone()),
        _ => None,
    }
}

/// A person's `sync` looks first, as an agent does: nothing is to be done, so it takes no lease,
/// and writes one sign of life.
#[tokio::test]
async fn a_sync_without_a_change_writes_one_item() {
    // Protocol R13.
    let scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let tap = Tap::open(&scene.endpoint()).await;
    let spoke = scene.spoke.with(&[("AWS_ENDPOINT_URL_DYNAMODB", tap.endpoint())]);
    assert_eq!(spoke.run(&["sync"]).await.code, 0);
    let written: Vec<_> = tap.record().iter().filter_map(written).collect();
    assert_eq!(written, [format!("spoke#{MANAGEMENT}#all")]);
}

/// An agent looks first: nothing is to be done, so it takes no lease, and writes one sign of life.
/// The two items take turns, so that hubs of earlier releases see that it lives, too.
#[tokio::test]
async fn a_pass_without_a_change_writes_one_item() {
    // Protocol R13.
    let scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    let tap = Tap::open(&scene.endpoint()).await;
    let agent = scene.spoke.with(&[("AWS_ENDPOINT_URL_DYNAMODB", tap.endpoint())]).start(&["run"]);
    let writes = async || tap.record().iter().filter_map(written).collect::<Vec<_>>();
    let is_idle = async || {
        let waiting = scene.alpha_account.waiting(&scene.queue_url).await;
        (waiting, writes().await.last().cloned())
    };
    eventually("the first pass is done", &(0, Some("lease".to_owned())), is_idle).await;
    let (mut before, mut found) = (writes().await.len(), Vec::new());
    for _ in 0..3 {
        scene.hub.json(&["publish"]).await;
        eventually("something is written", &true, async || writes().await.len() > before).await;
        eventually("the message is gone", &0, async || scene.alpha_account.waiting(&scene.queue_url).await).await;
        let now = writes().await;
        found.push(now[before..].to_vec());
        before = now.len();
    }
    let (all, own) = (format!("{MANAGEMENT}#"), format!("spoke#{MANAGEMENT}#all"));
    assert_eq!(found, [vec![own.clone()], vec![all], vec![own]]);
    // Somebody else's edit is found by the same look, and a pass follows that mends it.
    scene.alpha_account.approve(ALPHA_PROD, &["prod-z"]).await;
    scene.hub.json(&["publish"]).await;
    eventually("it is taken back", &true, async || {
        !scene.alpha_account.lists(ALPHA_PROD).await.approved.iter().any(|id| id == "prod-z")
    })
    .await;
    agent.stop().await;
}
