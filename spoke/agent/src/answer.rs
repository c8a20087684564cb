//! What becomes of messages that came together, from the agent's own receive or in a batch that Lambda hands over: one
//! pass for the newest of them, and none is done with before its outcome is in the ledger (rule 6).

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use pmp_protocol::MessageError;
use pmp_terminal::Stop;

use crate::backlog::Backlog;
use crate::error::{failure, one_line};
use crate::inbox::{Inbox, Received};
use crate::lease::IfHeld;
use crate::{Pass, Spoke, SpokeError, snapshot};

/// While a pass goes on, its messages are hidden for this long, again and again.
const HIDE: Duration = Duration::from_secs(300);
const HIDE_EVERY: Duration = Duration::from_secs(100);
/// After a pass that failed as a whole, and after the first look at a lease that someone else holds: the time until its
/// messages come again.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// What became of messages.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// Their outcome is in the ledger, or they are not for this spoke: to be deleted.
    pub(crate) settled: Vec<Received>,
    /// They come again, by themselves and before long: their pass was stopped or failed, or they could not be moved to the
    /// dead letters.
    pub(crate) kept: Vec<Received>,
    /// The pass; none where no message asked for one, or it could not begin.
    pub(crate) pass: Option<Pass>,
    /// When the announcement that the pass answers came into the queue, where that is known.
    pub(crate) announced: Option<Timestamp>,
    /// Why there was no pass, or why it failed as a whole.
    pub(crate) error: Option<SpokeError>,
}

/// Answers `messages`. Where someone else holds the lease, it waits or leaves as `if_held` says.
pub(crate) async fn answer(
    spoke: &Spoke,
    inbox: &dyn Inbox,
    messages: Vec<Received>,
    if_held: IfHeld,
    stop: &Stop,
) -> Answer {
    let backlog = Backlog::sort(messages, &spoke.management);
    let mut answer = Answer { settled: backlog.foreign, announced: backlog.announced, ..Answer::default() };
    for (message, error) in backlog.malformed {
        if !bury(inbox, &message, &error).await {
            keep(inbox, std::slice::from_ref(&message), pause_before(message.times)).await;
            answer.kept.push(message);
        }
    }
    let Some(newest) = backlog.newest else { return answer };
    tracing::info!(version = %newest.version, reason = newest.reason.as_str(), "message received");
    // Hidden while it waits for the lease, too: a message that came and went would end as a dead letter.
    let pass = spoke.lease.hold(if_held, stop, async |stop| {
        let snapshot = Arc::new(snapshot::announced(spoke, &newest).await?);
        spoke.sync(snapshot, None, stop).await
    });
    let pause = match keep_hidden(inbox, &backlog.answered, pass).await {
        Ok(Some(pass)) if pass.is_complete() => {
            answer.pass = Some(pass);
            answer.settled.extend(backlog.answered);
            return answer;
        }
        // Told to stop: the next run takes them up at once, and goes on from the live state.
        Ok(pass) => {
            answer.pass = pass;
            Duration::ZERO
        }
        Err(error) => {
            let leased = matches!(error, SpokeError::Leased { .. });
            answer.error = Some(error);
            let times = backlog.answered.iter().map(|message| message.times).max().unwrap_or(1);
            if leased { pause_while_leased(times) } else { RETRY_AFTER }
        }
    };
    keep(inbox, &backlog.answered, pause).await;
    answer.kept.extend(backlog.answered);
    answer
}

/// Hands messages back, to come again after `pause`. Where that fails they come when their visibility timeout ends.
async fn keep(inbox: &dyn Inbox, messages: &[Received], pause: Duration) {
    if let Err(error) = inbox.hide(messages, pause).await {
        tracing::warn!(error = one_line(&error), "the messages come again later than they should");
    }
}

/// Moves a message that is not understood to the dead-letter queue at once, where someone can look at it with the reason.
/// Where that is not possible it stays, and comes again ever later, until its redrive policy moves it.
async fn bury(inbox: &dyn Inbox, message: &Received, error: &MessageError) -> bool {
    let Received { id, times, .. } = message;
    let reason = one_line(error);
    match inbox.bury(message, &reason).await {
        Ok(true) => {
            tracing::error!(
                message_id = id,
                error = reason,
                "a message that is not understood: moved to the dead letters"
            );
            return true;
        }
        Ok(false) => {
            tracing::error!(
                message_id = id,
                times,
                error = reason,
                "a message that is not understood stays: the queue has no dead-letter queue"
            );
        }
        Err(refused) => {
            let refused = failure(refused).render();
            tracing::error!(
                message_id = id,
                times,
                error = reason,
                refused,
                "a message that is not understood could not be moved to the dead letters: left to the redrive policy"
            );
        }
    }
    false
}

/// Lets `work` take as long as it takes, without anyone else taking up its messages meanwhile.
async fn keep_hidden<T>(inbox: &dyn Inbox, messages: &[Received], work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    let mut again = tokio::time::interval(HIDE_EVERY);
    loop {
        tokio::select! {
            outcome = &mut work => return outcome,
            // The first tick comes at once: the queue's own timeout may be short, and Lambda's is long, which a crash
            // would have to wait out.
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

/// The pause before a message comes again whose reader left because someone else holds the lease. It doubles, so that the
/// five receives of a usual redrive policy take longer than Lambda lets any holder work: 15 minutes.
fn pause_while_leased(times: u32) -> Duration {
    RETRY_AFTER * (1 << times.clamp(1, 6).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_not_understood_comes_again_ever_later() {
        let seconds: Vec<_> = [1, 2, 3, 50].map(|times| pause_before(times).as_secs()).into();
        assert_eq!(seconds, [2, 4, 8, 512]);
    }

    #[test]
    fn a_message_whose_lease_is_taken_outlives_any_holder_before_it_is_a_dead_letter() {
        let five_receives: Duration = (1..=5).map(pause_while_leased).sum();
        assert_eq!(five_receives.as_secs(), 930);
        assert_eq!((pause_while_leased(0).as_secs(), pause_while_leased(1_000).as_secs()), (30, 960));
    }
}
