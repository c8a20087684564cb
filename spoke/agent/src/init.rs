//! Makes what a spoke needs, or brings it up to date: queue, dead-letter queue, queue policy, subscription. Idempotent.
//! For those who do not deploy by template, and for tests.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use pmp_aws::ApiError;
use pmp_protocol::ExperienceId;
use serde::Serialize;
use serde_json::json;

use crate::SpokeError;
use crate::config::InitConfig;

/// Hidden for as long as a pass usually takes; the agent extends it while it works.
const VISIBILITY_SECONDS: &str = "300";
/// 14 days, the longest that SQS keeps a message.
const RETENTION_SECONDS: &str = "1209600";
/// A message that was received this often without an outcome goes to the dead-letter queue.
const MAX_RECEIVES: u32 = 5;

/// What is there now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Initialized {
    pub(crate) queue_url: String,
    pub(crate) queue_arn: String,
    pub(crate) dead_letter_queue_url: String,
    pub(crate) subscription_arn: String,
}

pub(crate) async fn init(sdk: &SdkConfig, wanted: &InitConfig, queue_name: &str) -> Result<Initialized, SpokeError> {
    let queues = Queues { client: Client::new(sdk) };
    let dead_letter = queues.ensure(&format!("{queue_name}-dead-letters"), dead_letter_attributes()).await?;
    let queue = queues.ensure(queue_name, HashMap::new()).await?;
    queues.set(&queue, queue_attributes(&queue, &dead_letter, &wanted.topic_arn)).await?;
    let subscription_arn = subscribe(sdk, wanted, &queue).await?;
    Ok(Initialized {
        queue_url: queue.url,
        queue_arn: queue.arn,
        dead_letter_queue_url: dead_letter.url,
        subscription_arn,
    })
}

struct Queue {
    url: String,
    arn: String,
}

struct Queues {
    client: Client,
}

type Attributes = HashMap<QueueAttributeName, String>;

fn dead_letter_attributes() -> Attributes {
    HashMap::from([
        (QueueAttributeName::MessageRetentionPeriod, RETENTION_SECONDS.to_owned()),
        (QueueAttributeName::SqsManagedSseEnabled, "true".to_owned()),
    ])
}

fn queue_attributes(queue: &Queue, dead_letter: &Queue, topic_arn: &str) -> Attributes {
    // The topic may send, and nothing and no one else may by this policy.
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "pmp-sync-topic",
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue.arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
        }],
    });
    let redrive = json!({"deadLetterTargetArn": dead_letter.arn, "maxReceiveCount": MAX_RECEIVES});
    HashMap::from([
        (QueueAttributeName::VisibilityTimeout, VISIBILITY_SECONDS.to_owned()),
        (QueueAttributeName::MessageRetentionPeriod, RETENTION_SECONDS.to_owned()),
        (QueueAttributeName::ReceiveMessageWaitTimeSeconds, "20".to_owned()),
        (QueueAttributeName::SqsManagedSseEnabled, "true".to_owned()),
        (QueueAttributeName::Policy, policy.to_string()),
        (QueueAttributeName::RedrivePolicy, redrive.to_string()),
    ])
}

impl Queues {
    /// The queue `name`: the one that is there, with its attributes brought up to date, or a new one.
    async fn ensure(&self, name: &str, attributes: Attributes) -> Result<Queue, SpokeError> {
        let failed = |source| SpokeError::Queue { queue: name.to_owned(), source };
        let url = match self.client.get_queue_url().queue_name(name).send().await {
            Ok(answer) => answer.queue_url,
            Err(e) if e.as_service_error().is_some_and(|e| e.is_queue_does_not_exist()) => {
                let call = self.client.create_queue().queue_name(name).tags("application", "pmp-sync");
                call.send().await.map_err(|e| failed(ApiError::new("sqs:CreateQueue", &e)))?.queue_url
            }
            Err(e) => return Err(failed(ApiError::new("sqs:GetQueueUrl", &e))),
        };
        let url = url.unwrap_or_default();
        let call = self.client.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::QueueArn);
        let answer = call.send().await.map_err(|e| failed(ApiError::new("sqs:GetQueueAttributes", &e)))?;
        let arn = answer.attributes.unwrap_or_default().remove(&QueueAttributeName::QueueArn).unwrap_or_default();
        let queue = Queue { url, arn };
        if !attributes.is_empty() {
            self.set(&queue, attributes).await?;
        }
        Ok(queue)
    }

    async fn set(&self, queue: &Queue, attributes: Attributes) -> Result<(), SpokeError> {
        let call = self.client.set_queue_attributes().queue_url(&queue.url).set_attributes(Some(attributes));
        call.send().await.map(|_| ()).map_err(|e| SpokeError::Queue {
            queue: queue.url.clone(),
            source: ApiError::new("sqs:SetQueueAttributes", &e),
        })
    }
}

/// The queue's owner subscribes it: then there is nothing to confirm. SNS returns the subscription that is there.
async fn subscribe(sdk: &SdkConfig, wanted: &InitConfig, queue: &Queue) -> Result<String, SpokeError> {
    let region = wanted.topic_arn.split(':').nth(3).unwrap_or_default();
    let client = aws_sdk_sns::Client::new(&pmp_aws::in_region(sdk, region));
    let answer = client
        .subscribe()
        .topic_arn(&wanted.topic_arn)
        .protocol("sqs")
        .endpoint(&queue.arn)
        .attributes("RawMessageDelivery", "true")
        .attributes("FilterPolicy", filter_policy(&wanted.experience))
        .return_subscription_arn(true)
        .send()
        .await
        .map_err(|e| SpokeError::Subscribe {
            topic: wanted.topic_arn.clone(),
            source: ApiError::new("sns:Subscribe", &e),
        })?;
    Ok(answer.subscription_arn.unwrap_or_default())
}

/// Lets through what is about this management experience: a topic may carry several.
fn filter_policy(experience: &ExperienceId) -> String {
    json!({"experience": [experience]}).to_string()
}
