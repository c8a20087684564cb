//! Where the spoke's messages come from: the port. [`sqs`](super::sqs) is its adapter for SQS.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::error::SpokeError;

/// The most messages that an inbox hands out or takes at once: SQS's limit for a batch.
pub(crate) const BATCH: usize = 10;

/// A message that was received, and is hidden from others until its visibility timeout ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The message's own id, for the log.
    pub id: String,
    /// The text as it was received: nothing in it is checked yet.
    pub body: String,
    /// Names this receive of the message, to delete or to hide it.
    pub handle: String,
    /// How often the message was received, this time included.
    pub times: u32,
    /// When the message was sent to the queue. `None` where that is not known.
    pub sent: Option<Timestamp>,
}

/// A queue of messages, each of which is delivered at least once.
#[async_trait]
pub trait Inbox: fmt::Debug + Send + Sync {
    /// Receives up to 10 messages. With `wait`, it waits for the first one, up to 20 seconds. It is
    /// cancel-safe: messages that are received and dropped become visible again.
    async fn receive(&self, wait: bool) -> Result<Vec<Received>, SpokeError>;

    /// Deletes messages. Their outcome must be in the ledger by then (rule 6).
    async fn delete(&self, messages: &[Received]) -> Result<(), SpokeError>;

    /// Moves a message that is not understood to the dead-letter queue, with the reason. Returns
    /// whether there is such a queue; without one, the message stays where it is.
    async fn bury(&self, message: &Received, reason: &str) -> Result<bool, SpokeError>;

    /// Hides messages from every other spoke for `duration` from now on. Zero makes them visible
    /// again at once.
    async fn hide(&self, messages: &[Received], duration: Duration) -> Result<(), SpokeError>;
}
