//! What time it is, as a port.

use std::fmt;

use jiff::Timestamp;

/// Tells the time of day, for what is written down or compared with what others wrote.
///
/// How long something takes is measured, and slept, by tokio's own `Instant`. That one never goes
/// back, and a paused runtime simulates it. The two must not be mixed: the time of day may be set
/// back or forth at any moment.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The time of day.
    fn now(&self) -> Timestamp;
}

/// The clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_time_of_day_is_not_that_of_a_paused_runtime() {
        let clock: &dyn Clock = &SystemClock;
        let day = clock.now();
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert!(clock.now().duration_since(day).as_secs() < 3_600);
    }
}
