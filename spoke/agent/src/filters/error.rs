//! Errors of filters that cannot be used. Their experiences stay as they are (rule 4).

use pmp_filter_host::{ConfigError, HostError, LoadError};
use pmp_protocol::PlainText;

use crate::error::one_line;
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

    /// The operator's next step. `None` if the cause does not tell it.
    pub(crate) fn hint(&self) -> Option<String> {
        let larger = || Some("`--filter-max-file` (PMP_FILTER_MAX_FILE) raises the limit".to_owned());
        match &self.cause {
            FilterFault::Fetch(error) if error.is_too_large() => larger(),
            FilterFault::Load(LoadError::TooLarge { .. }) => larger(),
            FilterFault::Fetch(error) | FilterFault::SettingsNotFetched(error) => error.hint(),
            FilterFault::NoFacts(_) => Some(
                "`--product-attributes` (PMP_PRODUCT_ATTRIBUTES=true) has it told as the hub looked them up".to_owned(),
            ),
            _ => None,
        }
    }

    /// The error with its causes, in one line: for receipts and logs.
    pub(crate) fn one_line(&self) -> String {
        PlainText::new(&one_line(self)).into()
    }
}
