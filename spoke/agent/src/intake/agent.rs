//! The long-running spoke: takes messages from the queue, and deletes none before its outcome is in the ledger (rule 6). It begins
//! with a look at the ledger: the message that a killed spoke had taken up stays hidden for minutes, and its work does not.

use std::sync::Arc;

use pmp_runtime::Stop;
use tokio::time::sleep;

use crate::error::SpokeError;
use crate::error::failure;
use crate::intake::handler::{Answer, answer};
use crate::intake::inbox::{BATCH, Inbox, Received};
use crate::intake::metrics::Metrics;
use crate::lease::IfHeld;
use crate::pass::Spoke;
use crate::retry::backoff::{Patience, Waited};

/// The most messages that one pass answers; more wait for the next.
const MAX_BACKLOG: usize = 100;

/// Runs until `stop` is cancelled. No message and no failure ends it.
pub async fn run(spoke: &Spoke, inbox: &dyn Inbox, stop: &Stop) {
    let mut patience = Patience::with_the_world();
    // Whether the ledger may say that something is left to do: where someone else has the lease, who may be dead.
    let mut look = look_at_the_ledger(spoke, stop).await;
    let mut receiving = None;
    while !stop.is_stopped() {
        let receive = receiving.get_or_insert_with(|| Box::pin(receive(inbox)));
        let received = tokio::select! {
            // Cancel-safe, all: what is received and dropped becomes visible again, and a receive outlives a look.
            () = stop.stopped() => break,
            received = &mut *receive => received,
            () = spoke.trust.ends() => {
                tokio::select! {
                    () = stop.stopped() => {}
                    () = spoke.tell_if_frozen() => {}
                }
                continue;
            }
            // Idle, too: whoever holds the lease may die with it, and its message is hidden from everyone.
            () = sleep(spoke.lease.look_again_in()) => {
                let mut looking = Box::pin(look_again(spoke, look, stop));
                tokio::select! {
                    again = &mut looking => {
                        look = again;
                        continue;
                    }
                    // Not left alone meanwhile: an answer that nobody takes would run into its timeout.
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
                    // Nothing is lost: what is not in the ledger is in the queue, and in the live state.
                    tracing::warn!("something does not answer: left where it is, the next run goes on");
                    break;
                };
                outcome
            }
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

/// Looks at the ledger where it may say that something is left to do: since `expected`, or since someone has died with the lease, by
/// all that can be seen.
async fn look_again(spoke: &Spoke, expected: bool, stop: &Stop) -> bool {
    let died = async {
        match spoke.lease.has_fallen_silent().await {
            Ok(silent) => silent,
            Err(error) => {
                // The next message tells of it, where it lasts.
                tracing::debug!(error = failure(error.into()).render(), "the lease could not be looked at");
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
    tracing::warn!("whoever held the lease has fallen silent; looking whether something is left to do");
    look_at_the_ledger(spoke, stop).await
}

/// Does what the ledger says is left to do. Whether to look again, since someone else has the lease.
async fn look_at_the_ledger(spoke: &Spoke, stop: &Stop) -> bool {
    match stop.to_the_end(Box::pin(catch_up(spoke, stop))).await {
        None | Some(Ok(()) | Err(SpokeError::NoSnapshot(_) | SpokeError::Stopped(_))) => false,
        Some(Err(SpokeError::Leased { .. })) => true,
        Some(Err(error)) => {
            tracing::warn!(error = failure(error).render(), "the ledger could not be looked at; waiting for messages");
            false
        }
    }
}

/// Does what the ledger says is left to do, without a message.
async fn catch_up(spoke: &Spoke, stop: &Stop) -> Result<(), SpokeError> {
    let stopped = || SpokeError::stopped(stop);
    // What stands in its way, such as a statement that is not trusted, is told to the hub without a message, too.
    let standing = stop.unless_stopped(spoke.begin(None)).await.ok_or_else(stopped)??;
    if !standing.leaves_something(spoke.mode) {
        return Ok(());
    }
    tracing::info!(version = %standing.head.latest, "the ledger says that something is left to do");
    let metrics = spoke.emit_metrics.then(Metrics::begin);
    let work = async |stop: &Stop| {
        let stopped = || SpokeError::stopped(stop);
        // Anew, under the lease: whoever had it may have done it all.
        let standing = stop.unless_stopped(spoke.begin(None)).await.ok_or_else(stopped)??;
        let snapshot = stop.unless_stopped(spoke.in_force(&standing, &[])).await.ok_or_else(stopped)??;
        spoke.sync(standing, Arc::new(snapshot), None, stop).await
    };
    // A message that comes meanwhile is not kept waiting: it waits for the lease by itself, hidden from others.
    let pass = spoke.lease.hold(IfHeld::Leave, stop, work).await?;
    if let Some(metrics) = metrics {
        metrics.emit(spoke, &Answer { pass, ..Answer::default() }, None);
    }
    Ok(())
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
    if messages.is_empty() {
        return Ok(());
    }
    let metrics = spoke.emit_metrics.then(Metrics::begin);
    let answer = answer(spoke, inbox, messages, IfHeld::Wait, stop).await;
    if let Some(metrics) = metrics {
        metrics.emit(spoke, &answer, None);
    }
    let Answer { settled, error, .. } = answer;
    inbox.delete(&settled).await?;
    error.map_or(Ok(()), Err)
}
