//! Checks the path of a message into the spoke's queue: the queue, its dead-letter queue, the
//! subscription to the hub's topic, and the policy that lets the topic send.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::Subscription;
use aws_sdk_sqs::types::QueueAttributeName;
use pmp_aws::{ApiError, TopicArn};
use pmp_doctor::{Queue, Session, dead_letters, failed, look_at_queue, queue_admits, unknown};
use pmp_protocol::ExperienceId;
use pmp_terminal::checkup::Finding;
use serde_json::{Value, json};

use crate::config::{DoctorConfig, EXPERIENCE, QUEUE, TOPIC};

/// The service principal that sends on behalf of a topic.
const SNS: &str = "sns.amazonaws.com";
/// The shortest visibility timeout of a queue that a template made: six times the shortest timeout
/// of a function, as AWS recommends. `init` sets a shorter one.
const STACKS_VISIBILITY: u32 = 360;
const REST: [&str; 3] = ["dead-letters", "subscription", "queue-policy"];

/// Makes the checks `queue`, `dead-letters`, `subscription` and `queue-policy`.
pub(super) async fn examine(session: &Session, config: &DoctorConfig) -> Vec<Finding> {
    let Some(url) = config.queue_url.as_ref() else {
        let fix = "set it: `run` and the function take messages from it; `sync` does without".to_owned();
        let finding = Finding::of("queue").warn(format!("{QUEUE} is not set"), fix);
        return all(finding, "`queue` is not set");
    };
    let mut queue = None;
    let found = session
        .look("queue", Ok(url), async |url| {
            let (finding, found) = look_at_queue(&session.sdk, "queue", url.as_str(), &QUEUE.to_string()).await;
            queue = found;
            finding
        })
        .await;
    let Some(queue) = queue else { return all(found, session.because().unwrap_or("`queue` failed")) };
    let mut topic = config.topic_arn.as_ref().map(ToString::to_string);
    let (dead, subscription) = tokio::join!(
        session.look(REST[0], Ok(&queue), |queue| dead_letters(&session.sdk, REST[0], queue)),
        session.look(REST[1], Ok(&queue), async |queue| {
            let (finding, found) = subscription(&session.sdk, queue, config).await;
            topic = topic.take().or(found);
            finding
        }),
    );
    let policy = session
        .look(REST[2], Ok(&queue), async |queue| match &topic {
            Some(topic) => queue_admits(REST[2], queue, SNS, topic),
            None => Finding::skipped(REST[2], &format!("no topic is known: {TOPIC} is not set")),
        })
        .await;
    vec![found, dead, subscription, policy]
}

fn all(first: Finding, because: &str) -> Vec<Finding> {
    [first].into_iter().chain(REST.map(|check| Finding::skipped(check, because))).collect()
}

/// Checks the queue's subscription, and returns the topic. The subscription is found among this
/// account's own, because a member may not list those of the topic.
async fn subscription(sdk: &SdkConfig, queue: &Queue, config: &DoctorConfig) -> (Finding, Option<String>) {
    let finding = Finding::of("subscription");
    // A subscription lives in the topic's region.
    let arn = config.topic_arn.as_ref().map_or(&*queue.arn, TopicArn::as_str);
    let client = Client::new(&pmp_aws::in_region_of(sdk, arn));
    let pages = client.list_subscriptions().into_paginator().items().send();
    let found = match pages.collect::<Result<Vec<_>, _>>().await {
        Ok(found) => found,
        Err(error) => return (unknown(finding, &ApiError::new("sns:ListSubscriptions", &error)), None),
    };
    let wanted = config.topic_arn.as_ref().map(TopicArn::as_str);
    let is_ours =
        |one: &&Subscription| one.endpoint() == Some(&queue.arn) && (wanted.is_none() || one.topic_arn() == wanted);
    let Some(ours) = found.iter().find(is_ours) else {
        let to = wanted.map_or_else(|| "any topic".to_owned(), |topic| format!("`{topic}`"));
        let fix = how_to_subscribe(queue, wanted);
        return (finding.fail(format!("the queue is not subscribed to {to}"), fix), None);
    };
    let topic = ours.topic_arn().map(str::to_owned);
    let finding = finding.note(format!("to {}", topic.as_deref().unwrap_or_default()));
    let Some(arn) = ours.subscription_arn().filter(|arn| arn.starts_with("arn:")) else {
        return (unconfirmed(finding), topic);
    };
    match client.get_subscription_attributes().subscription_arn(arn).send().await {
        Ok(answer) => (attributes(finding, &answer.attributes.unwrap_or_default(), config.experience.as_ref()), topic),
        Err(error) => {
            let error = ApiError::new("sns:GetSubscriptionAttributes", &error);
            (if error.is_access_denied() { unknown(finding, &error) } else { failed(finding, &error) }, topic)
        }
    }
}

/// The commands that subscribe the queue. They depend on how the queue was made.
fn how_to_subscribe(queue: &Queue, topic: Option<&str>) -> String {
    let visibility = queue.attribute(&QueueAttributeName::VisibilityTimeout).and_then(|text| text.parse::<u32>().ok());
    if visibility.is_none_or(|seconds| seconds < STACKS_VISIBILITY) {
        return "subscribe it from this account: `pmp-spoke init`, which leaves what else the queue has as it is"
            .to_owned();
    }
    let redrive = queue.attribute(&QueueAttributeName::RedrivePolicy);
    let redrive = redrive.and_then(|text| serde_json::from_str::<Value>(text).ok()).unwrap_or_default();
    let mut attributes = json!({"RawMessageDelivery": "true"});
    if let Some(dead_letters) = redrive["deadLetterTargetArn"].as_str() {
        attributes["RedrivePolicy"] = json!(json!({"deadLetterTargetArn": dead_letters}).to_string());
    }
    format!(
        "subscribe it from this account: `aws sns subscribe --topic-arn {} --protocol sqs --notification-endpoint {} --attributes \
         '{attributes}'`. The stack that made the queue takes its subscription for being there, so deploying it again changes nothing",
        topic.unwrap_or("TOPIC"),
        queue.arn
    )
}

fn unconfirmed(finding: Finding) -> Finding {
    let fix =
        "delete it, and subscribe from the account that owns the queue: then there is nothing to confirm".to_owned();
    finding.fail("it waits for a confirmation that no one gives", fix)
}

/// Checks the attributes of the subscription: its filter policy and its delivery.
fn attributes(finding: Finding, attributes: &HashMap<String, String>, experience: Option<&ExperienceId>) -> Finding {
    let get = |name: &str| attributes.get(name).map(String::as_str).filter(|text| !text.is_empty());
    let mut finding = finding;
    if get("PendingConfirmation") == Some("true") {
        finding = unconfirmed(finding);
    }
    finding = match get("RawMessageDelivery") {
        Some("true") => finding.note("raw delivery"),
        _ => finding.note("in SNS's envelope, which the spoke takes off"),
    };
    match (get("FilterPolicy"), experience) {
        (None, _) => finding.note("no filter policy"),
        (Some(policy), Some(experience)) if lets_through(policy, experience) => {
            finding.note(format!("only about {experience}"))
        }
        (Some(policy), Some(experience)) => finding.fail(
            format!("its filter policy {policy} keeps messages about {experience} out"),
            format!(
                "check {EXPERIENCE}; where that is right, take the FilterPolicy away, or set it to {}",
                json!({"experience": [experience]})
            ),
        ),
        (Some(policy), None) => finding.note(format!("filter policy {policy}")),
    }
}

/// Whether a filter policy on attributes lets messages about `experience` pass. A policy that also
/// asks for something else counts as one that may not, because SNS drops a message that it keeps
/// out without a trace.
fn lets_through(policy: &str, experience: &ExperienceId) -> bool {
    let Ok(Value::Object(keys)) = serde_json::from_str(policy) else { return false };
    let names = |value: &Value| value.as_array().is_some_and(|list| list.iter().any(|one| one == experience.as_str()));
    keys.iter().all(|(key, value)| key == "experience" && names(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_policy_lets_through_the_experiences_that_it_names() {
        let experience = ExperienceId::new("exp-management").unwrap();
        for (policy, expected) in [
            ("{}", true),
            (r#"{"experience":["exp-management"]}"#, true),
            (r#"{"experience":["exp-other","exp-management"]}"#, true),
            (r#"{"experience":["exp-other"]}"#, false),
            (r#"{"experience":["exp-management"],"reason":["operator"]}"#, false),
            ("no JSON", false),
        ] {
            assert_eq!(lets_through(policy, &experience), expected, "{policy}");
        }
    }
}
