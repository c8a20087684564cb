//! The topic that spokes subscribe to.

use std::fmt;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use pmp_aws::{ApiError, TopicArn};
use pmp_protocol::SnapshotMessage;

/// Where snapshots are announced.
#[async_trait]
pub trait Topic: fmt::Debug + Send + Sync {
    /// Publishes a message; returns the id that SNS gave it.
    async fn publish(&self, message: &SnapshotMessage) -> Result<String, ApiError>;
}

/// A topic over the official SDK.
#[derive(Debug)]
pub struct SnsTopic {
    client: Client,
    arn: TopicArn,
}

impl SnsTopic {
    /// The topic `arn`, in the region that it names.
    #[must_use]
    pub fn new(config: &SdkConfig, arn: TopicArn) -> Self {
        Self { client: Client::new(&pmp_aws::in_region(config, arn.region())), arn }
    }
}

#[async_trait]
impl Topic for SnsTopic {
    async fn publish(&self, message: &SnapshotMessage) -> Result<String, ApiError> {
        const OPERATION: &str = "sns:Publish";
        let mut call = self.client.publish().topic_arn(self.arn.as_str()).message(message.to_json());
        // Attributes let a subscription's filter policy choose without reading the body.
        let attributes = [
            ("schema", "String", message.schema.clone()),
            // Protocol M3.
            ("experience", "String", message.experience.to_string()),
            ("version", "Number", message.version.to_string()),
            ("reason", "String", message.reason.as_str().to_owned()),
        ];
        for (name, data_type, value) in attributes {
            // Both required fields are set, so the builder has nothing to refuse; without it the
            // message still counts.
            if let Ok(value) = MessageAttributeValue::builder().data_type(data_type).string_value(value).build() {
                call = call.message_attributes(name, value);
            }
        }
        let answer = call.send().await.map_err(|e| ApiError::new(OPERATION, &e))?;
        Ok(answer.message_id.unwrap_or_default())
    }
}
