//! Errors of filters that cannot be used. Their experiences stay as they are (rule 4).

use pmp_filter_host::{ConfigError, HostError, LoadError};
use pmp_protocol::{Code, Coded, Hint};

use crate::filters::s3::FetchError;

/// A filter that cannot be used. The text names the filter, and the place of its configuration.
#[derive(Debug, thiserror::Error)]
#[error("{tried}")]
pub(crate) struct FilterError {
    tried: String,
    #[source]
    cause: FilterFault,
}

/// A fault of a filter, or of its settings.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FilterFault {
    #[error(transparent)]
    Fetch(FetchError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Host(#[from] HostError),
    #[error("there is no such filter")]
    NotBuiltIn,
    #[error("the object was not fetched")]
    NotFetched,
    #[error(transparent)]
    SettingsNotFetched(FetchError),
    #[error(transparent)]
    SettingsNotText(#[from] std::string::FromUtf8Error),
    /// The filter refused its settings. `place` is where they are configured.
    #[error("{place}")]
    Settings {
        place: String,
        #[source]
        source: ConfigError,
    },
    /// A built-in filter that decides by facts that this spoke does not look up. It would exclude
    /// every product or none, and neither is intended.
    #[error("the filter `{0}` decides by facts that this spoke does not look up")]
    NoFacts(String),
    #[error(transparent)]
    Panicked(#[from] tokio::task::JoinError),
}

impl FilterError {
    pub(crate) fn new(tried: String, cause: impl Into<FilterFault>) -> Self {
        Self { tried, cause: cause.into() }
    }

    /// Whether the filter needs facts about products, and nobody is to look them up.
    pub(crate) fn needs_facts(&self) -> bool {
        matches!(self.cause, FilterFault::NoFacts(_))
    }
}

impl Coded for FilterError {
    fn code(&self) -> Code {
        self.cause.code()
    }
}

impl Hint for FilterError {
    fn hint(&self) -> Option<String> {
        self.cause.hint()
    }
}

pmp_protocol::codes!(FilterFault {
    Fetch(source) => source,
    Load(source) => source,
    Host(source) => source,
    NotBuiltIn => "E5102",
    NotFetched => "E5103",
    SettingsNotFetched(source) => source,
    SettingsNotText => "E5104",
    Settings { source } => source,
    NoFacts => "E5105",
    Panicked => "E5106",
});

impl Hint for FilterFault {
    fn hint(&self) -> Option<String> {
        let larger = || Some("`--filter-max-file` (PMP_FILTER_MAX_FILE) raises the limit".to_owned());
        match self {
            Self::Fetch(error) if error.is_too_large() => larger(),
            Self::Load(LoadError::TooLarge { .. }) => larger(),
            Self::Fetch(error) | Self::SettingsNotFetched(error) => error.hint(),
            Self::Load(error) => error.hint(),
            Self::Host(error) => error.hint(),
            Self::Settings { source, .. } => source.hint(),
            Self::NoFacts(_) => Some(
                "`--product-attributes` (PMP_PRODUCT_ATTRIBUTES=true) gives it what the hub looked up of the products"
                    .to_owned(),
            ),
            Self::NotBuiltIn | Self::NotFetched | Self::SettingsNotText(_) | Self::Panicked(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_is_too_large_names_the_setting() {
        let error = FilterError::new("the filter `f`".to_owned(), LoadError::TooLarge { limit: 7 });
        assert!(error.hint().unwrap().contains("PMP_FILTER_MAX_FILE"));
        assert_eq!(error.code().to_string(), "E2011", "the code of what is wrong with it");
    }

    #[cfg(feature = "s3")]
    #[test]
    fn every_fault_passes_on_the_hint_of_what_it_wraps() {
        use pmp_aws::{ApiError, Outcome};

        let fetch = || FetchError::Get(ApiError::of("s3:GetObject", Outcome::NoAnswer("timed out".into())));
        let hint = fetch().hint();
        assert!(hint.is_some());
        for fault in [FilterFault::Fetch(fetch()), FilterFault::SettingsNotFetched(fetch())] {
            assert_eq!(FilterError::new("tried".to_owned(), fault).hint(), hint);
        }
    }

    #[test]
    fn what_has_no_hint_gets_none_on_its_way() {
        let load = || LoadError::NotAFilter;
        assert_eq!(FilterError::new("tried".to_owned(), load()).hint(), load().hint());
        let source = || ConfigError::TooLarge { bytes: 2, limit: 1 };
        let settings = FilterFault::Settings { place: "PMP_FILTER_CONFIG".to_owned(), source: source() };
        assert_eq!(FilterError::new("tried".to_owned(), settings).hint(), source().hint());
        let host = || HostError::Clock(std::io::Error::other("no thread"));
        assert_eq!(FilterError::new("tried".to_owned(), host()).hint(), host().hint());
    }
}
