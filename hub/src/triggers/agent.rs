//! The long-running hub: publishes by schedule, and when the catalog tells of a change. When it is
//! told to stop, it drops what it is doing (rules 7 and 13 of the design): publishing may be
//! dropped at any point, and the next run goes on from what is stored.

use std::time::Duration;

use pmp_protocol::render;
use pmp_runtime::Backoff;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::error::HubError;
use crate::follow_up::FollowUp;
use crate::metrics::Run;
use crate::publish::{Hub, Outcome, Published, Trigger};
use crate::triggers::calls::Calls;
use crate::triggers::event::READ_AGAIN_AFTER;
use crate::triggers::event_queue::{EventQueue, Received};

/// The first pause after a failure; it doubles up to the schedule's interval or [`MAX_PAUSE`],
/// whichever is shorter.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(300);
/// How often the agent looks how a version stands that is on its way through the waves: where none
/// is, that costs one read.
const LOOK_AT_WAVES: Duration = Duration::from_secs(60);

/// How a hub hears of change events.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Events<'a> {
    /// Not at all: the schedule covers them.
    None,
    /// It takes them from the queue itself.
    Queue(&'a EventQueue),
    /// It is called, as one of several.
    Called(&'a Calls),
}

/// What ends a wait.
enum Wake {
    Schedule,
    Events(Received),
    /// Somebody else took events from the queue.
    Called,
    /// An event led to a look that found nothing new.
    LookAgain,
    /// It is time to look how a version stands in the waves.
    Waves,
}

/// Runs until `stop` is cancelled. No failure ends it: each is logged, and tried again after a
/// growing pause. `follow_up` follows each run; after each that succeeds, `published` rings.
pub(crate) async fn run(
    hub: &Hub,
    interval: Duration,
    events: Events<'_>,
    follow_up: &FollowUp,
    published: &Notify,
    stop: CancellationToken,
) {
    let mut pause = backoff(interval);
    let mut next_schedule = Instant::now();
    let mut look_again = None;
    let mut next_waves = Instant::now() + LOOK_AT_WAVES.min(interval);
    while !stop.is_cancelled() {
        let wake = tokio::select! {
            // The stop first, and then the schedule: it comes seldom, and events may come always.
            biased;
            // Cancel-safe, all five: nothing has begun, and messages that are received and dropped
            // become visible again.
            () = stop.cancelled() => break,
            () = sleep_until(next_schedule) => Ok(Wake::Schedule),
            () = at(look_again) => Ok(Wake::LookAgain),
            () = sleep_until(next_waves), if hub.rollouts.is_some() => Ok(Wake::Waves),
            woken = hear(events) => woken,
        };
        let is_about_waves = matches!(wake, Ok(Wake::Waves));
        let work = async {
            match wake {
                Ok(Wake::Schedule) => {
                    let outcome = publish(hub, Trigger::Schedule, follow_up).await.map(|_| ());
                    // A failed announcement comes again after the pause, not after the whole
                    // interval.
                    next_schedule = Instant::now() + if outcome.is_ok() { interval } else { Duration::ZERO };
                    outcome
                }
                Ok(Wake::Events(received)) => {
                    let followed = follow(hub, events, received, follow_up).await;
                    followed.map(|found| {
                        if found == Some(Outcome::Unchanged) {
                            look_again = Some(soon());
                        }
                    })
                }
                // What it was called for is not in the queue any more: so it looks until a look
                // succeeds.
                Ok(Wake::Called) => {
                    look_again = Some(Instant::now());
                    let found = publish(hub, Trigger::ChangeEvent, follow_up).await;
                    found.map(|found| look_again = (found == Outcome::Unchanged).then(soon))
                }
                Ok(Wake::LookAgain) => {
                    let outcome = publish(hub, Trigger::ChangeEvent, follow_up).await;
                    // A look that failed comes again after the pause.
                    outcome.map(|_| look_again = None)
                }
                Ok(Wake::Waves) => {
                    next_waves = Instant::now() + LOOK_AT_WAVES.min(interval);
                    let went = hub.go_on().await;
                    follow_up.went_on(&went).await;
                    match went {
                        Err(error) => left(error).map(|_| ()),
                        Ok(_) => Ok(()),
                    }
                }
                Err(error) => Err(error),
            }
        };
        let Some(outcome) = stop.run_until_cancelled(Box::pin(work)).await else { break };
        match outcome {
            Ok(()) => {
                pause.reset();
                if !is_about_waves {
                    published.notify_one();
                }
            }
            Err(error) => {
                // There is no end to them.
                let wait = pause.next_pause().unwrap_or(MAX_PAUSE);
                // What is published is so, whether its events can be read and deleted or not.
                let what = match error.step() {
                    HubError::Events(_) => "could not use the queue of change events",
                    HubError::RolloutTaken => "could not take the next step through the waves",
                    _ => "could not publish",
                };
                tracing::error!(error = render(&error), retry_in = ?wait, "{what}");
                tokio::select! {
                    biased;
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(wait) => {}
                }
            }
        }
    }
    tracing::info!("stopped");
}

/// Waits for change events; where none come, for ever.
async fn hear(events: Events<'_>) -> Result<Wake, HubError> {
    match events {
        Events::Queue(queue) => queue.receive().await.map(Wake::Events).map_err(HubError::Events),
        Events::Called(calls) => {
            calls.called().await;
            Ok(Wake::Called)
        }
        Events::None => std::future::pending().await,
    }
}

/// When to look once more, where a look that an event led to found nothing new.
fn soon() -> Instant {
    tracing::info!(again_in = ?READ_AGAIN_AFTER, "nothing new yet: looking once more");
    Instant::now() + READ_AGAIN_AFTER
}

/// Waits until then; for ever, where there is no such time.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Publishes once for all the events that came together, and only then deletes them. What came of
/// it; none where none of them tells of a change.
async fn follow(
    hub: &Hub,
    events: Events<'_>,
    received: Received,
    follow_up: &FollowUp,
) -> Result<Option<Outcome>, HubError> {
    let mut found = None;
    if received.succeeded > 0 {
        tracing::info!(events = received.succeeded, "the catalog tells of changes");
        found = Some(publish(hub, Trigger::ChangeEvent, follow_up).await?);
    }
    if let Events::Queue(queue) = events {
        queue.delete(received).await.map_err(HubError::Events)?;
    }
    Ok(found)
}

async fn publish(hub: &Hub, trigger: Trigger, follow_up: &FollowUp) -> Result<Outcome, HubError> {
    let (began, throttled) = (Instant::now(), pmp_aws::throttles());
    let outcome = hub.publish(trigger).await;
    let (took, throttles) = (began.elapsed(), pmp_aws::throttles() - throttled);
    follow_up.after(hub, Run { trigger, outcome: &outcome, took, throttles, request_id: None }).await;
    match outcome {
        Ok(published) => Ok(published.outcome),
        Err(error) => left(error).map(|published| published.outcome),
    }
}

/// What was published before a step failed. One organization that cannot be directed makes each run
/// fail so: it must not keep the hub from hearing of changes (rule 3). The next look at the waves
/// tries that step again.
fn left(error: HubError) -> Result<Published, HubError> {
    let Some(published) = error.published().cloned() else { return Err(error) };
    tracing::error!(error = render(&error), "published, and a step after that failed: the next look tries it again");
    Ok(published)
}

/// Pauses that double from failure to failure. Without jitter: one hub reads one management
/// experience.
fn backoff(interval: Duration) -> Backoff {
    Backoff::exact(FIRST_PAUSE, 2.0, interval.min(MAX_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_the_interval_and_starts_over_after_success() {
        let mut pause = backoff(Duration::from_secs(5));
        let seconds: Vec<_> = (0..4).map(|_| pause.next_pause().unwrap().as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 5]);
        pause.reset();
        assert_eq!(pause.next_pause(), Some(FIRST_PAUSE));
    }
}
