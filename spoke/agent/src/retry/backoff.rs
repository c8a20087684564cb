//! How long to wait for others, and how often: pauses that grow, with jitter, up to a bound.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio_util::sync::CancellationToken;

/// Pauses between tries.
#[derive(Debug)]
pub(crate) struct Patience {
    builder: ExponentialBuilder,
    pauses: ExponentialBackoff,
}

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// The pause is over: try again.
    TryAgain,
    /// There were as many tries as there may be.
    Exhausted,
    /// Told to stop.
    Stopped,
}

impl Patience {
    /// For an experience that is locked, stale, or at a service that is not well: about ten minutes in all.
    pub(crate) fn with_the_catalog() -> Self {
        Self::new(Duration::from_millis(500), 1.6, Duration::from_secs(15), Some(45))
    }

    /// For a read that may be older than what was changed: without end, the caller knows for how long.
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
        let builder =
            ExponentialBuilder::new().with_min_delay(first).with_factor(factor).with_max_delay(longest).with_jitter();
        let builder = match times {
            Some(times) => builder.with_max_times(times),
            None => builder.without_max_times(),
        };
        Self { builder, pauses: builder.build() }
    }

    /// Starts over, after a success.
    pub(crate) fn reset(&mut self) {
        self.pauses = self.builder.build();
    }

    /// Waits for the next try.
    pub(crate) async fn wait(&mut self, stop: &CancellationToken) -> Waited {
        let Some(pause) = self.pauses.next() else { return Waited::Exhausted };
        tokio::select! {
            // Cancel-safe: neither arm holds anything.
            () = stop.cancelled() => Waited::Stopped,
            () = tokio::time::sleep(pause) => Waited::TryAgain,
        }
    }
}
