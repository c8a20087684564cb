//! Delivery from SNS topics into queues.

use awsim_core::RequestContext;
use jiff::Timestamp;
use pmp_protocol::Coded;
use serde_json::{Map, Value, json};

use super::access::source;
use super::journal::Happening;
use super::{Cloud, account_in};
use crate::world::DeadLetters;

/// AWS's limit for the attributes of a message in raw delivery. AWS discards a message with more.
const MAX_RAW_ATTRIBUTES: usize = 10;

/// Why a message did not reach a queue.
#[derive(Debug, thiserror::Error)]
enum Undelivered {
    #[error("`{0}` is not a queue's ARN")]
    NotAQueue(String),
    #[error("the queue `{0}` does not exist")]
    NoSuchQueue(String),
    #[error("the policy of the queue `{0}`, or its organization's, does not let sns.amazonaws.com send for this topic")]
    Refused(String),
    #[error("raw delivery takes at most {MAX_RAW_ATTRIBUTES} attributes")]
    TooManyAttributes,
    #[error("the queue refused the message: {0}")]
    Rejected(String),
}

pmp_protocol::codes!(Undelivered {
    NotAQueue => "E3002",
    NoSuchQueue => "E3003",
    Refused => "E3004",
    TooManyAttributes => "E3005",
    Rejected => "E3006",
});

pmp_protocol::without_hint!(Undelivered);

impl Cloud {
    /// Delivers one published message to one subscription. The publisher does not learn of a
    /// failure: the message goes to the subscription's dead-letter queue, or is lost, as in AWS.
    pub(super) async fn deliver(&self, delivery: &Value, attributes: Map<String, Value>, context: &RequestContext) {
        let text = |field: &str| delivery[field].as_str().unwrap_or_default();
        let (topic, subscription) = (text("topic_arn"), text("subscription_arn"));
        let pending = self.subscription_attribute(subscription, "PendingConfirmation", context);
        if text("protocol") != "sqs" || pending.as_deref() == Some("true") {
            return;
        }
        let raw = delivery["raw_message_delivery"] == true;
        let message = if raw {
            json!({ "MessageBody": text("message"), "MessageAttributes": attributes })
        } else {
            json!({ "MessageBody": envelope(delivery, &attributes, self.clock.now()).to_string() })
        };
        let result = match fits(raw, attributes.len()) {
            Ok(()) => self.send_as_sns(topic, text("endpoint"), message.clone(), context).await,
            Err(error) => Err(error),
        };
        let Err(error) = result else {
            self.note(Happening::Delivered { queue: text("endpoint").to_owned(), from: "topic" });
            return;
        };
        let redrive = self.subscription_attribute(subscription, "RedrivePolicy", context).unwrap_or_default();
        let redrive: Value = serde_json::from_str(&redrive).unwrap_or_default();
        let target = redrive["deadLetterTargetArn"].as_str().unwrap_or_default();
        let code = error.code();
        tracing::warn!(topic, subscription, %code, %error, dead_letter_queue = target, "SNS could not deliver a message");
        if self.world.catalog.assumptions.dead_letters == DeadLetters::Lost {
            return;
        }
        if !target.is_empty()
            && let Err(error) = self.send_as_sns(topic, target, message, context).await
        {
            let code = error.code();
            tracing::warn!(topic, subscription, %code, %error, "nor to the subscription's dead-letter queue: the message is lost");
        }
    }

    /// Sends a queue the message by which its account can confirm a subscription that another
    /// account made. If the queue's policy does not permit the topic, the message is not sent.
    pub(super) async fn ask_to_confirm(&self, topic: &str, queue: &str, token: &str, context: &RequestContext) {
        let message_id = RequestContext::new("", "").request_id;
        let message = json!({ "MessageBody": confirmation(topic, token, &message_id, self.clock.now()).to_string() });
        match self.send_as_sns(topic, queue, message, context).await {
            Ok(()) => self.note(Happening::Delivered { queue: queue.to_owned(), from: "topic" }),
            Err(error) => {
                let code = error.code();
                tracing::warn!(topic, queue, %code, %error, "nobody is asked to confirm the subscription");
            }
        }
    }

    async fn send_as_sns(
        &self,
        topic: &str,
        queue: &str,
        mut message: Value,
        context: &RequestContext,
    ) -> Result<(), Undelivered> {
        let parts: Vec<&str> = queue.split(':').collect();
        let ["arn", _, "sqs", region, owner, name] = parts[..] else {
            return Err(Undelivered::NotAQueue(queue.to_owned()));
        };
        // The message is sent in the queue's account and region, whichever account owns the topic.
        let mut target = context.clone();
        (target.account_id, target.region) = (owner.to_owned(), region.to_owned());
        if self.queue_attribute(&target, name, "QueueArn").is_none() {
            return Err(Undelivered::NoSuchQueue(queue.to_owned()));
        }
        let policy = self.queue_attribute(&target, name, "Policy").unwrap_or_default();
        let organization = account_in(topic).and_then(|account| self.access.organization_of(account));
        let mut conditions = source(topic, organization);
        conditions.extend(self.queue_tags(&target, name));
        if !self.access.admits_service("sns.amazonaws.com", "sqs:SendMessage", queue, &policy, conditions) {
            return Err(Undelivered::Refused(queue.to_owned()));
        }
        message["QueueUrl"] = json!(queue_url(owner, name));
        self.send(message, &target).await.map(drop).map_err(|error| Undelivered::Rejected(error.to_string()))
    }
}

/// Whether a message with so many attributes can be delivered. In an envelope, any number can.
fn fits(raw: bool, attributes: usize) -> Result<(), Undelivered> {
    if raw && attributes > MAX_RAW_ATTRIBUTES { Err(Undelivered::TooManyAttributes) } else { Ok(()) }
}

/// The URL of a queue for awsim, which reads only its last part; the account is in the context.
pub(super) fn queue_url(owner: &str, name: &str) -> String {
    format!("/{owner}/{name}")
}

/// The JSON by which SNS asks for a confirmation, raw delivery or not.
fn confirmation(topic: &str, token: &str, message_id: &str, now: Timestamp) -> Value {
    let region = topic.split(':').nth(3).unwrap_or_default();
    json!({
        "Type": "SubscriptionConfirmation",
        "MessageId": message_id,
        "Token": token,
        "TopicArn": topic,
        "Message": format!(
            "You have chosen to subscribe to the topic {topic}.\n\
             To confirm the subscription, visit the SubscribeURL included in this message."
        ),
        "SubscribeURL": format!("https://sns.{region}.amazonaws.com/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}"),
        "Timestamp": now.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        "SignatureVersion": "1",
        "Signature": "unsigned",
        "SigningCertURL": format!("https://sns.{region}.amazonaws.com/SimpleNotificationService.pem"),
    })
}

/// The JSON that SNS wraps around a message.
fn envelope(delivery: &Value, attributes: &Map<String, Value>, now: Timestamp) -> Value {
    let mut envelope = json!({
        "Type": "Notification",
        "MessageId": delivery["message_id"],
        "TopicArn": delivery["topic_arn"],
        "Message": delivery["message"],
        "Timestamp": now.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        "SignatureVersion": "1",
        // Messages are not signed: whoever can reach a queue of this emulator may also forge
        // messages.
        "Signature": "unsigned",
        "SigningCertURL": "https://sns.us-east-1.amazonaws.com/SimpleNotificationService.pem",
        "UnsubscribeURL": "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe",
    });
    if let Some(subject) = delivery["subject"].as_str() {
        envelope["Subject"] = json!(subject);
    }
    if !attributes.is_empty() {
        let wrapped = |(name, value): (&String, &Value)| {
            let text = value.get("StringValue").or_else(|| value.get("BinaryValue"));
            (name.clone(), json!({ "Type": value["DataType"], "Value": text }))
        };
        envelope["MessageAttributes"] = Value::Object(attributes.iter().map(wrapped).collect());
    }
    envelope
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::World;

    const TOPIC: &str = "arn:aws:sns:us-east-1:111111111111:snapshots";

    #[tokio::test]
    async fn what_is_not_delivered_has_a_code_for_each_reason() {
        let cloud = Cloud::new(World::default(), "127.0.0.1:1", None, CancellationToken::new()).await.unwrap();
        let context = cloud.internal("sqs", "111111111111");
        let statement = json!({ "Effect": "Allow", "Principal": { "Service": "sns.amazonaws.com" },
            "Action": "sqs:SendMessage", "Resource": "*" });
        let open = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
        cloud.create_queue(json!({ "QueueName": "closed" }), &context).await.unwrap();
        let attributes = json!({ "Policy": open });
        cloud.create_queue(json!({ "QueueName": "open", "Attributes": attributes }), &context).await.unwrap();
        let queue = |name: &str| format!("arn:aws:sqs:us-east-1:111111111111:{name}");
        for (queue, body, code) in [
            ("a queue".to_owned(), "hello", "E3002"),
            (queue("none"), "hello", "E3003"),
            (queue("closed"), "hello", "E3004"),
            (queue("open"), "", "E3006"),
        ] {
            let error = cloud.send_as_sns(TOPIC, &queue, json!({ "MessageBody": body }), &context).await.unwrap_err();
            assert_eq!(error.code().to_string(), code, "{error}");
        }
        let message = json!({ "MessageBody": "hello" });
        cloud.send_as_sns(TOPIC, &queue("open"), message, &context).await.unwrap();
        assert_eq!(fits(true, 11).unwrap_err().code().to_string(), "E3005");
        assert!(fits(true, 10).is_ok() && fits(false, 11).is_ok());
    }
}
