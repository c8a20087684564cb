//! What time it is, as a port.

use std::fmt;

use jiff::Timestamp;
use tokio::time::Instant;

/// Tells the time in two ways. They must not be mixed: the time of day may be set back or forth at
/// any moment.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The time of day, for what is written down or compared with what others wrote.
    fn now(&self) -> Timestamp;

    /// A steady time, for measuring how long something takes in this process. It means nothing to
    /// other processes, and never goes back.
    fn instant(&self) -> Instant;
}

/// The clocks of this machine. Under a paused tokio runtime the steady time is the runtime's; the
/// time of day is always the system's.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn instant(&self) -> Instant {
        Instant::now()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_steady_time_is_that_of_the_runtime() {
        let clock: &dyn Clock = &SystemClock;
        let (began, day) = (clock.instant(), clock.now());
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert_eq!((clock.instant() - began).as_secs(), 3_600);
        assert!(clock.now().duration_since(day).as_secs() < 3_600, "the time of day is not the runtime's");
    }
}
