//! What becomes of messages that came together, from the agent's own receive or in a batch that Lambda hands over: one
//! pass for what the ledger's head names, and none is done with before its outcome is in the ledger (rule 6). A message that
//! does not match the ledger (rule 9), or that is for another spoke, is looked at again shortly and then set aside, by itself: it
//! takes no other along, and is never lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::OptionFuture;
use jiff::Timestamp;
use pmp_protocol::{Needs, SnapshotMessage};
use pmp_runtime::Stop;

use crate::error::SpokeError;
use crate::error::{failure, one_line};
use crate::intake::backlog::{Backlog, Worth, announced_at, weigh};
use crate::intake::inbox::{Inbox, Received};
use crate::lease::IfHeld;
use crate::pass::{PassOutcome, Spoke};

/// While a pass goes on, its messages are hidden for this long, again and again.
const HIDE: Duration = Duration::from_secs(300);
const HIDE_EVERY: Duration = Duration::from_secs(100);
/// After a pass, this long for an answer to the last hiding.
const HIDING_ENDS: Duration = Duration::from_secs(1);
/// After a pass that failed as a whole, and after the first look at a lease that someone else holds: the time until its
/// messages come again.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// The time until a message comes again that does not match the ledger, for the hub may just be writing; or that is for
/// another spoke, which may be at the same queue.
const LOOK_AGAIN: Duration = Duration::from_secs(3);
/// So many times such a message is looked at; then it is set aside.
const LOOKS: u32 = 5;
/// After the first look at a ledger that was restored, or is not trusted; it takes a person to go on, and that announces anew.
const WAIT_FOR_RECOVERY: Duration = Duration::from_secs(600);

/// What became of messages.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// Their outcome is in the ledger: to be deleted.
    pub(crate) settled: Vec<Received>,
    /// They come again, by themselves and before long: their pass was stopped or failed, the ledger does not bear them out
    /// yet, or they could not be moved to the dead letters.
    pub(crate) kept: Vec<Received>,
    /// The pass; none where no message asked for one, or it could not begin.
    pub(crate) pass: Option<PassOutcome>,
    /// When the announcement that the pass answers came into the queue, where that is known.
    pub(crate) announced: Option<Timestamp>,
    /// Why there was no pass, or why it failed as a whole.
    pub(crate) error: Option<SpokeError>,
}

/// What came of acting on messages.
struct Acted {
    /// What each message is worth, in their order.
    worths: Vec<Worth>,
    /// The pass, and when the announcement came that it answers; none where nothing is to be believed.
    pass: Option<(PassOutcome, Option<Timestamp>)>,
}

/// Answers `messages`. Where someone else holds the lease, it waits or leaves as `if_held` says.
pub(crate) async fn answer(
    spoke: &Spoke,
    inbox: &dyn Inbox,
    messages: Vec<Received>,
    if_held: IfHeld,
    stop: &Stop,
) -> Answer {
    let mut backlog = Backlog::sort(messages, &spoke.management);
    let mut answer = Answer::default();
    let needs = backlog.needs();
    let told = stop.write_down(tell_needs(spoke, needs.as_ref())).await.unwrap_or(false);
    for (message, error) in std::mem::take(&mut backlog.malformed) {
        // What a newer spoke would read goes only once the hub knows (rule 6).
        let may_go = told || error.newer_schema().is_none();
        let reason = one_line(&error);
        if !(may_go && bury(inbox, &message, "a message that is not understood", &reason).await) {
            keep(inbox, std::slice::from_ref(&message), pause_before(message.times)).await;
            answer.kept.push(message);
        }
    }
    for (message, experience) in std::mem::take(&mut backlog.foreign) {
        // Where two spokes share a queue, the other one may take it up in between.
        let reason = format!(
            "it is about `{experience}`: is the queue another spoke's, too, or the topic another hub's, and its subscription \
             without a filter policy?"
        );
        look_again(inbox, message, "a message for another spoke", &reason, &mut answer).await;
    }
    if backlog.ours.is_empty() {
        return answer;
    }
    // Hidden while it waits for the lease, too: a message that came and went would end as a dead letter.
    let acted = spoke.lease.hold(if_held, stop, async |stop| act(spoke, &backlog, needs, stop).await);
    match keep_hidden(inbox, &backlog.ours, acted).await {
        Ok(Some(acted)) => settle(inbox, backlog.ours, acted, &mut answer).await,
        // Told to stop before the lease was free, or before anything came of it: the next run takes them up at once.
        Ok(None) | Err(SpokeError::Stopped(_)) => hand_back(inbox, backlog.ours, Duration::ZERO, &mut answer).await,
        Err(error) => {
            // Each for as long as its own receives ask for: one that came often takes no other along.
            let mut by_times = BTreeMap::<u32, Vec<Received>>::new();
            backlog.ours.into_iter().for_each(|message| by_times.entry(message.times).or_default().push(message));
            for (times, messages) in by_times {
                hand_back(inbox, messages, pause_after(&error, times), &mut answer).await;
            }
            answer.error = Some(error);
        }
    }
    answer
}

/// Under the lease: what the ledger says, and a pass for it where a message asks for one that is to be believed.
async fn act(spoke: &Spoke, backlog: &Backlog, needs: Option<Needs>, stop: &Stop) -> Result<Acted, SpokeError> {
    let Some(standing) = stop.unless_stopped(spoke.begin(needs)).await else {
        return Err(SpokeError::stopped(stop));
    };
    let standing = match standing {
        Ok(standing) => standing,
        Err(SpokeError::NoSnapshot(_)) => {
            return Ok(Acted { worths: weigh(&backlog.messages, None).0, pass: None });
        }
        Err(error) => {
            tracing::warn!("without the ledger's word nothing is changed; the messages are kept");
            return Err(error);
        }
    };
    let (worths, newest) = weigh(&backlog.messages, Some(&standing.head));
    let Some(newest) = newest else { return Ok(Acted { worths, pass: None }) };
    let SnapshotMessage { version, reason, .. } = newest;
    tracing::info!(%version, reason = reason.as_str(), "message received");
    if *version < standing.head.latest {
        tracing::info!(%version, newest = %standing.head.latest, "superseded by the ledger's newest");
    }
    let in_force = stop.unless_stopped(spoke.in_force(&standing, &backlog.messages)).await;
    let snapshot = Arc::new(in_force.ok_or_else(|| SpokeError::stopped(stop))??);
    let pass = spoke.sync(standing, snapshot, None, stop).await?;
    Ok(Acted { worths, pass: Some((pass, announced_at(backlog, newest))) })
}

/// What becomes of messages once the ledger was asked.
async fn settle(inbox: &dyn Inbox, ours: Vec<Received>, acted: Acted, answer: &mut Answer) {
    let (pass, announced) = acted.pass.unzip();
    let complete = pass.as_ref().is_some_and(PassOutcome::is_complete);
    (answer.pass, answer.announced) = (pass, announced.flatten());
    let mut stopped = Vec::new();
    for (message, worth) in ours.into_iter().zip(acted.worths) {
        match worth {
            Worth::Answered if complete => answer.settled.push(message),
            Worth::Answered => stopped.push(message),
            Worth::NotBorneOut(reason) => {
                look_again(inbox, message, "a message that does not match the ledger", &reason, answer).await;
            }
        }
    }
    // Told to stop: the next run takes them up at once, and goes on from the live state.
    hand_back(inbox, stopped, Duration::ZERO, answer).await;
}

/// A message that cannot be acted on comes again shortly; once it came often enough it is set aside.
async fn look_again(inbox: &dyn Inbox, message: Received, what: &str, reason: &str, answer: &mut Answer) {
    let Received { id, times, .. } = &message;
    let pause = if *times < LOOKS {
        tracing::warn!(message_id = id, times, reason, "{what}; looking again shortly");
        LOOK_AGAIN
    } else if bury(inbox, &message, what, reason).await {
        return;
    } else {
        pause_before(*times)
    };
    hand_back(inbox, vec![message], pause, answer).await;
}

/// Tells the hub what this spoke lacks, at once: what told of it may be all that comes. Whether it is told, or there is
/// nothing to tell.
async fn tell_needs(spoke: &Spoke, needs: Option<&Needs>) -> bool {
    let Some(needs) = needs else { return true };
    match spoke.report_needs(needs).await {
        Ok(()) => true,
        Err(error) => {
            let error = one_line(&error);
            tracing::warn!(error, schema = needs.schema, "the hub could not be told that it takes a newer spoke");
            false
        }
    }
}

async fn hand_back(inbox: &dyn Inbox, messages: Vec<Received>, pause: Duration, answer: &mut Answer) {
    if !messages.is_empty() {
        keep(inbox, &messages, pause).await;
        answer.kept.extend(messages);
    }
}

/// Hands messages back, to come again after `pause`. Where that fails they come when their visibility timeout ends.
async fn keep(inbox: &dyn Inbox, messages: &[Received], pause: Duration) {
    if let Err(error) = inbox.hide(messages, pause).await {
        tracing::warn!(error = one_line(&error), "the messages come again later than they should");
    }
}

/// Moves a message to the dead-letter queue at once, where someone can look at it with the reason. Where that is not possible
/// it stays, and comes again ever later, until its redrive policy moves it.
async fn bury(inbox: &dyn Inbox, message: &Received, what: &str, reason: &str) -> bool {
    let Received { id, times, .. } = message;
    match inbox.bury(message, reason).await {
        Ok(true) => {
            tracing::error!(message_id = id, error = reason, "{what}: moved to the dead letters");
            return true;
        }
        Ok(false) => {
            tracing::error!(message_id = id, times, error = reason, "{what} stays: the queue has no dead-letter queue");
        }
        Err(refused) => {
            let refused = failure(refused).render();
            tracing::error!(
                message_id = id,
                times,
                error = reason,
                refused,
                "{what} could not be moved to the dead letters: left to the redrive policy"
            );
        }
    }
    false
}

/// Lets `work` take as long as it takes, without anyone else taking up its messages meanwhile. It waits for no answer of the
/// queue, which may be the one thing that hangs.
async fn keep_hidden<T>(inbox: &dyn Inbox, messages: &[Received], work: impl Future<Output = T>) -> T {
    let mut work = Box::pin(work);
    let mut again = tokio::time::interval(HIDE_EVERY);
    let mut hiding: OptionFuture<_> = None.into();
    loop {
        tokio::select! {
            outcome = &mut work => {
                // One that is on its way must not arrive after what is asked for next.
                let _late = tokio::time::timeout(HIDING_ENDS, hiding).await;
                return outcome;
            }
            // The first tick comes at once: the queue's own timeout may be short, and Lambda's is long, which a crash
            // would have to wait out.
            _ = again.tick() => hiding = Some(inbox.hide(messages, HIDE)).into(),
            Some(hidden) = &mut hiding => {
                hiding = None.into();
                if let Err(error) = hidden {
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

/// The pause before messages come again for which nothing could be done. Where it is the ledger that fails, it doubles: an
/// outage must not make dead letters of them.
fn pause_after(error: &SpokeError, times: u32) -> Duration {
    match error {
        SpokeError::Leased { .. } | SpokeError::Ledger(_) => pause_while_leased(times),
        SpokeError::Restored { .. } | SpokeError::Untrusted { .. } => {
            WAIT_FOR_RECOVERY * (1 << times.clamp(1, 6).saturating_sub(1))
        }
        _ => RETRY_AFTER,
    }
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
    fn messages_outlive_hours_of_waiting_for_a_ledger_that_was_restored() {
        let restored = SpokeError::Restored { head: None, stored: pmp_protocol::SnapshotVersion::FIRST };
        let five_receives: Duration = (1..=5).map(|times| pause_after(&restored, times)).sum();
        assert_eq!(five_receives.as_secs(), 18_600);
    }

    #[test]
    fn a_message_whose_lease_is_taken_outlives_any_holder_before_it_is_a_dead_letter() {
        let five_receives: Duration = (1..=5).map(pause_while_leased).sum();
        assert_eq!(five_receives.as_secs(), 930);
        assert_eq!((pause_while_leased(0).as_secs(), pause_while_leased(1_000).as_secs()), (30, 960));
    }
}
