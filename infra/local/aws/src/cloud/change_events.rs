//! Delivers the catalog's change events as an EventBridge rule would: to a queue or a topic of any
//! account.
//!
//! The rule comes from the world, so the permission of queue and topic is assumed. Delivery is best
//! effort, like EventBridge's to a target that no longer exists. Faults of messages apply to events
//! as to everything in a queue.

use awsim_core::AwsError;
use serde_json::json;

use super::Cloud;
use super::delivery::queue_url;
use super::journal::{Happening, queue_arn};
use crate::catalog::CatalogEvent;
use crate::world::{ChangeEventTarget, Problem, WorldError};

impl Cloud {
    /// Creates the queues and topics that the world's event rules deliver to.
    pub(super) async fn create_event_targets(&self, authority: &str) -> Result<(), WorldError> {
        for (n, target) in self.world.change_event_targets.iter().enumerate() {
            // The world's own checks refuse such a name before.
            let refused = |error: AwsError| {
                let place = format!("change_event_targets[{n}]");
                WorldError::Invalid(vec![Problem { place, problem: error.to_string() }])
            };
            if let Some(queue) = &target.queue {
                let (owner, name) = target.owner_and_name(queue);
                let mut context = self.internal("sqs", owner);
                context.endpoint_authority = Some(authority.to_owned());
                self.create_queue(json!({ "QueueName": name }), &context).await.map_err(refused)?;
            }
            if let Some(topic) = &target.topic {
                let (owner, name) = target.owner_and_name(topic);
                self.create_topic(json!({ "Name": name }), &self.internal("sns", owner)).await.map_err(refused)?;
            }
        }
        Ok(())
    }

    /// Delivers an event to the targets whose rules match it.
    pub(super) async fn deliver_change_event(&self, ended: &CatalogEvent) {
        let kind = ended.event["detail-type"].as_str().unwrap_or_default();
        for target in &self.world.change_event_targets {
            if target.account == ended.account
                && target.wants(kind)
                && let Err(error) = self.send_event(target, &ended.event.to_string()).await
            {
                tracing::warn!(account = ended.account, ?target, %error, "a change-set event was not delivered");
            }
        }
    }

    async fn send_event(&self, target: &ChangeEventTarget, event: &str) -> Result<(), AwsError> {
        if let Some(queue) = &target.queue {
            let (owner, name) = target.owner_and_name(queue);
            let message = json!({ "QueueUrl": queue_url(owner, name), "MessageBody": event });
            let context = self.internal("sqs", owner);
            self.send(message, &context).await?;
            self.note(Happening::Delivered { queue: queue_arn(&context, name), from: "change event" });
        }
        if let Some(topic) = &target.topic {
            let (owner, name) = target.owner_and_name(topic);
            let arn = format!("arn:aws:sns:{}:{owner}:{name}", self.world.region);
            let message = json!({ "TopicArn": arn, "Message": event });
            self.publish("Publish", message, self.internal("sns", owner)).await?;
        }
        Ok(())
    }
}
