//! Settings of the Marketplace Catalog: how long change sets take, and which limits it enforces.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Assumptions, duration};

/// How long a change set takes from `StartChangeSet` to its end. The duration is drawn by the seed,
/// and lies between `min` and `max`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeSetTiming {
    /// The shortest duration of a change set.
    #[serde(with = "duration")]
    #[schemars(with = "duration::DurationText")]
    pub min: Duration,
    /// The longest duration of a change set.
    #[serde(with = "duration")]
    #[schemars(with = "duration::DurationText")]
    pub max: Duration,
    /// How durations are distributed between `min` and `max`.
    pub distribution: Distribution,
}

impl Default for ChangeSetTiming {
    fn default() -> Self {
        Self::between(Duration::from_millis(100), Duration::from_millis(300))
    }
}

impl ChangeSetTiming {
    /// Every change set takes exactly this long.
    #[must_use]
    pub fn always(duration: Duration) -> Self {
        Self::between(duration, duration)
    }

    /// A uniform distribution between `min` and `max`.
    #[must_use]
    pub fn between(min: Duration, max: Duration) -> Self {
        Self { min, max, distribution: Distribution::Uniform }
    }
}

/// How durations are distributed between the shortest and the longest one.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Distribution {
    /// Every duration is as likely as any other.
    #[default]
    Uniform,
    /// Mostly short, with a long tail: the shortest duration plus an exponentially distributed
    /// time.
    Exponential(Exponential),
    /// Around a median, with a tail to the right, as with services that queue their work.
    Lognormal(Lognormal),
}

/// The parameter of an exponential distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exponential {
    /// The mean of the time that is added to the shortest duration.
    #[serde(with = "duration")]
    #[schemars(with = "duration::DurationText")]
    pub mean: Duration,
}

/// The parameters of a lognormal distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lognormal {
    /// The median: half of the change sets take less time.
    #[serde(with = "duration")]
    #[schemars(with = "duration::DurationText")]
    pub median: Duration,
    /// The standard deviation of the logarithm: 0.5 puts two thirds between 0.6 and 1.65 times the
    /// median.
    pub sigma: f64,
}

/// The limits that the catalog enforces, and how it behaves where its documentation says nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CatalogLimits {
    /// Whether AWS's limit of 50 unique product ids applies per change or per request. AWS's
    /// reference says "request" and "change request", and does not say which of the two it means.
    pub product_ids: IdLimit,
    /// How many change sets of an account may run at once. AWS: 250.
    pub open_change_sets: usize,
    /// Whether the catalog refuses requests above `requests_per_second` with `ThrottlingException`.
    pub throttling: bool,
    /// Requests per second and account, by operation.
    pub requests_per_second: RequestRates,
    /// How the embedded AWS behaves where AWS's documentation says nothing.
    pub assumptions: Assumptions,
}

impl Default for CatalogLimits {
    fn default() -> Self {
        Self {
            product_ids: IdLimit::PerChange,
            open_change_sets: 250,
            throttling: true,
            requests_per_second: RequestRates::default(),
            assumptions: Assumptions::default(),
        }
    }
}

impl CatalogLimits {
    /// AWS's limits without those on the request rate, for tests that poll often.
    #[must_use]
    pub fn without_throttling() -> Self {
        Self { throttling: false, ..Self::default() }
    }
}

/// Whether AWS's limit of 50 product ids applies per change or per request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IdLimit {
    /// The product ids of each single change.
    #[default]
    PerChange,
    /// The product ids of all changes of a request together.
    PerRequest,
}

/// Requests per second and account, by operation. 0 means no limit. The defaults are AWS's
/// published quotas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RequestRates {
    /// Requests of `ListEntities`. AWS: 10.
    pub list_entities: u32,
    /// Requests of `DescribeEntity`. AWS: 20.
    pub describe_entity: u32,
    /// Requests of `BatchDescribeEntities`. AWS publishes no quota; the default is that of
    /// `DescribeEntity`, whose permission the operation needs.
    pub batch_describe_entities: u32,
    /// Requests of `StartChangeSet`. AWS: 5.
    pub start_change_set: u32,
    /// Requests of `DescribeChangeSet`. AWS: 10.
    pub describe_change_set: u32,
    /// Requests of `ListChangeSets`. AWS: 5.
    pub list_change_sets: u32,
    /// Requests of `CancelChangeSet`. AWS: 5.
    pub cancel_change_set: u32,
    /// Requests of `TagResource`. AWS: 5.
    pub tag_resource: u32,
    /// Requests of `UntagResource`. AWS: 5.
    pub untag_resource: u32,
    /// Requests of `ListTagsForResource`. AWS: 5.
    pub list_tags_for_resource: u32,
    /// Requests of `GetProduct` of Marketplace Discovery. AWS: 5.
    pub get_product: u32,
    /// Requests of `SearchListings` of Marketplace Discovery. AWS: 10.
    pub search_listings: u32,
}

impl Default for RequestRates {
    fn default() -> Self {
        Self {
            list_entities: 10,
            describe_entity: 20,
            batch_describe_entities: 20,
            start_change_set: 5,
            describe_change_set: 10,
            list_change_sets: 5,
            cancel_change_set: 5,
            tag_resource: 5,
            untag_resource: 5,
            list_tags_for_resource: 5,
            get_product: 5,
            search_listings: 10,
        }
    }
}
