//! When to poll a running change set next. Pure: this module learns how long change sets take in
//! this account, and decides from that.

use std::collections::VecDeque;
use std::time::Duration;

use pmp_protocol::ChangeSetTimes;

/// First poll of a change set whose duration we cannot estimate yet.
const FIRST_POLL: Duration = Duration::from_millis(250);
/// Lower bound between two polls of one change set, once durations are known.
const SHORTEST_STEP: Duration = Duration::from_millis(30);
/// Lower bound while no duration is known.
const SHORTEST_BLIND_STEP: Duration = Duration::from_millis(80);
/// While no duration is known, a change set that has run for less than this is polled each time
/// that it has run twice as long as before: so short ones are not worth more polls.
const SHORT: Duration = Duration::from_secs(1);
/// The pause between two polls while no duration is known, as a share of the time that the change
/// set has taken so far. Together with [`BLIND_JITTER`], the end of one is noticed within 10 % of
/// the duration; of several that take turns, within twice that. It is larger than [`STEP`], because
/// these polls are by far the most of a short job.
const BLIND_STEP: f64 = 0.085;
/// The most that jitter adds to [`BLIND_STEP`].
const BLIND_JITTER: f64 = 0.01;
/// While no duration is known, change sets are polled in turns on behalf of all. One whose turn
/// does not come is polled after this time.
const FIRST_POLL_ASIDE: Duration = Duration::from_secs(4);
/// The pause between later polls of such a one, as a share of the time that it has taken so far.
const STEP_ASIDE: f64 = 0.5;
/// One that began later than those that take turns, and so tells of another time: its first poll.
const FIRST_POLL_APART: Duration = Duration::from_millis(1_500);
/// The pause between later polls of such a one, as a share of the time that it has taken so far.
const STEP_APART: f64 = 0.25;
/// The pause between two polls, as a share of the time that the change set has taken so far, once
/// durations are known.
const STEP: f64 = 0.05;
/// The most that jitter adds to [`STEP`].
const JITTER: f64 = 0.02;
/// Where durations differ, the first poll comes a little before the earliest end that we expect: at
/// this share of it.
const EARLY: f64 = 0.97;
/// Durations that differ by no more than this share of the longest one are taken for equal. Then
/// one poll just after the longest one is enough.
const REGULAR: f64 = 0.04;
/// Where durations are equal, the first poll comes later than the longest one by this share of it.
/// The catalog's own times are rounded, and its answers take time.
const LATE: f64 = 0.005;
/// The least that the first poll comes later.
const SHORTEST_LATE: Duration = Duration::from_millis(10);
/// Upper bound for durations that the ledger reports from an earlier pass. Others of the
/// organization can write that table, too, and a first poll that comes too late would delay
/// everything.
const LONGEST_REPORTED: Duration = Duration::from_secs(120);
/// The number of durations that are remembered: the last ones.
const WINDOW: usize = 64;

/// Durations of change sets in this account: a window over the last ones whose end was seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Durations {
    window: VecDeque<Duration>,
    /// Whether the catalog told no times of the last change set. Then its duration is only known to
    /// lie between two polls, and a single late poll would not show that change sets became
    /// quicker.
    untold: bool,
}

impl Durations {
    /// Starts from the durations that an earlier pass stored in the ledger.
    pub(crate) fn from_times(times: Option<ChangeSetTimes>) -> Self {
        let milliseconds = times.into_iter().flat_map(|times| [times.quickest_ms, times.typical_ms]);
        let window = milliseconds.map(|reported| Duration::from_millis(reported).min(LONGEST_REPORTED)).collect();
        Self { window, untold: false }
    }

    /// The durations for a later pass to start from. `None` before the first end was seen.
    pub(crate) fn times(&self) -> Option<ChangeSetTimes> {
        let milliseconds = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let (quickest, typical) = (self.quickest()?, self.typical()?);
        Some(ChangeSetTimes { quickest_ms: milliseconds(quickest), typical_ms: milliseconds(typical) })
    }

    /// Remembers the duration of one change set, and returns it. The change set was last seen
    /// running `running_at` after its start, and first seen ended `seen_at` after it. `reported` is
    /// the duration by the catalog's own two times, which may be rounded to seconds; it counts
    /// within those two bounds.
    pub(crate) fn observe(&mut self, running_at: Duration, seen_at: Duration, reported: Option<Duration>) -> Duration {
        // More than this process saw it take is another clock's word.
        self.untold = reported.is_none_or(|reported| reported > seen_at);
        let between = running_at + seen_at.saturating_sub(running_at) / 2;
        let duration = reported.unwrap_or(between).clamp(running_at.min(seen_at), seen_at);
        if self.window.len() == WINDOW {
            self.window.pop_front();
        }
        self.window.push_back(duration);
        duration
    }

    /// The tenth percentile: the earliest end to expect.
    pub(crate) fn quickest(&self) -> Option<Duration> {
        self.percentile(10)
    }

    /// Median of the durations that were seen.
    pub(crate) fn typical(&self) -> Option<Duration> {
        self.percentile(50)
    }

    /// What to expect of the next change set. `None` before the first end was seen.
    pub(crate) fn expectation(&self) -> Option<Expectation> {
        let quickest = self.quickest()?;
        let longest = self.percentile(90).filter(|longest| {
            let differ = longest.saturating_sub(quickest);
            !self.untold && differ <= longest.mul_f64(REGULAR)
        });
        Some(longest.map_or(Expectation::NotBefore(quickest), Expectation::At))
    }

    fn percentile(&self, percent: usize) -> Option<Duration> {
        let mut sorted: Vec<_> = self.window.iter().copied().collect();
        sorted.sort_unstable();
        // Below the median the earlier of two counts, and above it the later one.
        let place = sorted.len().saturating_sub(1) * percent;
        let place = if percent > 50 { place.div_ceil(100) } else { place / 100 };
        sorted.get(place).copied()
    }
}

/// The knowledge about the duration of a running change set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expectation {
    /// It is expected to end after this time: all of them took as long.
    At(Duration),
    /// It is expected to end after this time, or later.
    NotBefore(Duration),
    /// Nothing is known: it is polled closely.
    Unknown,
    /// Nothing is known, but it is another change set's turn to be polled. Its duration will hold
    /// for this one, too.
    Aside,
    /// Nothing is known, and it began later than those that take turns: one of them may never end.
    Apart,
}

impl Expectation {
    /// How long after its start a change set is polled for the first time.
    pub(crate) fn first_poll(self) -> Duration {
        match self {
            Self::At(duration) => duration + duration.mul_f64(LATE).max(SHORTEST_LATE),
            Self::NotBefore(quickest) => quickest.mul_f64(EARLY).max(SHORTEST_STEP),
            Self::Unknown => FIRST_POLL,
            Self::Aside => FIRST_POLL_ASIDE,
            Self::Apart => FIRST_POLL_APART,
        }
    }

    /// How long to wait from now until the next poll of a change set that has run for `elapsed`.
    /// `jitter` is from 0 to 1.
    pub(crate) fn next_poll(self, elapsed: Duration, jitter: f64) -> Duration {
        let first = self.first_poll();
        let shortest = match self {
            Self::At(_) | Self::NotBefore(_) => SHORTEST_STEP,
            Self::Unknown | Self::Aside | Self::Apart => SHORTEST_BLIND_STEP,
        };
        if elapsed < first {
            return (first - elapsed).max(shortest);
        }
        let known = elapsed.mul_f64(STEP + JITTER * jitter);
        let step = match self {
            // One that is late is most likely a little late, so the pauses begin short and double.
            Self::At(duration) => (elapsed - duration).min(known),
            Self::NotBefore(_) => known,
            Self::Unknown if elapsed < SHORT => elapsed,
            Self::Unknown => elapsed.mul_f64(BLIND_STEP + BLIND_JITTER * jitter),
            Self::Aside => elapsed.mul_f64(STEP_ASIDE),
            Self::Apart => elapsed.mul_f64(STEP_APART),
        };
        step.max(shortest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The time at which a change set that takes `duration` is seen to have ended, and the number
    /// of polls until then.
    fn seen(duration: Duration, expectation: Expectation, jitter: f64) -> (Duration, usize) {
        let (mut elapsed, mut polls) = (Duration::ZERO, 0);
        while elapsed < duration {
            elapsed += expectation.next_poll(elapsed, jitter);
            polls += 1;
        }
        (elapsed, polls)
    }

    proptest! {
        /// The next change set can start within 10 % of the duration of the one before, however
        /// long that is.
        #[test]
        fn the_end_is_seen_within_a_tenth_of_the_duration(
            milliseconds in 1_000..120_000_u64, expected in proptest::option::of(0.1..1.0_f64), jitter in 0.0..1.0_f64,
        ) {
            let duration = Duration::from_millis(milliseconds);
            let expectation =
                expected.map_or(Expectation::Unknown, |share| Expectation::NotBefore(duration.mul_f64(share)));
            let (seen, polls) = seen(duration, expectation, jitter);
            let most = if expected.is_some() { 0.08 } else { 0.1 };
            prop_assert!(seen - duration <= duration.mul_f64(most), "{:?} late", seen - duration);
            prop_assert!(polls <= 125, "{polls} polls");
        }

        /// If change sets take as long as they always do, a change set is polled once or twice.
        #[test]
        fn an_expected_end_takes_few_polls(milliseconds in 1_000..120_000_u64, jitter in 0.0..1.0_f64) {
            let duration = Duration::from_millis(milliseconds);
            let (seen, polls) = seen(duration, Expectation::NotBefore(duration), jitter);
            prop_assert!(polls <= 2, "{polls} polls");
            prop_assert!(seen - duration <= duration.mul_f64(0.05));
        }

        /// Where all of them took as long, one poll is enough, and it comes a hundredth late at the
        /// most. One that takes a tenth longer all the same is seen within a tenth, too.
        #[test]
        fn equal_durations_take_one_poll(
            milliseconds in 1_000..120_000_u64, longer in 1.0..1.1_f64, jitter in 0.0..1.0_f64,
        ) {
            let duration = Duration::from_millis(milliseconds);
            let mut durations = Durations::default();
            for _ in 0..3 {
                durations.observe(Duration::ZERO, duration * 2, Some(duration));
            }
            let expectation = durations.expectation().unwrap();
            prop_assert_eq!(expectation, Expectation::At(duration));
            let (at, polls) = seen(duration, expectation, jitter);
            prop_assert_eq!(polls, 1);
            prop_assert!(at - duration <= duration.mul_f64(0.01));
            let late = duration.mul_f64(longer);
            let (at, polls) = seen(late, expectation, jitter);
            prop_assert!(polls <= 7, "{polls} polls");
            prop_assert!(at - late <= late.mul_f64(0.08), "{:?} late", at - late);
        }

        /// However durations differ, the first poll is never so late that the end is seen later
        /// than a tenth of the duration, where that is at least the tenth percentile.
        #[test]
        fn the_first_poll_is_not_late(seconds in proptest::collection::vec(1.0..60.0_f64, 1..64)) {
            let mut durations = Durations::default();
            for seconds in seconds {
                let duration = Duration::from_secs_f64(seconds);
                durations.observe(Duration::ZERO, duration * 2, Some(duration));
            }
            let quickest = durations.quickest().unwrap();
            prop_assert!(durations.expectation().unwrap().first_poll() <= quickest.mul_f64(1.06));
        }
    }

    #[test]
    fn while_nothing_is_known_short_ones_take_few_polls_and_none_takes_many() {
        let polls = |milliseconds| seen(Duration::from_millis(milliseconds), Expectation::Unknown, 0.5).1;
        assert_eq!([100, 500, 1_000, 3_000, 15_000, 60_000].map(polls), [1, 2, 3, 16, 35, 51]);
    }

    /// A catalog that tells no times: the duration is only known to lie between two polls, so the
    /// first poll goes on to come before the expected end.
    #[test]
    fn where_no_times_are_told_the_first_poll_comes_early() {
        let (mut durations, second) = (Durations::default(), Duration::from_secs(1));
        durations.observe(second, second, None);
        assert_eq!(durations.expectation(), Some(Expectation::NotBefore(second)));
        durations.observe(second, second, Some(second));
        assert_eq!(durations.expectation(), Some(Expectation::At(second)));
        durations.observe(second * 2, second * 2, Some(second * 2));
        assert_eq!(durations.expectation(), Some(Expectation::NotBefore(second)));
    }

    #[test]
    fn a_duration_is_between_two_polls_and_survives_in_the_ledger() {
        let mut durations = Durations::default();
        assert_eq!(durations.times(), None);
        let second = Duration::from_secs(1);
        durations.observe(second * 4, second * 6, None);
        assert_eq!(durations.typical(), Some(second * 5));
        durations.observe(second * 4, second * 6, Some(second * 60));
        durations.observe(second * 4, second * 6, Some(Duration::ZERO));
        let times = durations.times().unwrap();
        assert_eq!((times.quickest_ms, times.typical_ms), (4_000, 5_000));
        let next = Durations::from_times(Some(times));
        assert_eq!((next.quickest(), next.typical()), (Some(second * 4), Some(second * 4)));
    }

    #[test]
    fn a_reported_duration_delays_no_poll_for_long() {
        let told = |quickest_ms| Durations::from_times(Some(ChangeSetTimes { quickest_ms, typical_ms: u64::MAX }));
        assert_eq!(told(u64::MAX).quickest(), Some(LONGEST_REPORTED));
        assert_eq!(told(7_000).quickest(), Some(Duration::from_secs(7)));
    }

    #[test]
    fn it_adapts_when_change_sets_become_quicker() {
        let mut durations = Durations::default();
        for _ in 0..WINDOW {
            durations.observe(Duration::from_secs(30), Duration::from_secs(30), None);
        }
        for _ in 0..WINDOW {
            // Each was found ended at its first poll, so all that is known is that they may be
            // quicker.
            let seen_at = Expectation::NotBefore(durations.quickest().unwrap()).next_poll(Duration::ZERO, 0.0);
            durations.observe(Duration::ZERO, seen_at, None);
        }
        assert!(durations.quickest().unwrap() < Duration::from_secs(5), "{:?}", durations.quickest());
    }
}
