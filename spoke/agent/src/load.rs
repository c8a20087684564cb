//! Makes the configured filter ready: before anything else, so that a bad one changes nothing (rule 4).

use anyhow::Context as _;
use pmp_filter_host::{ConfiguredFilter, Filter, FilterHost, FilterSource, Limits};
use pmp_terminal::Failure;

use crate::config::FilterConfig;

/// Loads the filter and has it check its settings.
pub(crate) async fn load_filter(config: FilterConfig) -> Result<ConfiguredFilter, Failure> {
    let ready = move || {
        let context = format!("cannot use the filter --filter (PMP_FILTER) `{}`", config.source);
        let filter = load(&config.source).and_then(|filter| Ok(filter.configure(&config.settings)?));
        filter.context(context).map_err(Failure::new)
    };
    // It computes, and a large one does so for seconds.
    let filter = tokio::task::spawn_blocking(ready).await.map_err(Failure::new)??;
    let description = filter.filter().description();
    tracing::info!(name = description.name, version = description.version, digest = %filter.filter().digest(), "filter loaded");
    Ok(filter)
}

fn load(source: &FilterSource) -> anyhow::Result<Filter> {
    let limits = Limits::default();
    match source {
        FilterSource::BuiltIn(name) => Filter::built_in(name, limits).context("there is no such filter"),
        FilterSource::File(file) => Ok(FilterHost::new(limits)?.load(file)?),
    }
}
