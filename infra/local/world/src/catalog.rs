//! Settings of the Marketplace Catalog: how long change sets take, and the limits that callers are held to.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Assumptions, duration};

/// How long a change set takes from `StartChangeSet` to its end: drawn from the seed, never outside `min` to `max`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeSetTiming {
    /// The shortest.
    #[serde(with = "duration")]
    #[schemars(with = "duration::DurationText")]
    pub min: Duration,
    /// The longest.
    #[serde(with = "duration")]
    #[schemars(with = "duration::DurationText")]
    pub max: Duration,
    /// How durations spread between the two.
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

    /// Every duration between the two is as likely as any other.
    #[must_use]
    pub fn between(min: Duration, max: Duration) -> Self {
        Self { min, max, distribution: Distribution::Uniform }
    }
}

/// How durations spread between the shortest and the longest.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Distribution {
    /// Every duration is as likely as any other.
    #[default]
    Uniform,
    /// Mostly short, with a long tail: the shortest, and an exponentially distributed time on top.
    Exponential(Exponential),
    /// Around a median, with a tail to the right: what services that queue work look like.
    Lognormal(Lognormal),
}

/// The parameter of an exponential distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exponential {
    /// The mean of what comes on top of the shortest.
    #[serde(with = "duration")]
    #[schemars(with = "duration::DurationText")]
    pub mean: Duration,
}

/// The parameters of a lognormal distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lognormal {
    /// Half of the change sets are shorter.
    #[serde(with = "duration")]
    #[schemars(with = "duration::DurationText")]
    pub median: Duration,
    /// The standard deviation of the logarithm: 0.5 puts two thirds between 0.6 and 1.65 times the median.
    pub sigma: f64,
}

/// What the catalog holds callers to, and how it behaves where its documentation does not say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CatalogLimits {
    /// Whether 50 unique product ids are allowed in each change or in a whole request. AWS's reference says "request"
    /// and "change request" without saying which of the two that is.
    pub product_ids: IdLimit,
    /// Change sets that an account may have running. AWS: 250.
    pub open_change_sets: usize,
    /// Whether requests beyond `requests_per_second` are refused with `ThrottlingException`.
    pub throttling: bool,
    /// Requests per second and account, by operation.
    pub requests_per_second: RequestRates,
    /// How the catalog behaves where AWS's documentation is silent.
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
    /// AWS's limits without those on the request rate: for tests that look often.
    #[must_use]
    pub fn without_throttling() -> Self {
        Self { throttling: false, ..Self::default() }
    }
}

/// What the limit of 50 product ids counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IdLimit {
    /// The ids of each change.
    #[default]
    PerChange,
    /// The ids of all changes of a request together.
    PerRequest,
}

/// Requests per second and account, by operation; 0 means no limit. The defaults are AWS's published quotas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RequestRates {
    /// `ListEntities`. AWS: 10.
    pub list_entities: u32,
    /// `DescribeEntity`. AWS: 20.
    pub describe_entity: u32,
    /// `BatchDescribeEntities`. AWS publishes no quota; taken to be that of `DescribeEntity`, whose permission it needs.
    pub batch_describe_entities: u32,
    /// `StartChangeSet`. AWS: 5.
    pub start_change_set: u32,
    /// `DescribeChangeSet`. AWS: 10.
    pub describe_change_set: u32,
    /// `ListChangeSets`. AWS: 5.
    pub list_change_sets: u32,
    /// `CancelChangeSet`. AWS: 5.
    pub cancel_change_set: u32,
    /// `TagResource`. AWS: 5.
    pub tag_resource: u32,
    /// `UntagResource`. AWS: 5.
    pub untag_resource: u32,
    /// `ListTagsForResource`. AWS: 5.
    pub list_tags_for_resource: u32,
    /// `GetProduct` of Marketplace Discovery. AWS: 5.
    pub get_product: u32,
    /// `SearchListings` of Marketplace Discovery. AWS: 10.
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
