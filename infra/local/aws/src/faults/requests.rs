//! The record of the latest requests: operation, caller, outcome and the faults that it met. Its
//! length is limited, and the oldest requests are dropped first. The counts of each operation stay.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::Serialize;

/// How many requests are kept. Enough for a test to look back.
const KEPT: usize = 1000;

/// One request, after it was answered.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Served {
    /// The request's number, from 1. Requests with lower numbers than the first in the list were
    /// dropped.
    pub(crate) number: u64,
    pub(crate) at: Timestamp,
    pub(crate) service: String,
    /// The operation; empty if the request was refused before it was known.
    pub(crate) operation: String,
    /// The caller's account; empty if it is not known.
    pub(crate) account: String,
    /// The HTTP status; `None` if the connection was dropped.
    pub(crate) status: Option<u16>,
    /// How long the request took in milliseconds, with the latency that a fault added.
    pub(crate) ms: u64,
    /// The numbers of the fault rules that fired.
    pub(crate) faults: Vec<u64>,
}

/// The latest requests, oldest first.
#[derive(Default)]
pub(crate) struct Requests {
    served: u64,
    latest: VecDeque<Served>,
    counts: BTreeMap<(String, String), Count>,
}

/// How often an operation was called since the start, or since the record was cleared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Count {
    pub(crate) service: String,
    pub(crate) operation: String,
    pub(crate) requests: u64,
    /// How many calls were answered with an error, or not at all.
    pub(crate) failed: u64,
}

/// How many operations have a count of their own. Only a client that invents names reaches more;
/// these are counted together, without a name.
const COUNTED: usize = 500;

impl Requests {
    pub(crate) fn add(&mut self, request: Served) {
        self.served += 1;
        if self.latest.len() == KEPT {
            self.latest.pop_front();
        }
        self.count(&request);
        self.latest.push_back(Served { number: self.served, ..request });
    }

    fn count(&mut self, request: &Served) {
        let key = (request.service.clone(), request.operation.clone());
        let key = if self.counts.len() < COUNTED || self.counts.contains_key(&key) { key } else { Default::default() };
        let count = self.counts.entry(key.clone()).or_insert_with(|| Count {
            service: key.0,
            operation: key.1,
            ..Count::default()
        });
        count.requests += 1;
        count.failed += u64::from(request.status.is_none_or(|status| status >= 400));
    }

    /// The counts, sorted by service and operation.
    pub(crate) fn counts(&self) -> Vec<&Count> {
        self.counts.values().collect()
    }

    pub(crate) fn latest(&self) -> impl DoubleEndedIterator<Item = &Served> {
        self.latest.iter()
    }

    /// Clears the record and the counts, and returns how many requests were dropped. The requests'
    /// numbers continue.
    pub(crate) fn clear(&mut self) -> usize {
        self.counts.clear();
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

    #[test]
    fn what_is_pushed_out_is_still_counted() {
        let mut requests = Requests::default();
        let asked = |service: &str, operation: &str, status| Served {
            service: service.into(),
            operation: operation.into(),
            status,
            ..Served::default()
        };
        requests.add(asked("aws-marketplace", "StartChangeSet", Some(200)));
        requests.add(asked("aws-marketplace", "StartChangeSet", Some(423)));
        requests.add(asked("sqs", "ReceiveMessage", None));
        (0..KEPT).for_each(|_| requests.add(asked("sqs", "DeleteMessage", Some(200))));
        let counts: Vec<_> =
            requests.counts().iter().map(|count| (count.operation.as_str(), count.requests, count.failed)).collect();
        assert_eq!(counts, [("StartChangeSet", 2, 1), ("DeleteMessage", 1000, 0), ("ReceiveMessage", 1, 1)]);
        (0..2 * COUNTED).for_each(|n| requests.add(asked("made-up", &n.to_string(), None)));
        assert!(requests.counts().len() <= COUNTED + 1);
        requests.clear();
        assert_eq!(requests.counts(), Vec::<&Count>::new());
    }
}
