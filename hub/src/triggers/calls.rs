//! One queue of change events for several management experiences: the events name none of them, so
//! each is called to look.
//!
//! An event is deleted as soon as all were called, and not when all have looked: one that fails
//! would have the others look again and again. A call is not lost by that. Whoever was called looks
//! until a look succeeds, and a process that starts anew looks at once.

use std::time::Duration;

use pmp_protocol::render;
use pmp_runtime::Backoff;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::error::HubError;
use crate::triggers::event_queue::EventQueue;

/// The pauses after failures of the queue: they double up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(300);

/// The calls to one management experience. Several that come while it looks are one.
#[derive(Debug, Default)]
pub(crate) struct Calls(Notify);

impl Calls {
    fn call(&self) {
        self.0.notify_one();
    }

    /// Waits for a call. Cancel-safe.
    pub(crate) async fn called(&self) {
        self.0.notified().await;
    }
}

/// Calls all whenever the catalog tells of changes, until `stop`. No failure ends it.
pub(crate) async fn pass_on(queue: &EventQueue, calls: &[Calls], stop: &CancellationToken) {
    let mut pause = Backoff::exact(FIRST_PAUSE, 2.0, MAX_PAUSE);
    loop {
        // Boxed: it stands beside what all the management experiences do.
        let passed = Box::pin(async {
            let received = queue.receive().await?;
            if received.succeeded > 0 {
                tracing::info!(events = received.succeeded, "the catalog tells of changes");
                calls.iter().for_each(Calls::call);
            }
            queue.delete(received).await
        });
        match stop.run_until_cancelled(passed).await {
            None => return,
            Some(Ok(())) => pause.reset(),
            Some(Err(error)) => {
                let wait = pause.next_pause().unwrap_or_default();
                let error = HubError::Events(error);
                tracing::error!(error = render(&error), retry_in = ?wait, "could not use the queue of change events");
                if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_that_come_meanwhile_are_one() {
        let calls = Calls::default();
        calls.call();
        calls.call();
        calls.called().await;
        let second = tokio::time::timeout(Duration::from_secs(1), calls.called()).await;
        assert!(second.is_err(), "one call was left");
    }
}
