//! How an invocation begins, and how much of its time is for the work.

use std::time::Duration;

use jiff::Timestamp;
use pmp_runtime::Stop;
use tokio::time::Instant;

use crate::Invocation;

/// What is left of an invocation's time for writing down how far the work got: a fifth of it, and
/// no more than this.
const LONGEST_MARGIN: Duration = Duration::from_secs(15);
const SHARE: u32 = 5;

impl Invocation {
    /// An invocation that must be over at `deadline_ms`, in milliseconds since 1970. Needs a
    /// runtime.
    pub(crate) fn begin(request_id: String, deadline_ms: u64, whole: &Stop, now: Timestamp) -> Self {
        let left = left(deadline_ms, now);
        let deadline = Instant::now() + left;
        let stop = whole.child();
        stop.before(deadline, margin(left));
        Self { request_id, stop, deadline }
    }
}

/// What is left until a deadline that Lambda gives by the clock of the machine.
fn left(deadline_ms: u64, now: Timestamp) -> Duration {
    let now_ms = u64::try_from(now.as_millisecond()).unwrap_or_default();
    Duration::from_millis(deadline_ms.saturating_sub(now_ms))
}

/// How long before the deadline the work must stop.
fn margin(left: Duration) -> Duration {
    (left / SHARE).min(LONGEST_MARGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_margin_is_a_fifth_of_the_time_and_at_most_fifteen_seconds() {
        let seconds = |seconds| Duration::from_secs(seconds);
        assert_eq!(margin(seconds(900)), seconds(15));
        assert_eq!(margin(seconds(30)), seconds(6));
        assert_eq!(margin(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn a_deadline_that_has_passed_leaves_nothing() {
        let now = Timestamp::from_millisecond(10_000).unwrap();
        assert_eq!(left(12_500, now), Duration::from_millis(2_500));
        assert_eq!(left(9_000, now), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn an_invocation_stops_in_time_and_does_not_stop_the_function() {
        let (whole, now) = (Stop::new(), Timestamp::from_millisecond(0).unwrap());
        let invocation = Invocation::begin("r-1".into(), 60_000, &whole, now);
        invocation.stop.stopped().await;
        assert_eq!((invocation.deadline - Instant::now()).as_secs(), 12);
        assert_eq!(invocation.stop.reason().unwrap().to_string(), "deadline in 12 s");
        assert!(!whole.is_stopped());
    }
}
