//! Past states of the catalog, for the fault `stale-read`. They are kept as JSON, and only while
//! such a rule is in force, because a state is large and stale reads are rare.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::Cloud;
use crate::catalog::Catalog;

/// How many states are kept at most.
const MAX_STATES: usize = 200;

/// The states, each from before a change set ended, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Past(VecDeque<(Timestamp, Value)>);

impl Past {
    /// The state at `moment`; `None` if nothing has changed since then, as far as states are kept.
    fn at(&self, moment: Timestamp) -> Option<&Value> {
        self.0.iter().find(|(changed, _)| *changed > moment).map(|(_, before)| before)
    }

    fn push(&mut self, now: Timestamp, before: Value) {
        self.0.push_back((now, before));
        while self.0.len() > MAX_STATES {
            self.0.pop_front();
        }
    }
}

impl Cloud {
    /// Saves the catalog's state before a change set ends, if a rule makes reads stale.
    pub(super) fn remember(&self) {
        if !self.faults().make_reads_stale() {
            return;
        }
        match serde_json::to_value(&*self.catalog()) {
            Ok(before) => self.past.lock().unwrap_or_else(PoisonError::into_inner).push(self.clock.now(), before),
            Err(error) => tracing::warn!(%error, "the catalog's state could not be remembered"),
        }
    }

    /// The catalog as it was `age` before `now`; `None` if it has not changed since then.
    pub(super) fn as_of(&self, now: Timestamp, age: Duration) -> Option<Catalog> {
        let moment = now.checked_sub(age).ok()?;
        let before = self.past.lock().unwrap_or_else(PoisonError::into_inner).at(moment).cloned()?;
        Catalog::restore(before, &self.world)
            .map_err(|error| tracing::warn!(%error, "the catalog's state could not be read again"))
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_sees_what_was_before_the_next_change() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut past = Past::default();
        past.push(at(10), "first".into());
        past.push(at(20), "second".into());
        assert_eq!(past.at(at(5)), Some(&"first".into()));
        assert_eq!(past.at(at(10)), Some(&"second".into()));
        assert_eq!(past.at(at(20)), None);
    }
}
