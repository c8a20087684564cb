//! Checks the path of a message into the spoke's queue: the queue, its dead-letter queue, the
//! subscription to the hub's topic, and the policy that lets the topic send.

use std::collections::{BTreeSet, HashMap};

use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::Subscription;
use aws_sdk_sqs::types::QueueAttributeName;
use pmp_aws::{ApiError, QueueArn, QueueUrl, TopicArn};
use pmp_doctor::{Place, Queue, Session, dead_letters, failed, look_at_queue, queue_admits, unknown};
use pmp_protocol::{ExperienceId, alike};
use pmp_terminal::checkup::{Finding, Stage};
use pmp_terminal::{export, word};
use serde_json::{Value, json};

use super::listed;
use crate::config::{DoctorConfig, EXPERIENCE, QUEUE, TOPIC};

/// The service principal that sends on behalf of a topic.
const SNS: &str = "sns.amazonaws.com";
/// The shortest visibility timeout of a queue that a template made: six times the shortest timeout
/// of a function, as AWS recommends. `init` sets a shorter one.
const STACKS_VISIBILITY: u32 = 360;
const REST: [&str; 3] = ["dead-letters", "subscription", "queue-policy"];

/// How a subscription without a filter policy gets one. The command is `None` where it is not
/// known.
pub(super) struct Unfiltered(Option<String>);

/// Makes the checks `queue`, `dead-letters`, `subscription` and `queue-policy`. Also says whether
/// messages about any experience come into the queue.
pub(super) async fn examine(session: &Session, config: &DoctorConfig) -> (Vec<Finding>, Option<Unfiltered>) {
    let Some(url) = config.queue_url.as_ref() else {
        let fix = "set it: `run` and the function take messages from it; `sync` does without".to_owned();
        let finding = Finding::of("queue").warn(format!("{QUEUE} is not set"), fix);
        let command = subscribed_queue(session, config).await;
        return (all(finding.command(Stage::Resources, command), "`queue` is not set"), None);
    };
    let init = how_to_init(session, config, url);
    let init = init.as_deref();
    let mut queue = None;
    let found = session
        .look("queue", Ok(url), async |url| {
            let region = config.topic_arn.as_ref().map(TopicArn::region);
            let place = Place { check: "queue", url: url.as_str(), setting: QUEUE, init, region };
            let (finding, found) = look_at_queue(&session.sdk, &place).await;
            queue = found;
            finding
        })
        .await;
    let Some(queue) = queue else {
        return (all(found, session.because().unwrap_or("`queue` failed")), None);
    };
    let mut topic = config.topic_arn.as_ref().map(ToString::to_string);
    let mut unfiltered = None;
    let (dead, subscription) = tokio::join!(
        session.look(REST[0], Ok(&queue), |queue| dead_letters(&session.sdk, REST[0], queue, init)),
        session.look(REST[1], Ok(&queue), async |queue| {
            let (finding, found) = subscription(&session.sdk, queue, config, init, &mut unfiltered).await;
            topic = found.or(topic.take());
            finding
        }),
    );
    let policy = session
        .look(REST[2], Ok(&queue), async |queue| match &topic {
            Some(topic) => queue_admits(REST[2], queue, SNS, topic, init),
            None => Finding::skipped(REST[2], &format!("no topic is known: {TOPIC} is not set")),
        })
        .await;
    (vec![found, dead, subscription, policy], unfiltered)
}

/// The findings with a warning that messages about `others` come as well, where nothing keeps them
/// out: the ledger holds these other management experiences, and they all become dead letters.
pub(super) fn shared(
    inbox: Vec<Finding>,
    unfiltered: Option<Unfiltered>,
    experience: &ExperienceId,
    others: &BTreeSet<ExperienceId>,
) -> Vec<Finding> {
    let Some(Unfiltered(command)) = unfiltered.filter(|_| !others.is_empty()) else { return inbox };
    let ids: Vec<_> = others.iter().map(ExperienceId::as_str).collect();
    let (what, about) = match ids.as_slice() {
        [_] => ("another management experience", "about it"),
        _ => ("other management experiences", "about them"),
    };
    let problem = format!(
        "the ledger holds {what}, {}, as well: messages {about} come, too, and become dead letters",
        listed(&ids)
    );
    let fix = format!(
        "where they share the topic, let only messages about {experience} through: `pmp-spoke init --shared-topic`, or the stack's \
         parameter SharedTopic"
    );
    let warned = |finding: Finding| {
        let is_it = finding.check() == "subscription";
        if !is_it {
            return finding;
        }
        finding.warn(problem.clone(), fix.clone()).command(Stage::Resources, command.clone())
    };
    inbox.into_iter().map(warned).collect()
}

/// The command of this program that makes the queue, or adds what it lacks. `None` for a queue of
/// another account, and without the topic, which it needs.
fn how_to_init(session: &Session, config: &DoctorConfig, url: &QueueUrl) -> Option<String> {
    let mut parts = url.as_str().rsplit('/');
    let (name, account) = (parts.next()?, parts.next()?);
    let mine = session.caller.as_ref().is_ok_and(|caller| caller.account.as_str() == account);
    let name = word(name).filter(|_| mine && config.topic_arn.is_some())?;
    Some(format!("pmp-spoke init --queue-name {name}"))
}

/// The command that sets the queue where none is set: the one that is subscribed to the topic, or a
/// new one.
async fn subscribed_queue(session: &Session, config: &DoctorConfig) -> Option<String> {
    let topic = config.topic_arn.as_ref().filter(|_| session.caller.is_ok())?;
    let found = subscriptions(&session.sdk, topic.as_str()).await.ok()?;
    let queue_of = |one: &Subscription| one.endpoint()?.parse::<QueueArn>().ok();
    let of_the_topic = found.iter().filter(|one| one.topic_arn() == Some(topic.as_str())).find_map(queue_of);
    // Where the topic is mistyped as well, the next look at the queue says so.
    let of_one_like_it =
        || found.iter().filter(|one| one.topic_arn().is_some_and(|it| is_meant(it, config))).find_map(queue_of);
    let Some(queue) = of_the_topic.or_else(of_one_like_it) else {
        return Some("eval \"$(pmp-spoke init)\"".to_owned());
    };
    let client = aws_sdk_sqs::Client::new(&pmp_aws::in_region(&session.sdk, queue.region()));
    let url = client.get_queue_url().queue_name(queue.name()).send().await.ok()?.queue_url?;
    export(QUEUE.variable, &url)
}

/// This account's own subscriptions, in the region of a topic.
async fn subscriptions(sdk: &SdkConfig, arn: &str) -> Result<Vec<Subscription>, ApiError> {
    let client = Client::new(&pmp_aws::in_region_of(sdk, arn));
    let pages = client.list_subscriptions().into_paginator().items().send();
    pages.collect::<Result<Vec<_>, _>>().await.map_err(|error| ApiError::new("sns:ListSubscriptions", &error))
}

fn all(first: Finding, because: &str) -> Vec<Finding> {
    [first].into_iter().chain(REST.map(|check| Finding::skipped(check, because))).collect()
}

/// Checks the queue's subscription, and returns the topic: the one that was meant, where another is
/// set. The subscription is found among this account's own, because a member may not list those of
/// the topic.
async fn subscription(
    sdk: &SdkConfig,
    queue: &Queue,
    config: &DoctorConfig,
    init: Option<&str>,
    unfiltered: &mut Option<Unfiltered>,
) -> (Finding, Option<String>) {
    let finding = Finding::of("subscription");
    // A subscription lives in the topic's region.
    let arn = config.topic_arn.as_ref().map_or(&*queue.arn, TopicArn::as_str);
    let mut found = match subscriptions(sdk, arn).await {
        Ok(found) => found,
        Err(error) => return (unknown(finding, &error), None),
    };
    // Where the topic's ARN names a wrong region, the subscription is in the queue's.
    if !found.iter().any(|one| one.endpoint() == Some(&queue.arn)) {
        found.extend(subscriptions(sdk, &queue.arn).await.unwrap_or_default());
    }
    let client = Client::new(&pmp_aws::in_region_of(sdk, arn));
    let wanted = config.topic_arn.as_ref().map(TopicArn::as_str);
    let is_ours =
        |one: &&Subscription| one.endpoint() == Some(&queue.arn) && (wanted.is_none() || one.topic_arn() == wanted);
    let Some(ours) = found.iter().find(is_ours) else {
        let to = wanted.map_or_else(|| "any topic".to_owned(), |topic| format!("`{topic}`"));
        let (fix, subscribe) = how_to_subscribe(queue, wanted, init);
        let finding = finding.fail(format!("the queue is not subscribed to {to}"), fix);
        let subscribed = found.iter().filter(|one| one.endpoint() == Some(&queue.arn));
        let meant = subscribed.filter_map(Subscription::topic_arn).find(|topic| is_meant(topic, config));
        return match meant {
            Some(topic) => {
                let finding = finding.fix_instead(format!("check {TOPIC}: did you mean `{topic}`?"));
                (finding.command(Stage::Settings, export(TOPIC.variable, topic)), Some(topic.to_owned()))
            }
            None => (finding.command(Stage::Resources, subscribe), None),
        };
    };
    let topic = ours.topic_arn().map(str::to_owned);
    let finding = finding.note(format!("to {}", topic.as_deref().unwrap_or_default()));
    let Some(arn) = ours.subscription_arn().filter(|arn| arn.starts_with("arn:")) else {
        return (unconfirmed(finding), topic);
    };
    match client.get_subscription_attributes().subscription_arn(arn).send().await {
        Ok(answer) => {
            let found = answer.attributes.unwrap_or_default();
            if found.get("FilterPolicy").is_none_or(|policy| matches!(policy.trim(), "" | "{}")) {
                let command = config.experience.as_ref().and_then(|id| how_to_narrow(queue, arn, id, init));
                *unfiltered = Some(Unfiltered(command));
            }
            let widen = || how_to_widen(queue, arn, &found, init);
            (attributes(finding, &found, config.experience.as_ref(), widen), topic)
        }
        Err(error) => {
            let error = ApiError::new("sns:GetSubscriptionAttributes", &error);
            (if error.is_access_denied() { unknown(finding, &error) } else { failed(finding, &error) }, topic)
        }
    }
}

/// Whether the setting of the topic was meant to name this one, to which the queue is subscribed. A
/// subscription is to a topic that was there, and a mistyped ARN is to none.
fn is_meant(subscribed: &str, config: &DoctorConfig) -> bool {
    let (Some(wanted), Ok(topic)) = (&config.topic_arn, subscribed.parse::<TopicArn>()) else { return false };
    let of_the_hub = [&config.snapshots, &config.timestamps].into_iter().flatten().filter_map(|table| table.account());
    let of_the_hub: Vec<_> = of_the_hub.collect();
    // Two hubs of one account may have topics whose names look alike: both would be the hub's.
    of_the_hub.iter().all(|account| *account == topic.account()) && !alike(wanted.name(), [topic.name()]).is_empty()
}

/// Whether the queue looks like that of a stack.
fn is_of_a_stack(queue: &Queue) -> bool {
    let visibility = queue.attribute(&QueueAttributeName::VisibilityTimeout).and_then(|text| text.parse::<u32>().ok());
    visibility.is_some_and(|seconds| seconds >= STACKS_VISIBILITY)
}

/// The command that lets messages about this experience through the filter policy of a
/// subscription: `init` adds the experience to a policy of experiences; any other policy is taken
/// away.
fn how_to_widen(
    queue: &Queue,
    subscription: &str,
    attributes: &HashMap<String, String>,
    init: Option<&str>,
) -> Option<String> {
    let policy = attributes.get("FilterPolicy").and_then(|policy| serde_json::from_str::<Value>(policy).ok());
    let of_experiences = policy.is_some_and(|policy| {
        policy.as_object().is_some_and(|keys| keys.keys().all(|key| key == "experience") && keys.len() == 1)
    });
    if of_experiences && !is_of_a_stack(queue) && init.is_some() {
        return init.map(str::to_owned);
    }
    Some(set_filter_policy(&word(subscription)?, &json!({})))
}

fn set_filter_policy(subscription: &str, policy: &Value) -> String {
    format!(
        "aws sns set-subscription-attributes --subscription-arn {subscription} --attribute-name FilterPolicy --attribute-value '{policy}'"
    )
}

/// The command that lets only messages about this experience through a subscription.
fn how_to_narrow(queue: &Queue, subscription: &str, experience: &ExperienceId, init: Option<&str>) -> Option<String> {
    match init.filter(|_| !is_of_a_stack(queue)) {
        Some(init) => Some(format!("{init} --shared-topic")),
        None => Some(set_filter_policy(&word(subscription)?, &json!({"experience": [experience]}))),
    }
}

/// How to subscribe the queue, in a sentence and as a command. It depends on how the queue was
/// made.
fn how_to_subscribe(queue: &Queue, topic: Option<&str>, init: Option<&str>) -> (String, Option<String>) {
    if !is_of_a_stack(queue) {
        let fix = "subscribe it from this account: `pmp-spoke init`, which leaves what else the queue has as it is";
        return (fix.to_owned(), init.map(str::to_owned));
    }
    let redrive = queue.attribute(&QueueAttributeName::RedrivePolicy);
    let redrive = redrive.and_then(|text| serde_json::from_str::<Value>(text).ok()).unwrap_or_default();
    let mut attributes = json!({"RawMessageDelivery": "true"});
    if let Some(dead_letters) = redrive["deadLetterTargetArn"].as_str() {
        attributes["RedrivePolicy"] = json!(json!({"deadLetterTargetArn": dead_letters}).to_string());
    }
    let command = format!(
        "aws sns subscribe --topic-arn {} --protocol sqs --notification-endpoint {} --attributes '{attributes}'",
        topic.unwrap_or("TOPIC"),
        queue.arn
    );
    let fix = format!(
        "subscribe it from this account: `{command}`. The stack that made the queue takes its subscription for being there, so deploying \
         it again changes nothing"
    );
    (fix, topic.map(|_| command))
}

fn unconfirmed(finding: Finding) -> Finding {
    let fix =
        "delete it, and subscribe from the account that owns the queue: then there is nothing to confirm".to_owned();
    finding.fail("it waits for a confirmation that no one gives", fix)
}

/// Checks the attributes of the subscription: its filter policy and its delivery.
fn attributes(
    finding: Finding,
    attributes: &HashMap<String, String>,
    experience: Option<&ExperienceId>,
    widen: impl FnOnce() -> Option<String>,
) -> Finding {
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
        (Some(policy), Some(experience)) => finding
            .fail(
                format!("its filter policy {policy} keeps messages about {experience} out"),
                format!(
                    "check {EXPERIENCE}; where that is right, take the FilterPolicy away, or set it to {}",
                    json!({"experience": [experience]})
                ),
            )
            .command(Stage::Resources, widen()),
        (Some(policy), None) => finding.note(format!("filter policy {policy}")),
    }
}

/// Whether a filter policy on attributes lets messages about `experience` pass. A policy that also
/// asks for something else counts as one that may not, because SNS drops a message that it keeps
/// out without a trace.
pub(crate) fn lets_through(policy: &str, experience: &ExperienceId) -> bool {
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
