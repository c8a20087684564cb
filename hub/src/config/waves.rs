//! The setting `PMP_WAVES`: as text, as a file, or as the word that ends waves.

use std::str::FromStr;

use pmp_waves::{Format, Waves, WavesError};

/// Waves as they are configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Configured {
    pub(crate) waves: Waves,
    /// The text that they were read from.
    pub(crate) text: String,
}

impl Configured {
    /// Reads waves in TOML, or in JSON where the text begins with a brace.
    pub(crate) fn read(text: &str) -> Result<Self, WavesError> {
        Self::read_by(text, Waves::parse)
    }

    /// Reads waves that a hub, which may be of an earlier release, was configured with.
    pub(crate) fn read_kept(text: &str) -> Result<Self, WavesError> {
        Self::read_by(text, Waves::parse_kept)
    }

    fn read_by(text: &str, parse: impl Fn(&str, Format) -> Result<Waves, WavesError>) -> Result<Self, WavesError> {
        let text = text.trim().to_owned();
        let format = if text.starts_with('{') { Format::Json } else { Format::Toml };
        Ok(Self { waves: parse(&text, format)?, text })
    }
}

/// What the setting `PMP_WAVES` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum WavesSetting {
    /// Nothing: the waves that the ledger knows go on, where there are any.
    #[default]
    Unset,
    /// There are no waves any more.
    Off,
    /// These waves are configured.
    Given(Box<Configured>),
}

/// The word that switches waves off.
const OFF: &str = "none";

impl FromStr for WavesSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim() == OFF {
            return Ok(Self::Off);
        }
        let text = match text.trim().strip_prefix('@') {
            Some(path) => std::fs::read_to_string(path).map_err(|error| format!("cannot read `{path}`: {error}"))?,
            None => text.to_owned(),
        };
        Configured::read(&text).map(|configured| Self::Given(Box::new(configured))).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAVES: &str = "[[waves]]\nname = \"all\"\nshare = 100\n";

    #[test]
    fn waves_are_given_as_text_as_a_file_or_as_none() {
        let given: WavesSetting = WAVES.parse().unwrap();
        assert!(matches!(&given, WavesSetting::Given(it) if it.waves.waves().len() == 1));
        let json = r#"{"waves":[{"name":"all","share":100}]}"#;
        assert!(matches!(json.parse().unwrap(), WavesSetting::Given(_)));
        assert_eq!("none".parse(), Ok(WavesSetting::Off));
        let missing = "@/no/such/file".parse::<WavesSetting>().unwrap_err();
        assert!(missing.starts_with("cannot read `/no/such/file`"), "{missing}");
        let wrong = "[[waves]]\nname = \"all\"\nshare = 99\n".parse::<WavesSetting>().unwrap_err();
        assert!(wrong.contains("give it `share = 100`") && wrong.contains("line 1"), "{wrong}");
    }
}
