//! Makes one configured filter ready: fetches, verifies and compiles it, and has it check its
//! settings.

use aws_config::SdkConfig;
use pmp_filter_host::{ConfiguredFilter, Filter, FilterHost, FilterSource, S3Object};

use crate::filters::config::{FilterConfig, FilterSettings};
use crate::filters::error::{FilterError, FilterFault};
use crate::filters::rules::Place;
use crate::filters::s3;

/// The name, in errors, of the setting that holds a filter's settings.
const SETTINGS: &str = "--filter-config (PMP_FILTER_CONFIG)";
/// The most bytes of settings that are read from S3.
const LONGEST_SETTINGS: usize = 256 << 10;

/// The beginning of an error about the filter of `place`.
fn context(place: Place, config: &FilterConfig) -> String {
    match place {
        Place::Default => format!("cannot use the filter --filter (PMP_FILTER) `{}`", config.source),
        Place::Rule(number) => {
            format!("cannot use the filter of rule {number} of --filters (PMP_FILTERS), `{}`", config.source)
        }
    }
}

/// Fetches, verifies and compiles the filter.
pub(crate) async fn load(sdk: &SdkConfig, place: Place, config: &FilterConfig) -> Result<Filter, FilterError> {
    let failed = |cause| FilterError::new(context(place, config), cause);
    let fetched = match &config.source {
        FilterSource::S3(object) => {
            let fetched = s3::fetch(sdk, object, config.limits.file_bytes).await;
            Some(fetched.map_err(|error| failed(FilterFault::Fetch(error)))?)
        }
        FilterSource::BuiltIn(_) | FilterSource::File(_) => None,
    };
    let compiled = config.clone();
    // A large filter takes a processor for seconds to compile, so it must not block the runtime.
    on_a_thread(move || compile(&compiled, fetched)).await.map_err(failed)?.map_err(failed)
}

/// Has a loaded filter check its settings.
///
/// A built-in filter that decides by facts which this spoke doesn't look up is refused: it would
/// exclude every product or none, and neither is intended.
pub(crate) async fn configure(
    sdk: &SdkConfig,
    filter: Filter,
    place: Place,
    config: &FilterConfig,
) -> Result<ConfiguredFilter, FilterError> {
    let failed = |cause| FilterError::new(context(place, config), cause);
    let settings = match &config.settings {
        FilterSettings::Json(json) => json.clone(),
        FilterSettings::Object(object) => read_settings(sdk, object).await?,
    };
    let configure = move || filter.configure(&settings);
    let ready = on_a_thread(configure).await.map_err(failed)?;
    let ready = ready.map_err(|source| {
        let place = match place {
            Place::Default => SETTINGS.to_owned(),
            Place::Rule(number) => format!("rule {number}, `settings`"),
        };
        failed(FilterFault::Settings { place, source })
    })?;
    let description = ready.filter().description();
    if ready.needs_attributes() && config.product_attributes.is_nowhere() {
        return Err(failed(FilterFault::NoFacts(description.name.clone())));
    }
    let digest = ready.filter().digest();
    tracing::info!(name = description.name, version = description.version, %digest, "filter loaded");
    Ok(ready)
}

/// Runs what computes on a thread that may block. If it panics, only this filter cannot be used
/// (rule 4).
async fn on_a_thread<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> Result<T, FilterFault> {
    Ok(tokio::task::spawn_blocking(run).await?)
}

/// Reads settings from an object in S3. The filter itself checks their content.
async fn read_settings(sdk: &SdkConfig, object: &S3Object) -> Result<String, FilterError> {
    let source = FilterSource::S3(object.clone());
    let failed = |cause| FilterError::new(format!("cannot use the filter's settings {SETTINGS} `@{source}`"), cause);
    let bytes = s3::fetch(sdk, object, LONGEST_SETTINGS).await;
    let bytes = bytes.map_err(|error| failed(FilterFault::SettingsNotFetched(error)))?;
    String::from_utf8(bytes).map_err(|error| failed(error.into()))
}

fn compile(config: &FilterConfig, fetched: Option<Vec<u8>>) -> Result<Filter, FilterFault> {
    let without_cache = || FilterHost::new(config.limits.clone());
    let host = || without_cache().map(|host| config.cache.iter().fold(host, |host, dir| host.with_cache(dir)));
    let bytes = match (&config.source, fetched) {
        (FilterSource::BuiltIn(name), _) => {
            return Filter::built_in(name, config.limits.clone()).ok_or(FilterFault::NotBuiltIn);
        }
        (_, Some(bytes)) => bytes,
        (FilterSource::File(file), None) => without_cache()?.read(file)?,
        (FilterSource::S3(_), None) => return Err(FilterFault::NotFetched),
    };
    Ok(match &config.digest {
        Some(digest) => host()?.load_pinned(&bytes, digest)?,
        None => host()?.load_bytes(&bytes)?,
    })
}

#[cfg(test)]
mod tests {
    use pmp_filter_host::Limits;
    use pmp_protocol::Coded;

    use super::*;
    use crate::filters::lookup::AttributeSource;

    fn config(source: FilterSource) -> FilterConfig {
        let settings = FilterSettings::Json("{}".to_owned());
        let product_attributes = AttributeSource::Nowhere;
        FilterConfig { source, settings, digest: None, cache: None, limits: Limits::default(), product_attributes }
    }

    #[tokio::test]
    async fn a_name_that_no_built_in_filter_has_loads_nothing() {
        let sdk = SdkConfig::builder().build();
        let named = config(FilterSource::BuiltIn("exclude-nothing"));
        let error = load(&sdk, Place::Default, &named).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot use the filter --filter (PMP_FILTER) `exclude-nothing`");
        assert_eq!(error.code().to_string(), "E5102");
    }

    #[test]
    fn what_was_not_fetched_is_not_compiled() {
        let object = config("s3://filters/a.wasm".parse().unwrap());
        assert_eq!(compile(&object, None).unwrap_err().code().to_string(), "E5103");
    }

    #[tokio::test]
    async fn what_panics_on_its_thread_is_an_error_of_its_filter_alone() {
        let fault = on_a_thread(|| panic!("a fault of the program")).await.unwrap_err();
        assert_eq!(fault.code().to_string(), "E5106");
        assert_eq!(on_a_thread(|| 7).await.unwrap(), 7);
    }
}
