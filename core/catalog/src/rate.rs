//! Rate limits: each operation waits for its turn, for all tasks of the process together.

use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// Calls per second that this account may make. The defaults are AWS's documented quotas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    /// `ListEntities`.
    pub list_entities: NonZeroU32,
    /// `DescribeEntity` and `BatchDescribeEntities` together: the latter's quota is not documented.
    pub describe_entity: NonZeroU32,
    /// `StartChangeSet`.
    pub start_change_set: NonZeroU32,
    /// `DescribeChangeSet`.
    pub describe_change_set: NonZeroU32,
}

impl Default for RateLimits {
    fn default() -> Self {
        const fn per_second(calls: u32) -> NonZeroU32 {
            match NonZeroU32::new(calls) {
                Some(calls) => calls,
                None => NonZeroU32::MIN,
            }
        }
        Self {
            list_entities: per_second(10),
            describe_entity: per_second(20),
            start_change_set: per_second(5),
            describe_change_set: per_second(10),
        }
    }
}

/// One limiter per operation.
#[derive(Debug)]
pub(crate) struct RateLimiters {
    pub(crate) list_entities: DefaultDirectRateLimiter,
    pub(crate) describe_entity: DefaultDirectRateLimiter,
    pub(crate) start_change_set: DefaultDirectRateLimiter,
    pub(crate) describe_change_set: DefaultDirectRateLimiter,
}

impl RateLimiters {
    pub(crate) fn new(limits: RateLimits) -> Self {
        let limiter = |per_second| RateLimiter::direct(Quota::per_second(per_second));
        Self {
            list_entities: limiter(limits.list_entities),
            describe_entity: limiter(limits.describe_entity),
            start_change_set: limiter(limits.start_change_set),
            describe_change_set: limiter(limits.describe_change_set),
        }
    }
}
