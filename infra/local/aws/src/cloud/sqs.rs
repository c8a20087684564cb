//! SQS: queues of any account by their URL, queue policies, receive counts, long polling, message
//! sizes.

use std::time::{Duration, Instant};

use awsim_core::{AwsError, RequestContext, ServiceHandler};
use awsim_sqs::state::Queue;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::access::{Conditions, Denied, Question, resource_tags};
use super::changes::has_messages;
use super::{Call, Cloud, account_in};

/// SQS's limit in bytes for a message, which is the default of new queues, and for the sum of a
/// batch.
const MAX_MESSAGE: usize = 1024 * 1024;
/// awsim's limit in bytes for the sum of a batch.
const AWSIM_BATCH: usize = 256 * 1024;
/// How long a poll waits for a notification before it looks again: messages also become visible
/// when their timeout ends.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// awsim counts a receive when a message's visibility timeout ends, and another one when it is
/// received. So this module makes messages visible itself, this much earlier; then awsim finds none
/// whose timeout has ended.
const EARLY: Duration = Duration::from_millis(50);

impl Cloud {
    pub(super) async fn answer_sqs(&self, operation: &str, mut input: Value, call: &Call) -> Result<Value, AwsError> {
        let owner = queue_owner(&input).unwrap_or_else(|| call.caller.account()).to_owned();
        let context = call.context("sqs", &owner);
        self.authorize_sqs(operation, &input, call, &context)?;
        if let Some(policy) = input["Attributes"]["Policy"].as_str()
            && !policy.is_empty()
            && awsim_iam_policy::parse(policy).is_err()
        {
            return Err(AwsError::bad_request("InvalidAttributeValue", "Invalid value for the parameter Policy."));
        }
        check_ranges(&input["Attributes"])?;
        check_visibility(&input["VisibilityTimeout"])?;
        match operation {
            "CreateQueue" => self.create_queue(input, &context).await,
            "SendMessage" => self.send(input, &context).await,
            "SendMessageBatch" => self.send_batch(input, &context).await,
            "ReceiveMessage" => {
                let answer = self.receive(&mut input, &context).await?;
                self.note_received(queue_name(&input), &answer, &context);
                Ok(answer)
            }
            "DeleteMessage" | "DeleteMessageBatch" => {
                self.return_expired(&input, &context);
                let answer = self.sqs.handle(operation, input.clone(), &context).await;
                self.note_deleted(queue_name(&input), &input, answer.is_ok(), &context);
                forgive_stale_handles(&input, answer)
            }
            _ => {
                self.return_expired(&input, &context);
                self.sqs.handle(operation, input, &context).await
            }
        }
    }

    fn authorize_sqs(
        &self,
        operation: &str,
        input: &Value,
        call: &Call,
        context: &RequestContext,
    ) -> Result<(), AwsError> {
        for (action, resource) in self.sqs.iam_checks(operation, input, context) {
            let name = resource.rsplit(':').next().unwrap_or_default();
            let policy = self.queue_attribute(context, name, "Policy");
            let question = Question {
                caller: &call.caller,
                action: &action,
                resource: &resource,
                owner: &context.account_id,
                resource_policy: policy.as_deref(),
                conditions: self.queue_tags(context, name),
            };
            let refused = |denied: Denied| AwsError::forbidden("AccessDenied", denied.0);
            self.access.decide(question).map_err(refused)?;
        }
        Ok(())
    }

    pub(super) fn queue_attribute(&self, context: &RequestContext, queue: &str, attribute: &str) -> Option<String> {
        let state = self.sqs.store().get(&context.account_id, &context.region);
        state.queues.get(queue)?.attributes.get(attribute).cloned()
    }

    /// The condition keys of a queue's tags.
    pub(super) fn queue_tags(&self, context: &RequestContext, queue: &str) -> Conditions {
        let state = self.sqs.store().get(&context.account_id, &context.region);
        state.queues.get(queue).map(|queue| resource_tags(&queue.tags)).unwrap_or_default()
    }

    pub(super) async fn create_queue(&self, mut input: Value, context: &RequestContext) -> Result<Value, AwsError> {
        let name = input["QueueName"].as_str().unwrap_or_default().to_owned();
        let exists = self.queue_attribute(context, &name, "QueueArn").is_some();
        if !exists && input["Attributes"]["MaximumMessageSize"].is_null() {
            input["Attributes"]["MaximumMessageSize"] = json!(MAX_MESSAGE.to_string());
        }
        self.sqs.handle("CreateQueue", input, context).await
    }

    /// Sends a message for a caller that IAM has permitted.
    pub(super) async fn send(&self, input: Value, context: &RequestContext) -> Result<Value, AwsError> {
        check_body(&input)?;
        self.check_size(&input, queue_name(&input), context)?;
        let answer = self.put_message(input, context).await?;
        self.arrivals.notify_waiters();
        Ok(answer)
    }

    async fn send_batch(&self, input: Value, context: &RequestContext) -> Result<Value, AwsError> {
        let entries = input["Entries"].as_array().cloned().unwrap_or_default();
        let total: usize = entries.iter().map(message_size).sum();
        if total > MAX_MESSAGE {
            let message =
                format!("Batch requests cannot be longer than {MAX_MESSAGE} bytes. You have sent {total} bytes.");
            return Err(AwsError::bad_request("AWS.SimpleQueueService.BatchRequestTooLong", message));
        }
        for entry in &entries {
            check_body(entry)?;
            self.check_size(entry, queue_name(&input), context)?;
        }
        // A fault applies to each message separately.
        let one_by_one = self.faults().rules().iter().any(|armed| armed.rule.fault.befalls_messages());
        if total <= AWSIM_BATCH && !one_by_one {
            let answer = self.sqs.handle("SendMessageBatch", input, context).await?;
            self.arrivals.notify_waiters();
            return Ok(answer);
        }
        self.send_large_batch(&input["QueueUrl"], entries, context).await
    }

    /// Sends the messages of a batch one by one, if SQS accepts the batch and awsim does not, or if
    /// faults may apply to its messages.
    async fn send_large_batch(
        &self,
        queue: &Value,
        entries: Vec<Value>,
        context: &RequestContext,
    ) -> Result<Value, AwsError> {
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for mut entry in entries {
            let id = entry["Id"].clone();
            entry["QueueUrl"] = queue.clone();
            match self.send(entry, context).await {
                Ok(mut sent) => {
                    sent["Id"] = id;
                    successful.push(sent);
                }
                Err(e) => failed.push(json!({ "Id": id, "SenderFault": true, "Code": e.code, "Message": e.message })),
            }
        }
        Ok(json!({ "Successful": successful, "Failed": failed }))
    }

    fn check_size(&self, message: &Value, queue: &str, context: &RequestContext) -> Result<(), AwsError> {
        let limit = self.queue_attribute(context, queue, "MaximumMessageSize").and_then(|limit| limit.parse().ok());
        let limit = limit.unwrap_or(MAX_MESSAGE);
        if message_size(message) <= limit {
            return Ok(());
        }
        let message =
            format!("One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes.");
        Err(AwsError::bad_request("InvalidParameterValue", message))
    }

    /// Receives messages, and waits for them as long as the request says.
    async fn receive(&self, input: &mut Value, context: &RequestContext) -> Result<Value, AwsError> {
        let wait = self.wait_seconds(input, context)?;
        let deadline = Instant::now() + Duration::from_secs(wait);
        input["WaitTimeSeconds"] = json!(0);
        loop {
            // Registered before looking, so that a message that arrives in between wakes the poll.
            let arrival = self.arrivals.notified();
            let attempt = self.changes.attempt().await;
            self.return_expired(input, context);
            let answer = self.sqs.handle("ReceiveMessage", input.clone(), context).await?;
            drop(attempt);
            let left = deadline.saturating_duration_since(Instant::now());
            let found = has_messages(&answer);
            if found {
                self.changes.note();
            }
            if found || left.is_zero() || self.stopping.is_cancelled() {
                return Ok(answer);
            }
            // A notification and the end of the wait have the same effect: the poll looks again.
            let _ = timeout(left.min(LOOK_AGAIN), arrival).await;
        }
    }

    fn wait_seconds(&self, input: &Value, context: &RequestContext) -> Result<u64, AwsError> {
        let asked = match &input["WaitTimeSeconds"] {
            Value::Null => {
                let attribute = self.queue_attribute(context, queue_name(input), "ReceiveMessageWaitTimeSeconds");
                attribute.and_then(|seconds| seconds.parse().ok()).or(Some(0))
            }
            seconds => seconds.as_u64(),
        };
        asked.filter(|seconds| *seconds <= 20).ok_or_else(|| {
            let message = format!(
                "Value {} for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.",
                input["WaitTimeSeconds"]
            );
            AwsError::bad_request("InvalidParameterValue", message)
        })
    }

    /// Makes messages visible again whose visibility timeout has ended, without counting a receive.
    fn return_expired(&self, input: &Value, context: &RequestContext) {
        let state = self.sqs.store().get(&context.account_id, &context.region);
        if let Some(mut queue) = state.queues.get_mut(queue_name(input)) {
            return_expired(&mut queue, Instant::now() + EARLY);
        }
    }
}

/// The permitted ranges of a queue's attributes.
const RANGES: [(&str, std::ops::RangeInclusive<u32>); 5] = [
    ("DelaySeconds", 0..=900),
    ("MaximumMessageSize", 1024..=1_048_576),
    ("MessageRetentionPeriod", 60..=1_209_600),
    ("ReceiveMessageWaitTimeSeconds", 0..=20),
    ("VisibilityTimeout", 0..=43_200),
];

fn check_ranges(attributes: &Value) -> Result<(), AwsError> {
    for (name, range) in RANGES {
        let Some(value) = attributes[name].as_str() else { continue };
        if !value.parse().is_ok_and(|value| range.contains(&value)) {
            let message = format!("Invalid value for the parameter {name}.");
            return Err(AwsError::bad_request("InvalidAttributeValue", message));
        }
    }
    Ok(())
}

/// Checks the visibility timeout of a request, if it has one.
fn check_visibility(timeout: &Value) -> Result<(), AwsError> {
    if timeout.is_null() || timeout.as_u64().is_some_and(|seconds| seconds <= 43_200) {
        return Ok(());
    }
    let message = format!(
        "Value {timeout} for parameter VisibilityTimeout is invalid. Reason: VisibilityTimeout must be an integer \
         between 0 and 43200."
    );
    Err(AwsError::bad_request("InvalidParameterValue", message))
}

const INVALID_HANDLE: &str = "ReceiptHandleIsInvalid";

/// In SQS, a delete with an old handle, or of a message that is already deleted, succeeds and has
/// no effect. awsim refuses every such handle as invalid. So the error is ignored if the handle is
/// a UUID, as all of awsim's handles are.
fn forgive_stale_handles(input: &Value, answer: Result<Value, AwsError>) -> Result<Value, AwsError> {
    let stale = |handle: &Value| {
        let handle = handle.as_str().unwrap_or_default();
        handle.len() == 36 && handle.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
    };
    let mut answer = match answer {
        Err(error) if error.code == INVALID_HANDLE && stale(&input["ReceiptHandle"]) => return Ok(json!({})),
        other => other?,
    };
    let entries = input["Entries"].as_array().cloned().unwrap_or_default();
    let is_stale = |id: &Value| entries.iter().any(|entry| entry["Id"] == *id && stale(&entry["ReceiptHandle"]));
    if let Some(failed) = answer["Failed"].as_array_mut() {
        let forgiven = failed.extract_if(.., |entry| entry["Code"] == INVALID_HANDLE && is_stale(&entry["Id"]));
        let forgiven: Vec<Value> = forgiven.map(|entry| json!({ "Id": entry["Id"] })).collect();
        if let Some(successful) = answer["Successful"].as_array_mut() {
            successful.extend(forgiven);
        }
    }
    Ok(answer)
}

fn return_expired(queue: &mut Queue, now: Instant) {
    let due = |visible_at: Option<Instant>| visible_at.is_none_or(|visible_at| visible_at <= now);
    let mut expired: Vec<_> = queue.inflight.extract_if(|_, message| due(message.visible_at)).map(|(_, m)| m).collect();
    // The oldest message comes first, as in awsim. A standard queue promises no order, but a stable
    // one helps.
    expired.sort_by_key(|message| std::cmp::Reverse(message.message.sent_at));
    for inflight in expired {
        queue.messages.push_front(inflight.message);
    }
}

/// Refuses an empty message.
fn check_body(message: &Value) -> Result<(), AwsError> {
    if message["MessageBody"].as_str().is_some_and(str::is_empty) {
        let text = "The request must contain the parameter MessageBody.";
        return Err(AwsError::bad_request("MissingParameter", text));
    }
    Ok(())
}

/// The size in bytes by SQS's rules: the body, and the names, types and values of the attributes.
fn message_size(message: &Value) -> usize {
    let text = |value: &Value| value.as_str().map_or(0, str::len);
    let attribute = |(name, value): (&String, &Value)| {
        let binary = text(&value["BinaryValue"]) * 3 / 4;
        name.len() + text(&value["DataType"]) + text(&value["StringValue"]) + binary
    };
    let attributes = message["MessageAttributes"].as_object();
    text(&message["MessageBody"]) + attributes.map_or(0, |attributes| attributes.iter().map(attribute).sum())
}

pub(super) fn queue_name(input: &Value) -> &str {
    input["QueueUrl"].as_str().and_then(|url| url.rsplit('/').next()).unwrap_or_default()
}

/// The account of the queue that a request names; `None` if it names none.
fn queue_owner(input: &Value) -> Option<&str> {
    let in_url = input["QueueUrl"].as_str().and_then(|url| url.rsplit('/').nth(1));
    in_url
        .filter(|account| crate::world::is_account(account))
        .or_else(|| input["QueueOwnerAWSAccountId"].as_str())
        .or_else(|| account_in(input["SourceArn"].as_str()?))
}
