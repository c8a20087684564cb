//! What a spoke is told of a filter: which one, with which settings, within which limits.

use std::path::PathBuf;

use pmp_filter_host::{FilterSource, Limits, S3Object};
use pmp_protocol::Digest;

use crate::filters::lookup::AttributeSource;

/// One filter as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilterConfig {
    pub(crate) source: FilterSource,
    pub(crate) settings: FilterSettings,
    /// The digest that the filter's file must have. `None` where any file is accepted.
    pub(crate) digest: Option<Digest>,
    pub(crate) cache: Option<PathBuf>,
    pub(crate) limits: Limits,
    /// Where the filter's facts about products come from.
    pub(crate) product_attributes: AttributeSource,
}

/// Where a filter's settings come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FilterSettings {
    /// The settings themselves, as JSON.
    Json(String),
    /// An object in S3 that holds them, read when the filter is loaded.
    Object(S3Object),
}
