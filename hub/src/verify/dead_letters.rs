//! The trial of dead letters. It makes a topic, a queue that does not admit it, and a second queue
//! for undeliverable messages, and deletes all three afterwards.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sqs::types::QueueAttributeName;
use jiff::Timestamp;
use pmp_aws::ApiError;
use pmp_terminal::progress::{self, Step};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::error::VerifyError;
use super::record::Judgement;

/// The longest wait for the dead letter.
const WITHIN: Duration = Duration::from_secs(60);
/// The time that a new subscription may need to become active.
const SUBSCRIBED: Duration = Duration::from_secs(2);

/// A resource that was made, and must be deleted.
#[derive(Debug, Clone)]
enum Made {
    Topic(String),
    Queue(String),
}

/// The topic and the queues.
#[derive(Debug)]
pub(super) struct DeadLetters {
    topics: aws_sdk_sns::Client,
    queues: aws_sdk_sqs::Client,
    name: String,
    made: Mutex<Vec<Made>>,
}

impl DeadLetters {
    /// Names for this run. Nothing is made yet.
    pub(super) fn new(sdk: &SdkConfig, began: Timestamp) -> Self {
        let name = format!("pmp-verify-aws-{}", began.as_second());
        let (topics, queues) = (aws_sdk_sns::Client::new(sdk), aws_sdk_sqs::Client::new(sdk));
        Self { topics, queues, name, made: Mutex::default() }
    }

    /// Makes them, publishes a message, and finds out where it went.
    pub(super) async fn try_it(&self) -> Result<Judgement, VerifyError> {
        let name = &self.name;
        progress::step(Step::Doing, &format!("making the topic {name}, and the queues {name} and {name}-dead-letters"));
        let topic = self.topics.create_topic().name(name).send().await;
        let topic = topic.map_err(|e| ApiError::new("sns:CreateTopic", &e)).map_err(failed("make a topic"))?;
        let topic = topic.topic_arn.unwrap_or_default();
        self.note(Made::Topic(topic.clone()));

        // A queue without a policy admits its own account only.
        let (_, closed) = self.queue(name, HashMap::new()).await?;
        let (letters_url, letters) = self.queue(&format!("{name}-dead-letters"), HashMap::new()).await?;
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": letters,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}}}]});
        let call = self.queues.set_queue_attributes().queue_url(&letters_url);
        let call = call.attributes(QueueAttributeName::Policy, policy.to_string()).send().await;
        call.map_err(|e| ApiError::new("sqs:SetQueueAttributes", &e))
            .map_err(failed("open the queue of dead letters"))?;

        let redrive = json!({ "deadLetterTargetArn": letters }).to_string();
        let call = self.topics.subscribe().topic_arn(&topic).protocol("sqs").endpoint(&closed);
        let call = call.attributes("RawMessageDelivery", "true").attributes("RedrivePolicy", redrive).send().await;
        call.map_err(|e| ApiError::new("sns:Subscribe", &e)).map_err(failed("subscribe a queue"))?;
        sleep(SUBSCRIBED).await;
        let call = self.topics.publish().topic_arn(&topic).message(name).send().await;
        call.map_err(|e| ApiError::new("sns:Publish", &e)).map_err(failed("publish a message"))?;

        progress::step(Step::Waiting, "for the dead letter");
        let began = Instant::now();
        while began.elapsed() < WITHIN {
            let call = self.queues.receive_message().queue_url(&letters_url).wait_time_seconds(5).send().await;
            let answer = call.map_err(|e| ApiError::new("sqs:ReceiveMessage", &e));
            let messages = answer.map_err(failed("read the queue of dead letters"))?.messages.unwrap_or_default();
            if messages.iter().any(|message| message.body() == Some(name)) {
                let seconds = began.elapsed().as_secs();
                return Ok(Judgement::confirmed(format!("The message was among the dead letters within {seconds} s.")));
            }
        }
        Ok(Judgement::refuted(format!("The message was not among the dead letters after {} s.", WITHIN.as_secs())))
    }

    /// Makes a queue with encryption by SQS, and returns its URL and ARN.
    async fn queue(
        &self,
        name: &str,
        mut attributes: HashMap<QueueAttributeName, String>,
    ) -> Result<(String, String), VerifyError> {
        attributes.insert(QueueAttributeName::SqsManagedSseEnabled, "true".to_owned());
        let made = self.queues.create_queue().queue_name(name).set_attributes(Some(attributes)).send().await;
        let made = made.map_err(|e| ApiError::new("sqs:CreateQueue", &e)).map_err(failed("make a queue"))?;
        let url = made.queue_url.unwrap_or_default();
        self.note(Made::Queue(url.clone()));
        let call = self.queues.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::QueueArn);
        let answer = call.send().await.map_err(|e| ApiError::new("sqs:GetQueueAttributes", &e));
        let answer = answer.map_err(failed("look at a queue"))?;
        Ok((url, answer.attributes.unwrap_or_default().remove(&QueueAttributeName::QueueArn).unwrap_or_default()))
    }

    fn note(&self, made: Made) {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push(made);
    }

    /// Deletes the resources, and returns a sentence for each one that could not be deleted.
    pub(super) async fn delete(&self) -> Vec<String> {
        let made = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        let mut left = Vec::new();
        for one in made {
            let (what, outcome) = match &one {
                // This deletes the topic's subscription, too.
                Made::Topic(arn) => {
                    let call = self.topics.delete_topic().topic_arn(arn).send().await;
                    (format!("The topic `{arn}`"), call.map(drop).map_err(|e| ApiError::new("sns:DeleteTopic", &e)))
                }
                Made::Queue(url) => {
                    let call = self.queues.delete_queue().queue_url(url).send().await;
                    (format!("The queue `{url}`"), call.map(drop).map_err(|e| ApiError::new("sqs:DeleteQueue", &e)))
                }
            };
            if let Err(error) = outcome {
                left.push(format!("{what} is still there: {error}."));
            }
        }
        left
    }
}

fn failed(what: &str) -> impl FnOnce(ApiError) -> VerifyError {
    VerifyError::api(format!("cannot {what}"))
}
