//! The pace of calls: each operation has its permits, for all tasks of the process together.

use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

use crate::rate::AdaptiveRate;
use crate::{CatalogError, ErrorClass, Operation, PerOperation, RateLimits};

/// One limiter for each [`Operation`].
#[derive(Debug)]
pub struct Pace(PerOperation<Limiter>);

impl Pace {
    /// Limiters at the permitted rates.
    #[must_use]
    pub fn new(limits: RateLimits) -> Self {
        Self(PerOperation::new(|operation| Limiter::new(limits[operation])))
    }

    /// The limiter of one operation, which all tasks of the process share.
    #[must_use]
    pub fn of(&self, operation: Operation) -> &Limiter {
        &self.0[operation]
    }
}

/// The permits of one operation: at most the permitted rate, and less after a throttle, since
/// others may call with the same account.
#[derive(Debug)]
pub struct Limiter {
    permitted: NonZeroU32,
    /// How many permits may be taken at once at the permitted rate.
    burst: NonZeroU32,
    clock: TokioClock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rate: AdaptiveRate,
    permits: RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Duration>>,
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
    /// A limiter with a burst of one permit less than a second has. AWS counts arrivals, and we
    /// count departures: a request that overtakes its predecessor on the network would otherwise be
    /// the one that is throttled.
    pub(crate) fn new(permitted: NonZeroU32) -> Self {
        Self::with_burst(permitted, NonZeroU32::new(permitted.get() - 1).unwrap_or(NonZeroU32::MIN))
    }

    /// A limiter without a burst: permits come at even distances, for work that goes on for long.
    /// Where requests pile up on the network, only these and one more arrive together, and not a
    /// burst besides.
    #[cfg(any(feature = "discovery", test))]
    pub(crate) fn steady(permitted: NonZeroU32) -> Self {
        Self::with_burst(permitted, NonZeroU32::MIN)
    }

    fn with_burst(permitted: NonZeroU32, burst: NonZeroU32) -> Self {
        let clock = TokioClock { began: Instant::now() };
        let rate = AdaptiveRate::new(permitted);
        let state = State { rate, permits: permits(rate, permitted, burst, clock) };
        Self { permitted, burst, clock, state: Mutex::new(state) }
    }

    /// How many calls per second the account may make, as it was configured. The present rate may
    /// be lower.
    #[must_use]
    pub fn permitted(&self) -> NonZeroU32 {
        self.permitted
    }

    /// Waits for a permit, and takes it.
    pub async fn ready(&self) {
        while let Err(wait) = self.take() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes a permit if there is one now, and says whether it did.
    #[must_use]
    pub fn try_ready(&self) -> bool {
        self.take().is_ok()
    }

    /// Adapts the rate to how a call ended: half of it after a throttle, and after a while without
    /// one, more again.
    pub fn learn<T>(&self, outcome: &Result<T, CatalogError>) {
        let throttled = outcome.as_ref().is_err_and(|error| error.class() == ErrorClass::Throttled);
        let now = self.clock.now();
        let mut state = self.state();
        let changed = if throttled { state.rate.throttled(now) } else { state.rate.answered(now) };
        if changed {
            state.permits = permits(state.rate, self.permitted, self.burst, self.clock);
            // A new limiter begins with a permit. The throttle has just shown that there is none.
            let _taken = state.permits.check();
        }
    }

    fn take(&self) -> Result<(), Duration> {
        self.state().permits.check().map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half way: a poisoned state is as good as any.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Permits at `rate`, of which `burst` may be taken at once; after a throttle, there is no burst.
fn permits(
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
