//! When change sets ended, to the millisecond: the catalog's own change events, as they arrive in a
//! queue.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use pmp_tests::Aws;
use serde_json::Value;
use tokio::task::JoinHandle;

/// Listens to a queue of change events until it is dropped.
#[derive(Debug)]
pub(crate) struct Events {
    ended: Arc<Mutex<HashMap<String, Instant>>>,
    listener: JoinHandle<()>,
}

impl Events {
    pub(crate) fn listen(account: &Aws, queue_url: &str) -> Self {
        let ended = Arc::<Mutex<HashMap<String, Instant>>>::default();
        let kept = ended.clone();
        let client = aws_sdk_sqs::Client::new(account.config());
        let queue_url = queue_url.to_owned();
        let listener = tokio::spawn(async move {
            loop {
                let call =
                    client.receive_message().queue_url(&queue_url).max_number_of_messages(10).wait_time_seconds(20);
                let Ok(answer) = call.send().await else { continue };
                let now = Instant::now();
                for message in answer.messages() {
                    let event: Value = serde_json::from_str(message.body().unwrap_or_default()).unwrap_or_default();
                    if let Some(id) = event["detail"]["ChangeSetId"].as_str() {
                        kept.lock().unwrap().entry(id.to_owned()).or_insert(now);
                    }
                    let handle = message.receipt_handle().unwrap_or_default();
                    let _again = client.delete_message().queue_url(&queue_url).receipt_handle(handle).send().await;
                }
            }
        });
        Self { ended, listener }
    }

    /// The change sets that have ended so far.
    pub(crate) fn ended(&self) -> HashMap<String, Instant> {
        self.ended.lock().unwrap().clone()
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.listener.abort();
    }
}
