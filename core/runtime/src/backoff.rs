//! How long to wait before another try, and how often: pauses that grow up to a bound.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio_util::sync::CancellationToken;

use crate::chance::Chance;

/// The pauses between tries. Each is longer than the one before by a factor, up to a bound.
///
/// With jitter, at most as much as the pause itself is added to it by chance, so that many
/// processes that failed together do not come back together.
#[derive(Debug)]
pub struct Backoff {
    builder: ExponentialBuilder,
    pauses: ExponentialBackoff,
    /// Where the jitter comes from. `None` without jitter.
    jitter: Option<Arc<dyn Chance>>,
}

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// The pause is over: try again.
    TryAgain,
    /// There were as many tries as there may be. Nothing was waited for.
    Exhausted,
    /// The token was cancelled during the pause, or before it.
    Stopped,
}

impl Backoff {
    /// Pauses without end: the first one, then each by `factor` longer, none longer than `longest`
    /// (before jitter). The jitter comes from `chance`.
    #[must_use]
    pub fn new(first: Duration, factor: f32, longest: Duration, chance: Arc<dyn Chance>) -> Self {
        Self::of(growing(first, factor, longest), Some(chance))
    }

    /// The same without jitter, to the millisecond: for a process that is the only one of its kind.
    #[must_use]
    pub fn exact(first: Duration, factor: f32, longest: Duration) -> Self {
        Self::of(growing(first, factor, longest), None)
    }

    /// The same pauses, and no more of them than `times`.
    #[must_use]
    pub fn at_most(self, times: usize) -> Self {
        Self::of(self.builder.with_max_times(times), self.jitter)
    }

    fn of(builder: ExponentialBuilder, jitter: Option<Arc<dyn Chance>>) -> Self {
        Self { builder, pauses: builder.build(), jitter }
    }

    /// The next pause; none once there were as many as there may be.
    pub fn next_pause(&mut self) -> Option<Duration> {
        let pause = self.pauses.next()?;
        let jitter = self.jitter.as_ref().map_or(Duration::ZERO, |chance| pause.mul_f64(chance.fraction()));
        Some(pause.saturating_add(jitter))
    }

    /// Starts over with the first pause, after a success.
    pub fn reset(&mut self) {
        self.pauses = self.builder.build();
    }

    /// Waits for the next pause, or until `stop` is cancelled.
    pub async fn wait(&mut self, stop: &CancellationToken) -> Waited {
        let Some(pause) = self.next_pause() else { return Waited::Exhausted };
        tokio::select! {
            biased;
            // The stop first. Cancel-safe: neither arm holds anything.
            () = stop.cancelled() => Waited::Stopped,
            () = tokio::time::sleep(pause) => Waited::TryAgain,
        }
    }
}

fn growing(first: Duration, factor: f32, longest: Duration) -> ExponentialBuilder {
    // The crate takes the first pause as it is, even where it is longer than the longest.
    let builder = ExponentialBuilder::new().with_min_delay(first.min(longest)).with_max_delay(longest);
    builder.with_factor(factor).without_max_times()
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::chance::SystemChance;

    fn seconds(backoff: &mut Backoff) -> Vec<u64> {
        (0..5).map_while(|_| backoff.next_pause()).map(|pause| pause.as_secs()).collect()
    }

    #[test]
    fn pauses_grow_to_the_bound_and_start_over() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::exact(second, 2.0, 5 * second);
        assert_eq!(seconds(&mut backoff), [1, 2, 4, 5, 5]);
        backoff.reset();
        assert_eq!(backoff.next_pause(), Some(second));
        assert_eq!(seconds(&mut Backoff::exact(9 * second, 2.0, 5 * second).at_most(2)), [5, 5]);
        assert_eq!(seconds(&mut Backoff::exact(second, 2.0, second).at_most(0)), []);
    }

    #[test]
    fn jitter_adds_at_most_the_pause_itself() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(second, 2.0, second, Arc::new(SystemChance));
        for _ in 0..100 {
            let pause = backoff.next_pause().unwrap();
            assert!((1.0..=2.0).contains(&pause.as_secs_f64()), "{pause:?}");
        }
    }

    /// Chance that says the same each time.
    #[derive(Debug)]
    struct Always(f64);

    impl Chance for Always {
        fn fraction(&self) -> f64 {
            self.0
        }

        fn unique_id(&self) -> String {
            String::new()
        }
    }

    #[test]
    fn jitter_is_what_chance_says_and_does_not_add_up() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(second, 2.0, 60 * second, Arc::new(Always(0.5))).at_most(3);
        let millis: Vec<_> = (0..4).map_while(|_| backoff.next_pause()).map(|pause| pause.as_millis()).collect();
        assert_eq!(millis, [1_500, 3_000, 6_000]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_with_its_pause_its_tries_or_the_stop() {
        let (stop, began) = (CancellationToken::new(), Instant::now());
        let mut backoff = Backoff::exact(Duration::from_secs(2), 2.0, Duration::from_secs(60)).at_most(2);
        assert_eq!(backoff.wait(&stop).await, Waited::TryAgain);
        assert_eq!(began.elapsed().as_secs(), 2);
        stop.cancel();
        assert_eq!(backoff.wait(&stop).await, Waited::Stopped);
        assert_eq!(backoff.wait(&stop).await, Waited::Exhausted);
        assert_eq!(began.elapsed().as_secs(), 2);
    }
}
