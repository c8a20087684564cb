//! The topic of operations.

use std::fmt;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use pmp_aws::{ApiError, Outcome, TopicArn};
use pmp_ledger::OutboxEntry;
use pmp_protocol::ExperienceId;
use serde::Deserialize;

use crate::config::notify::Format;
use crate::notify::chatbot::custom_notification;

/// Where notifications are sent.
#[async_trait]
pub(crate) trait Channel: fmt::Debug + Send + Sync {
    /// Sends a notification; returns the id that the topic gave it.
    async fn send(&self, experience: &ExperienceId, entry: &OutboxEntry) -> Result<String, ApiError>;
}

/// A topic of SNS, over the official SDK.
#[derive(Debug)]
pub(crate) struct SnsChannel {
    client: Client,
    arn: TopicArn,
    format: Format,
}

const PUBLISH: &str = "sns:Publish";

impl SnsChannel {
    /// The topic `arn`, in the region that it names.
    pub(crate) fn new(config: &SdkConfig, arn: TopicArn, format: Format) -> Self {
        Self { client: Client::new(&pmp_aws::in_region(config, arn.region())), arn, format }
    }
}

/// The kind of a notification, which may be one of a newer release.
fn kind_of(body: &str) -> String {
    #[derive(Deserialize)]
    struct Kind {
        kind: String,
    }
    serde_json::from_str(body).map_or_else(|_| "unknown".to_owned(), |Kind { kind }| kind)
}

#[async_trait]
impl Channel for SnsChannel {
    async fn send(&self, experience: &ExperienceId, entry: &OutboxEntry) -> Result<String, ApiError> {
        let message = match self.format {
            Format::Json => entry.body.clone(),
            Format::Chatbot => custom_notification(&entry.body)
                .map_err(|error| ApiError::of(PUBLISH, Outcome::NotSent(error.to_string().into())))?,
        };
        let kind = kind_of(&entry.body);
        let mut call = self.client.publish().topic_arn(self.arn.as_str()).message(message);
        // What an e-mail has as its subject: at most 100 characters.
        call = call.subject(format!("pmp-sync: {kind} ({experience})").chars().take(100).collect::<String>());
        if self.arn.name().ends_with(".fifo") {
            // SNS drops what it has seen under this id in the last five minutes.
            call = call.message_group_id(experience.as_str()).message_deduplication_id(&entry.id);
        }
        // Attributes let a subscription's filter policy choose without reading the body.
        let attributes = [("experience", experience.to_string()), ("kind", kind), ("id", entry.id.clone())];
        for (name, value) in attributes {
            // Both required fields are set, so the builder has nothing to refuse; without it the
            // message still counts.
            if let Ok(value) = MessageAttributeValue::builder().data_type("String").string_value(value).build() {
                call = call.message_attributes(name, value);
            }
        }
        let answer = call.send().await.map_err(|error| ApiError::new(PUBLISH, &error))?;
        Ok(answer.message_id.unwrap_or_default())
    }
}
