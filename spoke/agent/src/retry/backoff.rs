//! How long to wait for others, and how often: pauses that grow, with jitter, up to a bound.

use std::time::Duration;

use pmp_runtime::Backoff;
pub(crate) use pmp_runtime::Waited;
use tokio_util::sync::CancellationToken;

/// Pauses between tries, by what is waited for.
#[derive(Debug)]
pub(crate) struct Patience(Backoff);

impl Patience {
    /// For an experience that is locked, stale, or at a service that is not well: about ten minutes
    /// in all.
    pub(crate) fn with_the_catalog() -> Self {
        Self::new(Duration::from_millis(500), 1.6, Duration::from_secs(15), Some(45))
    }

    /// For a read that may be older than what was changed: without end, the caller knows for how
    /// long.
    pub(crate) fn with_a_read_that_lags() -> Self {
        Self::new(Duration::from_millis(400), 1.6, Duration::from_secs(4), None)
    }

    /// For reads at the beginning of a pass: some ten seconds in all.
    pub(crate) fn with_a_read() -> Self {
        Self::new(Duration::from_millis(300), 2.0, Duration::from_secs(5), Some(5))
    }

    /// For an effect that is certain and not to be seen yet: some fifteen seconds in all.
    pub(crate) fn with_a_delay() -> Self {
        Self::new(Duration::from_millis(300), 2.0, Duration::from_secs(4), Some(6))
    }

    /// For an agent whose queue or ledger fails: without end.
    pub(crate) fn with_the_world() -> Self {
        Self::new(Duration::from_secs(1), 2.0, Duration::from_secs(60), None)
    }

    fn new(first: Duration, factor: f32, longest: Duration, times: Option<usize>) -> Self {
        let backoff = Backoff::new(first, factor, longest);
        Self(match times {
            Some(times) => backoff.at_most(times),
            None => backoff,
        })
    }

    /// Starts over, after a success.
    pub(crate) fn reset(&mut self) {
        self.0.reset();
    }

    /// Waits for the next try.
    pub(crate) async fn wait(&mut self, stop: &CancellationToken) -> Waited {
        self.0.wait(stop).await
    }
}
