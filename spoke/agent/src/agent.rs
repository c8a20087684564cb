//! The long-running spoke: takes messages from the queue, and deletes none before its outcome is in the ledger (rule 6).

use std::sync::Arc;
use std::time::Duration;

use pmp_protocol::MessageError;
use pmp_terminal::Stop;

use crate::backlog::Backlog;
use crate::error::{failure, one_line};
use crate::inbox::{BATCH, Inbox, Received};
use crate::lease::IfHeld;
use crate::patience::{Patience, Waited};
use crate::{Spoke, SpokeError, snapshot};

/// While a pass goes on, its messages are hidden for this long, again and again.
const HIDE: Duration = Duration::from_secs(300);
const HIDE_EVERY: Duration = Duration::from_secs(100);
/// After a pass that failed as a whole: the time until its messages come again.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// The most messages that one pass answers; more wait for the next.
const MAX_BACKLOG: usize = 100;

/// Runs until `stop` is cancelled. No message and no failure ends it.
pub async fn run(spoke: &Spoke, inbox: &dyn Inbox, stop: &Stop) {
    let mut patience = Patience::with_the_world();
    while !stop.is_stopped() {
        let received = tokio::select! {
            // Cancel-safe, both: what is received and dropped becomes visible again.
            () = stop.stopped() => break,
            received = receive(inbox) => received,
        };
        let outcome = match received {
            Ok(messages) => handle(spoke, inbox, messages, stop).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => patience.reset(),
            Err(error) => {
                tracing::error!(error = failure(error).render(), "the pass failed; trying again");
                if patience.wait(stop.token()).await == Waited::Stopped {
                    break;
                }
            }
        }
    }
    let reason = stop.reason().map_or_else(String::new, ToString::to_string);
    tracing::info!(reason, "stopped");
}

/// Waits for messages, and takes along those that wait behind them: of many, only the newest counts.
async fn receive(inbox: &dyn Inbox) -> Result<Vec<Received>, SpokeError> {
    let mut messages = inbox.receive(true).await?;
    let mut full = messages.len() == BATCH;
    while full && messages.len() < MAX_BACKLOG {
        let more = inbox.receive(false).await?;
        full = more.len() == BATCH;
        messages.extend(more);
    }
    Ok(messages)
}

async fn handle(spoke: &Spoke, inbox: &dyn Inbox, messages: Vec<Received>, stop: &Stop) -> Result<(), SpokeError> {
    let backlog = Backlog::sort(messages, &spoke.management);
    for (message, error) in &backlog.malformed {
        bury(inbox, message, error).await?;
    }
    inbox.delete(&backlog.foreign).await?;
    let Some(newest) = backlog.newest else { return Ok(()) };
    tracing::info!(version = %newest.version, reason = newest.reason.as_str(), "message received");
    // Hidden while it waits for the lease, too: a message that came and went would end as a dead letter.
    let pass = spoke.lease.hold(IfHeld::Wait, stop, async |stop| {
        let snapshot = Arc::new(snapshot::announced(spoke.snapshots.as_ref(), &newest).await?);
        spoke.sync(snapshot, None, stop).await
    });
    match keep_hidden(inbox, &backlog.answered, pass).await {
        Ok(Some(pass)) if pass.is_complete() => inbox.delete(&backlog.answered).await,
        // Told to stop: the next run takes them up at once, and goes on from the live state.
        Ok(_) => inbox.hide(&backlog.answered, Duration::ZERO).await,
        Err(error) => {
            inbox.hide(&backlog.answered, RETRY_AFTER).await?;
            Err(error)
        }
    }
}

/// Moves a message that is not understood to the dead-letter queue at once, where someone can look at it with the reason.
/// Where that is not possible it stays, and comes again ever later, until its redrive policy moves it.
async fn bury(inbox: &dyn Inbox, message: &Received, error: &MessageError) -> Result<(), SpokeError> {
    let Received { id, times, .. } = message;
    let reason = one_line(error);
    match inbox.bury(message, &reason).await {
        Ok(true) => {
            tracing::error!(
                message = id,
                error = reason,
                "a message that is not understood: moved to the dead letters"
            );
            return Ok(());
        }
        Ok(false) => {
            tracing::error!(
                message = id,
                times,
                error = reason,
                "a message that is not understood stays: the queue has no dead-letter queue"
            );
        }
        Err(refused) => {
            let refused = failure(refused).render();
            tracing::error!(
                message = id,
                times,
                error = reason,
                refused,
                "a message that is not understood could not be moved to the dead letters: left to the redrive policy"
            );
        }
    }
    inbox.hide(std::slice::from_ref(message), pause_before(*times)).await
}

/// Lets `work` take as long as it takes, without anyone else taking up its messages meanwhile.
async fn keep_hidden<T>(inbox: &dyn Inbox, messages: &[Received], work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    let mut again = tokio::time::interval(HIDE_EVERY);
    loop {
        tokio::select! {
            outcome = &mut work => return outcome,
            // The first tick comes at once: the queue's own timeout may be short.
            _ = again.tick() => {
                if let Err(error) = inbox.hide(messages, HIDE).await {
                    // Then another spoke may take them up, too, which the live state bears.
                    tracing::warn!(error = one_line(&error), "the messages could not be hidden for longer");
                }
            }
        }
    }
}

/// The pause before a message that is not understood comes again: it doubles, so that a queue without a dead-letter
/// queue is no hot loop.
fn pause_before(times: u32) -> Duration {
    Duration::from_secs(1 << times.min(9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_not_understood_comes_again_ever_later() {
        let seconds: Vec<_> = [1, 2, 3, 50].map(|times| pause_before(times).as_secs()).into();
        assert_eq!(seconds, [2, 4, 8, 512]);
    }
}
