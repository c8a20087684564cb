//! The spoke as a Lambda function: a batch of messages from SQS, of which the newest is answered as the agent answers it.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use jiff::Timestamp;
use pmp_lambda::{Function, Invocation};
use pmp_terminal::Failure;
use serde_json::Value;

use crate::Spoke;
use crate::answer::answer;
use crate::cli::spoke;
use crate::config::ConfigArgs;
use crate::error::failure;
use crate::figures::Figures;
use crate::inbox::{Received, SqsInbox};
use crate::lease::IfHeld;

/// The function.
#[derive(Debug)]
pub(crate) struct SpokeFunction {
    spoke: Spoke,
    inbox: SqsInbox,
}

impl Function for SpokeFunction {
    type Settings = ConfigArgs;

    async fn init(settings: ConfigArgs) -> Result<Self, Failure> {
        let config = settings.for_pass(true)?;
        let sdk = pmp_aws::load("pmp-spoke").await;
        let spoke = spoke(&sdk, &config, &place()).await?;
        tracing::info!(experience = %spoke.management, organization = %spoke.identity.organization, "spoke ready");
        Ok(Self { spoke, inbox: SqsInbox::new(&sdk, config.queue_url.unwrap_or_default()) })
    }

    /// Answers a batch. What is to come again stands in the answer, and Lambda deletes the rest.
    async fn invoke(&self, event: Value, invocation: &Invocation) -> Result<Value, Failure> {
        let batch: SqsEvent = serde_json::from_value(event).map_err(|error| {
            Failure::new(anyhow::Error::new(error).context("the event is not a batch of messages from SQS"))
                .hint("to have the newest snapshot applied now, let the hub announce it: `pmp-hub publish`".to_owned())
        })?;
        let messages: Vec<_> = batch.records.into_iter().map(received).collect();
        let figures = Figures::begin();
        let answer = answer(&self.spoke, &self.inbox, messages, IfHeld::Leave, &invocation.stop).await;
        figures.tell(&self.spoke, &answer, Some(&invocation.request_id));
        if let Some(error) = answer.error {
            tracing::error!(error = failure(error).render(), "the pass failed; its messages come again");
        }
        let mut response = SqsBatchResponse::default();
        answer.kept.into_iter().for_each(|message| response.add_failure(message.id));
        serde_json::to_value(response).map_err(Failure::new)
    }
}

/// Where this runs, for others who find the lease taken.
fn place() -> String {
    let variable = |name| std::env::var(name).unwrap_or_default();
    format!("function {}, log stream {}", variable("AWS_LAMBDA_FUNCTION_NAME"), variable("AWS_LAMBDA_LOG_STREAM_NAME"))
}

fn received(message: SqsMessage) -> Received {
    let attribute = |name: &str| message.attributes.get(name)?.parse().ok();
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
}
