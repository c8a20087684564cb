//! The configuration of a filter: its source, its settings and its limits.

use std::path::PathBuf;

use pmp_filter_host::{FilterSource, Limits, S3Object};
use pmp_protocol::Digest;

use crate::filters::lookup::AttributeSource;

/// One filter of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilterConfig {
    pub(crate) source: FilterSource,
    pub(crate) settings: FilterSettings,
    /// The digest that the filter's file must have. `None` accepts any file.
    pub(crate) digest: Option<Digest>,
    pub(crate) cache: Option<PathBuf>,
    pub(crate) limits: Limits,
    /// The source of the filter's facts about products.
    pub(crate) product_attributes: AttributeSource,
}

/// The source of a filter's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FilterSettings {
    /// The settings themselves, as JSON.
    Json(String),
    /// An object in S3 that holds them, read when the filter is loaded.
    Object(S3Object),
}
