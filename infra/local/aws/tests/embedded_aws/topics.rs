//! Topics and the queues of other accounts that subscribe to them.

use aws_sdk_sns::error::ProvideErrorMetadata;
use aws_sdk_sns::primitives::Blob;
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use aws_sdk_sqs::types::{Message, QueueAttributeName};
use serde_json::{Value, json};

use crate::rig::{HUB, MEMBER, OUTSIDER, Rig, world};

const TOPIC: &str = "arn:aws:sns:us-east-1:111111111111:snapshots";

struct Setup {
    rig: Rig,
}

impl Setup {
    /// A topic of the hub that lets the member account subscribe.
    async fn new() -> Self {
        let rig = Rig::start(world()).await;
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "AWS": MEMBER }, "Action": "sns:Subscribe", "Resource": TOPIC,
            "Condition": { "StringEquals": { "sns:protocol": "sqs" } },
        }] });
        let topic = rig.sns(HUB).create_topic().name("snapshots").attributes("Policy", policy.to_string());
        assert_eq!(topic.send().await.unwrap().topic_arn(), Some(TOPIC));
        Self { rig }
    }

    /// A queue of the member that lets SNS send what `topic` publishes.
    async fn queue(&self, name: &str, topic: &str) -> String {
        let arn = format!("arn:aws:sqs:us-east-1:{MEMBER}:{name}");
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "sns.amazonaws.com" }, "Action": "sqs:SendMessage",
            "Resource": arn, "Condition": { "ArnEquals": { "aws:SourceArn": topic } },
        }] });
        let queue = self.rig.sqs(MEMBER).create_queue().queue_name(name);
        queue.attributes(QueueAttributeName::Policy, policy.to_string()).send().await.unwrap();
        arn
    }

    async fn subscribe(&self, queue_arn: &str, attributes: &[(&str, &str)]) -> String {
        let mut request = self.rig.sns(MEMBER).subscribe().topic_arn(TOPIC).protocol("sqs").endpoint(queue_arn);
        for (name, value) in attributes {
            request = request.attributes(*name, *value);
        }
        request.send().await.unwrap().subscription_arn.unwrap()
    }

    async fn publish(&self, body: &str, kind: &str) {
        let text =
            |value: &str| MessageAttributeValue::builder().data_type("String").string_value(value).build().unwrap();
        let binary = MessageAttributeValue::builder().data_type("Binary").binary_value(Blob::new([0, 255, 7]));
        let request = self.rig.sns(HUB).publish().topic_arn(TOPIC).message(body);
        let request = request.message_attributes("kind", text(kind));
        request.message_attributes("bytes", binary.build().unwrap()).send().await.unwrap();
    }

    /// What is in a queue now. Delivery happens before `Publish` answers, so there is nothing to
    /// wait for.
    async fn received(&self, name: &str) -> Vec<Message> {
        let request = self.rig.sqs(MEMBER).receive_message().queue_url(self.rig.server.queue_url(MEMBER, name));
        let request = request.max_number_of_messages(10).message_attribute_names("All");
        request.send().await.unwrap().messages.unwrap_or_default()
    }
}

#[tokio::test]
async fn a_message_crosses_accounts_in_an_envelope() {
    let setup = Setup::new().await;
    let queue = setup.queue("enveloped", TOPIC).await;
    let subscription = setup.subscribe(&queue, &[]).await;
    assert!(subscription.starts_with(TOPIC));
    setup.publish("hello", "changed").await;
    let messages = setup.received("enveloped").await;
    let envelope: Value = serde_json::from_str(messages[0].body().unwrap()).unwrap();
    assert_eq!(envelope["Type"], "Notification");
    assert_eq!(envelope["TopicArn"], TOPIC);
    assert_eq!(envelope["Message"], "hello");
    assert_eq!(envelope["MessageAttributes"]["kind"], json!({ "Type": "String", "Value": "changed" }));
    assert_eq!(envelope["MessageAttributes"]["bytes"], json!({ "Type": "Binary", "Value": "AP8H" }));
    assert!(messages[0].message_attributes().is_none());
}

#[tokio::test]
async fn raw_delivery_keeps_the_body_and_the_attributes() {
    let setup = Setup::new().await;
    let queue = setup.queue("raw", TOPIC).await;
    setup.subscribe(&queue, &[("RawMessageDelivery", "true")]).await;
    setup.publish("hello", "changed").await;
    let messages = setup.received("raw").await;
    assert_eq!(messages[0].body(), Some("hello"));
    let attributes = messages[0].message_attributes().unwrap();
    assert_eq!(attributes["kind"].string_value(), Some("changed"));
    assert_eq!(attributes["bytes"].binary_value().map(AsRef::as_ref), Some([0, 255, 7].as_slice()));
}

#[tokio::test]
async fn a_filter_policy_lets_only_its_messages_through() {
    let setup = Setup::new().await;
    let queue = setup.queue("filtered", TOPIC).await;
    setup.subscribe(&queue, &[("RawMessageDelivery", "true"), ("FilterPolicy", r#"{"kind":["changed"]}"#)]).await;
    setup.publish("no", "scheduled").await;
    setup.publish("yes", "changed").await;
    let messages = setup.received("filtered").await;
    assert_eq!(messages.iter().map(|m| m.body().unwrap()).collect::<Vec<_>>(), ["yes"]);

    // An empty one is none.
    let sns = setup.rig.sns(MEMBER);
    let found = sns.list_subscriptions().send().await.unwrap();
    let arn = found.subscriptions()[0].subscription_arn().unwrap();
    let set = sns.set_subscription_attributes().subscription_arn(arn).attribute_name("FilterPolicy");
    set.attribute_value("{}").send().await.unwrap();
    let attributes = sns.get_subscription_attributes().subscription_arn(arn).send().await.unwrap().attributes.unwrap();
    assert!(!attributes.contains_key("FilterPolicy"), "{attributes:?}");
    setup.publish("any", "scheduled").await;
    assert_eq!(setup.received("filtered").await.len(), 1);
    let missing = sns.set_subscription_attributes().subscription_arn(format!("{arn}0")).attribute_name("FilterPolicy");
    assert!(missing.attribute_value("{}").send().await.is_err());
}

#[tokio::test]
async fn a_batch_is_delivered_with_each_entrys_own_attributes() {
    let setup = Setup::new().await;
    let queue = setup.queue("batch", TOPIC).await;
    setup.subscribe(&queue, &[("RawMessageDelivery", "true")]).await;
    let entry = |id: &str| {
        let number = MessageAttributeValue::builder().data_type("Number").string_value(id).build().unwrap();
        PublishBatchRequestEntry::builder().id(id).message(id).message_attributes("n", number).build().unwrap()
    };
    let request = setup.rig.sns(HUB).publish_batch().topic_arn(TOPIC);
    let answer = request.publish_batch_request_entries(entry("1")).publish_batch_request_entries(entry("2"));
    assert_eq!(answer.send().await.unwrap().successful().len(), 2);
    let messages = setup.received("batch").await;
    assert_eq!(messages.len(), 2);
    for message in messages {
        assert_eq!(message.message_attributes().unwrap()["n"].string_value(), message.body());
    }
}

#[tokio::test]
async fn the_topic_decides_who_may_subscribe_and_publish() {
    let setup = Setup::new().await;
    let sns = setup.rig.sns(OUTSIDER);
    let queue = format!("arn:aws:sqs:us-east-1:{OUTSIDER}:any");
    let refused = sns.subscribe().topic_arn(TOPIC).protocol("sqs").endpoint(queue).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("AuthorizationError"));
    for account in [MEMBER, OUTSIDER] {
        let refused = setup.rig.sns(account).publish().topic_arn(TOPIC).message("x").send().await.unwrap_err();
        assert_eq!(refused.code(), Some("AuthorizationError"), "{account}");
    }
}

#[tokio::test]
async fn the_queue_decides_which_topic_may_send() {
    let setup = Setup::new().await;
    let other = setup.queue("other", &TOPIC.replace("snapshots", "another")).await;
    setup.subscribe(&other, &[]).await;
    let dead_letters = setup.queue("dead-letters", TOPIC).await;
    let redrive = json!({ "deadLetterTargetArn": dead_letters }).to_string();
    let redriven = setup.queue("redriven", &TOPIC.replace("snapshots", "another")).await;
    setup.subscribe(&redriven, &[("RawMessageDelivery", "true"), ("RedrivePolicy", &redrive)]).await;
    setup.publish("hello", "changed").await;
    assert!(setup.received("other").await.is_empty());
    assert!(setup.received("redriven").await.is_empty());
    assert_eq!(setup.received("dead-letters").await[0].body(), Some("hello"));
}

#[tokio::test]
async fn subscribing_again_is_the_same_subscription_and_its_maker_may_end_it() {
    let setup = Setup::new().await;
    let queue = setup.queue("again", TOPIC).await;
    let first = setup.subscribe(&queue, &[("RawMessageDelivery", "true")]).await;
    assert_eq!(setup.subscribe(&queue, &[("RawMessageDelivery", "true")]).await, first);
    setup.publish("once", "changed").await;
    assert_eq!(setup.received("again").await.len(), 1);
    let sns = setup.rig.sns(MEMBER);
    let attributes = sns.get_subscription_attributes().subscription_arn(&first).send().await.unwrap();
    assert_eq!(attributes.attributes().unwrap()["Owner"], MEMBER);
    let own = sns.list_subscriptions().send().await.unwrap();
    assert_eq!(own.subscriptions()[0].subscription_arn(), Some(first.as_str()));
    let refused = setup.rig.sns(OUTSIDER).unsubscribe().subscription_arn(&first).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("AuthorizationError"));
    sns.unsubscribe().subscription_arn(&first).send().await.unwrap();
    setup.publish("twice", "changed").await;
    assert!(setup.received("again").await.is_empty());
}

#[tokio::test]
async fn a_queue_of_another_account_is_not_subscribed_without_its_consent() {
    let setup = Setup::new().await;
    let queue = setup.queue("unasked", TOPIC).await;
    let answer = setup.rig.sns(HUB).subscribe().topic_arn(TOPIC).protocol("sqs").endpoint(queue).send().await.unwrap();
    assert_eq!(answer.subscription_arn(), Some("pending confirmation"));
    setup.publish("hello", "changed").await;
    let [asked] = &setup.received("unasked").await[..] else { panic!("asked once, and told nothing") };
    let asked: serde_json::Value = serde_json::from_str(asked.body().unwrap()).unwrap();
    assert_eq!((&asked["Type"], &asked["TopicArn"]), (&"SubscriptionConfirmation".into(), &TOPIC.into()));
    let listed = setup.rig.sns(HUB).list_subscriptions_by_topic().topic_arn(TOPIC).send().await.unwrap();
    assert_eq!(listed.subscriptions()[0].subscription_arn(), Some("PendingConfirmation"));
    let own = setup.rig.sns(HUB).list_subscriptions().send().await.unwrap();
    assert_eq!(own.subscriptions()[0].subscription_arn(), Some("PendingConfirmation"));

    let confirm = setup.rig.sns(MEMBER).confirm_subscription().topic_arn(TOPIC);
    let refused = confirm.clone().token("guessed").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidParameter"));
    let confirmed = confirm.token(asked["Token"].as_str().unwrap()).send().await.unwrap();
    let listed = setup.rig.sns(HUB).list_subscriptions_by_topic().topic_arn(TOPIC).send().await.unwrap();
    assert_eq!(listed.subscriptions()[0].subscription_arn(), confirmed.subscription_arn());
    setup.publish("welcome", "changed").await;
    assert_eq!(setup.received("unasked").await.len(), 1);
}

#[tokio::test]
async fn a_policy_that_is_none_is_refused() {
    let setup = Setup::new().await;
    let request = setup.rig.sns(HUB).set_topic_attributes().topic_arn(TOPIC).attribute_name("Policy");
    let refused = request.attribute_value("{}").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidParameter"));
    let topic = setup.rig.sns(OUTSIDER).create_topic().name("plain").send().await.unwrap().topic_arn.unwrap();
    let attributes = setup.rig.sns(OUTSIDER).get_topic_attributes().topic_arn(topic).send().await.unwrap();
    assert!(attributes.attributes().unwrap()["Policy"].contains("__default_policy_ID"));
}
