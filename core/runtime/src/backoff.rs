//! How long to wait before another try, and how often: pauses that grow up to a bound.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio_util::sync::CancellationToken;

/// The pauses between tries. Each is longer than the one before by a factor, up to a bound.
///
/// With jitter, at most as much as the pause itself is added to it by chance, so that many
/// processes that failed together do not come back together.
#[derive(Debug)]
pub struct Backoff {
    builder: ExponentialBuilder,
    pauses: ExponentialBackoff,
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
    /// (before jitter).
    #[must_use]
    pub fn new(first: Duration, factor: f32, longest: Duration) -> Self {
        Self::of(growing(first, factor, longest).with_jitter())
    }

    /// The same without jitter, to the millisecond: for a process that is the only one of its kind.
    #[must_use]
    pub fn exact(first: Duration, factor: f32, longest: Duration) -> Self {
        Self::of(growing(first, factor, longest))
    }

    /// The same pauses, and no more of them than `times`.
    #[must_use]
    pub fn at_most(self, times: usize) -> Self {
        Self::of(self.builder.with_max_times(times))
    }

    fn of(builder: ExponentialBuilder) -> Self {
        Self { builder, pauses: builder.build() }
    }

    /// The next pause; none once there were as many as there may be.
    pub fn next_pause(&mut self) -> Option<Duration> {
        self.pauses.next()
    }

    /// Starts over with the first pause, after a success.
    pub fn reset(&mut self) {
        self.pauses = self.builder.build();
    }

    /// Waits for the next pause, or until `stop` is cancelled.
    pub async fn wait(&mut self, stop: &CancellationToken) -> Waited {
        let Some(pause) = self.next_pause() else { return Waited::Exhausted };
        tokio::select! {
            // Cancel-safe: neither arm holds anything.
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
        let mut backoff = Backoff::new(Duration::from_secs(1), 2.0, Duration::from_secs(1));
        for _ in 0..100 {
            let pause = backoff.next_pause().unwrap();
            assert!((1.0..=2.0).contains(&pause.as_secs_f64()), "{pause:?}");
        }
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
