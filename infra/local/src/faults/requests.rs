//! The latest requests: what was asked, by whom, what came of it, and which faults it met. Bounded; the oldest go first.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::Serialize;

/// Requests kept.
const KEPT: usize = 1000;

/// One request.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Served {
    /// Its number, from 1 on. What is missing before the first that is listed was forgotten.
    pub(crate) number: u64,
    pub(crate) at: Timestamp,
    pub(crate) service: String,
    /// Empty where the request was refused before it was known.
    pub(crate) operation: String,
    /// Empty where the caller is not known.
    pub(crate) account: String,
    /// The HTTP status; nothing where the connection was dropped.
    pub(crate) status: Option<u16>,
    /// How long it took in milliseconds, latency that a fault added included.
    pub(crate) ms: u64,
    /// The numbers of the fault rules that fired.
    pub(crate) faults: Vec<u64>,
}

/// The latest requests, oldest first.
#[derive(Default)]
pub(crate) struct Requests {
    served: u64,
    latest: VecDeque<Served>,
}

impl Requests {
    pub(crate) fn add(&mut self, request: Served) {
        self.served += 1;
        if self.latest.len() == KEPT {
            self.latest.pop_front();
        }
        self.latest.push_back(Served { number: self.served, ..request });
    }

    pub(crate) fn latest(&self) -> impl DoubleEndedIterator<Item = &Served> {
        self.latest.iter()
    }

    /// Forgets them; the numbers go on.
    pub(crate) fn clear(&mut self) -> usize {
        std::mem::take(&mut self.latest).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_thousand_are_kept_and_the_numbers_go_on() {
        let mut requests = Requests::default();
        (0..KEPT + 5).for_each(|_| requests.add(Served::default()));
        let numbers: Vec<u64> = requests.latest().map(|request| request.number).collect();
        assert_eq!((numbers.len(), numbers.first(), numbers.last()), (KEPT, Some(&6), Some(&1005)));
        assert_eq!(requests.clear(), KEPT);
    }
}
