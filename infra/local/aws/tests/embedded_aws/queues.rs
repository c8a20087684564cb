//! Queues: receive counts, dead letters, long polls, sizes, and other accounts.

use std::time::{Duration, Instant};

use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry};
use serde_json::json;

use crate::raw::{authorization, request, send};
use crate::rig::{HUB, MEMBER, OUTSIDER, Rig, eventually, world};

async fn receive(rig: &Rig, queue: &str, visibility: i32) -> Option<(String, u32)> {
    let request = rig.sqs(HUB).receive_message().queue_url(rig.server.queue_url(HUB, queue));
    let request = request.visibility_timeout(visibility);
    let request = request.message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount);
    let message = request.send().await.unwrap().messages?.pop()?;
    let count = &message.attributes()?[&MessageSystemAttributeName::ApproximateReceiveCount];
    Some((message.body()?.to_owned(), count.parse().unwrap()))
}

#[tokio::test]
async fn a_message_is_dead_lettered_after_exactly_the_receives_it_was_granted() {
    let rig = Rig::start(world()).await;
    let sqs = rig.sqs(HUB);
    sqs.create_queue().queue_name("dead").send().await.unwrap();
    let redrive = json!({ "deadLetterTargetArn": format!("arn:aws:sqs:us-east-1:{HUB}:dead"), "maxReceiveCount": 3 });
    let queue = sqs.create_queue().queue_name("live");
    queue.attributes(QueueAttributeName::RedrivePolicy, redrive.to_string()).send().await.unwrap();
    sqs.send_message().queue_url(rig.server.queue_url(HUB, "live")).message_body("m").send().await.unwrap();
    for expected in 1..=3 {
        assert_eq!(receive(&rig, "live", 0).await, Some(("m".into(), expected)));
    }
    assert_eq!(receive(&rig, "live", 0).await, None);
    assert_eq!(receive(&rig, "dead", 0).await.map(|(body, _)| body), Some("m".into()));
}

#[tokio::test]
async fn a_message_comes_back_after_its_visibility_timeout_and_counts_once() {
    let rig = Rig::start(world()).await;
    let queue = rig.sqs(HUB).create_queue().queue_name("q").send().await.unwrap().queue_url.unwrap();
    rig.sqs(HUB).send_message().queue_url(&queue).message_body("m").send().await.unwrap();
    assert_eq!(receive(&rig, "q", 1).await, Some(("m".into(), 1)));
    assert_eq!(receive(&rig, "q", 1).await, None);
    let again = eventually("the message is visible again", async || receive(&rig, "q", 30).await).await;
    assert_eq!(again, ("m".into(), 2));
}

#[tokio::test]
async fn a_long_poll_ends_when_a_message_arrives_and_when_the_server_stops() {
    let rig = Rig::start(world()).await;
    let queue = rig.sqs(HUB).create_queue().queue_name("q").send().await.unwrap().queue_url.unwrap();
    let poll = |seconds| {
        let request = rig.sqs(HUB).receive_message().queue_url(&queue).wait_time_seconds(seconds);
        tokio::spawn(async move { (request.send().await.map(|answer| answer.messages().len()), Instant::now()) })
    };
    let started = Instant::now();
    let (received, _) = poll(1).await.unwrap();
    assert_eq!(received.unwrap(), 0);
    assert!(started.elapsed() >= Duration::from_secs(1), "an empty poll waits");

    let polling = poll(20);
    rig.sqs(HUB).send_message().queue_url(&queue).message_body("m").send().await.unwrap();
    let sent = Instant::now();
    let (received, ended) = polling.await.unwrap();
    assert_eq!(received.unwrap(), 1);
    assert!(ended.saturating_duration_since(sent) < Duration::from_secs(5));

    let polling = poll(20);
    let stopped = Instant::now();
    rig.server.shutdown().await;
    let _ = polling.await.unwrap();
    assert!(stopped.elapsed() < Duration::from_secs(10), "stopping does not wait for polls");
}

#[tokio::test]
async fn messages_have_a_mebibyte_and_not_a_byte_more() {
    let rig = Rig::start(world()).await;
    let queue = rig.sqs(HUB).create_queue().queue_name("q").send().await.unwrap().queue_url.unwrap();
    let send = async |size: usize| {
        let result = rig.sqs(HUB).send_message().queue_url(&queue).message_body("x".repeat(size)).send().await;
        result.map(drop).map_err(|error| error.code().unwrap_or_default().to_owned())
    };
    assert_eq!(send(1024 * 1024).await, Ok(()));
    assert_eq!(send(1024 * 1024 + 1).await, Err("InvalidParameterValue".into()));
    let entry =
        |id: &str| SendMessageBatchRequestEntry::builder().id(id).message_body("x".repeat(400 * 1024)).build().unwrap();
    let batch = rig.sqs(HUB).send_message_batch().queue_url(&queue).entries(entry("a")).entries(entry("b"));
    assert_eq!(batch.clone().send().await.unwrap().successful().len(), 2);
    let error = batch.entries(entry("c")).send().await.unwrap_err();
    assert_eq!(error.code(), Some("AWS.SimpleQueueService.BatchRequestTooLong"));
}

#[tokio::test]
async fn another_account_reaches_a_queue_only_by_its_policy() {
    let rig = Rig::start(world()).await;
    let queue = rig.sqs(HUB).create_queue().queue_name("q").send().await.unwrap().queue_url.unwrap();
    let send = |account: &str| rig.sqs(account).send_message().queue_url(&queue).message_body("m").send();
    assert_eq!(send(MEMBER).await.unwrap_err().code(), Some("AccessDenied"));
    let policy = json!({ "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*",
        "Condition": { "StringEquals": { "aws:PrincipalOrgID": "o-member0000" } },
    }] });
    let request = rig.sqs(HUB).set_queue_attributes().queue_url(&queue);
    request.attributes(QueueAttributeName::Policy, policy.to_string()).send().await.unwrap();
    send(MEMBER).await.unwrap();
    assert_eq!(send(OUTSIDER).await.unwrap_err().code(), Some("AccessDenied"));
    let error = rig.sqs(MEMBER).receive_message().queue_url(&queue).send().await.unwrap_err();
    assert_eq!(error.code(), Some("AccessDenied"));
}

/// As a client has it that a proxy leads here.
#[tokio::test]
async fn a_queue_that_is_made_by_awss_own_name_has_a_url_of_that_name() {
    let rig = Rig::start(world()).await;
    for (host, url) in [
        ("sqs.us-east-1.amazonaws.com", format!("https://sqs.us-east-1.amazonaws.com/{HUB}/named-1")),
        ("sqs.us-east-1.localhost:4566", format!("http://sqs.us-east-1.localhost:4566/{HUB}/named-2")),
        ("127.0.0.1:4566", format!("http://127.0.0.1:4566/{HUB}/named-3")),
    ] {
        let name = url.rsplit('/').next().unwrap();
        let headers = [
            &format!("Host: {host}"),
            &authorization(HUB, "sqs"),
            "Content-Type: application/x-amz-json-1.0",
            "X-Amz-Target: AmazonSQS.CreateQueue",
        ];
        let body = json!({ "QueueName": name }).to_string();
        let answer = send(&rig.server, &request("POST /", &headers, body.as_bytes())).await;
        assert_eq!(
            (answer.status, answer.json()["QueueUrl"].as_str()),
            (200, Some(url.as_str())),
            "{host}: {answer:?}"
        );
    }
}
