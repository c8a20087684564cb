//! The configuration as it is written, field by field.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use jiff::SignedDuration;
use pmp_protocol::OrganizationId;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_path_to_error::Track;

use super::locate::Part::{Field, Index};
use super::{Format, OnFailure, Problem, Wave, WaveName, Waves, WavesError};
use crate::members::{Members, Share};

/// The longest duration that is taken: 90 days. A longer one is a mistake in the unit.
const LONGEST: SignedDuration = SignedDuration::from_hours(90 * 24);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    waves: Vec<WrittenWave>,
    /// Organizations under one name, for the waves.
    #[serde(default)]
    labels: BTreeMap<String, BTreeSet<OrganizationId>>,
    #[serde(default)]
    max_failures: usize,
    #[serde(default)]
    on_failure: OnFailure,
    #[serde(default = "two_hours")]
    silent_after: Lasting,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenWave {
    name: WaveName,
    organizations: Option<BTreeSet<OrganizationId>>,
    labels: Option<BTreeSet<String>>,
    share: Option<WrittenShare>,
    #[serde(default = "everybody")]
    in_step: Percent,
    #[serde(default = "at_once")]
    soak: Lasting,
    #[serde(default = "one_day")]
    deadline: Lasting,
    at_once: Option<NonZeroUsize>,
}

#[derive(Debug, Clone, Copy)]
struct WrittenShare(Share);

impl<'de> Deserialize<'de> for WrittenShare {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let percent = u64::deserialize(deserializer)?;
        Share::new(percent)
            .map(Self)
            .ok_or_else(|| D::Error::custom(format!("{percent} is no share in percent, 1 to 100")))
    }
}

#[derive(Debug, Clone, Copy)]
struct Percent(u8);

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        WrittenShare::deserialize(deserializer).map(|WrittenShare(share)| Self(share.percent()))
    }
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Lasting(SignedDuration);

impl<'de> Deserialize<'de> for Lasting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let duration = text.parse().ok().filter(|it: &SignedDuration| !it.is_negative() && *it <= LONGEST);
        let wrong = || format!("`{text}` is not a duration such as `30s`, `45m` or `24h`, at most 2160h");
        duration.map(Self).ok_or_else(|| D::Error::custom(wrong()))
    }
}

fn two_hours() -> Lasting {
    Lasting(SignedDuration::from_hours(2))
}

fn one_day() -> Lasting {
    Lasting(SignedDuration::from_hours(24))
}

fn at_once() -> Lasting {
    Lasting(SignedDuration::ZERO)
}

fn everybody() -> Percent {
    Percent(Share::ALL.percent())
}

/// Reads a text of this format.
pub(super) fn read(text: &str, format: Format) -> Result<Written, WavesError> {
    let mut track = Track::new();
    let read = match format {
        Format::Toml => toml::Deserializer::parse(text)
            .and_then(|toml| Written::deserialize(serde_path_to_error::Deserializer::new(toml, &mut track)))
            .map_err(|error| {
                let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
                (error.message().to_owned(), before.matches('\n').count() + 1)
            }),
        Format::Json => {
            let mut json = serde_json::Deserializer::from_str(text);
            Written::deserialize(serde_path_to_error::Deserializer::new(&mut json, &mut track))
                .and_then(|written| json.end().map(|()| written))
                .map_err(|error| (error.to_string(), error.line()))
        }
    };
    read.map_err(|(problem, line)| {
        let field = track.path().to_string();
        // Where the text is not of its format, there is no field to name.
        let field = if matches!(field.as_str(), "." | "?") { String::new() } else { field };
        WavesError { problem, field, line }
    })
}

impl Written {
    /// Checks how the fields fit together.
    pub(super) fn into_waves(self) -> Result<Waves, Problem> {
        let labels = &self.labels;
        let waves = self.waves.into_iter().enumerate().map(|(position, wave)| wave.into_wave(position, labels));
        Waves::new(waves.collect::<Result<_, _>>()?, self.max_failures, self.on_failure, self.silent_after.0)
    }
}

impl WrittenWave {
    fn into_wave(self, position: usize, labels: &BTreeMap<String, BTreeSet<OrganizationId>>) -> Result<Wave, Problem> {
        let at = || vec![Field("waves"), Index(position)];
        let nobody = |field| ("the wave names nobody".to_owned(), [at(), vec![Field(field)]].concat());
        let members = match (self.organizations, self.labels, self.share) {
            (Some(organizations), None, None) if organizations.is_empty() => return Err(nobody("organizations")),
            (Some(organizations), None, None) => Members::Organizations(organizations),
            (None, Some(named), None) => {
                let mut organizations = BTreeSet::new();
                for label in &named {
                    let Some(labelled) = labels.get(label) else {
                        let known: Vec<_> = labels.keys().map(|label| format!("`{label}`")).collect();
                        let problem =
                            format!("there is no label `{label}` in `labels`, which has {}", known.join(", "));
                        let none = format!("there is no label `{label}`: `labels` defines none");
                        let problem = if known.is_empty() { none } else { problem };
                        return Err((problem, [at(), vec![Field("labels")]].concat()));
                    };
                    organizations.extend(labelled.iter().cloned());
                }
                if organizations.is_empty() {
                    return Err(nobody("labels"));
                }
                Members::Organizations(organizations)
            }
            (None, None, Some(WrittenShare(share))) => Members::Share(share),
            _ => {
                return Err(("a wave has one of `organizations`, `labels` and `share`".to_owned(), at()));
            }
        };
        Ok(Wave {
            name: self.name,
            members,
            in_step_percent: self.in_step.0,
            soak: self.soak.0,
            deadline: self.deadline.0,
            at_once: self.at_once,
        })
    }
}
