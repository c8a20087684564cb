//! The spoke as a Lambda function: a batch of messages from SQS, of which the newest is answered as
//! the agent answers it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pmp_lambda::{Function, Invocation};
use pmp_protocol::render;
use pmp_terminal::Failure;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::commands::metrics::StandardOutput;
use crate::compose::{Purpose, spoke};
use crate::config::ConfigArgs;
use crate::error::sdk;
use crate::identity::Identity;
use crate::intake::handler::answer;
use crate::intake::inbox::Received;
use crate::intake::sqs::SqsInbox;
use crate::lease::IfHeld;
use crate::metrics::Metrics;
use crate::pass::Spoke;

/// A batch of messages, as the [event source mapping] of a queue hands it over: what the spoke
/// reads of it. Types of our own, because those of `aws_lambda_events` bring seventeen crates for
/// these fields.
///
/// [event source mapping]: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
#[derive(Debug, Deserialize)]
struct SqsEvent {
    #[serde(rename = "Records")]
    records: Vec<SqsMessage>,
}

/// One message of a batch. What is absent or `null` is empty.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SqsMessage {
    message_id: Option<String>,
    receipt_handle: Option<String>,
    body: Option<String>,
    attributes: Option<BTreeMap<String, String>>,
}

/// The answer to a batch, in the form of `ReportBatchItemFailures`: the messages that must come
/// again. Lambda deletes all others. See
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SqsBatchResponse {
    batch_item_failures: Vec<BatchItemFailure>,
}

/// A message that is to come again.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchItemFailure {
    item_identifier: String,
}

/// What all invocations of one process share.
#[derive(Debug)]
pub(crate) struct SpokeFunction {
    spoke: Spoke,
    inbox: SqsInbox,
    metrics: StandardOutput,
}

impl Function for SpokeFunction {
    type Settings = ConfigArgs;

    async fn init(settings: ConfigArgs) -> Result<Self, Failure> {
        let (config, queue_url) = settings.for_run()?;
        let sdk = sdk().await?;
        let identity = Identity::find(&sdk, config.organization.clone()).await?;
        let spoke = spoke(&sdk, identity, &config, &place(), Purpose::Pass, None).await?;
        tracing::info!(experience = %spoke.management, organization = %spoke.identity.organization, "spoke ready");
        Ok(Self { spoke, inbox: SqsInbox::new(&sdk, queue_url), metrics: StandardOutput(config.metrics) })
    }

    /// Answers a batch. What is to come again stands in the answer, and Lambda deletes the rest.
    async fn invoke(&self, event: Value, invocation: &Invocation) -> Result<Value, Failure> {
        let batch: SqsEvent = serde_json::from_value(event).map_err(|error| {
            Failure::tried("E5027", "the event is not a batch of messages from SQS", error)
                .hint("to have the newest snapshot applied now, let the hub announce it: `pmp-hub publish`".to_owned())
        })?;
        let messages: Vec<_> = batch.records.into_iter().map(received).collect();
        let ids: Vec<_> = messages.iter().map(|message| message.id.clone()).collect();
        let metrics = Metrics::begin(&self.metrics);
        let answer = Box::pin(answer(&self.spoke, &self.inbox, messages, IfHeld::Leave, &invocation.stop));
        let Some(answer) = invocation.stop.to_the_end(answer).await else {
            // What is not in the ledger comes again, and with it what is: nothing relies on single
            // delivery.
            tracing::error!("something does not answer, and the time is up: all messages of the batch come again");
            return Ok(all_again(ids));
        };
        metrics.emit(&self.spoke, &answer.ended(), Some(&invocation.request_id));
        if let Some(error) = answer.error {
            tracing::error!(error = render(&error), "the pass failed; its messages come again");
        }
        Ok(all_again(answer.kept.into_iter().map(|message| message.id)))
    }
}

/// The answer that has Lambda deliver these messages again, and delete all others.
fn all_again(ids: impl IntoIterator<Item = String>) -> Value {
    let kept = ids.into_iter().map(|id| BatchItemFailure { item_identifier: id });
    json!(SqsBatchResponse { batch_item_failures: kept.collect() })
}

/// Where this runs, for others who find the lease taken.
fn place() -> String {
    let variable = |name| std::env::var(name).unwrap_or_default();
    format!("function {}, log stream {}", variable("AWS_LAMBDA_FUNCTION_NAME"), variable("AWS_LAMBDA_LOG_STREAM_NAME"))
}

fn received(message: SqsMessage) -> Received {
    let attribute = |name: &str| message.attributes.as_ref()?.get(name)?.parse().ok();
    Received {
        times: attribute("ApproximateReceiveCount").and_then(|times: i64| u32::try_from(times).ok()).unwrap_or(1),
        sent: attribute("SentTimestamp").and_then(|sent| Timestamp::from_millisecond(sent).ok()),
        id: message.message_id.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        handle: message.receipt_handle.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_of_a_batch_is_a_message_like_any_other() {
        let event = json!({"Records": [
            {"messageId": "m-1", "receiptHandle": "h-1", "body": "b", "eventSource": "aws:sqs", "awsRegion": "us-east-1",
             "attributes": {"ApproximateReceiveCount": "3", "SentTimestamp": "1545082649183"}},
            {"messageId": "m-2", "receiptHandle": "h-2", "body": "b", "attributes": {}}]});
        let batch: SqsEvent = serde_json::from_value(event).unwrap();
        let messages: Vec<_> = batch.records.into_iter().map(received).collect();
        assert_eq!((messages[0].id.as_str(), messages[0].handle.as_str(), messages[0].times), ("m-1", "h-1", 3));
        assert_eq!(messages[0].sent.unwrap().as_millisecond(), 1_545_082_649_183);
        assert_eq!((messages[1].times, messages[1].sent), (1, None));
    }

    #[test]
    fn what_is_absent_is_empty_and_what_is_kept_is_named() {
        let batch: SqsEvent = serde_json::from_value(json!({"Records": [{"body": null}]})).unwrap();
        let message = received(batch.records.into_iter().next().unwrap());
        assert_eq!((message.id.as_str(), message.body.as_str(), message.times), ("", "", 1));
        let kept = vec![BatchItemFailure { item_identifier: "m-1".to_owned() }];
        let response = serde_json::to_value(SqsBatchResponse { batch_item_failures: kept }).unwrap();
        assert_eq!(response, json!({"batchItemFailures": [{"itemIdentifier": "m-1"}]}));
    }
}
