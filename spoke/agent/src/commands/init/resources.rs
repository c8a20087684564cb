//! Makes the resources that a spoke needs, or adds what they lack: queue, dead-letter queue, queue
//! policy, subscription. Idempotent. It is for operators who do not deploy by template, and for
//! tests.
//!
//! An existing queue may belong to a stack, or be set up with care. So `init` adds what it lacks,
//! and lowers or removes nothing.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName as Name;
use pmp_aws::{Admission, ApiError, Asker, Request, ResourcePolicy};
use pmp_protocol::ExperienceId;
use serde::Serialize;
use serde_json::{Value, json};

use crate::config::InitConfig;
use crate::error::SpokeError;

/// The visibility timeout: as long as a pass usually takes. The agent extends it while it works.
const VISIBILITY_SECONDS: u64 = 300;
/// 14 days, the longest that SQS keeps a message.
const RETENTION_SECONDS: u64 = 1_209_600;
/// The longest poll that SQS permits for a receive.
const WAIT_SECONDS: u64 = 20;
/// A message that was received this often without an outcome goes to the dead-letter queue.
const MAX_RECEIVES: u64 = 5;
/// AWS's own key for SQS. Its policy lets nobody but SQS use it, and nobody can change that.
const UNUSABLE_KEY: &str = "alias/aws/sqs";
/// The statement of the queue's policy that `init` makes.
const STATEMENT: &str = "pmp-sync-topic";
/// The service principal that sends on behalf of a topic.
const SNS: &str = "sns.amazonaws.com";

/// The resources that exist after `init`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Initialized {
    pub(crate) queue_url: String,
    pub(crate) queue_arn: String,
    pub(crate) dead_letter_queue_url: String,
    pub(crate) subscription_arn: String,
    /// What became of the filter policy, where the topic is shared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filter_policy: Option<Filtering>,
}

/// The filter policy of the subscription after `init`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "was", content = "is")]
pub(crate) enum Filtering {
    /// It is this one now.
    Set(String),
    /// It lets the experience through, as it is.
    Enough(String),
}

/// Makes the resources. `shared_topic` means that the topic carries other management experiences,
/// too.
pub(crate) async fn init(
    sdk: &SdkConfig,
    wanted: &InitConfig,
    queue_name: &str,
    shared_topic: bool,
) -> Result<Initialized, SpokeError> {
    let queues = Queues { client: Client::new(sdk) };
    let queue = queues.ensure(queue_name).await?;
    let dead_letters = match queue.dead_letters() {
        // An existing redrive policy names the queue for dead letters, and stays.
        Some(arn) => queues.named(&arn).await?,
        None => queues.for_dead_letters(&format!("{queue_name}-dead-letters")).await?,
    };
    let policy = |problem| SpokeError::QueuePolicy { queue: queue.url.clone(), problem };
    let lacks = queue.lacks(&dead_letters.arn, wanted.topic_arn.as_str()).map_err(policy)?;
    queues.set(&queue.url, lacks).await?;
    let (subscription_arn, filter_policy) = subscribe(sdk, wanted, &queue.arn, shared_topic).await?;
    Ok(Initialized {
        queue_url: queue.url,
        queue_arn: queue.arn,
        dead_letter_queue_url: dead_letters.url,
        subscription_arn,
        filter_policy,
    })
}

type Attributes = HashMap<Name, String>;

/// An existing queue, with its attributes.
struct Queue {
    url: String,
    arn: String,
    attributes: Attributes,
}

impl Queue {
    fn text(&self, name: &Name) -> Option<&str> {
        self.attributes.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// Sets a number to `wanted` if it is lower.
    fn at_least(&self, name: Name, wanted: u64) -> Option<(Name, String)> {
        let found = self.text(&name).and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
        (found < wanted).then(|| (name, wanted.to_string()))
    }

    /// Sets encryption by SQS's own key if there is none. A key that is set stays, because SQS
    /// permits only one of the two; but for AWS's key for SQS, which no topic may use, so that
    /// nothing is delivered.
    fn encrypted(&self) -> Vec<(Name, String)> {
        let own = (Name::SqsManagedSseEnabled, "true".to_owned());
        match self.text(&Name::KmsMasterKeyId) {
            Some(UNUSABLE_KEY) => vec![(Name::KmsMasterKeyId, String::new()), own],
            Some(_) => Vec::new(),
            None if self.text(&Name::SqsManagedSseEnabled) == Some("true") => Vec::new(),
            None => vec![own],
        }
    }

    fn redrive(&self) -> Option<Value> {
        serde_json::from_str(self.text(&Name::RedrivePolicy)?).ok()
    }

    /// The ARN of its dead-letter queue. `None` if it has none.
    fn dead_letters(&self) -> Option<String> {
        self.redrive()?["deadLetterTargetArn"].as_str().map(str::to_owned)
    }

    /// The attributes that a dead-letter queue lacks.
    fn lacks_of_dead_letters(&self) -> Attributes {
        self.at_least(Name::MessageRetentionPeriod, RETENTION_SECONDS).into_iter().chain(self.encrypted()).collect()
    }

    /// The attributes that the queue lacks to serve a spoke of this topic.
    ///
    /// # Errors
    /// A sentence about the mistake in its policy.
    fn lacks(&self, dead_letters: &str, topic: &str) -> Result<Attributes, String> {
        let found = [
            self.at_least(Name::VisibilityTimeout, VISIBILITY_SECONDS),
            self.at_least(Name::MessageRetentionPeriod, RETENTION_SECONDS),
            self.at_least(Name::ReceiveMessageWaitTimeSeconds, WAIT_SECONDS),
            self.lacks_receives(dead_letters),
            self.lacks_statement(topic)?,
        ];
        Ok(found.into_iter().flatten().chain(self.encrypted()).collect())
    }

    /// A redrive policy, if the queue has none, or one that moves messages after too few receives.
    fn lacks_receives(&self, dead_letters: &str) -> Option<(Name, String)> {
        let mut redrive = self.redrive().unwrap_or_else(|| json!({"deadLetterTargetArn": dead_letters}));
        // Some answers have it as a number, others as a text.
        let receives = redrive["maxReceiveCount"].to_string().trim_matches('"').parse::<u64>().unwrap_or_default();
        (receives < MAX_RECEIVES).then(|| {
            redrive["maxReceiveCount"] = json!(MAX_RECEIVES);
            (Name::RedrivePolicy, redrive.to_string())
        })
    }

    /// A statement that lets the topic send. `None` if the policy has one.
    fn lacks_statement(&self, topic: &str) -> Result<Option<(Name, String)>, String> {
        let mut policy = json!({"Version": "2012-10-17", "Statement": []});
        if let Some(text) = self.text(&Name::Policy) {
            let asker = Asker::Service(SNS);
            let request = Request { asker, action: "sqs:SendMessage", resource: &self.arn, source: Some(topic) };
            let found = ResourcePolicy::parse(text).map_err(|error| error.to_string())?;
            if found.admits(&request) == Admission::Yes {
                return Ok(None);
            }
            if found.denies(&request) {
                return Err(format!(
                    "a statement of it denies `{topic}` to send, whatever allows it: change that one first"
                ));
            }
            policy = serde_json::from_str(text).map_err(|error| error.to_string())?;
        }
        let mut statements = match policy["Statement"].take() {
            Value::Array(statements) => statements,
            one => vec![one],
        };
        // The topics that an earlier run added stay.
        let at = statements.iter().position(|statement| statement["Sid"] == STATEMENT);
        let before = at.map(|at| statements.remove(at)["Condition"]["ArnEquals"]["aws:SourceArn"].take());
        let topics = match before {
            Some(Value::Array(mut topics)) => {
                topics.push(json!(topic));
                json!(topics)
            }
            Some(one @ Value::String(_)) => json!([one, topic]),
            _ => json!(topic),
        };
        statements.push(json!({
            "Sid": STATEMENT,
            "Effect": "Allow",
            "Principal": {"Service": SNS},
            "Action": "sqs:SendMessage",
            "Resource": self.arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topics}},
        }));
        policy["Statement"] = json!(statements);
        Ok(Some((Name::Policy, policy.to_string())))
    }
}

struct Queues {
    client: Client,
}

impl Queues {
    /// The queue `name`: the existing one, unchanged, or a new one.
    async fn ensure(&self, name: &str) -> Result<Queue, SpokeError> {
        let failed = |source| SpokeError::Queue { queue: name.to_owned(), source };
        let url = match self.client.get_queue_url().queue_name(name).send().await {
            Ok(answer) => answer.queue_url,
            Err(e) if e.as_service_error().is_some_and(|e| e.is_queue_does_not_exist()) => {
                let call = self.client.create_queue().queue_name(name).tags("application", "pmp-sync");
                call.send().await.map_err(|e| failed(ApiError::new("sqs:CreateQueue", &e)))?.queue_url
            }
            Err(e) => return Err(failed(ApiError::new("sqs:GetQueueUrl", &e))),
        };
        self.read(url.unwrap_or_default()).await.map_err(failed)
    }

    /// The queue `name` for dead letters: made, or with what it lacks added.
    async fn for_dead_letters(&self, name: &str) -> Result<Queue, SpokeError> {
        let queue = self.ensure(name).await?;
        self.set(&queue.url, queue.lacks_of_dead_letters()).await?;
        Ok(queue)
    }

    /// The queue with this ARN, which a redrive policy names. It is in the same account and region,
    /// as SQS requires of dead-letter queues. If it was deleted, dead letters are lost, so it is
    /// made again.
    async fn named(&self, arn: &str) -> Result<Queue, SpokeError> {
        let name = arn.rsplit(':').next().unwrap_or_default();
        let failed = |source| SpokeError::Queue { queue: arn.to_owned(), source };
        match self.client.get_queue_url().queue_name(name).send().await {
            Ok(found) => self.read(found.queue_url.unwrap_or_default()).await.map_err(failed),
            Err(e) if e.as_service_error().is_some_and(|e| e.is_queue_does_not_exist()) => {
                self.for_dead_letters(name).await
            }
            Err(e) => Err(failed(ApiError::new("sqs:GetQueueUrl", &e))),
        }
    }

    async fn read(&self, url: String) -> Result<Queue, ApiError> {
        let call = self.client.get_queue_attributes().queue_url(&url).attribute_names(Name::All);
        let answer = call.send().await.map_err(|e| ApiError::new("sqs:GetQueueAttributes", &e))?;
        let attributes = answer.attributes.unwrap_or_default();
        let arn = attributes.get(&Name::QueueArn).cloned().unwrap_or_default();
        Ok(Queue { url, arn, attributes })
    }

    async fn set(&self, url: &str, attributes: Attributes) -> Result<(), SpokeError> {
        if attributes.is_empty() {
            return Ok(());
        }
        let call = self.client.set_queue_attributes().queue_url(url).set_attributes(Some(attributes));
        call.send().await.map(|_| ()).map_err(|e| SpokeError::Queue {
            queue: url.to_owned(),
            source: ApiError::new("sqs:SetQueueAttributes", &e),
        })
    }
}

/// Subscribes the queue. Its owner does so, so there is nothing to confirm. An existing
/// subscription stays as it is; but a filter policy that names other experiences gets this one too,
/// and where the topic is shared, one that lacks a filter policy gets it.
///
/// There is no filter policy unless the topic is shared: it would keep nothing out of a topic that
/// carries one management experience, and SNS permits 200 of them per topic.
async fn subscribe(
    sdk: &SdkConfig,
    wanted: &InitConfig,
    queue_arn: &str,
    shared_topic: bool,
) -> Result<(String, Option<Filtering>), SpokeError> {
    let topic = wanted.topic_arn.as_str();
    let client = aws_sdk_sns::Client::new(&pmp_aws::in_region_of(sdk, topic));
    let call = client.subscribe().topic_arn(topic).protocol("sqs").endpoint(queue_arn);
    let mut call = call.attributes("RawMessageDelivery", "true").return_subscription_arn(true);
    if shared_topic {
        call = call.attributes("FilterPolicy", about(&wanted.experience).to_string());
    }
    let failed = |source| SpokeError::Subscribe { topic: topic.to_owned(), source };
    let error = match call.send().await {
        Ok(answer) => {
            let found = answer.subscription_arn.unwrap_or_default();
            // It may have been there before, with a filter policy that was not asked about.
            let filtering = filter(&client, &found, &wanted.experience, shared_topic).await.map_err(failed)?;
            return Ok((found, filtering));
        }
        Err(error) => ApiError::new("sns:Subscribe", &error),
    };
    // SNS answers so if the queue is subscribed with other attributes: a filter policy, dead
    // letters, or SNS's envelope.
    if error.code() == Some("InvalidParameter")
        && let Some(found) = subscription(&client, topic, queue_arn).await
    {
        let filtering = filter(&client, &found, &wanted.experience, shared_topic).await.map_err(failed)?;
        return Ok((found, filtering));
    }
    Err(failed(error))
}

/// Adds the experience to the filter policy of a subscription, if that names experiences and
/// nothing else. Where the topic is `shared`, a subscription that lets messages about any
/// experience through gets a filter policy. Returns what became of it, where the topic is shared.
async fn filter(
    client: &aws_sdk_sns::Client,
    subscription: &str,
    experience: &ExperienceId,
    shared: bool,
) -> Result<Option<Filtering>, ApiError> {
    let found = client.get_subscription_attributes().subscription_arn(subscription).send().await;
    let found = match found.map_err(|e| ApiError::new("sns:GetSubscriptionAttributes", &e)) {
        Ok(found) => found.attributes.unwrap_or_default(),
        // To subscribe needs no such permission. `doctor` says what the policy keeps out. But a
        // filter policy that was asked for is not passed over in silence.
        Err(error) if error.is_access_denied() && !shared => return Ok(None),
        Err(error) => return Err(error),
    };
    let policy = found.get("FilterPolicy").map(String::as_str).filter(|policy| !policy.is_empty());
    let wanted = policy.and_then(|policy| with_experience(policy, experience));
    let wanted = wanted.or_else(|| if shared { narrowed(policy.unwrap_or("{}"), experience) } else { None });
    let Some(wanted) = wanted else {
        return Ok(policy.filter(|_| shared).map(|policy| Filtering::Enough(policy.to_owned())));
    };
    let call = client.set_subscription_attributes().subscription_arn(subscription).attribute_name("FilterPolicy");
    let set = call.attribute_value(&wanted).send().await;
    set.map_err(|e| ApiError::new("sns:SetSubscriptionAttributes", &e))?;
    Ok(Some(Filtering::Set(wanted)).filter(|_| shared))
}

/// The filter policy that lets only messages about this experience through.
fn about(experience: &ExperienceId) -> Value {
    json!({"experience": [experience]})
}

/// The filter policy with a condition on the experience. `None` if it has one. Whatever else it
/// asks for stays.
fn narrowed(policy: &str, experience: &ExperienceId) -> Option<String> {
    let mut policy: Value = serde_json::from_str(policy).ok()?;
    let keys = policy.as_object_mut().filter(|keys| !keys.contains_key("experience"))?;
    keys.insert("experience".to_owned(), about(experience)["experience"].take());
    Some(policy.to_string())
}

/// The filter policy with this experience. `None` if it has it, or asks for something else.
fn with_experience(policy: &str, experience: &ExperienceId) -> Option<String> {
    let mut policy: Value = serde_json::from_str(policy).ok()?;
    let keys = policy.as_object_mut().filter(|keys| keys.len() == 1)?;
    let experiences = keys.get_mut("experience")?.as_array_mut()?;
    if experiences.iter().any(|one| one == experience.as_str()) {
        return None;
    }
    experiences.push(json!(experience));
    Some(policy.to_string())
}

/// The queue's subscription among this account's own. `None` if there is none, or if they may not
/// be listed.
async fn subscription(client: &aws_sdk_sns::Client, topic: &str, queue_arn: &str) -> Option<String> {
    let mut pages = client.list_subscriptions().into_paginator().items().send();
    while let Some(Ok(found)) = pages.next().await {
        if found.topic_arn() == Some(topic) && found.endpoint() == Some(queue_arn) {
            return found.subscription_arn().filter(|arn| arn.starts_with("arn:")).map(str::to_owned);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:sqs:us-east-1:222222222222:pmp-sync-snapshots";
    const DEAD: &str = "arn:aws:sqs:us-east-1:222222222222:pmp-sync-snapshots-dead-letters";
    const TOPIC: &str = "arn:aws:sns:us-east-1:111111111111:pmp-sync-snapshots";

    fn queue(attributes: &[(Name, &str)]) -> Queue {
        let attributes = attributes.iter().map(|(name, value)| (name.clone(), (*value).to_owned())).collect();
        Queue { url: "url".into(), arn: ARN.into(), attributes }
    }

    fn json_of(lacks: &Attributes, name: &Name) -> Value {
        serde_json::from_str(&lacks[name]).unwrap()
    }

    #[test]
    fn a_new_queue_gets_all_that_a_spoke_needs() {
        let new = [(Name::VisibilityTimeout, "30"), (Name::MessageRetentionPeriod, "345600")];
        let lacks = queue(&new).lacks(DEAD, TOPIC).unwrap();
        assert_eq!(lacks[&Name::VisibilityTimeout], "300");
        assert_eq!(lacks[&Name::MessageRetentionPeriod], "1209600");
        assert_eq!(lacks[&Name::ReceiveMessageWaitTimeSeconds], "20");
        assert_eq!(lacks[&Name::SqsManagedSseEnabled], "true");
        let redrive = json!({"deadLetterTargetArn": DEAD, "maxReceiveCount": 5});
        assert_eq!(json_of(&lacks, &Name::RedrivePolicy), redrive);
        let statement = &json_of(&lacks, &Name::Policy)["Statement"][0];
        assert_eq!(statement["Condition"], json!({"ArnEquals": {"aws:SourceArn": TOPIC}}));
        assert_eq!(lacks.len(), 6);
    }

    /// The attributes are those of spoke.yaml, or have a key of the operator's.
    #[test]
    fn nothing_is_set_on_a_queue_that_has_more() {
        let policy = json!({"Version": "2012-10-17", "Statement": [
            {"Sid": "HubTopic", "Effect": "Allow", "Principal": {"Service": SNS}, "Action": "sqs:SendMessage", "Resource": ARN,
             "Condition": {"ArnEquals": {"aws:SourceArn": TOPIC}}},
            {"Sid": "EncryptedTransport", "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": ARN,
             "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        ]});
        let redrive = json!({"deadLetterTargetArn": DEAD, "maxReceiveCount": 10});
        for encryption in [(Name::SqsManagedSseEnabled, "true"), (Name::KmsMasterKeyId, "arn:aws:kms:…:key/k")] {
            let full = queue(&[
                (Name::VisibilityTimeout, "5400"),
                (Name::MessageRetentionPeriod, "1209600"),
                (Name::ReceiveMessageWaitTimeSeconds, "20"),
                (Name::Policy, &policy.to_string()),
                (Name::RedrivePolicy, &redrive.to_string()),
                encryption,
            ]);
            assert_eq!(full.lacks(DEAD, TOPIC), Ok(HashMap::new()));
            assert_eq!(full.lacks_of_dead_letters(), HashMap::new());
        }
    }

    #[test]
    fn a_key_that_no_topic_may_use_is_replaced_and_any_other_stays() {
        let with = |key: &str| queue(&[(Name::KmsMasterKeyId, key)]).encrypted();
        let own = (Name::SqsManagedSseEnabled, "true".to_owned());
        assert_eq!(with(UNUSABLE_KEY), [(Name::KmsMasterKeyId, String::new()), own]);
        assert_eq!(with("arn:aws:kms:us-east-1:222222222222:key/k"), []);
    }

    #[test]
    fn a_filter_policy_of_experiences_gets_this_one_and_no_other_is_touched() {
        let experience = ExperienceId::new("exp-a").unwrap();
        let widened = |policy: &str| with_experience(policy, &experience);
        assert_eq!(widened(r#"{"experience":["exp-b"]}"#).as_deref(), Some(r#"{"experience":["exp-b","exp-a"]}"#));
        for other in
            ["{}", r#"{"experience":["exp-a"]}"#, r#"{"experience":["exp-b"],"reason":["operator"]}"#, "no JSON"]
        {
            assert_eq!(widened(other), None, "{other}");
        }
    }

    #[test]
    fn a_filter_policy_of_a_shared_topic_asks_for_the_experience() {
        let experience = ExperienceId::new("exp-a").unwrap();
        let narrowed = |policy: &str| narrowed(policy, &experience);
        assert_eq!(narrowed("{}").as_deref(), Some(r#"{"experience":["exp-a"]}"#));
        let kept = r#"{"reason":["operator"],"experience":["exp-a"]}"#;
        assert_eq!(narrowed(r#"{"reason":["operator"]}"#).as_deref(), Some(kept));
        assert_eq!((narrowed(kept), narrowed(r#"{"experience":["exp-b"]}"#), narrowed("no JSON")), (None, None, None));
    }

    #[test]
    fn statements_of_others_and_topics_of_before_stay() {
        let deny = json!({"Sid": "EncryptedTransport", "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": ARN,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}}});
        let policy = json!({"Version": "2012-10-17", "Id": "mine", "Statement": [deny]});
        let mut found = queue(&[(Name::Policy, &policy.to_string())]);
        for topics in [json!(TOPIC), json!([TOPIC, "arn:second"]), json!([TOPIC, "arn:second", "arn:third"])] {
            let topic = topics.as_array().map_or(TOPIC, |topics| topics.last().unwrap().as_str().unwrap()).to_owned();
            let (name, text) = found.lacks_statement(&topic).unwrap().unwrap();
            let policy: Value = serde_json::from_str(&text).unwrap();
            assert_eq!((&policy["Id"], &policy["Statement"][0]), (&json!("mine"), &deny));
            assert_eq!(policy["Statement"][1]["Condition"]["ArnEquals"]["aws:SourceArn"], topics);
            assert_eq!(policy["Statement"].as_array().unwrap().len(), 2);
            found.attributes.insert(name, text);
            assert_eq!(found.lacks_statement(&topic), Ok(None));
        }
        assert!(queue(&[(Name::Policy, "no policy")]).lacks_statement(TOPIC).is_err());
        let deny = json!({"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*"});
        let denied = queue(&[(Name::Policy, &*json!({"Statement": [deny]}).to_string())]).lacks_statement(TOPIC);
        assert!(denied.unwrap_err().contains("denies"));
    }

    #[test]
    fn dead_letters_go_where_they_went_and_not_sooner() {
        let redrive = json!({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:222222222222:mine", "maxReceiveCount": "2"});
        let found = queue(&[(Name::RedrivePolicy, &redrive.to_string())]);
        assert_eq!(found.dead_letters().as_deref(), Some("arn:aws:sqs:us-east-1:222222222222:mine"));
        let lacks = found.lacks(DEAD, TOPIC).unwrap();
        assert_eq!(
            json_of(&lacks, &Name::RedrivePolicy),
            json!({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:222222222222:mine", "maxReceiveCount": 5})
        );
    }
}
