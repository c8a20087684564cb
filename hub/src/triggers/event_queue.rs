//! Change events of the catalog, where an EventBridge rule delivers them to a queue of the hub's.
//!
//! An event names no entity and no change type, and is best effort: it makes the hub look, and
//! nothing more. So a body that is not understood is logged and dropped; the schedule covers
//! whatever it meant.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use pmp_aws::{ApiError, QueueUrl};
use serde_json::Value;
use tokio::time::Instant;

use crate::triggers::event::{EventBridgeEvent, Request, classify_bridge_event};

/// The longest that SQS lets a receive wait.
const LONG_POLL_SECONDS: i32 = 20;
/// The most messages that SQS hands out at once.
const BATCH: i32 = 10;

/// How long to wait for events that are only looked at, and how long they are hidden from others.
const PEEK_SECONDS: i32 = 2;

/// The queue of change events, and the client of its region.
#[derive(Debug, Clone)]
pub(crate) struct EventQueue {
    client: Client,
    url: QueueUrl,
}

/// Events that were received and not yet deleted.
#[derive(Debug)]
pub(crate) struct Received {
    /// How many of them may tell of a change.
    pub(crate) succeeded: usize,
    receipt_handles: Vec<String>,
}

impl EventQueue {
    pub(crate) fn new(config: &SdkConfig, url: QueueUrl) -> Self {
        Self { client: Client::new(&pmp_aws::for_queue(config, url.as_str())), url }
    }

    /// Waits for events, up to 20 seconds.
    pub(crate) async fn receive(&self) -> Result<Received, ApiError> {
        let call = self.client.receive_message().queue_url(self.url.as_str());
        let answer = call.wait_time_seconds(LONG_POLL_SECONDS).max_number_of_messages(BATCH).send().await;
        let messages = answer.map_err(|e| ApiError::new("sqs:ReceiveMessage", &e))?.messages.unwrap_or_default();
        let succeeded = messages.iter().filter(|message| is_success(message.body().unwrap_or_default())).count();
        let receipt_handles = messages.into_iter().filter_map(|message| message.receipt_handle).collect();
        Ok(Received { succeeded, receipt_handles })
    }

    /// Waits until the queue holds the event of a change set, and leaves all events there. Returns
    /// whether it came.
    pub(crate) async fn tells_of(&self, change_set: &str, within: Duration) -> Result<bool, ApiError> {
        let began = Instant::now();
        while began.elapsed() < within {
            let call = self.client.receive_message().queue_url(self.url.as_str()).max_number_of_messages(BATCH);
            // Soon visible again: they are not ours.
            let answer = call.wait_time_seconds(PEEK_SECONDS).visibility_timeout(PEEK_SECONDS).send().await;
            let messages = answer.map_err(|e| ApiError::new("sqs:ReceiveMessage", &e))?.messages.unwrap_or_default();
            let tells = |body: &str| {
                serde_json::from_str::<Value>(body).is_ok_and(|event| event["detail"]["ChangeSetId"] == change_set)
            };
            if messages.iter().filter_map(|message| message.body()).any(tells) {
                return Ok(true);
            }
            // Those that wait there already come at once.
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        Ok(false)
    }

    /// Deletes events that led to what they ask for.
    pub(crate) async fn delete(&self, received: Received) -> Result<(), ApiError> {
        let entry = |(index, handle): (usize, String)| {
            // Both required fields are set; an event that could not be deleted would only come once
            // more.
            DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(handle).build().ok()
        };
        let entries: Vec<_> = received.receipt_handles.into_iter().enumerate().filter_map(entry).collect();
        if entries.is_empty() {
            return Ok(());
        }
        let call = self.client.delete_message_batch().queue_url(self.url.as_str()).set_entries(Some(entries));
        call.send().await.map(|_| ()).map_err(|e| ApiError::new("sqs:DeleteMessageBatch", &e))
    }
}

fn is_success(body: &str) -> bool {
    match serde_json::from_str::<EventBridgeEvent>(body) {
        Ok(event) => matches!(classify_bridge_event(&event), Request::PublishIfNew(_)),
        Err(error) => {
            tracing::warn!(%error, "an event that is not one of EventBridge's is dropped");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_success;

    #[test]
    fn a_change_set_that_failed_changed_nothing() {
        let event = |source, kind| format!(r#"{{"source":"{source}","detail-type":"{kind}","detail":{{}}}}"#);
        assert!(is_success(&event("aws.marketplacecatalog", "Change Set Succeeded")));
        assert!(!is_success(&event("aws.marketplacecatalog", "Change Set Failed")));
        assert!(!is_success("not JSON"));
    }
}
