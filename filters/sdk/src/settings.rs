//! A configuration as a type.

use serde::de::DeserializeOwned;

/// Reads the configuration into a type that serde knows, with an error text that an operator can act on.
///
/// Put `#[serde(deny_unknown_fields)]` on the type: a misspelt setting that is silently ignored lets products through.
///
/// ```
/// use pmp_filter_sdk::settings;
///
/// #[derive(Debug, serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Settings {
///     vendors: Vec<String>,
/// }
///
/// assert!(settings::parse::<Settings>(r#"{"vendors":["Example"]}"#).is_ok());
/// let error = settings::parse::<Settings>(r#"{"vendor":["Example"]}"#).unwrap_err();
/// assert_eq!(error, "unknown field `vendor`, expected `vendors` at line 1 column 9");
/// ```
pub fn parse<T: DeserializeOwned>(config: &str) -> Result<T, String> {
    serde_json::from_str(config).map_err(|error| error.to_string())
}
