//! The filters: the one for all experiences, the rules by experience, and what they have in common.

use std::path::PathBuf;

use pmp_filter_host::{FilterSource, Limits};
use pmp_protocol::{Digest, ExperienceId};
use pmp_terminal::{Settings, Source};

use super::{ATTRIBUTES, ConfigArgs, FILTERS, is_set, text_or_file};
use crate::filters::config::{FilterConfig, FilterSettings};
use crate::filters::lookup::AttributeSource;
use crate::filters::rules;
use crate::filters::rules::{FilterRules, Shared};

pub(super) const FILTER: Source = Source { flag: "--filter", variable: "PMP_FILTER" };
pub(super) const FILTER_DIGEST: Source = Source { flag: "--filter-digest", variable: "PMP_FILTER_DIGEST" };
pub(super) const FILTER_CACHE: Source = Source { flag: "--filter-cache", variable: "PMP_FILTER_CACHE" };
pub(super) const FILTER_SIZE: Source = Source { flag: "--filter-max-file", variable: "PMP_FILTER_MAX_FILE" };
pub(super) const FILTER_SHARE: Source = Source { flag: "--filter-share", variable: "PMP_FILTER_SHARE" };
pub(crate) const FILTER_CONFIG: Source = Source { flag: "--filter-config", variable: "PMP_FILTER_CONFIG" };

impl ConfigArgs {
    /// The filters, by experience: where there are rules, `PMP_FILTER` is for all that none of them
    /// names. None where they are wrong.
    pub(super) fn filters(
        &self,
        settings: &mut Settings,
        management: Option<&ExperienceId>,
    ) -> Option<FilterRules<Option<FilterConfig>>> {
        let shared = self.shared(settings);
        let default = self.filter(settings, &shared);
        if !is_set(self.filters.as_ref()) {
            return Some(FilterRules::without_rules(default));
        }
        let written = text_or_file(settings, self.filters.as_deref(), FILTERS)?;
        let rules = rules::read(&written, default, &shared, management);
        rules.map_err(|problems| problems.into_iter().for_each(|it| settings.problem(FILTERS, it))).ok()
    }

    fn shared(&self, settings: &mut Settings) -> SharedByFilters {
        let mut limits = Limits::default();
        let cache = settings.optional(self.filter_cache.as_deref(), FILTER_CACHE);
        if let Some(mib) = settings.number(self.filter_max_file.as_deref(), FILTER_SIZE, 1..=u16::MAX) {
            limits.file_bytes = usize::from(mib) << 20;
        }
        let product_attributes = settings.optional(self.product_attributes.as_deref(), ATTRIBUTES).unwrap_or_default();
        SharedByFilters { cache, limits, product_attributes }
    }

    fn filter(&self, settings: &mut Settings, shared: &SharedByFilters) -> Option<FilterConfig> {
        let source: Option<FilterSource> = settings.optional(self.filter.as_deref(), FILTER);
        let config = self.filter_settings(settings);
        // An invalid `--filter` is already reported above.
        if is_set(self.filter_config.as_ref()) && !is_set(self.filter.as_ref()) {
            settings.problem(FILTER_CONFIG, "is set, but no filter to use it with (--filter, PMP_FILTER)");
        }
        let digest: Option<Digest> = settings.optional(self.filter_digest.as_deref(), FILTER_DIGEST);
        let source = source?;
        let pinned = is_set(self.filter_digest.as_ref());
        if matches!(source, FilterSource::S3(_)) && !pinned {
            settings.problem(FILTER_DIGEST, "is missing: what comes from S3 is used only if it has this digest");
        }
        if matches!(source, FilterSource::BuiltIn(_)) && pinned {
            settings.problem(FILTER_DIGEST, "is set, but the filter is built in: there is no file to compare");
        }
        Some(shared.filter(source, config.unwrap_or_else(|| FilterSettings::Json("{}".to_owned())), digest))
    }

    fn filter_settings(&self, settings: &mut Settings) -> Option<FilterSettings> {
        let text = self.filter_config.as_deref().map(str::trim);
        let Some(url) = text.and_then(|text| text.strip_prefix('@')).filter(|url| url.contains("://")) else {
            return text_or_file(settings, self.filter_config.as_deref(), FILTER_CONFIG).map(FilterSettings::Json);
        };
        match url.parse() {
            Ok(FilterSource::S3(object)) => return Some(FilterSettings::Object(object)),
            Ok(_) => settings.problem(FILTER_CONFIG, format!("`{url}` is neither a file nor s3://BUCKET/KEY")),
            Err(error) => settings.problem(FILTER_CONFIG, error),
        }
        None
    }
}

/// What all filters have in common.
struct SharedByFilters {
    cache: Option<PathBuf>,
    limits: Limits,
    product_attributes: AttributeSource,
}

impl Shared for SharedByFilters {
    fn filter(&self, source: FilterSource, settings: FilterSettings, digest: Option<Digest>) -> FilterConfig {
        let Self { cache, limits, product_attributes } = self;
        let (cache, limits) = (cache.clone(), limits.clone());
        FilterConfig { source, settings, digest, cache, limits, product_attributes: *product_attributes }
    }
}
