//! The filters: the one for all experiences, the rules by experience, and what they have in common.

use std::path::PathBuf;

use pmp_filter_host::{FilterSource, Limits};
use pmp_protocol::{Digest, ExperienceId};
use pmp_terminal::Settings;

use super::declared::{ConfigArgs, FILTER_CONFIG, FILTER_DIGEST, FILTERS};
use super::text_or_file;
use crate::filters::config::{FilterConfig, FilterSettings};
use crate::filters::lookup::AttributeSource;
use crate::filters::rules;
use crate::filters::rules::{FilterRules, Shared};

impl ConfigArgs {
    /// The filters, by experience: where there are rules, `PMP_FILTER` is for all that none of them
    /// names. None where they are wrong.
    pub(super) fn filter_rules(
        &self,
        settings: &mut Settings,
        management: Option<&ExperienceId>,
    ) -> Option<FilterRules<Option<FilterConfig>>> {
        let shared = self.shared(settings);
        let default = self.one_filter(settings, &shared);
        if !self.filters().is_set() {
            return Some(FilterRules::without_rules(default));
        }
        let given = self.filters().optional(settings);
        let written = text_or_file(settings, given, FILTERS)?;
        let rules = rules::read(&written, default, &shared, management);
        rules.map_err(|problems| problems.into_iter().for_each(|it| settings.problem(FILTERS, it))).ok()
    }

    fn shared(&self, settings: &mut Settings) -> SharedByFilters {
        let mut limits = Limits::default();
        let cache = self.filter_cache().optional(settings);
        if let Some(mib) = self.filter_max_file().optional(settings) {
            // The declaration bounds it, so that it is less than 64 GiB.
            limits.file_bytes = usize::try_from(mib.get() << 20).unwrap_or(usize::MAX);
        }
        let product_attributes = self.product_attributes().optional(settings).unwrap_or_default();
        SharedByFilters { cache, limits, product_attributes }
    }

    fn one_filter(&self, settings: &mut Settings, shared: &SharedByFilters) -> Option<FilterConfig> {
        let source = self.filter().optional(settings);
        let config = self.filter_settings(settings);
        // An invalid `--filter` is already reported above.
        if self.filter_config().is_set() && !self.filter().is_set() {
            settings.problem(FILTER_CONFIG, "is set, but no filter to use it with (--filter, PMP_FILTER)");
        }
        let digest = self.filter_digest().optional(settings);
        let source = source?;
        let pinned = self.filter_digest().is_set();
        if matches!(source, FilterSource::S3(_)) && !pinned {
            settings.problem(FILTER_DIGEST, "is missing: what comes from S3 is used only if it has this digest");
        }
        if matches!(source, FilterSource::BuiltIn(_)) && pinned {
            settings.problem(FILTER_DIGEST, "is set, but the filter is built in: there is no file to compare");
        }
        Some(shared.filter(source, config.unwrap_or_else(|| FilterSettings::Json("{}".to_owned())), digest))
    }

    fn filter_settings(&self, settings: &mut Settings) -> Option<FilterSettings> {
        let text = self.filter_config().optional(settings)?;
        let Some(url) = text.strip_prefix('@').filter(|url| url.contains("://")) else {
            return text_or_file(settings, Some(text), FILTER_CONFIG).map(FilterSettings::Json);
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
