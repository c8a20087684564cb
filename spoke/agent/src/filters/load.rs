//! Makes one configured filter ready: fetches it, verifies and compiles it, and has it check its settings.

#[cfg_attr(not(feature = "s3"), path = "load/no_s3.rs")]
mod s3;

use anyhow::Context as _;
use aws_config::SdkConfig;
use pmp_filter_host::{ConfiguredFilter, Filter, FilterHost, FilterSource, LoadError, S3Object};
use pmp_terminal::Failure;

use crate::config::{FILTER_CONFIG, FILTERS, FilterConfig, FilterSettings};
use crate::filters::rules::Place;

/// The most bytes of settings that are read from S3.
const LONGEST_SETTINGS: usize = 256 << 10;

/// What a failure says that concerns the filter of `place`.
fn context(place: Place, config: &FilterConfig) -> String {
    match place {
        Place::Default => format!("cannot use the filter --filter (PMP_FILTER) `{}`", config.source),
        Place::Rule(number) => format!("cannot use the filter of rule {number} of {FILTERS}, `{}`", config.source),
    }
}

/// Fetches, verifies and compiles the filter.
pub(crate) async fn load(sdk: &SdkConfig, place: Place, config: &FilterConfig) -> Result<Filter, Failure> {
    let context = context(place, config);
    let fetched = match &config.source {
        FilterSource::S3(object) => match s3::fetch(sdk, object, config.limits.file_bytes).await {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                let too_large = error.is_too_large();
                let failure = not_fetched(error, context);
                let hint = || "`--filter-max-file` (PMP_FILTER_MAX_FILE) raises the limit".to_owned();
                return Err(if too_large { failure.hint(hint()) } else { failure });
            }
        },
        FilterSource::BuiltIn(_) | FilterSource::File(_) => None,
    };
    let config = config.clone();
    let compile = move || {
        compile(&config, fetched).map_err(|error| {
            let too_large = matches!(error.downcast_ref(), Some(LoadError::TooLarge { .. }));
            let failure = Failure::new(error.context(context));
            let hint = || "`--filter-max-file` (PMP_FILTER_MAX_FILE) raises the limit".to_owned();
            if too_large { failure.hint(hint()) } else { failure }
        })
    };
    // It computes, and a large one does so for seconds.
    tokio::task::spawn_blocking(compile).await.map_err(Failure::new)?
}

/// Has a loaded filter check its settings.
///
/// A built-in filter that decides by facts which this spoke doesn't look up is refused: it would exclude everything, or
/// nothing, and neither is what was meant.
pub(crate) async fn configure(
    sdk: &SdkConfig,
    filter: Filter,
    place: Place,
    config: &FilterConfig,
) -> Result<ConfiguredFilter, Failure> {
    let context = context(place, config);
    let settings = match &config.settings {
        FilterSettings::Json(json) => json.clone(),
        FilterSettings::Object(object) => read_settings(sdk, object).await?,
    };
    let configure = move || filter.configure(&settings);
    let ready = tokio::task::spawn_blocking(configure).await.map_err(Failure::new)?.map_err(|error| {
        let where_else = match place {
            Place::Default => FILTER_CONFIG.to_string(),
            Place::Rule(number) => format!("rule {number}, `settings`"),
        };
        Failure::new(anyhow::Error::new(error).context(where_else).context(context))
    })?;
    let description = ready.filter().description();
    if ready.needs_attributes() && config.product_attributes.is_nowhere() {
        let error =
            anyhow::anyhow!("the filter `{}` decides by facts that this spoke does not look up", description.name);
        return Err(Failure::new(error).hint(
            "`--product-attributes` (PMP_PRODUCT_ATTRIBUTES=true) has it told as the hub looked them up".to_owned(),
        ));
    }
    let digest = ready.filter().digest();
    tracing::info!(name = description.name, version = description.version, %digest, "filter loaded");
    Ok(ready)
}

/// Settings that are an object in S3. The filter checks what they say.
async fn read_settings(sdk: &SdkConfig, object: &S3Object) -> Result<String, Failure> {
    let source = FilterSource::S3(object.clone());
    let context = format!("cannot use the filter's settings {FILTER_CONFIG} `@{source}`");
    match s3::fetch(sdk, object, LONGEST_SETTINGS).await {
        Ok(bytes) => String::from_utf8(bytes).map_err(|error| Failure::new(anyhow::Error::new(error).context(context))),
        Err(error) => Err(not_fetched(error, context)),
    }
}

/// An object that could not be fetched, with what can be done.
fn not_fetched(error: s3::FetchError, context: String) -> Failure {
    let hint = error.hint();
    let failure = Failure::new(anyhow::Error::new(error).context(context));
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn compile(config: &FilterConfig, fetched: Option<Vec<u8>>) -> anyhow::Result<Filter> {
    let without_cache = || FilterHost::new(config.limits.clone()).map_err(anyhow::Error::new);
    let host = || without_cache().map(|host| config.cache.iter().fold(host, |host, dir| host.with_cache(dir)));
    let bytes = match (&config.source, fetched) {
        (FilterSource::BuiltIn(name), _) => {
            return Filter::built_in(name, config.limits.clone()).context("there is no such filter");
        }
        (_, Some(bytes)) => bytes,
        (FilterSource::File(file), None) => without_cache()?.read(file)?,
        (FilterSource::S3(_), None) => anyhow::bail!("the object was not fetched"),
    };
    Ok(match &config.digest {
        Some(digest) => host()?.load_pinned(&bytes, digest)?,
        None => host()?.load_bytes(&bytes)?,
    })
}
