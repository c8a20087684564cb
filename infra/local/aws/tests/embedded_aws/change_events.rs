//! Change events: to queues and topics, of the types asked for, with the faults of messages.

use aws_sdk_sqs::types::QueueAttributeName;
use pmp_local_aws::World;
use pmp_local_aws::world::{ChangeEventTarget, Fault, FaultRule};
use serde_json::{Value, json};

use crate::rig::{HUB, MANAGEMENT, MEMBER, Rig, change, eventually, world};

async fn approve(rig: &Rig, product: &str) -> String {
    let start = rig.catalog(HUB).start_change_set().catalog("AWSMarketplace");
    let started = start.change_set(change("AllowProductProcurement", MANAGEMENT, &[product])).send().await.unwrap();
    started.change_set_id.unwrap()
}

/// What waits in a queue, once there are that many.
async fn messages(rig: &Rig, account: &str, queue: &str, count: usize) -> Vec<String> {
    let mut found = Vec::new();
    eventually("the messages are there", async || {
        let request = rig.sqs(account).receive_message().queue_url(rig.server.queue_url(account, queue));
        let answer = request.max_number_of_messages(10).wait_time_seconds(1).send().await.unwrap();
        found.extend(answer.messages.unwrap_or_default().into_iter().map(|message| message.body.unwrap()));
        (found.len() >= count).then_some(())
    })
    .await;
    found
}

#[tokio::test]
async fn a_topic_passes_events_on_to_another_accounts_queue() {
    let target = ChangeEventTarget::to_topic(HUB, "changes");
    let rig = Rig::start(World { change_event_targets: vec![target], ..world() }).await;
    let topic = format!("arn:aws:sns:us-east-1:{HUB}:changes");
    let policy =
        json!({ "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "sns:Subscribe", "Resource": topic }] });
    let request = rig.sns(HUB).set_topic_attributes().topic_arn(&topic);
    request.attribute_name("Policy").attribute_value(policy.to_string()).send().await.unwrap();
    let policy = json!({ "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "sns.amazonaws.com" }, "Action": "sqs:SendMessage", "Resource": "*",
        "Condition": { "ArnEquals": { "aws:SourceArn": topic } },
    }] });
    let queue = rig.sqs(MEMBER).create_queue().queue_name("q");
    queue.attributes(QueueAttributeName::Policy, policy.to_string()).send().await.unwrap();
    let subscribe = rig.sns(MEMBER).subscribe().topic_arn(&topic).protocol("sqs");
    subscribe.endpoint(format!("arn:aws:sqs:us-east-1:{MEMBER}:q")).send().await.unwrap();
    let id = approve(&rig, "prod-new").await;
    let envelope: Value = serde_json::from_str(&messages(&rig, MEMBER, "q", 1).await[0]).unwrap();
    let event: Value = serde_json::from_str(envelope["Message"].as_str().unwrap()).unwrap();
    assert_eq!((&event["detail-type"], &event["detail"]["ChangeSetId"]), (&json!("Change Set Succeeded"), &json!(id)));
}

#[tokio::test]
async fn a_target_gets_the_types_that_it_asks_for() {
    let only = |queue: &str, kind: &str| ChangeEventTarget {
        detail_types: vec![kind.to_owned()],
        ..ChangeEventTarget::to_queue(HUB, queue)
    };
    let targets = vec![only("good", "Change Set Succeeded"), only("bad", "Change Set Failed")];
    let poison_products = ["prod-poison".to_owned()].into();
    let rig = Rig::start(World { change_event_targets: targets, poison_products, ..world() }).await;
    approve(&rig, "prod-poison").await;
    let failed = messages(&rig, HUB, "bad", 1).await;
    approve(&rig, "prod-new").await;
    let succeeded = messages(&rig, HUB, "good", 1).await;
    assert!(failed.len() == 1 && failed[0].contains("Change Set Failed"), "{failed:?}");
    assert!(succeeded.len() == 1 && succeeded[0].contains("Change Set Succeeded"), "{succeeded:?}");
}

#[tokio::test]
async fn events_are_lost_and_duplicated_as_any_message() {
    let of_events = |fault, next| FaultRule { queue: Some("events".into()), next: Some(next), ..FaultRule::new(fault) };
    let faults = vec![of_events(Fault::MessageLost {}, 1), of_events(Fault::MessageDuplicated { copies: 2 }, 2)];
    let targets = vec![ChangeEventTarget::to_queue(HUB, "events")];
    let rig = Rig::start(World { change_event_targets: targets, faults, ..world() }).await;
    let lost = approve(&rig, "prod-1").await;
    eventually("it ended", async || {
        let describe = rig.catalog(HUB).describe_change_set().catalog("AWSMarketplace").change_set_id(&lost);
        describe.send().await.unwrap().end_time
    })
    .await;
    let kept = approve(&rig, "prod-2").await;
    let found = messages(&rig, HUB, "events", 3).await;
    assert!(found.len() == 3 && found.iter().all(|event| event.contains(&kept)), "{found:?}");
}
