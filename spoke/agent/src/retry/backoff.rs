//! The pauses between retries, one backoff for each kind of wait.

use std::sync::Arc;
use std::time::Duration;

use pmp_runtime::{Backoff, Chance};

/// For an experience that is locked or stale, or a service that fails: about ten minutes in all.
pub(crate) fn for_the_catalog(chance: &Arc<dyn Chance>) -> Backoff {
    Backoff::new(Duration::from_millis(500), 1.6, Duration::from_secs(15), chance.clone()).at_most(45)
}

/// For a read that may be older than a change that was made. It has no end, because the caller
/// bounds it.
pub(crate) fn for_a_lagging_read(chance: &Arc<dyn Chance>) -> Backoff {
    Backoff::new(Duration::from_millis(400), 1.6, Duration::from_secs(4), chance.clone())
}

/// For reads at the beginning of a pass: some ten seconds in all.
pub(crate) fn for_a_read(chance: &Arc<dyn Chance>) -> Backoff {
    Backoff::new(Duration::from_millis(300), 2.0, Duration::from_secs(5), chance.clone()).at_most(5)
}

/// For an effect that is certain and cannot be read yet: some fifteen seconds in all.
pub(crate) fn for_a_delay(chance: &Arc<dyn Chance>) -> Backoff {
    Backoff::new(Duration::from_millis(300), 2.0, Duration::from_secs(4), chance.clone()).at_most(6)
}

/// For an agent whose queue or ledger fails. It has no end.
pub(crate) fn for_the_agent(chance: &Arc<dyn Chance>) -> Backoff {
    Backoff::new(Duration::from_secs(1), 2.0, Duration::from_secs(60), chance.clone())
}
