//! One token for everything that ends work early, with the reason: a signal, a deadline, a right
//! that is gone.
//!
//! Whoever works looks at the token and starts nothing new once it is cancelled; whoever reports
//! asks for the reason. A stop is bounded, whatever hangs, because every wait belongs to one of
//! three: it ends at once ([`Stop::unless_stopped`]: a read), it may still write down how far the
//! work got ([`Stop::write_down`]), or it holds all the rest ([`Stop::to_the_end`]).

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Time after a stop in which the work may still write down how far it got.
const WRITE_DOWN: Duration = Duration::from_secs(6);
/// Time after a stop within which everything has ended: a second less than the ten that are
/// promised (rule 13).
const END: Duration = Duration::from_secs(9);

/// Why work ends early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// A person or a supervisor asked, by this signal.
    Signal(&'static str),
    /// The time for this run is up, but for what is left to write down how far it got.
    Deadline {
        /// Time until the process is ended; zero where there is none.
        left: Duration,
    },
    /// The right to do this work is gone: another process may do it from now on. The text is the
    /// whole sentence for a person, without a full stop, and says which right and why.
    Revoked(String),
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(signal) => write!(f, "told to stop by {signal}"),
            Self::Deadline { left } if left.is_zero() => f.write_str("the time for this run is up"),
            Self::Deadline { left } => write!(f, "deadline in {} s", left.as_secs_f64().ceil()),
            Self::Revoked(why) => f.write_str(why),
        }
    }
}

/// A token that can be cancelled once, with a reason. Clones are the same token.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    token: CancellationToken,
    cause: Arc<OnceLock<Cause>>,
    parent: Option<Arc<Stop>>,
}

/// Why it was cancelled, and how long the rest may take.
#[derive(Debug)]
struct Cause {
    reason: StopReason,
    written_by: Instant,
    ended_by: Instant,
}

impl Cause {
    fn new(reason: StopReason) -> Self {
        let now = Instant::now();
        let (write_down, end) = match reason {
            // The process is ended at the deadline, and its own end needs some of the time that is
            // left.
            StopReason::Deadline { left } if !left.is_zero() => {
                (WRITE_DOWN.min(left.mul_f32(0.75)), END.min(left.mul_f32(0.9)))
            }
            _ => (WRITE_DOWN, END),
        };
        Self { reason, written_by: now + write_down, ended_by: now + end }
    }
}

impl Stop {
    /// A token that nothing has cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A token for a part of the work: cancelled with this one, and by itself without touching this
    /// one.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { token: self.token.child_token(), cause: Arc::default(), parent: Some(Arc::new(self.clone())) }
    }

    /// Cancels it. The first reason stays.
    pub fn stop(&self, reason: StopReason) {
        let _stays = self.cause.set(Cause::new(reason));
        self.token.cancel();
    }

    /// Cancels it `margin` before `deadline`: what is left is for writing down how far the work
    /// got. Needs a runtime.
    pub fn before(&self, deadline: Instant, margin: Duration) {
        let stop = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                biased;
                // Cancel-safe: neither arm holds anything.
                () = tokio::time::sleep_until(deadline.checked_sub(margin).unwrap_or(deadline)) => {
                    stop.stop(StopReason::Deadline { left: deadline.saturating_duration_since(Instant::now()) });
                }
                () = stop.token.cancelled() => {}
            }
        });
    }

    /// Why it was cancelled; none while it is not.
    #[must_use]
    pub fn reason(&self) -> Option<&StopReason> {
        self.cause().map(|cause| &cause.reason)
    }

    fn cause(&self) -> Option<&Cause> {
        self.cause.get().or_else(|| self.parent.as_ref()?.cause())
    }

    /// Whether it is cancelled.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits until it is cancelled. Cancel-safe.
    pub async fn stopped(&self) {
        self.token.cancelled().await;
    }

    /// Does `work` unless, or until, it is cancelled: then `work` is dropped, and there is none.
    /// For reads and waits, of which nothing is lost.
    pub async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        // Boxed, here and below: bounded work may consist of bounded work, and such nested futures
        // would overflow the stack.
        let work = Box::pin(work);
        tokio::select! {
            // Biased towards the stop: after a stop, `work` does not begin.
            biased;
            () = self.stopped() => None,
            done = work => Some(done),
        }
    }

    /// Does `work`, also after it was cancelled, for as long as there is time to write down how far
    /// things got.
    pub async fn write_down<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.until(|cause| cause.written_by, work).await
    }

    /// Does `work`, which ends by itself after it was cancelled; where it does not, it is dropped
    /// in time.
    pub async fn to_the_end<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.until(|cause| cause.ended_by, work).await
    }

    async fn until<T>(&self, time: fn(&Cause) -> Instant, work: impl Future<Output = T>) -> Option<T> {
        let work = Box::pin(work);
        let too_late = async {
            self.stopped().await;
            // A token that was cancelled without a cause has no times. Nothing is to be written
            // down then.
            if let Some(cause) = self.cause() {
                tokio::time::sleep_until(time(cause)).await;
            }
        };
        tokio::select! {
            // Biased towards the work: a result that is there is returned, even where the time is
            // up.
            biased;
            done = work => Some(done),
            () = too_late => None,
        }
    }

    /// The bare token, for those who need no reason.
    #[must_use]
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_stays_and_reads_as_a_sentence() {
        let stop = Stop::new();
        assert_eq!((stop.is_stopped(), stop.reason()), (false, None));
        stop.stop(StopReason::Signal("SIGTERM"));
        stop.stop(StopReason::Deadline { left: Duration::ZERO });
        assert!(stop.is_stopped());
        assert_eq!(stop.reason().unwrap().to_string(), "told to stop by SIGTERM");
        let left = Duration::from_millis(4_200);
        assert_eq!(StopReason::Deadline { left }.to_string(), "deadline in 5 s");
        assert_eq!(StopReason::Revoked("lease lost to `b`".into()).to_string(), "lease lost to `b`");
    }

    #[test]
    fn a_part_stops_with_the_whole_and_never_the_other_way_round() {
        let whole = Stop::new();
        let (first, second) = (whole.child(), whole.child());
        first.stop(StopReason::Revoked("lease lost to `b`".into()));
        assert!(first.is_stopped() && !second.is_stopped() && !whole.is_stopped());
        whole.stop(StopReason::Signal("SIGINT"));
        assert_eq!(second.reason(), Some(&StopReason::Signal("SIGINT")));
        assert_eq!(first.reason(), Some(&StopReason::Revoked("lease lost to `b`".into())));
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_stops_in_time_to_write_down_how_far_it_got() {
        let stop = Stop::new();
        let began = Instant::now();
        stop.before(began + Duration::from_secs(60), Duration::from_secs(5));
        stop.stopped().await;
        assert_eq!(began.elapsed().as_secs(), 55);
        assert_eq!(stop.reason().unwrap().to_string(), "deadline in 5 s");
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_hangs_ends_at_the_stop_or_soon_after_it() {
        let hang = std::future::pending::<()>;
        let (stop, began) = (Stop::new(), Instant::now());
        stop.before(began + Duration::from_secs(60), Duration::ZERO);
        assert_eq!(stop.unless_stopped(hang()).await, None);
        assert_eq!(began.elapsed().as_secs(), 60);
        assert_eq!(stop.unless_stopped(async { 1 }).await, None, "nothing begins");
        assert_eq!(stop.write_down(async { 1 }).await, Some(1), "what is short is still done");
        assert_eq!(stop.child().write_down(hang()).await, None);
        assert_eq!(began.elapsed().as_secs(), 66);
        assert_eq!(stop.to_the_end(hang()).await, None);
        assert_eq!(began.elapsed().as_secs(), 69);
    }

    #[tokio::test(start_paused = true)]
    async fn before_a_deadline_all_has_ended() {
        let (stop, began) = (Stop::new(), Instant::now());
        stop.before(began + Duration::from_secs(20), Duration::from_secs(4));
        let hang = std::future::pending::<()>;
        assert_eq!(stop.write_down(hang()).await, None);
        assert_eq!(began.elapsed().as_millis(), 19_000);
        assert_eq!(stop.to_the_end(hang()).await, None);
        assert!(began.elapsed() < Duration::from_millis(19_700), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_has_passed_stops_at_once() {
        let stop = Stop::new();
        stop.before(Instant::now(), Duration::from_secs(5));
        stop.stopped().await;
        assert_eq!(stop.reason().unwrap().to_string(), "the time for this run is up");
    }
}
