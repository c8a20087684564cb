//! The filters of this spoke. Each file is fetched, verified and compiled once, for all rules that
//! name it. A filter that cannot be used changes nothing for its experiences (rule 4), and has no
//! effect on others (rule 3).

pub(crate) mod config;
pub(crate) mod error;
pub(crate) mod load;
pub(crate) mod lookup;
pub(crate) mod narrow;
pub(crate) mod rules;
#[cfg_attr(not(feature = "s3"), path = "filters/no_s3.rs")]
mod s3;
pub(crate) mod share;

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_config::SdkConfig;
use pmp_filter_host::{ConfiguredFilter, Filter, FilterSource, Limits};
use pmp_protocol::{Coded, ExperienceId, FilterIdentity, PlainText, one_line};
use tokio::sync::OnceCell;

use crate::filters::config::{FilterConfig, FilterSettings};
use crate::filters::error::FilterError;
use crate::filters::lookup::AttributeSource;
use crate::filters::rules::{FilterRules, Place};

/// The most warnings about rules that are shown for a pass.
const MAX_WARNINGS: usize = 5;

/// All filters that are configured.
#[derive(Debug)]
pub(crate) struct Filters {
    /// The configuration for S3. `None` if there is no filter.
    sdk: Option<SdkConfig>,
    rules: FilterRules<Option<Wanted>>,
}

/// A filter that the configuration names at one place.
#[derive(Debug)]
struct Wanted {
    config: FilterConfig,
    /// Shared by all places that name the same file and digest.
    loaded: Arc<OnceCell<Filter>>,
    ready: OnceCell<Arc<ConfiguredFilter>>,
}

/// The filter of an experience in one pass.
#[derive(Debug, Clone)]
pub(crate) enum Assigned {
    /// The experience has no filter.
    Nothing,
    /// The experience has this filter.
    Filter(Arc<ConfiguredFilter>),
    /// The experience has a filter that cannot be used, with the reason.
    Unusable(String),
}

/// The filters of one pass.
pub(crate) type InForce = FilterRules<Assigned>;

/// The filter of one experience in one pass, and the reason.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    pub(crate) place: Place,
    /// The reason for this choice, as a sentence for people.
    pub(crate) because: String,
    pub(crate) filter: Assigned,
}

impl Filters {
    /// No filter for any experience.
    pub(crate) fn none() -> Self {
        Self { sdk: None, rules: FilterRules::without_rules(None) }
    }

    /// This one for all experiences.
    pub(crate) fn ready_made(filter: ConfiguredFilter) -> Self {
        let config = FilterConfig {
            source: FilterSource::File(filter.filter().description().name.clone().into()),
            settings: FilterSettings::Json(filter.settings().to_owned()),
            digest: None,
            cache: None,
            limits: Limits::default(),
            product_attributes: AttributeSource::Nowhere,
        };
        let ready = OnceCell::new_with(Some(Arc::new(filter)));
        Self { sdk: None, rules: FilterRules::without_rules(Some(Wanted { config, loaded: Arc::default(), ready })) }
    }

    /// The configured filters. Nothing is fetched yet.
    pub(crate) fn new(sdk: &SdkConfig, rules: &FilterRules<Option<FilterConfig>>) -> Self {
        let mut loaded = BTreeMap::<_, Arc<OnceCell<Filter>>>::new();
        let rules = rules.map(|_, config| {
            let config = config.clone()?;
            let file = (config.source.to_string(), config.digest.map(|digest| digest.to_string()));
            Some(Wanted { loaded: loaded.entry(file).or_default().clone(), config, ready: OnceCell::new() })
        });
        Self { sdk: Some(sdk.clone()), rules }
    }

    /// Whether any experience may have a filter.
    pub(crate) fn has_any(&self) -> bool {
        self.rules.assigned().any(|(_, wanted)| wanted.is_some())
    }

    /// Whether experiences may have different filters.
    pub(crate) fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Those that are ready.
    pub(crate) fn made_ready(&self) -> impl Iterator<Item = &ConfiguredFilter> {
        self.rules.assigned().filter_map(|(_, wanted)| wanted.as_ref()?.ready.get().map(Arc::as_ref))
    }

    /// Makes all filters ready, one after the other. Without rules, the one filter is for all
    /// experiences, so the spoke does not start if it cannot be used.
    ///
    /// # Errors
    /// If there are no rules, and the filter cannot be used.
    pub(crate) async fn start(&self) -> Result<(), FilterError> {
        for (place, wanted) in self.rules.assigned() {
            let Err(error) = self.ready(place, wanted).await else { continue };
            if self.rules.is_empty() {
                return Err(error);
            }
            tracing::error!(
                code = %error.code(),
                error = PlainText::new(&one_line(&error)).as_str(),
                "its experiences stay as they are; it is tried again with each pass"
            );
        }
        Ok(())
    }

    /// The filters for one pass. Filters that could not be made ready before are tried again.
    pub(crate) async fn in_force(&self) -> InForce {
        let mut ready = BTreeMap::new();
        for (place, wanted) in self.rules.assigned() {
            let assigned = match self.ready(place, wanted).await {
                Ok(None) => Assigned::Nothing,
                Ok(Some(filter)) => Assigned::Filter(filter),
                Err(error) => Assigned::Unusable(PlainText::new(&one_line(&error)).into()),
            };
            ready.insert(place, assigned);
        }
        self.rules.map(|place, _| ready.get(&place).cloned().unwrap_or(Assigned::Nothing))
    }

    /// Each filter by its place, or the error that made it unusable.
    pub(crate) async fn each(&self) -> Vec<(Place, Result<Arc<ConfiguredFilter>, FilterError>)> {
        let mut each = Vec::new();
        for (place, wanted) in self.rules.assigned() {
            if let Some(outcome) = self.ready(place, wanted).await.transpose() {
                each.push((place, outcome));
            }
        }
        each
    }

    async fn ready(&self, place: Place, wanted: &Option<Wanted>) -> Result<Option<Arc<ConfiguredFilter>>, FilterError> {
        let Some(Wanted { config, loaded, ready }) = wanted else { return Ok(None) };
        if let Some(ready) = ready.get() {
            return Ok(Some(ready.clone()));
        }
        let Some(sdk) = &self.sdk else { return Ok(None) };
        let make = || async {
            let filter = loaded.get_or_try_init(|| load::load(sdk, place, config)).await?;
            load::configure(sdk, filter.clone(), place, config).await.map(Arc::new)
        };
        ready.get_or_try_init(make).await.cloned().map(Some)
    }
}

impl InForce {
    /// The filter of the experience, and the reason.
    pub(crate) fn of(&self, id: &ExperienceId, name: Option<&str>) -> Chosen {
        let outcome = self.choose(id, name);
        Chosen { place: outcome.place, because: outcome.to_string(), filter: outcome.assigned.clone() }
    }

    /// Warnings about rules that decide nothing for these experiences, bounded.
    pub(crate) fn warnings<'a>(
        &self,
        experiences: impl Iterator<Item = (&'a ExperienceId, Option<&'a str>)>,
    ) -> Vec<String> {
        let idle = self.idle(experiences);
        let mut warnings: Vec<_> = idle.iter().take(MAX_WARNINGS).map(ToString::to_string).collect();
        if let Some(more @ 1..) = idle.len().checked_sub(MAX_WARNINGS) {
            warnings
                .push(format!("and {more} more rules of PMP_FILTERS decide nothing; `pmp-spoke doctor` tells of all"));
        }
        warnings
    }
}

impl Assigned {
    /// The filter's name, version and digest, for a receipt.
    pub(crate) fn identity(&self) -> Option<FilterIdentity> {
        match self {
            Self::Filter(filter) => Some(filter.filter().identity()),
            Self::Nothing | Self::Unusable(_) => None,
        }
    }

    /// Whether the experience has no filter by configuration.
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }
}
