//! Requests per second: one token bucket per account and operation.
//!
//! AWS publishes rates, but no bursts. A bucket holds the requests of one second, so a client that
//! stays below the rate in every second is never refused.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{CatalogError, ErrorKind, Operation};
use pmp_world::{CatalogLimits, RequestRates};

/// The buckets of each account. They are not saved: a bucket is full again after a second.
#[derive(Debug, Default)]
pub(super) struct Rates {
    buckets: BTreeMap<String, BTreeMap<Operation, Bucket>>,
}

/// The tokens of one rate: at most the requests of one second. A new bucket is full.
#[derive(Debug)]
pub struct Bucket {
    tokens: f64,
    filled: Timestamp,
}

impl Bucket {
    /// A full bucket for this number of requests per second.
    #[must_use]
    pub fn full(per_second: u32, now: Timestamp) -> Self {
        Self { tokens: f64::from(per_second), filled: now }
    }

    /// Takes a token for a request. Returns false if none is left.
    pub fn take(&mut self, per_second: u32, now: Timestamp) -> bool {
        let rate = f64::from(per_second);
        // If the clock was set back, the bucket neither gains nor loses tokens.
        let passed = now.duration_since(self.filled).as_secs_f64().max(0.0);
        self.tokens = (self.tokens + passed * rate).min(rate);
        self.filled = now;
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

impl Rates {
    /// Counts a request of the account, or refuses it.
    pub(super) fn admit(
        &mut self,
        limits: &CatalogLimits,
        account: &str,
        operation: Operation,
        now: Timestamp,
    ) -> Result<(), CatalogError> {
        let rate = rate(&limits.requests_per_second, operation);
        if !limits.throttling || rate == 0 {
            return Ok(());
        }
        if !self.buckets.contains_key(account) {
            self.buckets.insert(account.to_owned(), BTreeMap::new());
        }
        let Some(buckets) = self.buckets.get_mut(account) else { return Ok(()) };
        if buckets.entry(operation).or_insert_with(|| Bucket::full(rate, now)).take(rate, now) {
            return Ok(());
        }
        // AWS documents the name and the status, but no text. This is the usual text of its
        // services.
        Err(CatalogError::new(ErrorKind::Throttling, "Rate exceeded"))
    }
}

fn rate(rates: &RequestRates, operation: Operation) -> u32 {
    match operation {
        Operation::ListEntities => rates.list_entities,
        Operation::DescribeEntity => rates.describe_entity,
        Operation::BatchDescribeEntities => rates.batch_describe_entities,
        Operation::StartChangeSet => rates.start_change_set,
        Operation::DescribeChangeSet => rates.describe_change_set,
        Operation::ListChangeSets => rates.list_change_sets,
        Operation::CancelChangeSet => rates.cancel_change_set,
        Operation::TagResource => rates.tag_resource,
        Operation::UntagResource => rates.untag_resource,
        Operation::ListTagsForResource => rates.list_tags_for_resource,
        // AWS publishes no quota for these operations.
        Operation::ListAssessments | Operation::DescribeAssessment | Operation::StartAssessment => {
            rates.list_change_sets
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(milliseconds).unwrap()
    }

    #[test]
    fn a_second_holds_the_published_rate_for_each_account_and_operation() {
        let (mut rates, limits) = (Rates::default(), CatalogLimits::default());
        let mut admitted =
            |account: &str, operation, milliseconds| rates.admit(&limits, account, operation, at(milliseconds)).is_ok();
        let starts = (0..10).filter(|_| admitted("one", Operation::StartChangeSet, 0)).count();
        assert_eq!(starts, 5);
        assert!(admitted("one", Operation::DescribeEntity, 0), "other operations are not concerned");
        assert!(admitted("two", Operation::StartChangeSet, 0), "nor are other accounts");
        assert!(!admitted("one", Operation::StartChangeSet, 199));
        assert!(admitted("one", Operation::StartChangeSet, 400));
        let later = (0..10).filter(|_| admitted("one", Operation::StartChangeSet, 60_000)).count();
        assert_eq!(later, 5, "no more than a second's worth is saved up");
        assert!(!admitted("one", Operation::StartChangeSet, 0), "a clock that is set back is no way round");
    }

    #[test]
    fn limits_can_be_raised_and_switched_off() {
        let free = RequestRates { start_change_set: 0, ..RequestRates::default() };
        for limits in [
            CatalogLimits::without_throttling(),
            CatalogLimits { requests_per_second: free, ..CatalogLimits::default() },
        ] {
            let mut rates = Rates::default();
            assert!((0..1000).all(|_| rates.admit(&limits, "one", Operation::StartChangeSet, at(0)).is_ok()));
        }
    }
}
