//! Rates: the calls per second that an account may make, and the one at which a throttled caller
//! goes on.
//!
//! Pure decisions; [`crate::Pace`] keeps them in time.

use std::num::NonZeroU32;
use std::ops::Index;
use std::str::FromStr;
use std::time::Duration;

use pmp_protocol::not_one_of;

use crate::{Operation, PerOperation};

/// Calls per second that this account may make, for each [`Operation`]. The defaults are AWS's
/// documented quotas.
///
/// As text, those that differ from the defaults: `start-change-set=10,describe-change-set=20`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits(PerOperation<NonZeroU32>);

impl RateLimits {
    /// The same rate for every operation: for a catalog that has no quotas.
    #[must_use]
    pub fn all(per_second: NonZeroU32) -> Self {
        Self(PerOperation::new(|_| per_second))
    }
}

impl Default for RateLimits {
    /// The quotas that AWS documents for an account.
    fn default() -> Self {
        Self(PerOperation::new(|operation| {
            let per_second = match operation {
                Operation::DescribeEntity => 20,
                Operation::ListEntities | Operation::DescribeChangeSet => 10,
                Operation::StartChangeSet | Operation::ListChangeSets => 5,
            };
            NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN)
        }))
    }
}

impl Index<Operation> for RateLimits {
    type Output = NonZeroU32;

    fn index(&self, operation: Operation) -> &NonZeroU32 {
        &self.0[operation]
    }
}

/// A text that says no rates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RatesError {
    /// An operation that has no rate here.
    #[error("{}", not_one_of(.0, &Operation::ALL.map(Operation::as_str)))]
    UnknownOperation(String),
    /// Not `OPERATION=CALLS`, with at least one call a second.
    #[error("`{0}` is not OPERATION=CALLS, with a whole number of calls per second, 1 or more")]
    NotARate(String),
}

pmp_protocol::codes!(RatesError {
    UnknownOperation => "E1109",
    NotARate => "E1110",
});

pmp_protocol::without_hint!(RatesError);

impl FromStr for RateLimits {
    type Err = RatesError;

    fn from_str(text: &str) -> Result<Self, RatesError> {
        let mut limits = Self::default();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let wrong = || RatesError::NotARate(entry.to_owned());
            let (name, calls) = entry.split_once('=').ok_or_else(wrong)?;
            let calls = calls.trim().parse().map_err(|_| wrong())?;
            let name = name.trim();
            let operation = Operation::from_name(name).ok_or_else(|| RatesError::UnknownOperation(name.to_owned()))?;
            limits.0[operation] = calls;
        }
        Ok(limits)
    }
}

/// After a throttle the rate is halved, at most once in this time: the calls already on their way
/// say nothing new.
const SLOW_DOWN_EVERY: Duration = Duration::from_secs(1);
/// Without a throttle for this long, a tenth of the permitted rate comes back.
const RECOVER_EVERY: Duration = Duration::from_secs(5);

/// The rate at which one operation is called now: at most the permitted one; less after it was
/// throttled, since others may use the same account.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct AdaptiveRate {
    permitted: f64,
    current: f64,
    /// Since when it is `current`, as time since some beginning.
    changed: Option<Duration>,
}

impl AdaptiveRate {
    pub(crate) fn new(permitted: NonZeroU32) -> Self {
        let permitted = f64::from(permitted.get());
        Self { permitted, current: permitted, changed: None }
    }

    /// The present rate, in calls per second.
    pub(crate) fn per_second(self) -> f64 {
        self.current
    }

    /// Whether it is the permitted rate.
    pub(crate) fn is_full(self) -> bool {
        self.current >= self.permitted
    }

    /// A call was throttled at `now`: half the rate, at least a sixteenth of the permitted one.
    /// Whether it changed.
    pub(crate) fn throttled(&mut self, now: Duration) -> bool {
        if !self.is_full() && self.changed.is_some_and(|changed| now.saturating_sub(changed) < SLOW_DOWN_EVERY) {
            return false;
        }
        self.current = (self.current / 2.0).max(self.permitted / 16.0);
        self.changed = Some(now);
        true
    }

    /// A call was answered at `now`. Whether the rate changed.
    pub(crate) fn answered(&mut self, now: Duration) -> bool {
        let due = self.changed.is_some_and(|changed| now.saturating_sub(changed) >= RECOVER_EVERY);
        if self.is_full() || !due {
            return false;
        }
        self.current = (self.current + self.permitted / 10.0).min(self.permitted);
        self.changed = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn rates_are_read_from_text() {
        let limits: RateLimits = "start-change-set=50, describe-change-set=7".parse().unwrap();
        assert_eq!((limits[Operation::StartChangeSet].get(), limits[Operation::DescribeChangeSet].get()), (50, 7));
        assert_eq!(limits[Operation::ListEntities], RateLimits::default()[Operation::ListEntities]);
        assert_eq!("".parse(), Ok(RateLimits::default()));
        for wrong in ["start-change-set", "start-change-set=0", "start-change-set=fast"] {
            assert_eq!(wrong.parse::<RateLimits>(), Err(RatesError::NotARate(wrong.to_owned())));
        }
        let documented = Operation::ALL.map(|operation| RateLimits::default()[operation].get());
        assert_eq!(documented, [10, 20, 5, 10, 5]);
        assert_eq!("start=1".parse::<RateLimits>(), Err(RatesError::UnknownOperation("start".to_owned())));
    }

    #[test]
    fn a_throttle_halves_the_rate_once_a_second_and_down_to_a_sixteenth() {
        let mut rate = AdaptiveRate::new(NonZeroU32::new(16).unwrap());
        assert!(rate.throttled(SECOND));
        assert!(!rate.throttled(SECOND + SECOND / 2), "calls that were on their way say nothing new");
        assert_eq!(rate.per_second(), 8.0);
        for second in 2..20 {
            rate.throttled(SECOND * second);
        }
        assert_eq!(rate.per_second(), 1.0);
    }

    #[test]
    fn the_rate_comes_back_slowly_and_never_beyond_the_permitted_one() {
        let mut rate = AdaptiveRate::new(NonZeroU32::new(10).unwrap());
        assert!(!rate.answered(SECOND), "nothing to recover from");
        rate.throttled(SECOND);
        assert!(!rate.answered(SECOND * 5));
        assert!(rate.answered(SECOND * 6));
        assert_eq!(rate.per_second(), 6.0);
        for second in 7..100 {
            rate.answered(SECOND * second);
        }
        assert_eq!(rate.per_second(), 10.0);
    }
}
