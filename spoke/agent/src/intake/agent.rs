//! The long-running spoke. It receives messages from the queue, and deletes none before its outcome
//! is in the ledger (rule 6).
//!
//! It begins with a look at the ledger. A spoke that was killed has left its message hidden for
//! minutes, but its receipts tell at once that something is left to do (rule 2).

use std::sync::Arc;

use pmp_protocol::render;
use pmp_runtime::{Stop, Waited};
use tokio::time::sleep;

use crate::error::SpokeError;
use crate::intake::handler::{Answer, answer};
use crate::intake::inbox::{BATCH, Inbox, Received};
use crate::lease::IfHeld;
use crate::metrics::{Ended, Metrics};
use crate::pass::Spoke;
use crate::retry::backoff;

/// The most messages that one pass answers. Others wait for the next pass.
const MAX_BACKLOG: usize = 100;

/// Runs until `stop` is cancelled. Neither a message nor a failed pass ends it: it waits, and tries
/// again.
pub async fn run(spoke: &Spoke, inbox: &dyn Inbox, stop: &Stop) {
    let mut pauses = backoff::for_the_agent(&spoke.chance);
    // Whether to read the ledger again. It is so while another spoke holds the lease: that one may
    // have died.
    let mut look = look_at_the_ledger(spoke, stop).await;
    let mut receiving = None;
    while !stop.is_stopped() {
        let receive = receiving.get_or_insert_with(|| Box::pin(receive(inbox)));
        let received = tokio::select! {
            // The stop first, and then messages: their pass looks at all the rest, too.
            biased;
            // All arms are cancel-safe: a message that is received and dropped becomes visible
            // again, and `receiving` keeps the receive for the next round of the loop.
            () = stop.stopped() => break,
            received = &mut *receive => received,
            () = spoke.trust.ends(spoke.clock.now()) => {
                tokio::select! {
                    biased;
                    () = stop.stopped() => {}
                    () = spoke.tell_if_frozen() => {}
                }
                continue;
            }
            // An idle spoke checks the lease as well: its holder may die, and the holder's message
            // is hidden from every spoke by then.
            expected = something_expected(spoke, look) => {
                let mut looking = Box::pin(look_again(spoke, expected, stop));
                tokio::select! {
                    biased;
                    again = &mut looking => {
                        look = again;
                        continue;
                    }
                    // The receive is polled meanwhile: an answer that nobody reads would time out.
                    received = &mut *receive => {
                        look = looking.await;
                        received
                    }
                }
            }
        };
        receiving = None;
        let outcome = match received {
            Ok(messages) => {
                let Some(outcome) = stop.to_the_end(Box::pin(handle(spoke, inbox, messages, stop))).await else {
                    // Rule 7: the stop is bounded. Nothing is lost: a message without an outcome is
                    // still in the queue, and the next pass starts from the live state.
                    tracing::warn!("something does not answer: left where it is, the next run goes on");
                    break;
                };
                outcome
            }
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => pauses.reset(),
            Err(error) => {
                tracing::error!(error = render(&error), "the pass failed; trying again");
                if pauses.wait(stop.token()).await == Waited::Stopped {
                    break;
                }
            }
        }
    }
    let reason = stop.reason().map_or_else(String::new, ToString::to_string);
    tracing::info!(reason, "stopped");
}

/// Waits until the ledger is to be looked at without a message, because a pause is over, or because
/// it is time to check the lease. Returns whether something is expected to be left to do: after a
/// pause, and where an earlier look left something (`left`).
async fn something_expected(spoke: &Spoke, left: bool) -> bool {
    tokio::select! {
        biased;
        () = spoke.pause_is_over() => {
            tracing::info!("the pause is over; looking whether something is left to do");
            true
        }
        () = sleep(spoke.lease.look_again_in()) => left,
    }
}

/// Reads the ledger where it may say that something is left to do: `expected` says so, or the
/// holder of the lease has fallen silent. Returns whether to do the same again.
async fn look_again(spoke: &Spoke, expected: bool, stop: &Stop) -> bool {
    let died = async {
        match spoke.lease.has_fallen_silent().await {
            Ok(silent) => silent,
            Err(error) => {
                // If this lasts, the pass for the next message fails and reports it.
                tracing::debug!(error = render(&SpokeError::from(error)), "the lease could not be read");
                false
            }
        }
    };
    if expected {
        return look_at_the_ledger(spoke, stop).await;
    }
    if !stop.unless_stopped(died).await.unwrap_or_default() {
        return false;
    }
    tracing::warn!("the spoke that held the lease is silent; looking whether something is left to do");
    look_at_the_ledger(spoke, stop).await
}

/// Does what the ledger says is left to do. Returns whether to read it again, because another spoke
/// holds the lease.
async fn look_at_the_ledger(spoke: &Spoke, stop: &Stop) -> bool {
    match stop.to_the_end(Box::pin(catch_up(spoke, stop))).await {
        None | Some(Ok(()) | Err(SpokeError::NoSnapshot(_) | SpokeError::Stopped(_))) => false,
        Some(Err(SpokeError::Leased { .. })) => true,
        Some(Err(error)) => {
            tracing::warn!(error = render(&error), "the ledger could not be read; waiting for messages");
            false
        }
    }
}

/// Does what the ledger says is left to do, without a message.
async fn catch_up(spoke: &Spoke, stop: &Stop) -> Result<(), SpokeError> {
    let stopped = || SpokeError::stopped(stop);
    // `begin` also reports to the hub what makes a pass impossible, such as a signature that is not
    // trusted.
    let standing = stop.unless_stopped(spoke.begin(None)).await.ok_or_else(stopped)??;
    if !standing.leaves_something(spoke.mode) {
        return Ok(());
    }
    tracing::info!(version = %standing.target().0, "the ledger says that something is left to do");
    let metrics = spoke.metrics.as_deref().map(Metrics::begin);
    let work = async |stop: &Stop| {
        let stopped = || SpokeError::stopped(stop);
        // Read the ledger again under the lease: its last holder may have done everything
        // meanwhile.
        let standing = stop.unless_stopped(spoke.begin(None)).await.ok_or_else(stopped)??;
        let taken_up = stop.unless_stopped(spoke.taken_up(standing, &[])).await;
        let (standing, snapshot) = taken_up.ok_or_else(stopped)??;
        spoke.sync(standing, Arc::new(snapshot), None, stop).await
    };
    // A message that arrives meanwhile is not delayed: its own pass waits for the lease.
    let pass = spoke.lease.hold(IfHeld::Leave, stop, work).await?;
    if let Some(metrics) = metrics {
        metrics.emit(spoke, &Ended { pass: pass.as_ref(), ..Ended::default() }, None);
    }
    Ok(())
}

/// Waits for messages, and then receives those that are queued behind them: only the newest one
/// counts.
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
    if messages.is_empty() {
        return Ok(());
    }
    let metrics = spoke.metrics.as_deref().map(Metrics::begin);
    let answer = answer(spoke, inbox, messages, IfHeld::Wait, stop).await;
    if let Some(metrics) = metrics {
        metrics.emit(spoke, &answer.ended(), None);
    }
    let Answer { settled, error, .. } = answer;
    inbox.delete(&settled).await?;
    error.map_or(Ok(()), Err)
}
