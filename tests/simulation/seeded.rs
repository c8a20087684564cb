//! The time of day and the chance of a simulated world, both determined by its seed.

use std::sync::Mutex;

use fastrand::Rng;
use jiff::Timestamp;
use pmp_runtime::{Chance, Clock};
use tokio::time::Instant;

/// When every simulated world begins.
const FIRST_DAY: &str = "2026-03-01T06:00:00Z";

/// A time of day that goes with the runtime's paused time.
#[derive(Debug)]
pub(crate) struct SimulatedClock {
    first: Timestamp,
    began: Instant,
}

impl SimulatedClock {
    /// It is the first day as this is made.
    pub(crate) fn new() -> Self {
        Self { first: FIRST_DAY.parse().unwrap(), began: Instant::now() }
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        self.first + self.began.elapsed()
    }
}

/// Chance that a seed determines.
#[derive(Debug)]
pub(crate) struct SeededChance(Mutex<Rng>);

impl SeededChance {
    pub(crate) fn new(seed: u64) -> Self {
        // The faults of a world have a generator with the same seed: what the spoke asks for must
        // not go in step with what strikes it.
        Self(Mutex::new(Rng::with_seed(!seed)))
    }
}

impl Chance for SeededChance {
    fn fraction(&self) -> f64 {
        self.0.lock().unwrap().f64()
    }

    fn unique_id(&self) -> String {
        format!("{:032x}", self.0.lock().unwrap().u128(..))
    }
}

#[tokio::test(start_paused = true)]
async fn the_simulated_day_goes_with_the_time_of_the_runtime() {
    let clock = SimulatedClock::new();
    let began = clock.now();
    tokio::time::sleep(std::time::Duration::from_secs(36 * 3_600)).await;
    assert_eq!((began.to_string(), clock.now().to_string()), (FIRST_DAY.into(), "2026-03-02T18:00:00Z".into()));
}
