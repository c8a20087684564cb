//! When to look at a running change set next. Pure: it learns how long change sets take here, and decides from that.

use std::collections::VecDeque;
use std::time::Duration;

use pmp_protocol::ChangeSetTimes;

/// Without any experience, the first look comes after this.
const FIRST_LOOK: Duration = Duration::from_millis(200);
/// No two looks at one change set are closer than this; without any experience, when many are needed, they take few more of
/// the account's turns than come anew, so that some are left for the others that end at the same time.
const SHORTEST_STEP: Duration = Duration::from_millis(50);
const SHORTEST_BLIND_STEP: Duration = Duration::from_millis(80);
/// Without any experience, one change set is looked at closely, for all; the first look at the others comes after this, and
/// the next ones after this share of the time that they have taken so far.
const FIRST_LOOK_ASIDE: Duration = Duration::from_millis(1_500);
const STEP_ASIDE: f64 = 0.25;
/// Each pause is this share of the time that the change set has taken so far, and up to so much more by jitter: what
/// ends in it is noticed within 10 % of its duration.
const STEP: f64 = 0.05;
const JITTER: f64 = 0.02;
/// The first look comes a little before the quickest end that is expected.
const EARLY: f64 = 0.97;
/// What an earlier run learned counts up to this: it comes from a table that others of the organization can write, too, and a
/// first look that is too late would hold everything up.
const LONGEST_TOLD: Duration = Duration::from_secs(120);
/// How many durations are remembered.
const WINDOW: usize = 64;

/// How long change sets take here: the last ones that were seen to end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Durations {
    window: VecDeque<Duration>,
}

impl Durations {
    /// What an earlier run learned.
    pub(crate) fn from_times(times: Option<ChangeSetTimes>) -> Self {
        let milliseconds = times.into_iter().flat_map(|times| [times.quickest_ms, times.typical_ms]);
        Self { window: milliseconds.map(|told| Duration::from_millis(told).min(LONGEST_TOLD)).collect() }
    }

    /// What a later run may start from; none before the first end.
    pub(crate) fn times(&self) -> Option<ChangeSetTimes> {
        let milliseconds = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let (quickest, typical) = (self.quickest()?, self.typical()?);
        Some(ChangeSetTimes { quickest_ms: milliseconds(quickest), typical_ms: milliseconds(typical) })
    }

    /// Remembers the duration of a change set that was still running at `running_at` after its start, was seen to have
    /// ended at `seen_at`, and took `reported` by the catalog's own account, which may be rounded to seconds. Its duration,
    /// as far as that tells.
    pub(crate) fn observe(&mut self, running_at: Duration, seen_at: Duration, reported: Option<Duration>) -> Duration {
        let between = running_at + seen_at.saturating_sub(running_at) / 2;
        let duration = reported.unwrap_or(between).clamp(running_at.min(seen_at), seen_at);
        if self.window.len() == WINDOW {
            self.window.pop_front();
        }
        self.window.push_back(duration);
        duration
    }

    /// The tenth percentile: the quickest end to expect.
    pub(crate) fn quickest(&self) -> Option<Duration> {
        self.percentile(10)
    }

    /// The median.
    pub(crate) fn typical(&self) -> Option<Duration> {
        self.percentile(50)
    }

    fn percentile(&self, percent: usize) -> Option<Duration> {
        let mut sorted: Vec<_> = self.window.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len().saturating_sub(1) * percent / 100).copied()
    }
}

/// What is known of a change set before it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expectation {
    /// It ends after this, or later.
    NotBefore(Duration),
    /// Nothing: it is looked at closely.
    Unknown,
    /// Nothing, but another one is looked at closely, and what that tells holds for this one, too.
    Aside,
}

impl Expectation {
    /// How long after its start a change set is looked at for the first time.
    pub(crate) fn first_look(self) -> Duration {
        match self {
            Self::NotBefore(quickest) => quickest.mul_f64(EARLY).max(SHORTEST_STEP),
            Self::Unknown => FIRST_LOOK,
            Self::Aside => FIRST_LOOK_ASIDE,
        }
    }

    /// How long to wait from now until the next look at a change set that has run for `elapsed`, with a `jitter` from 0 to 1.
    pub(crate) fn next_look(self, elapsed: Duration, jitter: f64) -> Duration {
        let (step, shortest) = match self {
            Self::NotBefore(_) => (STEP, SHORTEST_STEP),
            Self::Unknown => (STEP, SHORTEST_BLIND_STEP),
            Self::Aside => (STEP_ASIDE, SHORTEST_BLIND_STEP),
        };
        let first = self.first_look();
        if elapsed < first {
            (first - elapsed).max(shortest)
        } else {
            elapsed.mul_f64(step + JITTER * jitter).max(shortest)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// When a change set that takes `duration` is seen to have ended, and after how many looks.
    fn seen(duration: Duration, expectation: Expectation, jitter: f64) -> (Duration, usize) {
        let (mut elapsed, mut looks) = (Duration::ZERO, 0);
        while elapsed < duration {
            elapsed += expectation.next_look(elapsed, jitter);
            looks += 1;
        }
        (elapsed, looks)
    }

    proptest! {
        /// The next change set can start within 10 % of the duration of the one before, however long that is.
        #[test]
        fn the_end_is_seen_within_a_tenth_of_the_duration(
            milliseconds in 1_000..120_000_u64, expected in proptest::option::of(0.1..1.0_f64), jitter in 0.0..1.0_f64,
        ) {
            let duration = Duration::from_millis(milliseconds);
            let expectation =
                expected.map_or(Expectation::Unknown, |share| Expectation::NotBefore(duration.mul_f64(share)));
            let (seen, looks) = seen(duration, expectation, jitter);
            prop_assert!(seen - duration <= duration.mul_f64(0.08), "{:?} late", seen - duration);
            prop_assert!(looks <= 125, "{looks} looks");
        }

        /// Where change sets take as long as they always do, one is looked at once or twice.
        #[test]
        fn an_expected_end_takes_few_looks(milliseconds in 1_000..120_000_u64, jitter in 0.0..1.0_f64) {
            let duration = Duration::from_millis(milliseconds);
            let (seen, looks) = seen(duration, Expectation::NotBefore(duration), jitter);
            prop_assert!(looks <= 2, "{looks} looks");
            prop_assert!(seen - duration <= duration.mul_f64(0.05));
        }
    }

    #[test]
    fn what_is_learned_is_between_the_looks_and_survives_in_the_ledger() {
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
    fn what_an_earlier_run_is_said_to_have_learned_puts_no_look_off_for_long() {
        let told = |quickest_ms| Durations::from_times(Some(ChangeSetTimes { quickest_ms, typical_ms: u64::MAX }));
        assert_eq!(told(u64::MAX).quickest(), Some(LONGEST_TOLD));
        assert_eq!(told(7_000).quickest(), Some(Duration::from_secs(7)));
    }

    #[test]
    fn it_adapts_when_change_sets_become_quicker() {
        let mut durations = Durations::default();
        for _ in 0..WINDOW {
            durations.observe(Duration::from_secs(30), Duration::from_secs(30), None);
        }
        for _ in 0..WINDOW {
            // Ended at the first look each time: only that they may be quicker is known.
            let seen_at = Expectation::NotBefore(durations.quickest().unwrap()).next_look(Duration::ZERO, 0.0);
            durations.observe(Duration::ZERO, seen_at, None);
        }
        assert!(durations.quickest().unwrap() < Duration::from_secs(5), "{:?}", durations.quickest());
    }
}
