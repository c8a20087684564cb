//! The adapter of [`Inbox`] for an SQS queue, over the official SDK.

use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, MessageAttributeValue,
    MessageSystemAttributeName, QueueAttributeName,
};
use jiff::Timestamp;
use pmp_aws::{ApiError, QueueArn, QueueUrl};
use pmp_protocol::PlainText;
use tokio::sync::OnceCell;

use crate::error::SpokeError;
use crate::intake::inbox::{BATCH, Inbox, Received};

/// The longest wait for messages that SQS permits.
const LONG_POLL_SECONDS: i32 = 20;
/// The longest reason that a dead letter carries, in bytes.
const MAX_REASON: usize = 500;

/// The queue, over the official SDK.
#[derive(Debug)]
pub struct SqsInbox {
    client: Client,
    url: QueueUrl,
    /// The URL of the dead-letter queue, once it was asked for. `None` where the queue has none.
    dead_letters: OnceCell<Option<String>>,
}

impl SqsInbox {
    /// The queue at this URL, in the region that it names.
    #[must_use]
    pub fn new(sdk: &SdkConfig, url: QueueUrl) -> Self {
        Self { client: Client::new(&pmp_aws::for_queue(sdk, url.as_str())), url, dead_letters: OnceCell::new() }
    }

    fn failed(&self, source: ApiError) -> SpokeError {
        SpokeError::Queue { queue: self.url.to_string(), source }
    }

    async fn find_dead_letters(&self) -> Result<Option<String>, SpokeError> {
        let call = self.client.get_queue_attributes().queue_url(self.url.as_str());
        let answer = call.attribute_names(QueueAttributeName::RedrivePolicy).send().await;
        let answer = answer.map_err(|e| self.failed(ApiError::new("sqs:GetQueueAttributes", &e)))?;
        let policy = answer.attributes.unwrap_or_default().remove(&QueueAttributeName::RedrivePolicy);
        Ok(policy.and_then(|policy| dead_letters_url(&self.url, &policy)))
    }
}

/// The URL of the dead-letter queue that a redrive policy names. SQS demands that it is in the
/// account and region of the queue itself, so nothing has to be looked up.
fn dead_letters_url(queue_url: &QueueUrl, redrive_policy: &str) -> Option<String> {
    let policy: serde_json::Value = serde_json::from_str(redrive_policy).ok()?;
    let dead_letters: QueueArn = policy["deadLetterTargetArn"].as_str()?.parse().ok()?;
    Some(queue_url.sibling(dead_letters.name())?.to_string())
}

/// An attribute of a message. SQS accepts only characters that XML permits, and no empty value.
fn attribute(text: &str) -> Option<MessageAttributeValue> {
    let text = PlainText::bounded(text, MAX_REASON);
    // Both required fields are set, so the builder has nothing to refuse.
    MessageAttributeValue::builder().data_type("String").string_value(text.as_str()).build().ok()
}

#[async_trait]
impl Inbox for SqsInbox {
    async fn receive(&self, wait: bool) -> Result<Vec<Received>, SpokeError> {
        let answer = self
            .client
            .receive_message()
            .queue_url(self.url.as_str())
            .wait_time_seconds(if wait { LONG_POLL_SECONDS } else { 0 })
            .max_number_of_messages(BATCH as i32)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .send()
            .await
            .map_err(|e| self.failed(ApiError::new("sqs:ReceiveMessage", &e)))?;
        let read = |message: aws_sdk_sqs::types::Message| {
            let attribute = |name| message.attributes()?.get(&name)?.parse::<i64>().ok();
            let times = attribute(MessageSystemAttributeName::ApproximateReceiveCount);
            let sent = attribute(MessageSystemAttributeName::SentTimestamp);
            Received {
                times: times.and_then(|times| u32::try_from(times).ok()).unwrap_or(1),
                sent: sent.and_then(|sent| Timestamp::from_millisecond(sent).ok()),
                id: message.message_id.unwrap_or_default(),
                body: message.body.unwrap_or_default(),
                handle: message.receipt_handle.unwrap_or_default(),
            }
        };
        Ok(answer.messages.unwrap_or_default().into_iter().map(read).collect())
    }

    async fn delete(&self, messages: &[Received]) -> Result<(), SpokeError> {
        for batch in messages.chunks(BATCH) {
            let entry = |(index, message): (usize, &Received)| {
                // Both required fields are set, so `build` does not fail. A message that is not
                // deleted would come once more, which is harmless.
                DeleteMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(&message.handle)
                    .build()
                    .ok()
            };
            let entries = batch.iter().enumerate().filter_map(entry).collect();
            let call = self.client.delete_message_batch().queue_url(self.url.as_str()).set_entries(Some(entries));
            call.send().await.map_err(|e| self.failed(ApiError::new("sqs:DeleteMessageBatch", &e)))?;
        }
        Ok(())
    }

    async fn bury(&self, message: &Received, reason: &str) -> Result<bool, SpokeError> {
        let Some(url) = self.dead_letters.get_or_try_init(|| self.find_dead_letters()).await? else { return Ok(false) };
        let mut call = self.client.send_message().queue_url(url).message_body(&message.body);
        for (name, text) in [("pmp-sync-reason", reason), ("pmp-sync-message-id", &message.id)] {
            if let Some(value) = attribute(text) {
                call = call.message_attributes(name, value);
            }
        }
        // Send before delete: a crash in between leaves the message in both queues, never in none.
        let failed = |source| SpokeError::Queue { queue: url.clone(), source };
        call.send().await.map_err(|e| failed(ApiError::new("sqs:SendMessage", &e)))?;
        self.delete(std::slice::from_ref(message)).await?;
        Ok(true)
    }

    async fn hide(&self, messages: &[Received], duration: Duration) -> Result<(), SpokeError> {
        // SQS hides a message for at most 12 hours.
        let seconds = i32::try_from(duration.as_secs()).unwrap_or(i32::MAX).min(43_200);
        for batch in messages.chunks(BATCH) {
            let entry = |(index, message): (usize, &Received)| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(&message.handle)
                    .visibility_timeout(seconds)
                    .build()
                    .ok()
            };
            let entries = batch.iter().enumerate().filter_map(entry).collect();
            let call =
                self.client.change_message_visibility_batch().queue_url(self.url.as_str()).set_entries(Some(entries));
            call.send().await.map_err(|e| self.failed(ApiError::new("sqs:ChangeMessageVisibilityBatch", &e)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dead_letter_queue_is_the_one_that_the_redrive_policy_names() {
        let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:222222222222:dead","maxReceiveCount":5}"#;
        let url = |url: &str| url.parse::<QueueUrl>().unwrap();
        let of_aws = dead_letters_url(&url("https://sqs.us-east-1.amazonaws.com/222222222222/queue"), policy);
        assert_eq!(of_aws.as_deref(), Some("https://sqs.us-east-1.amazonaws.com/222222222222/dead"));
        assert_eq!(dead_letters_url(&url("http://127.0.0.1:4566/222222222222/queue"), "{}"), None);
    }
}
