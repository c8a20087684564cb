//! Makes the configured filter ready: before anything else, so that a bad one changes nothing (rule 4).

#[cfg_attr(not(feature = "s3"), path = "load/no_s3.rs")]
mod s3;

use anyhow::Context as _;
use aws_config::SdkConfig;
use pmp_filter_host::{ConfiguredFilter, Filter, FilterHost, FilterSource, LoadError};
use pmp_terminal::Failure;

use crate::config::FilterConfig;

/// Loads the filter and has it check its settings.
///
/// A built-in filter that decides by facts which this spoke doesn't look up is refused: it would exclude everything, or
/// nothing, and neither is what was meant.
pub(crate) async fn load_filter(sdk: &SdkConfig, config: FilterConfig) -> Result<ConfiguredFilter, Failure> {
    let product_attributes = config.product_attributes;
    let context = format!("cannot use the filter --filter (PMP_FILTER) `{}`", config.source);
    let fetched = match &config.source {
        FilterSource::S3(object) => match s3::fetch(sdk, object, config.limits.file_bytes).await {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                let hint = error.hint();
                let failure = Failure::new(anyhow::Error::new(error).context(context));
                return Err(match hint {
                    Some(hint) => failure.hint(hint),
                    None => failure,
                });
            }
        },
        FilterSource::BuiltIn(_) | FilterSource::File(_) => None,
    };
    let ready = move || {
        let filter = load(&config, fetched).and_then(|filter| Ok(filter.configure(&config.settings)?));
        filter.map_err(|error| {
            let too_large = matches!(error.downcast_ref(), Some(LoadError::TooLarge { .. }));
            let failure = Failure::new(error.context(context));
            let hint = || "`--filter-max-file` (PMP_FILTER_MAX_FILE) raises the limit".to_owned();
            if too_large { failure.hint(hint()) } else { failure }
        })
    };
    // It computes, and a large one does so for seconds.
    let filter = tokio::task::spawn_blocking(ready).await.map_err(Failure::new)??;
    let description = filter.filter().description();
    if filter.needs_attributes() && product_attributes.is_nowhere() {
        let error =
            anyhow::anyhow!("the filter `{}` decides by facts that this spoke does not look up", description.name);
        return Err(Failure::new(error).hint(
            "`--product-attributes` (PMP_PRODUCT_ATTRIBUTES=true) has it told as the hub looked them up".to_owned(),
        ));
    }
    tracing::info!(name = description.name, version = description.version, digest = %filter.filter().digest(), "filter loaded");
    Ok(filter)
}

fn load(config: &FilterConfig, fetched: Option<Vec<u8>>) -> anyhow::Result<Filter> {
    let host = || {
        let host = FilterHost::new(config.limits.clone())?;
        Ok::<_, anyhow::Error>(config.cache.iter().fold(host, |host, dir| host.with_cache(dir)))
    };
    let bytes = match (&config.source, fetched) {
        (FilterSource::BuiltIn(name), _) => {
            return Filter::built_in(name, config.limits.clone()).context("there is no such filter");
        }
        (_, Some(bytes)) => bytes,
        (FilterSource::File(file), None) => host()?.read(file)?,
        (FilterSource::S3(_), None) => anyhow::bail!("the object was not fetched"),
    };
    Ok(match &config.digest {
        Some(digest) => host()?.load_pinned(&bytes, digest)?,
        None => host()?.load_bytes(&bytes)?,
    })
}
