//! Lambda's event source mapping for a queue: receives a batch, hands it to the function as an
//! event, and deletes what the function does not report as failed.

use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use serde_json::{Value, json};

use crate::Aws;
use crate::runtime_api::Answer;

/// Messages that were received together.
#[derive(Debug)]
pub struct Batch {
    client: aws_sdk_sqs::Client,
    queue_url: String,
    messages: Vec<Message>,
}

impl Batch {
    /// Receives up to ten messages, as whoever owns the queue; waits for the first.
    pub async fn receive(aws: &Aws, queue_url: &str) -> Self {
        let client = aws_sdk_sqs::Client::new(aws.config());
        let call = client.receive_message().queue_url(queue_url).max_number_of_messages(10).wait_time_seconds(20);
        let call = call.message_system_attribute_names(MessageSystemAttributeName::All);
        let messages = call.send().await.unwrap().messages.unwrap_or_default();
        Self { client, queue_url: queue_url.to_owned(), messages }
    }

    /// The ids of the messages.
    pub fn ids(&self) -> Vec<&str> {
        self.messages.iter().filter_map(Message::message_id).collect()
    }

    /// The bodies of the messages.
    pub fn bodies(&self) -> Vec<&str> {
        self.messages.iter().filter_map(Message::body).collect()
    }

    /// The event, in the form that AWS documents.
    pub fn event(&self) -> Value {
        let record = |message: &Message| {
            let attributes = message.attributes.iter().flatten();
            let attributes: serde_json::Map<_, _> =
                attributes.map(|(name, value)| (name.as_str().to_owned(), json!(value))).collect();
            json!({
                "messageId": message.message_id, "receiptHandle": message.receipt_handle, "body": message.body,
                "attributes": attributes, "messageAttributes": {}, "md5OfBody": message.md5_of_body,
                "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:222222222222:pmp-sync-snapshots",
                "awsRegion": "us-east-1"})
        };
        json!({"Records": self.messages.iter().map(record).collect::<Vec<_>>()})
    }

    /// Deletes what was answered, and returns the ids of what was reported as failed. Where the
    /// function failed, that is all of them.
    pub async fn settle(self, answer: &Answer) -> Vec<String> {
        let failed: Vec<String> = match answer {
            Ok(answer) => {
                let failures = answer["batchItemFailures"].as_array().expect("a partial batch response");
                failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
            }
            Err(_) => self.ids().into_iter().map(str::to_owned).collect(),
        };
        let settled = self.messages.iter().filter(|message| !failed.iter().any(|id| message.message_id() == Some(id)));
        let entry = |message: &Message| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(message.message_id().unwrap());
            entry.receipt_handle(message.receipt_handle().unwrap()).build().unwrap()
        };
        let entries: Vec<_> = settled.map(entry).collect();
        if !entries.is_empty() {
            let call = self.client.delete_message_batch().queue_url(&self.queue_url).set_entries(Some(entries));
            call.send().await.unwrap();
        }
        failed
    }
}
