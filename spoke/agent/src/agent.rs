//! The long-running spoke: takes messages from the queue, and deletes none before its outcome is in the ledger (rule 6).

use pmp_terminal::Stop;

use crate::answer::{Answer, answer};
use crate::error::failure;
use crate::figures::Figures;
use crate::inbox::{BATCH, Inbox, Received};
use crate::lease::IfHeld;
use crate::patience::{Patience, Waited};
use crate::{Spoke, SpokeError};

/// The most messages that one pass answers; more wait for the next.
const MAX_BACKLOG: usize = 100;

/// Runs until `stop` is cancelled. No message and no failure ends it.
pub async fn run(spoke: &Spoke, inbox: &dyn Inbox, stop: &Stop) {
    let mut patience = Patience::with_the_world();
    tokio::select! {
        () = stop.stopped() => {}
        () = spoke.look_at_trust() => {}
    }
    while !stop.is_stopped() {
        let received = tokio::select! {
            // Cancel-safe, all: what is received and dropped becomes visible again.
            () = stop.stopped() => break,
            () = spoke.trust.ends() => {
                tokio::select! {
                    () = stop.stopped() => {}
                    () = spoke.tell_if_frozen() => {}
                }
                continue;
            }
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
    if messages.is_empty() {
        return Ok(());
    }
    let figures = spoke.tell_figures.then(Figures::begin);
    let answer = answer(spoke, inbox, messages, IfHeld::Wait, stop).await;
    if let Some(figures) = figures {
        figures.tell(spoke, &answer, None);
    }
    let Answer { settled, error, .. } = answer;
    inbox.delete(&settled).await?;
    error.map_or(Ok(()), Err)
}
