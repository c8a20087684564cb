//! Answers messages that came together, from the agent's receive or in a batch of Lambda's: start
//! at [`answer`].
//!
//! All of them lead to one pass, for the snapshot that the ledger's head names. A message is
//! settled only when its outcome is in the ledger (rule 6). A message that does not match the
//! ledger (rule 9), or that is for another spoke, is received again some seconds later, [`LOOKS`]
//! times. Then it moves to the dead-letter queue with its reason. It affects no other message (rule
//! 3), and is never lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::OptionFuture;
use jiff::Timestamp;
use pmp_protocol::{Needs, Reason, SnapshotMessage, one_line, render};
use pmp_runtime::Stop;

use crate::error::SpokeError;
use crate::intake::backlog::{Backlog, Worth, announced_at, weigh};
use crate::intake::inbox::{Inbox, Received};
use crate::lease::IfHeld;
use crate::metrics::Ended;
use crate::pass::{PassOutcome, Spoke};

/// How long the messages of a pass are hidden at a time. A spoke that dies leaves them hidden for
/// at most this long.
const HIDE: Duration = Duration::from_secs(300);
/// How often they are hidden again while the pass goes on, so that one request may fail.
const HIDE_EVERY: Duration = Duration::from_secs(100);
/// How long to wait after a pass for the answer to the last request that hides messages.
const HIDING_ENDS: Duration = Duration::from_secs(1);
/// How long messages are hidden after a pass that failed as a whole, and after the first try while
/// another spoke holds the lease.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// How long a message is hidden that does not match the ledger, or that is for another spoke. The
/// hub may be writing to the ledger, and the other spoke may share the queue.
const LOOK_AGAIN: Duration = Duration::from_secs(3);
/// How often such a message is received before it moves to the dead-letter queue.
const LOOKS: u32 = 5;
/// How long messages are hidden at first where the ledger was restored or is not trusted. A person
/// has to act, and the hub announces the snapshot again then.
const WAIT_FOR_RECOVERY: Duration = Duration::from_secs(600);

/// How often a message may have been received for it to wait for the end of a pause: fewer than the
/// receives of a usual redrive policy.
const WAITS: u32 = 3;
/// The longest that a message waits for the end of a pause. SQS hides a message for twelve hours at
/// the most; where a pause ends later, the hub's announcements lead to the pass after it.
const LONGEST_WAIT: Duration = Duration::from_secs(11 * 60 * 60);
/// A message comes again so long after the end of a pause: the clock of the queue is another one.
const AFTER_THE_PAUSE: Duration = Duration::from_secs(1);

/// What became of messages.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// Messages whose outcome is in the ledger. The caller deletes them.
    pub(crate) settled: Vec<Received>,
    /// Messages that become visible again by themselves: their pass was stopped or failed, they do
    /// not match the ledger yet, or they could not be moved to the dead-letter queue.
    pub(crate) kept: Vec<Received>,
    /// The outcome of the pass. `None` where no message asked for one, and where it could not
    /// begin.
    pub(crate) pass: Option<PassOutcome>,
    /// When the snapshot of the pass was announced. `None` where that is not known.
    pub(crate) announced: Option<Timestamp>,
    /// Why the pass could not begin, or failed as a whole.
    pub(crate) error: Option<SpokeError>,
}

impl Answer {
    /// The same, as metrics tell it.
    pub(crate) fn ended(&self) -> Ended<'_> {
        Ended { pass: self.pass.as_ref(), announced: self.announced, failed: self.error.is_some() }
    }
}

/// What came of acting on messages.
struct Acted {
    /// The worth of each message, in their order.
    worths: Vec<Worth>,
    /// The outcome of the pass, and when its snapshot was announced. `None` where no message
    /// matched the ledger.
    pass: Option<(PassOutcome, Option<Timestamp>)>,
    /// For how long a message waits for the end of a pause. `None` where none does.
    waits: Option<Duration>,
}

/// Answers `messages`. Where another spoke holds the lease, `if_held` says whether to wait or to
/// leave.
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
        // A message that a newer spoke could read is moved only after the hub was told (rule 6).
        // Protocol M10.
        let may_go = told || error.newer_schema().is_none();
        let reason = one_line(&error);
        if !(may_go && bury(inbox, &message, "a message that is not understood", &reason).await) {
            keep(inbox, std::slice::from_ref(&message), pause_before(message.times)).await;
            answer.kept.push(message);
        }
    }
    for (message, experience) in std::mem::take(&mut backlog.foreign) {
        // If two spokes share the queue, the other one receives the message in between.
        let reason = format!(
            "it is about `{experience}`: is the queue another spoke's, too, or the topic another hub's, and its subscription \
             without a filter policy?"
        );
        look_again(inbox, message, "a message for another spoke", &reason, &mut answer).await;
    }
    if backlog.ours.is_empty() {
        return answer;
    }
    // The messages are also hidden while this waits for the lease. Otherwise they would be received
    // again and again, until the redrive policy moved them to the dead-letter queue.
    let acted = async {
        match look_first(spoke, &backlog, needs.as_ref(), stop).await? {
            Some(acted) => Ok(Some(acted)),
            None => spoke.lease.hold(if_held, stop, async |stop| act(spoke, &backlog, needs, stop).await).await,
        }
    };
    match keep_hidden(inbox, &backlog.ours, acted).await {
        Ok(Some(acted)) => settle(inbox, backlog.ours, acted, &mut answer).await,
        // The stop came before the pass had an outcome. The messages become visible at once, for
        // the next run.
        Ok(None) | Err(SpokeError::Stopped(_)) => hand_back(inbox, backlog.ours, Duration::ZERO, &mut answer).await,
        Err(error) => {
            // The pause depends on how often each message was received, so that an old message does
            // not delay a new one.
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

/// Checks whether all experiences are as they were left, if the messages announce nothing new.
/// `None` if a pass is needed, also after a failure, which the pass then reports.
async fn look_first(
    spoke: &Spoke,
    backlog: &Backlog,
    needs: Option<&Needs>,
    stop: &Stop,
) -> Result<Option<Acted>, SpokeError> {
    // New content is something to do: looking first would only make it late.
    if needs.is_some() || backlog.messages.iter().any(|message| message.reason == Reason::Changed) {
        return Ok(None);
    }
    let stopped = || SpokeError::stopped(stop);
    let Ok(standing) = stop.unless_stopped(spoke.standing()).await.ok_or_else(stopped)? else { return Ok(None) };
    let (worths, newest) = weigh(&backlog.messages, Some(&standing.head));
    let Some(newest) = newest else { return Ok(None) };
    let Some(pass) = spoke.look(&standing, &backlog.messages, stop).await? else { return Ok(None) };
    let SnapshotMessage { version, reason, .. } = newest;
    tracing::info!(%version, reason = reason.as_str(), "message received: everything is as it was left");
    // Everything is in step, so nothing waits for the end of a pause.
    Ok(Some(Acted { worths, pass: Some((pass, announced_at(backlog, newest))), waits: None }))
}

/// Reads the ledger, and makes a pass where a message matches it. The caller holds the lease.
async fn act(spoke: &Spoke, backlog: &Backlog, needs: Option<Needs>, stop: &Stop) -> Result<Acted, SpokeError> {
    let Some(standing) = stop.unless_stopped(spoke.begin(needs)).await else {
        return Err(SpokeError::stopped(stop));
    };
    let standing = match standing {
        Ok(standing) => standing,
        Err(SpokeError::NoSnapshot(_)) => {
            return Ok(Acted { worths: weigh(&backlog.messages, None).0, pass: None, waits: None });
        }
        Err(error) => {
            tracing::warn!("without the ledger's word nothing is changed; the messages are kept");
            return Err(error);
        }
    };
    let (worths, newest) = weigh(&backlog.messages, Some(&standing.head));
    let Some(newest) = newest else { return Ok(Acted { worths, pass: None, waits: None }) };
    let SnapshotMessage { version, reason, .. } = newest;
    tracing::info!(%version, reason = reason.as_str(), "message received");
    if *version < standing.head.latest {
        tracing::info!(%version, newest = %standing.head.latest, "superseded by the ledger's newest");
    }
    let taken_up = stop.unless_stopped(spoke.taken_up(standing, &backlog.messages)).await;
    let (standing, snapshot) = taken_up.ok_or_else(|| SpokeError::stopped(stop))??;
    let pass = spoke.sync(standing, Arc::new(snapshot), None, stop).await?;
    // Change windows may have closed during the pass, so what its receipts wait for counts.
    let waits = pass.waits_until().and_then(|until| hide_until(until, spoke.clock.now()));
    Ok(Acted { worths, pass: Some((pass, announced_at(backlog, newest))), waits })
}

/// Settles the messages that the pass answered, and hands the others back.
async fn settle(inbox: &dyn Inbox, ours: Vec<Received>, acted: Acted, answer: &mut Answer) {
    let (pass, announced) = acted.pass.unzip();
    let complete = pass.as_ref().is_some_and(PassOutcome::is_complete);
    (answer.pass, answer.announced) = (pass, announced.flatten());
    let mut stopped = Vec::new();
    let mut waits = acted.waits;
    for (message, worth) in ours.into_iter().zip(acted.worths) {
        match worth {
            // One message comes again when the pause ends, so that the spoke goes on by itself.
            Worth::Answered if complete && message.times < WAITS => match waits.take() {
                Some(pause) => hand_back(inbox, vec![message], pause, answer).await,
                None => answer.settled.push(message),
            },
            // Protocol M17.
            Worth::Answered if complete => answer.settled.push(message),
            Worth::Answered => stopped.push(message),
            Worth::NotBorneOut(reason) => {
                look_again(inbox, message, "a message that does not match the ledger", &reason, answer).await;
            }
        }
    }
    // Rule 7: the pass was stopped before its end. The next run goes on from the live state.
    // Protocol R8.
    hand_back(inbox, stopped, Duration::ZERO, answer).await;
}

/// Hides a message that cannot be acted on for some seconds. When it was received [`LOOKS`] times,
/// it moves to the dead-letter queue.
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

/// Tells the hub which schema this spoke cannot read. It does so before any pass, because there may
/// be no other message. Returns whether the hub knows, or there is nothing to tell.
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

/// Makes messages visible again after `pause`. If that fails, they become visible when their
/// present timeout ends.
async fn keep(inbox: &dyn Inbox, messages: &[Received], pause: Duration) {
    if let Err(error) = inbox.hide(messages, pause).await {
        tracing::warn!(error = one_line(&error), "the messages come again later than they should");
    }
}

/// Moves a message to the dead-letter queue, with the reason for a person. Returns whether it is
/// there. If not, the message stays, and the queue's redrive policy moves it some receives later.
async fn bury(inbox: &dyn Inbox, message: &Received, what: &str, reason: &str) -> bool {
    // Protocol M9.
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
            let refused = render(&refused);
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

/// Hides `messages` from other spokes again and again until `work` is done. `work` never waits for
/// the queue, which may be the one service that does not answer.
async fn keep_hidden<T>(inbox: &dyn Inbox, messages: &[Received], work: impl Future<Output = T>) -> T {
    let mut work = Box::pin(work);
    let mut again = tokio::time::interval(HIDE_EVERY);
    let mut hiding: OptionFuture<_> = None.into();
    loop {
        // All arms are cancel-safe: the futures are kept between the rounds.
        tokio::select! {
            biased;
            outcome = &mut work => {
                // A request that is on its way must not arrive after the caller's next one for the
                // same messages.
                let _late = tokio::time::timeout(HIDING_ENDS, hiding).await;
                return outcome;
            }
            // The first tick comes at once. The queue's own timeout may be too short for a pass;
            // Lambda's is so long that a crash would delay the next try.
            _ = again.tick() => hiding = Some(inbox.hide(messages, HIDE)).into(),
            Some(hidden) = &mut hiding => {
                hiding = None.into();
                if let Err(error) = hidden {
                    // Harmless: another spoke may receive them, and every pass starts from the live
                    // state.
                    tracing::warn!(error = one_line(&error), "the messages could not be hidden for longer");
                }
            }
        }
    }
}

/// For how long a message is hidden that waits for the end of a pause. `None` where that is too
/// long for the queue.
fn hide_until(until: Timestamp, now: Timestamp) -> Option<Duration> {
    let left = Duration::try_from(until.duration_since(now)).unwrap_or_default();
    Some(left.saturating_add(AFTER_THE_PAUSE)).filter(|left| *left <= LONGEST_WAIT)
}

/// The pause before a message that is not understood is received again. It doubles, up to 512
/// seconds, so that a queue without a dead-letter queue is no hot loop.
fn pause_before(times: u32) -> Duration {
    Duration::from_secs(1 << times.min(9))
}

/// The pause after a pass that could not be made. It doubles where the ledger fails, because an
/// outage must not move the messages to the dead-letter queue.
fn pause_after(error: &SpokeError, times: u32) -> Duration {
    match error {
        SpokeError::Leased { .. } | SpokeError::Ledger(_) => pause_while_leased(times),
        SpokeError::Restored { .. } | SpokeError::Untrusted { .. } | SpokeError::NotObeyed { .. } => {
            WAIT_FOR_RECOVERY * (1 << times.clamp(1, 6).saturating_sub(1))
        }
        _ => RETRY_AFTER,
    }
}

/// The pause while another spoke holds the lease. It doubles, so that the five receives of a usual
/// redrive policy take longer than the 15 minutes that Lambda permits a holder to run.
fn pause_while_leased(times: u32) -> Duration {
    RETRY_AFTER * (1 << times.clamp(1, 6).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_waits_for_the_end_of_a_pause_unless_that_is_too_far() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(hide_until(at(100), at(40)), Some(Duration::from_secs(61)));
        assert_eq!(hide_until(at(40), at(100)), Some(Duration::from_secs(1)));
        assert_eq!(hide_until(at(12 * 60 * 60), at(0)), None);
    }

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
