//! SNS over its query protocol: one topic. Who receives what, and when, is decided by the faults of
//! the fleet.

use super::{Answer, Request, form};

/// The topic of the hub.
#[derive(Debug, Default)]
pub(crate) struct Topic {
    published: u64,
}

impl Topic {
    /// Takes a message; the answer, and the message itself.
    pub(crate) fn publish(&mut self, request: &Request) -> (Answer, String) {
        assert_eq!(request.operation, "Publish", "the fleet's topic is asked for something else");
        self.published += 1;
        let body = format!(
            "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult><MessageId>notification-{}\
             </MessageId></PublishResult><ResponseMetadata><RequestId>request</RequestId></ResponseMetadata></PublishResponse>",
            self.published
        );
        (Answer::of(body), form(&request.body, "Message").unwrap_or_default())
    }
}

/// A message as SNS wraps it, where a subscription does not ask for it raw.
pub(crate) fn wrapped(message: &str) -> String {
    serde_json::json!({ "Type": "Notification", "Message": message }).to_string()
}
