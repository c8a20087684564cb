//! The time of day and the chance of a fleet, both determined by its seed.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_types::sdk_config::TimeSource;
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use pmp_runtime::{Chance, Clock};
use tokio::time::Instant;

/// When every simulated fleet begins.
const FIRST_DAY: &str = "2026-03-01T06:00:00Z";

/// The time of day of one machine, which goes with the runtime's paused time.
#[derive(Debug, Clone)]
pub(crate) struct Day {
    first: Timestamp,
    began: Instant,
    /// How far this machine's clock is ahead.
    skew: Arc<Mutex<SignedDuration>>,
}

impl Day {
    /// It is the first day as this is made.
    pub(crate) fn new() -> Self {
        let first = FIRST_DAY.parse().unwrap();
        Self { first, began: Instant::now(), skew: Arc::default() }
    }

    /// The same day on another machine, whose clock is wrong by `skew`.
    pub(crate) fn with_skew(&self, skew: SignedDuration) -> Self {
        Self { skew: Arc::new(Mutex::new(skew)), ..self.clone() }
    }

    pub(crate) fn is_skewed(&self) -> bool {
        !self.skew.lock().unwrap().is_zero()
    }

    /// How long the fleet has been there.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// The instant of the runtime at which it is this time of day.
    pub(crate) fn instant(&self, at: Timestamp) -> Instant {
        self.began + Duration::try_from(at.duration_since(self.first)).unwrap_or_default()
    }
}

impl Clock for Day {
    fn now(&self) -> Timestamp {
        self.first + self.began.elapsed() + *self.skew.lock().unwrap()
    }
}

/// The SDK signs by it, and goes by it where credentials expire.
impl TimeSource for Day {
    fn now(&self) -> SystemTime {
        let since = Clock::now(self).duration_since(Timestamp::UNIX_EPOCH);
        SystemTime::UNIX_EPOCH + Duration::try_from(since).unwrap()
    }
}

/// Chance that a seed determines.
#[derive(Debug)]
pub(crate) struct SeededChance(Mutex<Rng>);

impl SeededChance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(Rng::with_seed(seed)))
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
