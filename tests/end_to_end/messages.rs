//! Messages in every form and order that SNS and SQS may bring them in.

use std::time::Duration;

use pmp_tests::{ALPHA_DEV, ALPHA_PROD, Lists, MANAGEMENT, Scene, eventually, longest_id, within, world};
use serde_json::json;

/// What the queue holds, without taking it away for long.
async fn messages(scene: &Scene) -> Vec<String> {
    let client = aws_sdk_sqs::Client::new(scene.alpha_account.config());
    let call = client.receive_message().queue_url(&scene.queue_url).max_number_of_messages(10).visibility_timeout(0);
    let answer = call.send().await.unwrap();
    answer.messages.unwrap_or_default().into_iter().filter_map(|message| message.body).collect()
}

async fn drained(scene: &Scene) {
    eventually("the queue is empty", &0, async || scene.alpha_account.waiting(&scene.queue_url).await).await;
}

#[tokio::test]
async fn a_message_with_its_content_inside_is_applied_from_it() {
    let scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    assert_eq!(scene.hub.json(&["publish"]).await["published"]["inline"], json!(true));
    let spoke = scene.spoke.start(&["run"]);
    drained(&scene).await;
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &["prod-x"]));
    let (code, log) = spoke.stop().await;
    assert_eq!(code, 0, "{log}");
}

#[tokio::test]
async fn a_snapshot_of_six_thousand_products_travels_by_reference() {
    // Ids as long and as random as they may be; shorter ones would fit into the message.
    let ids: Vec<String> = (0..6_000).map(longest_id).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut world = world(&ids, &[]);
    // All but 30 are there already: this is about the message, not about the change sets.
    for experience in &mut world.organizations[1].experiences {
        experience.policy.as_mut().unwrap().approved.extend(ids[30..].iter().map(|id| (*id).into()));
    }
    let scene = Scene::start(world).await;
    assert_eq!(scene.hub.json(&["publish"]).await["published"]["inline"], json!(false));
    let spoke = scene.spoke.start(&["run"]);
    drained(&scene).await;
    assert_eq!(scene.alpha_account.lists(ALPHA_DEV).await, Lists::new(&ids, &[]));
    assert_eq!(spoke.stop().await.0, 0);
}

#[tokio::test]
async fn an_enveloped_message_is_understood_like_a_raw_one() {
    // Protocol M8.
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let raw = messages(&scene).await.remove(0);
    assert!(raw.contains("pmp-sync.snapshot/1"));
    let client = aws_sdk_sqs::Client::new(scene.alpha_account.config());
    client.purge_queue().queue_url(&scene.queue_url).send().await.unwrap();

    // The subscription changes to enveloped delivery, and the hub announces again.
    let sns = aws_sdk_sns::Client::new(scene.alpha_account.config());
    let subscriptions = sns.list_subscriptions().send().await.unwrap();
    let ours = subscriptions.subscriptions().iter().find(|s| s.topic_arn() == Some(&scene.topic_arn)).unwrap();
    let arn = ours.subscription_arn().unwrap();
    let call = sns.set_subscription_attributes().subscription_arn(arn);
    call.attribute_name("RawMessageDelivery").attribute_value("false").send().await.unwrap();
    scene.hub.json(&["publish"]).await;
    let enveloped = messages(&scene).await.remove(0);
    assert!(enveloped.contains(r#""Type":"Notification""#), "{enveloped}");

    let spoke = scene.spoke.start(&["run"]);
    drained(&scene).await;
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &[]));
    assert_eq!(spoke.stop().await.0, 0);
}

#[tokio::test]
async fn repeated_late_and_reordered_messages_end_in_the_newest_state() {
    // Protocol M13 and M16.
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let first = messages(&scene).await.remove(0);
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    scene.hub.json(&["publish"]).await;
    let newest = Lists::new(&["prod-a", "prod-b"], &[]);

    let spoke = scene.spoke.start(&["run"]);
    drained(&scene).await;
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, newest);
    let before = scene.alpha_account.change_sets().await;
    // The first comes again, late and twice.
    scene.alpha_account.send(&scene.queue_url, &first).await;
    scene.alpha_account.send(&scene.queue_url, &first).await;
    drained(&scene).await;
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, newest);
    assert_eq!(scene.alpha_account.change_sets().await, before);
    let (code, log) = spoke.stop().await;
    assert_eq!(code, 0);
    assert!(log.contains("superseded"), "{log}");

    let status = scene.hub.json(&["status"]).await;
    let versions = status["spokes"].as_array().unwrap().iter().map(|row| row["version"].clone());
    assert!(versions.into_iter().all(|version| version == json!(2)));
}

#[tokio::test]
async fn without_a_word_from_the_ledger_a_message_does_nothing_and_stays() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let first = messages(&scene).await.remove(0);
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    // The hub's table is deleted, by a mistake: no message takes its place.
    let dynamodb = aws_sdk_dynamodb::Client::new(scene.hub_account.config());
    dynamodb.delete_table().table_name("Snapshots").send().await.unwrap();
    let client = aws_sdk_sqs::Client::new(scene.alpha_account.config());
    client.purge_queue().queue_url(&scene.queue_url).send().await.unwrap();
    scene.alpha_account.send(&scene.queue_url, &first).await;

    let spoke = scene.spoke.start(&["run"]);
    within(Duration::from_secs(30), "the refusal", async || {
        let log = spoke.log();
        if log.contains("without the ledger's word nothing is changed") { Ok(()) } else { Err(log) }
    })
    .await;
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a", "prod-b"], &[]));
    assert_eq!(scene.alpha_account.waiting(&scene.queue_url).await, 1);
    assert_eq!(spoke.stop().await.0, 0);
}

#[tokio::test]
async fn what_is_not_understood_goes_to_the_dead_letters_and_blocks_nothing() {
    // Protocol M9.
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.alpha_account.send(&scene.queue_url, "no JSON at all").await;
    scene.alpha_account.send(&scene.queue_url, r#"{"schema":"pmp-sync.snapshot/2","new":"world"}"#).await;
    scene.hub.json(&["publish"]).await;

    let spoke = scene.spoke.start(&["run"]);
    eventually("the dead letters", &2, async || scene.alpha_account.waiting(&scene.dead_letters_url).await).await;
    drained(&scene).await;
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &[]));
    let (code, log) = spoke.stop().await;
    assert_eq!(code, 0);
    assert!(log.contains("this version reads `pmp-sync.snapshot/1`"), "{log}");

    // Whole, and with the reason.
    let client = aws_sdk_sqs::Client::new(scene.alpha_account.config());
    let call = client.receive_message().queue_url(&scene.dead_letters_url).max_number_of_messages(10);
    let letters = call.message_attribute_names("All").send().await.unwrap().messages.unwrap_or_default();
    let letter = letters.iter().find(|letter| letter.body() == Some("no JSON at all")).unwrap();
    let reason = letter.message_attributes().unwrap()["pmp-sync-reason"].string_value().unwrap();
    assert!(reason.starts_with("the body is not a JSON object"), "{reason}");
}

#[tokio::test]
async fn without_a_dead_letter_queue_what_is_not_understood_comes_again_and_blocks_nothing() {
    // Protocol M9.
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let client = aws_sdk_sqs::Client::new(scene.alpha_account.config());
    let call = client.set_queue_attributes().queue_url(&scene.queue_url);
    call.attributes("RedrivePolicy".into(), "").send().await.unwrap();
    scene.alpha_account.send(&scene.queue_url, "no JSON at all").await;
    scene.hub.json(&["publish"]).await;
    let spoke = scene.spoke.start(&["run"]);
    eventually("the other one is applied", &1, async || scene.alpha_account.waiting(&scene.queue_url).await).await;
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &[]));
    within(Duration::from_secs(30), "it comes again", async || {
        let log = spoke.log();
        if log.contains("times=2") { Ok(()) } else { Err(log) }
    })
    .await;
    assert_eq!(spoke.stop().await.0, 0);
}

#[tokio::test]
async fn of_many_that_wait_only_the_newest_is_applied_and_the_others_are_told_by_number() {
    let scene = Scene::start(world(&["prod-1"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let mut bodies = messages(&scene).await;
    for product in ["prod-2", "prod-3", "prod-4"] {
        scene.hub_account.approve(MANAGEMENT, &[product]).await;
        scene.hub.json(&["publish"]).await;
        bodies = [messages(&scene).await, bodies].concat();
    }
    // All four, newest first, twice over.
    let client = aws_sdk_sqs::Client::new(scene.alpha_account.config());
    client.purge_queue().queue_url(&scene.queue_url).send().await.unwrap();
    bodies.sort_by_key(|body| {
        std::cmp::Reverse(serde_json::from_str::<serde_json::Value>(body).unwrap()["version"].as_u64())
    });
    bodies.dedup();
    assert_eq!(bodies.len(), 4);
    for body in bodies.iter().chain(&bodies) {
        scene.alpha_account.send(&scene.queue_url, body).await;
    }
    let spoke = scene.spoke.with(&[("NO_COLOR", "1"), ("MEMBER_EXPERIENCE_IDS", ALPHA_PROD)]).start(&["run"]);
    drained(&scene).await;
    let (code, log) = spoke.stop().await;
    assert_eq!(code, 0);
    for older in 1..4 {
        assert!(log.contains(&format!("superseded message version={older} newest=4")), "{log}");
    }
    assert!(log.contains("repeated message version=4"), "{log}");
    let newest = Lists::new(&["prod-1", "prod-2", "prod-3", "prod-4"], &[]);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, newest);
    // One change set: the snapshots in between were never applied.
    assert_eq!(scene.alpha_account.change_sets().await, 1);
}

#[tokio::test]
async fn a_message_stays_until_its_outcome_is_in_the_ledger() {
    // Protocol M17.
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    // The role of another organization: reading snapshots works, writing receipts is refused.
    let wrong = scene.spoke.with(&[("PMP_ORG_ID", "o-someoneelse")]).start(&["run"]);
    within(Duration::from_secs(30), "the refusal", async || {
        let log = wrong.log();
        if log.contains("AccessDenied") { Ok(()) } else { Err(log) }
    })
    .await;
    assert_eq!(scene.alpha_account.waiting(&scene.queue_url).await, 1);
    assert_eq!(wrong.stop().await.0, 0);
}
