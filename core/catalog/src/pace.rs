//! The pace of calls: each operation waits for its turn, for all tasks of the process together.

use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

use crate::rate::AdaptiveRate;
use crate::{CatalogError, ErrorClass, RateLimits};

/// One limiter per operation.
#[derive(Debug)]
pub struct Pace {
    /// `ListEntities`.
    pub list_entities: Limiter,
    /// `DescribeEntity` and `BatchDescribeEntities`.
    pub describe_entity: Limiter,
    /// `StartChangeSet`.
    pub start_change_set: Limiter,
    /// `DescribeChangeSet`.
    pub describe_change_set: Limiter,
    /// `ListChangeSets`.
    pub list_change_sets: Limiter,
}

impl Pace {
    /// Limiters at the permitted rates.
    #[must_use]
    pub fn new(limits: RateLimits) -> Self {
        Self {
            list_entities: Limiter::new(limits.list_entities),
            describe_entity: Limiter::new(limits.describe_entity),
            start_change_set: Limiter::new(limits.start_change_set),
            describe_change_set: Limiter::new(limits.describe_change_set),
            list_change_sets: Limiter::new(limits.list_change_sets),
        }
    }
}

/// The turns of one operation: at most the permitted rate, slowed down where the catalog throttles
/// all the same.
#[derive(Debug)]
pub struct Limiter {
    permitted: NonZeroU32,
    /// How many may be taken at once at the permitted rate.
    burst: NonZeroU32,
    clock: TokioClock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rate: AdaptiveRate,
    turns: RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Duration>>,
}

/// Tokio's clock, so that tests with paused time see the pace as it is.
#[derive(Debug, Clone, Copy)]
struct TokioClock {
    began: Instant,
}

impl Clock for TokioClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Limiter {
    /// One less than a second's worth may be taken at once: the last one is the slack for requests
    /// that travel faster than the one before them.
    pub(crate) fn new(permitted: NonZeroU32) -> Self {
        Self::with_burst(permitted, NonZeroU32::new(permitted.get() - 1).unwrap_or(NonZeroU32::MIN))
    }

    /// One turn after the other, at even distances: for work that goes on for long. Where requests
    /// pile up on their way, it is those that are on their way and one more that arrive at once,
    /// and not a burst besides.
    #[cfg(any(feature = "discovery", test))]
    pub(crate) fn steady(permitted: NonZeroU32) -> Self {
        Self::with_burst(permitted, NonZeroU32::MIN)
    }

    fn with_burst(permitted: NonZeroU32, burst: NonZeroU32) -> Self {
        let clock = TokioClock { began: Instant::now() };
        let rate = AdaptiveRate::new(permitted);
        let state = State { rate, turns: turns(rate, permitted, burst, clock) };
        Self { permitted, burst, clock, state: Mutex::new(state) }
    }

    /// The permitted calls per second.
    #[must_use]
    pub fn permitted(&self) -> NonZeroU32 {
        self.permitted
    }

    /// Waits for a turn, and takes it.
    pub async fn ready(&self) {
        while let Err(wait) = self.take() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes a turn if there is one now.
    #[must_use]
    pub fn try_ready(&self) -> bool {
        self.take().is_ok()
    }

    /// Learns from how a call ended: slower after a throttle, and after a while without one, faster
    /// again.
    pub fn learn<T>(&self, outcome: &Result<T, CatalogError>) {
        let throttled = outcome.as_ref().is_err_and(|error| error.class() == ErrorClass::Throttled);
        let now = self.clock.now();
        let mut state = self.state();
        let changed = if throttled { state.rate.throttled(now) } else { state.rate.answered(now) };
        if changed {
            state.turns = turns(state.rate, self.permitted, self.burst, self.clock);
            // The first turn of a new limiter is one that the throttle has just taken away.
            let _taken = state.turns.check();
        }
    }

    fn take(&self) -> Result<(), Duration> {
        self.state().turns.check().map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half way: a poisoned state is as good as any.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Turns at `rate`, of which so many may be taken at once, and after a throttle one.
fn turns(
    rate: AdaptiveRate,
    permitted: NonZeroU32,
    burst: NonZeroU32,
    clock: TokioClock,
) -> RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Duration>> {
    let burst = if rate.is_full() { burst } else { NonZeroU32::MIN };
    let period = Duration::from_secs_f64(1.0 / rate.per_second());
    let quota = Quota::with_period(period).unwrap_or(Quota::per_second(permitted)).allow_burst(burst);
    RateLimiter::direct_with_clock(quota, clock)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(per_second: u32) -> Limiter {
        Limiter::new(NonZeroU32::new(per_second).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn no_second_has_more_turns_than_are_permitted_at_once_and_none_is_left_idle() {
        let limiter = limiter(5);
        let began = Instant::now();
        let mut turns = Vec::new();
        while turns.len() < 29 {
            limiter.ready().await;
            turns.push(began.elapsed());
        }
        // A token bucket of 5, refilled at 5 a second, as AWS's throttling works: it always has one
        // left.
        for (index, turn) in turns.iter().enumerate() {
            assert!(index as f64 <= 3.0 + turn.as_secs_f64() * 5.0 + 0.01, "turn {index} at {turn:?}");
        }
        assert!(turns[28] <= Duration::from_millis(5_100), "{:?}", turns[28]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_steady_one_has_no_burst_however_long_it_was_idle() {
        let limiter = Limiter::steady(NonZeroU32::new(10).unwrap());
        tokio::time::sleep(Duration::from_secs(5)).await;
        let began = Instant::now();
        for _ in 0..11 {
            limiter.ready().await;
        }
        assert!(began.elapsed() >= Duration::from_millis(990), "{:?}", began.elapsed());
        assert!(began.elapsed() <= Duration::from_millis(1_100), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttle_slows_the_pace_down() {
        let limiter = limiter(10);
        let throttled = CatalogError::Entity {
            entity: "exp-1".into(),
            code: "ThrottlingException".into(),
            message: "slow down".into(),
        };
        limiter.learn::<()>(&Err(throttled));
        assert!(!limiter.try_ready());
        let began = Instant::now();
        for _ in 0..5 {
            limiter.ready().await;
        }
        assert!(began.elapsed() >= Duration::from_millis(990), "{:?}", began.elapsed());
    }
}
