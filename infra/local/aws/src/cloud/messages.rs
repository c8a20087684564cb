//! Messages on their way into a queue, and the faults that apply to them: loss, copies, delay and
//! overtaking.
//!
//! The sender does not learn of a fault: the queue has accepted the message, as with SQS when it
//! delivers a message twice.

use std::time::{Duration, Instant};

use awsim_core::{AwsError, RequestContext, ServiceHandler};
use awsim_sqs::state::Queue;
use serde_json::{Value, json};

use super::Cloud;
use super::sqs::queue_name;
use crate::faults::MessageEffect;

/// SQS's longest delay in seconds. A new message is hidden from receivers this long, or until the
/// faults are applied.
const OUT_OF_REACH: u64 = 900;

impl Cloud {
    /// Puts a message into its queue, and applies the faults that are in force.
    pub(super) async fn put_message(&self, mut input: Value, context: &RequestContext) -> Result<Value, AwsError> {
        let name = queue_name(&input).to_owned();
        let asked = match &input["DelaySeconds"] {
            Value::Null => Some(None),
            seconds => seconds.as_u64().filter(|seconds| *seconds <= OUT_OF_REACH).map(Some),
        };
        // An error of awsim is passed on. Faults do not apply to FIFO queues, because order and
        // number are their promises, and this system does not use them.
        let (Some(asked), false) = (asked, name.ends_with(".fifo")) else {
            return self.sqs.handle("SendMessage", input, context).await;
        };
        if self.queue_attribute(context, &name, "QueueArn").is_none() {
            return self.sqs.handle("SendMessage", input, context).await;
        }
        let effect = self.faults().on_message(&context.account_id, &name, self.clock().now());
        if effect.fired.is_empty() {
            return self.sqs.handle("SendMessage", input, context).await;
        }
        input["DelaySeconds"] = json!(OUT_OF_REACH);
        let answer = self.sqs.handle("SendMessage", input, context).await?;
        let state = self.sqs.store().get(&context.account_id, &context.region);
        if let Some(mut queue) = state.queues.get_mut(&name) {
            let asked = asked.unwrap_or_else(|| queue.delay_seconds());
            befall(&mut queue, answer["MessageId"].as_str().unwrap_or_default(), &effect, Duration::from_secs(asked));
        }
        Ok(answer)
    }
}

fn befall(queue: &mut Queue, id: &str, effect: &MessageEffect, asked: Duration) {
    let Some(position) = queue.messages.iter().rposition(|message| message.message_id == id) else { return };
    let Some(mut message) = queue.messages.remove(position) else { return };
    if effect.lost {
        return;
    }
    let delay = asked.saturating_add(effect.delay);
    message.delay_until = if delay.is_zero() { None } else { Instant::now().checked_add(delay) };
    message.delay_until_secs = message.delay_until.map(|_| message.sent_at_secs.saturating_add(delay.as_secs()));
    for _ in 0..=effect.copies {
        if effect.overtakes {
            queue.messages.push_front(message.clone());
        } else {
            queue.messages.push_back(message.clone());
        }
    }
}
