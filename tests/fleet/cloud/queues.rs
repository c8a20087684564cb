//! SQS over its JSON protocol, by simulated time: standard queues with receive counts, visibility
//! timeouts, long polls and a redrive policy.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{Answer, Request};
use crate::fleet::{ENDPOINT, REGION, Shape};

/// The queue of a spoke, and that of its dead letters.
pub(crate) const INBOX: &str = "spoke";
pub(crate) const DEAD: &str = "dead";
/// A message that was received more often than this moves to the dead letters.
const MOST_RECEIVES: u32 = 5;
/// The visibility timeout of a queue that nobody configured.
const VISIBILITY: i64 = 30;

/// A message in a queue.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) body: String,
    pub(crate) visible_at: Timestamp,
    pub(crate) times: u32,
    sent: Timestamp,
    /// Names the last receive.
    handle: String,
}

/// A standard queue: it promises no order.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub(crate) messages: Vec<Message>,
    /// Rings when a message came, or is visible at another time than before.
    pub(crate) moved: Arc<Notify>,
}

/// All queues: by account and name.
#[derive(Debug)]
pub(crate) struct Queues {
    all: BTreeMap<(String, String), Queue>,
    count: u64,
}

/// What came of a request, for whoever watches.
#[derive(Debug, Clone, Default)]
pub(crate) struct Moved {
    /// Ids, bodies and receive counts of messages that were received.
    pub(crate) received: Vec<(String, String, u32)>,
    /// Ids and bodies of messages that were deleted.
    pub(crate) deleted: Vec<(String, String)>,
    /// The body of a message that was sent to the dead letters.
    pub(crate) buried: Option<String>,
}

pub(crate) fn url(account: &str, name: &str) -> String {
    format!("{ENDPOINT}/{account}/{name}")
}

impl Queues {
    pub(crate) fn new(shape: &Shape) -> Self {
        let accounts = shape.members.iter().map(|member| member.account.clone());
        let both = accounts.flat_map(|account| [(account.clone(), INBOX.to_owned()), (account, DEAD.to_owned())]);
        Self { all: both.map(|key| (key, Queue::default())).collect(), count: 0 }
    }

    pub(crate) fn of(&mut self, account: &str, name: &str) -> &mut Queue {
        self.all.get_mut(&(account.to_owned(), name.to_owned())).unwrap()
    }

    /// Puts a message into a queue, visible from then on.
    pub(crate) fn send(&mut self, account: &str, name: &str, body: String, now: Timestamp, visible_at: Timestamp) {
        self.count += 1;
        let id = format!("message-{}", self.count);
        let queue = self.of(account, name);
        queue.messages.push(Message { id, body, visible_at, times: 0, sent: now, handle: String::new() });
        queue.moved.notify_waiters();
    }

    /// When the next message of a spoke's queue becomes visible that is hidden now.
    pub(crate) fn next_visible(&mut self, account: &str, now: Timestamp) -> Option<Timestamp> {
        let messages = self.of(account, INBOX).messages.iter();
        messages.map(|message| message.visible_at).filter(|at| *at > now).min()
    }

    /// Answers a request of `account` about its own queues.
    pub(crate) fn answer(&mut self, account: &str, request: &Request, now: Timestamp) -> (Answer, Moved) {
        let input: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let name = input["QueueUrl"].as_str().and_then(|url| url.rsplit('/').next()).unwrap_or_default();
        let mut moved = Moved::default();
        let answer = match request.operation.as_str() {
            "ReceiveMessage" => self.receive(account, name, &input, now, &mut moved),
            "DeleteMessageBatch" => batch(&input, |entry| {
                let handle = entry["ReceiptHandle"].as_str().unwrap_or_default();
                let queue = self.of(account, name);
                // A delete with an old handle, or of a message that is gone, succeeds as well.
                if let Some(place) = queue.messages.iter().position(|message| message.handle == handle) {
                    let gone = queue.messages.remove(place);
                    moved.deleted.push((gone.id, gone.body));
                }
            }),
            "ChangeMessageVisibilityBatch" => batch(&input, |entry| {
                let handle = entry["ReceiptHandle"].as_str().unwrap_or_default();
                let seconds = entry["VisibilityTimeout"].as_i64().unwrap_or(VISIBILITY);
                let queue = self.of(account, name);
                if let Some(message) = queue.messages.iter_mut().find(|message| message.handle == handle) {
                    message.visible_at = now + SignedDuration::from_secs(seconds);
                }
                queue.moved.notify_waiters();
            }),
            "SendMessage" => {
                let body = input["MessageBody"].as_str().unwrap_or_default().to_owned();
                moved.buried = (name == DEAD).then(|| body.clone());
                self.send(account, name, body, now, now);
                json!({ "MessageId": format!("message-{}", self.count) })
            }
            "GetQueueAttributes" => {
                let dead = format!("arn:aws:sqs:{REGION}:{account}:{DEAD}");
                let policy = json!({ "deadLetterTargetArn": dead, "maxReceiveCount": MOST_RECEIVES }).to_string();
                json!({ "Attributes": { "RedrivePolicy": policy } })
            }
            other => panic!("the fleet's queues are asked for `{other}`"),
        };
        (Answer::of(answer.to_string()), moved)
    }

    fn receive(&mut self, account: &str, name: &str, input: &Value, now: Timestamp, moved: &mut Moved) -> Value {
        let most = usize::try_from(input["MaxNumberOfMessages"].as_u64().unwrap_or(1)).unwrap_or(1);
        let (mut handed, mut dead) = (Vec::new(), Vec::new());
        self.count += 1;
        let count = self.count;
        let queue = self.of(account, name);
        queue.messages.retain_mut(|message| {
            if message.visible_at > now || handed.len() >= most {
                return true;
            }
            if message.times >= MOST_RECEIVES {
                dead.push(message.body.clone());
                return false;
            }
            message.times += 1;
            message.visible_at = now + SignedDuration::from_secs(VISIBILITY);
            message.handle = format!("handle-{count}-{}", message.id);
            moved.received.push((message.id.clone(), message.body.clone(), message.times));
            handed.push(json!({ "MessageId": message.id, "ReceiptHandle": message.handle, "Body": message.body,
                "Attributes": { "ApproximateReceiveCount": message.times.to_string(),
                    "SentTimestamp": message.sent.as_millisecond().to_string() } }));
            true
        });
        dead.into_iter().for_each(|body| self.send(account, DEAD, body, now, now));
        json!({ "Messages": handed })
    }
}

fn batch(input: &Value, mut each: impl FnMut(&Value)) -> Value {
    let entries = input["Entries"].as_array().cloned().unwrap_or_default();
    entries.iter().for_each(&mut each);
    let done: Vec<_> = entries.iter().map(|entry| json!({ "Id": entry["Id"] })).collect();
    json!({ "Successful": done, "Failed": [] })
}

/// How long a receive waits for a message.
pub(crate) fn wait_seconds(request: &Request) -> u64 {
    let input: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    input["WaitTimeSeconds"].as_u64().unwrap_or_default()
}
