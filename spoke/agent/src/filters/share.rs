//! What the hub is told of an organization's filters, so that it can foresee what they decide.

use std::collections::BTreeSet;
use std::str::FromStr;

use pmp_filter_host::ConfiguredFilter;
use pmp_protocol::{Digest, FactsFrom, FilterInput, MAX_SHARED_SETTINGS, Receipt, VerdictMark, Verdicts, not_one_of};

/// The most bytes of settings, of all filters together, that a sign of life tells.
const MAX_SETTINGS_IN_ALL: usize = 16 << 10;
/// The longest name of an experience that is told: AWS permits 255 bytes. A hub cuts longer texts,
/// and what was cut is not what the filter saw.
const MAX_NAME: usize = 1_024;

/// How much of its filters a spoke shares with the hub (`PMP_FILTER_SHARE`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum FilterSharing {
    /// Its name, its version and its digest, as receipts always tell them: `none`.
    Identity,
    /// Also what tells the input of a run apart, and the digest of the settings: `digest`.
    #[default]
    Digest,
    /// Also the settings themselves: `settings`.
    Settings,
}

impl FromStr for FilterSharing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::Identity),
            "digest" => Ok(Self::Digest),
            "settings" => Ok(Self::Settings),
            _ => Err(not_one_of(text, &["none", "digest", "settings"])),
        }
    }
}

impl FilterSharing {
    /// What a receipt tells of the filter's input. `None` where that is not shared, and where the
    /// name of the experience is not known or too long.
    pub(crate) fn input(
        self,
        filter: &ConfiguredFilter,
        experience_name: Option<&str>,
        facts: FactsFrom,
        before: Option<&Receipt>,
    ) -> Option<FilterInput> {
        let known = before.and_then(|before| before.filter_input.as_ref());
        let name = experience_name.or(known.map(|known| known.experience_name.as_str()))?;
        let shared = self != Self::Identity && name.len() <= MAX_NAME;
        shared.then(|| FilterInput {
            settings: Digest::of(filter.settings().as_bytes()),
            experience_name: name.to_owned(),
            facts,
            in_force: before.and_then(in_force),
        })
    }

    /// The settings that a sign of life tells. Those that are too long are known by their digest
    /// alone, and that there are none needs no text.
    pub(crate) fn settings<'a>(self, filters: impl Iterator<Item = &'a ConfiguredFilter>) -> Vec<String> {
        if self != Self::Settings {
            return Vec::new();
        }
        let texts: BTreeSet<&str> = filters.map(ConfiguredFilter::settings).collect();
        let short = texts.into_iter().filter(|text| *text != "{}" && text.len() <= MAX_SHARED_SETTINGS);
        let mut left = MAX_SETTINGS_IN_ALL;
        let fits = |text: &&str| match left.checked_sub(text.len()) {
            Some(rest) => {
                left = rest;
                true
            }
            None => false,
        };
        short.filter(fits).map(str::to_owned).collect()
    }
}

/// What was decided on the snapshot that is in force, as the receipt before tells it. Without a
/// filter, nothing was taken away.
fn in_force(before: &Receipt) -> Option<VerdictMark> {
    before.applied()?;
    match (&before.filter, &before.filter_input) {
        (None, _) => Some(VerdictMark::of(&Verdicts::new())),
        (Some(_), input) => input.as_ref()?.in_force.clone(),
    }
}

#[cfg(test)]
mod tests {
    use pmp_filter_host::{Filter, Limits};

    use super::*;

    fn filter(settings: &str) -> ConfiguredFilter {
        Filter::built_in("exclude-ids", Limits::default()).unwrap().configure(settings).unwrap()
    }

    #[test]
    fn settings_are_told_only_where_that_is_asked_for_and_only_short_ones() {
        let short = r#"{"ids":["prod-a"]}"#;
        let long = format!(r#"{{"ids":["prod-a"]{}}}"#, " ".repeat(MAX_SHARED_SETTINGS));
        let filters = [filter(short), filter(&long), filter(short)];
        assert_eq!(FilterSharing::Settings.settings(filters.iter()), [short]);
        for sharing in [FilterSharing::Identity, FilterSharing::Digest] {
            assert_eq!(sharing.settings(filters.iter()), Vec::<String>::new());
        }
        let many: Vec<_> =
            (10..30).map(|n| filter(&format!(r#"{{"ids":["prod-{n}"]{}}}"#, " ".repeat(1_900)))).collect();
        let told = FilterSharing::Settings.settings(many.iter());
        assert_eq!(told.len(), 8, "no more than a sign of life has room for");
    }

    #[test]
    fn without_consent_a_receipt_tells_no_input() {
        let (filter, nowhere) = (filter(r#"{"ids":["prod-a"]}"#), FactsFrom::Nowhere);
        assert_eq!(FilterSharing::Identity.input(&filter, Some("Production"), nowhere, None), None);
        let input = FilterSharing::default().input(&filter, Some("Production"), nowhere, None).unwrap();
        assert_eq!((input.settings, input.in_force), (Digest::of(filter.settings().as_bytes()), None));
        assert_eq!(FilterSharing::Digest.input(&filter, None, nowhere, None), None);
        assert_eq!(FilterSharing::Digest.input(&filter, Some(&"x".repeat(2_000)), nowhere, None), None);
    }
}
