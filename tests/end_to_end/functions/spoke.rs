//! The spoke, from batches of its queue.

use std::time::Duration;

use jiff::Timestamp;
use pmp_tests::{ALPHA, ALPHA_PROD, Batch, Function, Lists, MANAGEMENT, Scene, eventually, world};
use serde_json::json;

use super::{TIME, lines, logged, refusal};
use crate::forged::forged_message;
use crate::leases::{is_free, thief};
use crate::stopping::{receipt, twelve_batches};

async fn batch(scene: &Scene) -> Batch {
    Batch::receive(&scene.alpha_account, &scene.queue_url).await
}

/// Hands a batch over; the ids of the messages that come again.
async fn invoke(spoke: &Function, batch: Batch, time: Duration) -> Vec<String> {
    let (_, answer) = spoke.invoke(batch.event(), time).await;
    batch.settle(&answer).await
}

#[tokio::test]
async fn the_first_batch_and_a_warm_one_are_answered_by_one_start() {
    let scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    let spoke = Function::start(&scene.spoke).await;
    assert!(invoke(&spoke, batch(&scene).await, TIME).await.is_empty());
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &["prod-x"]));

    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    scene.hub.json(&["publish"]).await;
    scene.hub.json(&["publish"]).await;
    assert!(invoke(&spoke, batch(&scene).await, TIME).await.is_empty());
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a", "prod-b"], &["prod-x"]));
    assert_eq!(scene.alpha_account.waiting(&scene.queue_url).await, 0);
    assert_eq!((logged(&spoke, "spoke ready"), logged(&spoke, "repeated message")), (1, 1));

    let documents = spoke.documents();
    assert_eq!(documents.len(), 2);
    let told = |name: &str| documents.iter().map(|document| document[name].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!((told("Synced"), told("Errors"), told("Failed")), (vec![1, 1], vec![0, 0], vec![0, 0]));
    // Two live experiences, and one product each time.
    assert_eq!((told("AllowedProducts"), told("DeniedProducts")), (vec![2, 2], vec![2, 0]));
    assert!(told("PublishToReceiptMillis").iter().all(|took| (1..60_000).contains(took)));
    assert_eq!((&documents[0]["Experience"], &documents[0]["organization"]), (&json!(MANAGEMENT), &json!(ALPHA)));
    let (code, log) = spoke.stop().await;
    assert_eq!(code, 0, "{log}");
    assert!(!log.contains("alpha-external-id") && !log.contains("secret"), "{log}");
}

#[tokio::test]
async fn a_bad_message_goes_to_the_dead_letters_and_the_batch_is_answered() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.alpha_account.send(&scene.queue_url, "no JSON at all").await;
    scene.alpha_account.send(&scene.queue_url, r#"{"schema":"pmp-sync.snapshot/2","new":"world"}"#).await;
    scene.hub.json(&["publish"]).await;
    let batch = batch(&scene).await;
    assert_eq!(batch.ids().len(), 3);
    let spoke = Function::start(&scene.spoke).await;
    assert!(invoke(&spoke, batch, TIME).await.is_empty());
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &[]));
    assert_eq!(scene.alpha_account.waiting(&scene.dead_letters_url).await, 2);
    assert_eq!(scene.alpha_account.waiting(&scene.queue_url).await, 0);
    assert_eq!(logged(&spoke, "a message that is not understood: moved to the dead letters"), 2);
}

#[tokio::test]
async fn a_bad_message_that_cannot_be_moved_is_the_only_one_that_is_reported_as_failed() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let client = aws_sdk_sqs::Client::new(scene.alpha_account.config());
    let call = client.set_queue_attributes().queue_url(&scene.queue_url);
    call.attributes("RedrivePolicy".into(), "").send().await.unwrap();
    scene.alpha_account.send(&scene.queue_url, "no JSON at all").await;
    scene.hub.json(&["publish"]).await;
    let batch = batch(&scene).await;
    let bad = batch.bodies().iter().position(|body| *body == "no JSON at all").unwrap();
    let bad = batch.ids()[bad].to_owned();
    let spoke = Function::start(&scene.spoke).await;
    assert_eq!(invoke(&spoke, batch, TIME).await, [bad]);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &[]));
    assert_eq!(scene.alpha_account.waiting(&scene.queue_url).await, 1);
}

#[tokio::test]
async fn a_forged_message_is_the_only_one_of_its_batch_that_comes_again_and_is_set_aside_in_the_end() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.alpha_account.send(&scene.queue_url, &forged_message(u64::MAX)).await;
    scene.hub.json(&["publish"]).await;
    let mut waiting = batch(&scene).await;
    let forged = waiting.bodies().iter().position(|body| body.contains("18446744073709551615")).unwrap();
    let forged = waiting.ids()[forged].to_owned();
    let spoke = Function::start(&scene.spoke).await;
    for _ in 0..4 {
        assert_eq!(invoke(&spoke, waiting, TIME).await, std::slice::from_ref(&forged));
        assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &[]));
        waiting = batch(&scene).await;
    }
    assert!(invoke(&spoke, waiting, TIME).await.is_empty());
    assert_eq!(scene.alpha_account.waiting(&scene.dead_letters_url).await, 1);
    assert_eq!(scene.alpha_account.waiting(&scene.queue_url).await, 0);
}

#[tokio::test]
async fn a_deadline_leaves_a_partial_receipt_and_the_message_and_the_next_invocation_finishes() {
    // Protocol R8.
    let (scene, program, expected) = twelve_batches().await;
    let spoke = Function::start(&program).await;
    let first = batch(&scene).await;
    let ids: Vec<_> = first.ids().into_iter().map(str::to_owned).collect();
    assert_eq!(invoke(&spoke, first, Duration::from_secs(4)).await, ids);
    let told = receipt(&scene).await;
    assert_eq!(told["status"], "partial", "{told}");
    assert_eq!(told["error"], "deadline in 1 s", "{told}");
    assert!((1..600).contains(&told["pending"].as_u64().unwrap()), "{told}");
    assert!(is_free(&scene).await, "the next one need not wait");

    // The message is there again at once, though the queue's visibility timeout is long.
    let again = batch(&scene).await;
    assert_eq!(again.ids(), ids);
    assert!(invoke(&spoke, again, TIME).await.is_empty());
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, expected);
    assert_eq!(scene.alpha_account.change_sets().await, 12);
    let documents = spoke.documents();
    assert_eq!((&documents[0]["Partial"], documents[0].get("PublishToReceiptMillis")), (&json!(1), None));
    assert_eq!((&documents[1]["Synced"], &documents[1]["Partial"]), (&json!(1), &json!(0)));
    let changes = documents.iter().map(|document| document["ChangeSets"].as_u64().unwrap()).sum::<u64>();
    assert!((12..=13).contains(&changes), "one may have been found running: {documents:?}");
}

#[tokio::test]
async fn who_finds_the_lease_taken_hands_its_messages_back_and_says_who_has_it() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    thief(&scene, Timestamp::now().as_millisecond() + 3_600_000).await;
    let spoke = Function::start(&scene.spoke).await;
    let batch = batch(&scene).await;
    let ids: Vec<_> = batch.ids().into_iter().map(str::to_owned).collect();
    assert_eq!(invoke(&spoke, batch, TIME).await, ids);
    let log = spoke.log();
    assert!(log.contains(&format!("another spoke of `{ALPHA}` is at work: a thief")), "{log}");
    assert_eq!(scene.alpha_account.waiting(&scene.queue_url).await, 1);
    assert_eq!(spoke.documents()[0]["Errors"], 1);
}

#[tokio::test]
async fn sigterm_in_the_middle_ends_the_pass_answers_the_invocation_and_then_the_process() {
    let (scene, program, _) = twelve_batches().await;
    let spoke = Function::start(&program).await;
    let batch = batch(&scene).await;
    let ids: Vec<_> = batch.ids().into_iter().map(str::to_owned).collect();
    // Without an extension Lambda would kill it without notice.
    assert_eq!(spoke.extension().await, ("pmp-sync".to_owned(), json!([])));
    let (_, answer) = spoke.begin(batch.event(), TIME);
    eventually("it has begun", &true, async || scene.alpha_account.change_sets().await > 0).await;
    spoke.agent().signal("TERM").await;
    let answer = answer.await.unwrap();
    assert_eq!(batch.settle(&answer).await, ids);
    let (code, log) = spoke.ended().await;
    assert_eq!(code, 0, "{log}");
    lines(&log);
    let told = receipt(&scene).await;
    assert_eq!((&told["status"], &told["error"]), (&json!("partial"), &json!("told to stop by SIGTERM")));
    assert!(is_free(&scene).await);
}

#[tokio::test]
async fn an_event_that_is_no_batch_is_refused_with_the_way_to_do_it() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let spoke = Function::start(&scene.spoke).await;
    let text = refusal(spoke.invoke(json!({"key1": "value1"}), TIME).await.1);
    assert!(text.starts_with("error: the event is not a batch of messages from SQS"), "{text}");
    assert!(text.contains("hint: to have the newest snapshot applied now"), "{text}");
    assert!(text.contains("code: E5027"), "{text}");
    let (code, log) = spoke.stop().await;
    assert_eq!(code, 0, "idle: {log}");
}

#[tokio::test]
async fn a_spoke_that_cannot_start_says_so() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let program = scene.spoke.with(&[("PMP_QUEUE_URL", ""), ("PMP_FILTER_CONFIG", "{}")]);
    let told = Function::start(&program).await.init_error().await;
    let text = told["errorMessage"].as_str().unwrap();
    assert!(text.contains("--queue-url (PMP_QUEUE_URL) is missing"), "{text}");
    assert!(text.contains("--filter-config (PMP_FILTER_CONFIG): is set, but no filter"), "{text}");

    let spoke = Function::start(&scene.spoke.with(&[("PMP_FILTER", "/nowhere/filter.wasm")])).await;
    let told = spoke.init_error().await;
    assert!(told["errorMessage"].as_str().unwrap().contains("/nowhere/filter.wasm"), "{told}");
    assert_eq!(spoke.ended().await.0, 1);
}
