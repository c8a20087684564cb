//! The topic that spokes subscribe to.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use pmp_aws::ApiError;
use pmp_protocol::SnapshotMessage;

/// Where snapshots are announced.
#[async_trait]
pub trait Topic: fmt::Debug + Send + Sync {
    /// Publishes a message; returns the id that SNS gave it.
    async fn publish(&self, message: &SnapshotMessage) -> Result<String, ApiError>;
}

/// The ARN of an SNS topic: `arn:aws:sns:<region>:<account>:<name>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicArn(String);

/// A text that is not the ARN of a topic.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not the ARN of an SNS topic (arn:aws:sns:REGION:ACCOUNT:NAME)")]
pub struct TopicArnError(String);

impl TopicArn {
    /// The ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The region that it names.
    #[must_use]
    pub fn region(&self) -> &str {
        self.0.split(':').nth(3).unwrap_or_default()
    }

    /// The account that owns the topic.
    #[must_use]
    pub fn account(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or_default()
    }

    /// The topic's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split(':').nth(5).unwrap_or_default()
    }
}

impl fmt::Display for TopicArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for TopicArn {
    type Err = TopicArnError;
    fn from_str(text: &str) -> Result<Self, TopicArnError> {
        match text.split(':').collect::<Vec<_>>().as_slice() {
            ["arn", _, "sns", region, account, name]
                if pmp_aws::is_region(region) && account.len() == 12 && !name.is_empty() =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(TopicArnError(text.chars().take(120).collect())),
        }
    }
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
            ("experience", "String", message.experience.to_string()),
            ("version", "Number", message.version.to_string()),
            ("reason", "String", message.reason.as_str().to_owned()),
        ];
        for (name, data_type, value) in attributes {
            // Both required fields are set, so the builder has nothing to refuse; without it the message still counts.
            if let Ok(value) = MessageAttributeValue::builder().data_type(data_type).string_value(value).build() {
                call = call.message_attributes(name, value);
            }
        }
        let answer = call.send().await.map_err(|e| ApiError::new(OPERATION, &e))?;
        Ok(answer.message_id.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_arn_is_taken_apart() {
        let arn: TopicArn = "arn:aws:sns:us-east-1:111111111111:pmp".parse().unwrap();
        assert_eq!((arn.region(), arn.account(), arn.name()), ("us-east-1", "111111111111", "pmp"));
        for bad in [
            "pmp",
            "arn:aws:sqs:us-east-1:111111111111:pmp",
            "arn:aws:sns::111111111111:pmp",
            "arn:aws:sns:us-east-1:1:pmp",
        ] {
            assert!(bad.parse::<TopicArn>().is_err(), "{bad}");
        }
    }
}
