//! The queue: a small port, and its adapter over the official SDK.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, MessageSystemAttributeName,
};
use pmp_aws::ApiError;

use crate::SpokeError;

/// The longest that SQS lets a receive wait.
const LONG_POLL_SECONDS: i32 = 20;
/// The most that SQS takes and hands out at once.
pub(crate) const BATCH: usize = 10;

/// A message that was received, and is hidden from others until its visibility timeout ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    /// For the log.
    pub(crate) id: String,
    /// What it says; not looked at yet.
    pub(crate) body: String,
    /// Names this receipt of it.
    pub(crate) handle: String,
    /// How often it was received, this time included.
    pub(crate) times: u32,
}

/// Where a spoke takes its messages from.
#[async_trait]
pub(crate) trait Inbox: fmt::Debug + Send + Sync {
    /// Waits for messages: up to 20 seconds, or not at all. Up to 10 come at once. Cancel-safe: messages that are
    /// received and dropped become visible again.
    async fn receive(&self, wait: bool) -> Result<Vec<Received>, SpokeError>;

    /// Deletes messages, whose outcome must be in the ledger (rule 6).
    async fn delete(&self, messages: &[Received]) -> Result<(), SpokeError>;

    /// Hides messages from now on for `duration`, so that no one else takes them up; or, with none, hands them back.
    async fn hide(&self, messages: &[Received], duration: Duration) -> Result<(), SpokeError>;
}

/// An SQS queue.
#[derive(Debug)]
pub(crate) struct SqsInbox {
    client: Client,
    url: String,
}

impl SqsInbox {
    pub(crate) fn new(sdk: &SdkConfig, url: String) -> Self {
        Self { client: Client::new(&pmp_aws::for_queue(sdk, &url)), url }
    }

    fn failed(&self, source: ApiError) -> SpokeError {
        SpokeError::Queue { queue: self.url.clone(), source }
    }
}

#[async_trait]
impl Inbox for SqsInbox {
    async fn receive(&self, wait: bool) -> Result<Vec<Received>, SpokeError> {
        let answer = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .wait_time_seconds(if wait { LONG_POLL_SECONDS } else { 0 })
            .max_number_of_messages(BATCH as i32)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .send()
            .await
            .map_err(|e| self.failed(ApiError::new("sqs:ReceiveMessage", &e)))?;
        let read = |message: aws_sdk_sqs::types::Message| {
            let times = message
                .attributes()
                .and_then(|attributes| attributes.get(&MessageSystemAttributeName::ApproximateReceiveCount))
                .and_then(|text| text.parse().ok())
                .unwrap_or(1);
            Received {
                id: message.message_id.unwrap_or_default(),
                body: message.body.unwrap_or_default(),
                handle: message.receipt_handle.unwrap_or_default(),
                times,
            }
        };
        Ok(answer.messages.unwrap_or_default().into_iter().map(read).collect())
    }

    async fn delete(&self, messages: &[Received]) -> Result<(), SpokeError> {
        for batch in messages.chunks(BATCH) {
            let entry = |(index, message): (usize, &Received)| {
                // Both required fields are set; a message that could not be deleted would only come once more.
                DeleteMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(&message.handle)
                    .build()
                    .ok()
            };
            let entries = batch.iter().enumerate().filter_map(entry).collect();
            let call = self.client.delete_message_batch().queue_url(&self.url).set_entries(Some(entries));
            call.send().await.map_err(|e| self.failed(ApiError::new("sqs:DeleteMessageBatch", &e)))?;
        }
        Ok(())
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
            let call = self.client.change_message_visibility_batch().queue_url(&self.url).set_entries(Some(entries));
            call.send().await.map_err(|e| self.failed(ApiError::new("sqs:ChangeMessageVisibilityBatch", &e)))?;
        }
        Ok(())
    }
}
