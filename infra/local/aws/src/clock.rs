//! The emulator's clock: real time plus an offset that can be set, so that an hour can pass at
//! once.
//!
//! Every date and every wait of the embedded AWS uses this clock. It only tells the time;
//! `cloud::time` handles what must happen when the clock jumps.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// Real time plus an offset.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// The offset in microseconds: up to 290,000 years either way, more than a [`Timestamp`] can
    /// hold.
    offset: AtomicI64,
}

/// The clock cannot jump this far, because it could not show the time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the clock can show the years 1970 to 9998, and a jump by {0} leads out of them")]
pub struct OutOfRange(pub SignedDuration);

pmp_protocol::codes!(OutOfRange => "E3001");

pmp_protocol::without_hint!(OutOfRange);

impl Clock {
    /// The emulator's present time.
    pub(crate) fn now(&self) -> Timestamp {
        let offset = SignedDuration::from_micros(self.offset.load(Ordering::Relaxed));
        // `jump` keeps the sum in range. If the clock runs out of the range later, it stands still.
        Timestamp::now().checked_add(offset).unwrap_or(Timestamp::MAX)
    }

    /// How far the clock is ahead of real time; negative if it is behind.
    pub(crate) fn offset(&self) -> SignedDuration {
        SignedDuration::from_micros(self.offset.load(Ordering::Relaxed))
    }

    /// Sets the clock forward, or back if `by` is negative.
    pub(crate) fn jump(&self, by: SignedDuration) -> Result<(), OutOfRange> {
        let shown = self.now().checked_add(by).map_err(|_| OutOfRange(by))?;
        let micros = i64::try_from(by.as_micros()).map_err(|_| OutOfRange(by))?;
        // The last permitted time is a year before the largest timestamp, because the ends of
        // change sets and sessions lie after the present.
        let last = Timestamp::MAX - SignedDuration::from_hours(366 * 24);
        if !(Timestamp::UNIX_EPOCH..=last).contains(&shown) {
            return Err(OutOfRange(by));
        }
        self.offset.fetch_add(micros, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_jumps_forward_and_back_and_adds_up() {
        let clock = Clock::default();
        let hour = SignedDuration::from_hours(1);
        clock.jump(hour).unwrap();
        clock.jump(hour).unwrap();
        assert_eq!(clock.offset(), hour * 2);
        assert!(clock.now() > Timestamp::now() + hour);
        clock.jump(-hour * 3).unwrap();
        assert_eq!(clock.offset(), -hour);
        assert!(clock.now() < Timestamp::now());
    }

    #[test]
    fn it_refuses_to_leave_the_years_that_it_can_show_and_stays_where_it_was() {
        let clock = Clock::default();
        for by in [SignedDuration::MAX, SignedDuration::MIN, SignedDuration::from_hours(-24 * 365 * 100)] {
            assert_eq!(clock.jump(by), Err(OutOfRange(by)));
        }
        assert_eq!(clock.offset(), SignedDuration::ZERO);
    }
}
