//! The configuration of waves, as text in TOML or JSON.
//!
//! | field | means | default |
//! | --- | --- | --- |
//! | `max_failures` | how many organizations may fail with a version before it is stopped | 0 |
//! | `on_failure` | what a stopped version does: `halt`, `roll-back` | `halt` |
//! | `silent_after` | an organization that was not heard of for so long is not waited for | `2h` |
//! | `waves` | the waves, first to last | required |
//!
//! Of each wave:
//!
//! | field | means | default |
//! | --- | --- | --- |
//! | `name` | lower-case letters, digits and hyphens | required |
//! | `organizations` | ids of its members | this, or `share` |
//! | `share` | percent of the fleet, earlier waves included | this, or `organizations` |
//! | `in_step` | percent of the members that were heard of that have to be in step | 100 |
//! | `soak` | how long they have to stay so | `0s` |
//! | `deadline` | how long the wave may take until they are in step | `24h` |
//! | `at_once` | how many organizations may work at the version at one time | all |
//!
//! An organization belongs to the first wave that names it or whose share holds it. The last wave
//! has the share 100, so that no organization is left out.

mod locate;
mod written;

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use jiff::SignedDuration;
use pmp_protocol::{OrganizationId, asked_back};
use serde::{Deserialize, Serialize};

use crate::members::{Members, Share};

/// The configured waves. Valid: names differ, shares grow, and the last wave is for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waves {
    waves: Vec<Wave>,
    max_failures: usize,
    on_failure: OnFailure,
    silent_after: SignedDuration,
}

/// One of the configured waves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wave {
    /// Its name, which no other wave has.
    pub name: WaveName,
    /// Its members, before those of earlier waves are taken away.
    pub members: Members,
    /// How many percent of those that were heard of have to be in step, 1 to 100.
    pub in_step_percent: u8,
    /// How long they have to stay in step before the next wave is entered.
    pub soak: SignedDuration,
    /// How long after it was entered the wave has to be in step.
    pub deadline: SignedDuration,
    /// How many organizations may work at the version at one time; none for no such bound.
    pub at_once: Option<NonZeroUsize>,
}

/// What happens to a version that is stopped by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// It stays where it is, until a person decides.
    #[default]
    Halt,
    /// Its members go back to the content of the last good version.
    RollBack,
}

/// The name of a wave: 1 to 40 lower-case letters, digits and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WaveName(String);

impl WaveName {
    /// Checks and takes `name`; none where it is no such name.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let is_plain = |sign: u8| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == b'-';
        ((1..=40).contains(&name.len()) && name.bytes().all(is_plain)).then(|| Self(name.to_owned()))
    }

    /// The name as it was configured.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WaveName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for WaveName {
    type Err = &'static str;
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        name.to_owned().try_into()
    }
}

impl TryFrom<String> for WaveName {
    type Error = &'static str;
    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(&name).ok_or("a wave's name has 1 to 40 lower-case letters, digits and hyphens")
    }
}

impl From<WaveName> for String {
    fn from(name: WaveName) -> Self {
        name.0
    }
}

/// The formats that waves can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// TOML 1.0, for people.
    Toml,
    /// JSON, for programs and for environment variables.
    Json,
}

/// Why a text describes no waves.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot use the waves: {problem}{}, line {line}{}", At(field), Question(problem))]
pub struct WavesError {
    /// What is wrong, as a part of a sentence.
    pub problem: String,
    /// The field, such as `waves[1].share`; empty where the text is not of its format at all.
    pub field: String,
    /// Its line, from 1.
    pub line: usize,
}

pmp_protocol::codes!(WavesError => "E4039");

struct At<'a>(&'a str);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " at `{}`", self.0) }
    }
}

/// Which field or word was meant by one that is not known, as a question.
struct Question<'a>(&'a str);

impl fmt::Display for Question<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(asked_back(self.0).strip_prefix(self.0).unwrap_or_default())
    }
}

impl Waves {
    /// Reads and checks the waves.
    ///
    /// # Errors
    /// Where the text is not of its format, has a field that is not known or a value that is not
    /// permitted, and where the waves do not fit together.
    pub fn parse(text: &str, format: Format) -> Result<Self, WavesError> {
        let waves = Self::parse_kept(text, format)?;
        waves.leave_time().map_err(|problem| told(problem, text, format))?;
        Ok(waves)
    }

    /// Reads waves that were taken before, as the state in the ledger has them. An earlier release
    /// took a `deadline` and a `silent_after` of 0 s: what it wrote can be read, and so be
    /// replaced.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_kept(text: &str, format: Format) -> Result<Self, WavesError> {
        written::read(text, format)?.into_waves().map_err(|problem| told(problem, text, format))
    }

    /// The waves, first to last.
    #[must_use]
    pub fn waves(&self) -> &[Wave] {
        &self.waves
    }

    /// How many organizations may fail with a version before it is stopped.
    #[must_use]
    pub fn max_failures(&self) -> usize {
        self.max_failures
    }

    /// What happens to a version that is stopped by itself.
    #[must_use]
    pub fn on_failure(&self) -> OnFailure {
        self.on_failure
    }

    /// An organization that was not heard of for so long is not waited for.
    #[must_use]
    pub fn silent_after(&self) -> SignedDuration {
        self.silent_after
    }

    /// The position of the wave that an organization belongs to, from 0. Every organization belongs
    /// to one; none is never returned, because the last wave is for all.
    #[must_use]
    pub fn wave_of(&self, organization: &OrganizationId) -> Option<usize> {
        self.waves.iter().position(|wave| wave.members.include(organization))
    }
}

/// What is wrong, and the path of the field.
type Problem = (String, Vec<locate::Part>);

/// The error for a problem, with the line of its field.
fn told((problem, path): Problem, text: &str, format: Format) -> WavesError {
    let line = locate::line(text, format, &path);
    WavesError { problem, field: locate::shown(&path), line }
}

impl Waves {
    /// Whether organizations have any time: with none at all, every wave would be late as soon as
    /// it is entered, or nobody would ever count.
    fn leave_time(&self) -> Result<(), Problem> {
        use locate::Part::{Field, Index};
        let problem = |path| Err(("`0s` is not longer than 0 s".to_owned(), path));
        if self.silent_after.is_zero() {
            return problem(vec![Field("silent_after")]);
        }
        match self.waves.iter().position(|wave| wave.deadline.is_zero()) {
            Some(late) => problem(vec![Field("waves"), Index(late), Field("deadline")]),
            None => Ok(()),
        }
    }

    /// Takes the parts together.
    fn new(
        waves: Vec<Wave>,
        max_failures: usize,
        on_failure: OnFailure,
        silent_after: SignedDuration,
    ) -> Result<Self, Problem> {
        use locate::Part::{Field, Index};
        let problem = |wave: usize, field: &'static str, text: String| {
            Err((text, vec![Field("waves"), Index(wave), Field(field)]))
        };
        let mut named = BTreeSet::new();
        let mut largest: Option<Share> = None;
        for (position, wave) in waves.iter().enumerate() {
            if waves.iter().take(position).any(|before| before.name == wave.name) {
                return problem(position, "name", format!("an earlier wave is called `{}` too", wave.name));
            }
            match &wave.members {
                Members::Organizations(organizations) => {
                    if let Some(twice) = organizations.iter().find(|organization| !named.insert(*organization)) {
                        return problem(position, "organizations", format!("an earlier wave names `{twice}` too"));
                    }
                }
                Members::Share(share) => {
                    if let Some(before) = largest.filter(|before| before >= share) {
                        let (before, share) = (before.percent(), share.percent());
                        let text = format!(
                            "{share} % hold nobody whom an earlier wave's {before} % do not: shares count earlier waves, \
                             so they grow"
                        );
                        return problem(position, "share", text);
                    }
                    largest = Some(*share);
                }
            }
        }
        match waves.last() {
            None => Err(("there is no wave".to_owned(), vec![Field("waves")])),
            Some(last) if last.members != Members::Share(Share::ALL) => {
                let text = "the last wave is not for all: give it `share = 100`, so that no organization is left out";
                Err((text.to_owned(), vec![Field("waves"), Index(waves.len() - 1)]))
            }
            Some(_) => Ok(Self { waves, max_failures, on_failure, silent_after }),
        }
    }
}

#[cfg(test)]
mod tests {
    use pmp_protocol::Coded;

    use super::*;

    const EXAMPLE: &str = r#"max_failures = 1
on_failure = "roll-back"
silent_after = "90m"

[[waves]]
name = "canary"
organizations = ["o-canary0001", "o-canary0002"]
soak = "1h"
at_once = 1

[[waves]]
name = "quarter"
share = 25
in_step = 90

[[waves]]
name = "all"
share = 100
deadline = "36h"
"#;

    fn organization(id: &str) -> OrganizationId {
        OrganizationId::new(id).unwrap()
    }

    fn told(text: &str) -> String {
        Waves::parse(text, Format::Toml).unwrap_err().to_string()
    }

    #[test]
    fn waves_are_read_from_toml_and_from_json_alike() {
        let waves = Waves::parse(EXAMPLE, Format::Toml).unwrap();
        assert_eq!((waves.max_failures(), waves.on_failure()), (1, OnFailure::RollBack));
        assert_eq!(waves.silent_after(), SignedDuration::from_mins(90));
        let canary = &waves.waves()[0];
        assert_eq!((canary.soak, canary.at_once), (SignedDuration::from_hours(1), NonZeroUsize::new(1)));
        assert_eq!((canary.in_step_percent, canary.deadline), (100, SignedDuration::from_hours(24)));
        assert_eq!(waves.waves()[1].in_step_percent, 90);
        assert_eq!(waves.waves()[2].deadline, SignedDuration::from_hours(36));
        let json = r#"{"max_failures":1,"on_failure":"roll-back","silent_after":"90m","waves":[
            {"name":"canary","organizations":["o-canary0001","o-canary0002"],"soak":"1h","at_once":1},
            {"name":"quarter","share":25,"in_step":90},{"name":"all","share":100,"deadline":"36h"}]}"#;
        assert_eq!(Waves::parse(json, Format::Json).unwrap(), waves);
    }

    #[test]
    fn an_organization_belongs_to_the_first_wave_that_holds_it() {
        let waves = Waves::parse(EXAMPLE, Format::Toml).unwrap();
        assert_eq!(waves.wave_of(&organization("o-canary0002")), Some(0));
        // Place 1975, within 25 %, and place 7509, without.
        assert_eq!(waves.wave_of(&organization("o-0000000001")), Some(1));
        assert_eq!(waves.wave_of(&organization("o-0000000002")), Some(2));
    }

    #[test]
    fn a_label_stands_for_the_organizations_that_have_it() {
        let labelled = EXAMPLE
            .replace("organizations = [\"o-canary0001\", \"o-canary0002\"]", "labels = [\"eu\", \"us\"]")
            + "\n[labels]\neu = [\"o-canary0001\"]\nus = [\"o-canary0002\"]\nap = [\"o-other00000\"]\n";
        assert_eq!(Waves::parse(&labelled, Format::Toml).unwrap(), Waves::parse(EXAMPLE, Format::Toml).unwrap());
        let unknown = told(&labelled.replace("\"us\"]", "\"uk\"]"));
        assert!(unknown.contains("no label `uk` in `labels`, which has `ap`, `eu`, `us`"), "{unknown}");
        assert!(unknown.ends_with("at `waves[0].labels`, line 7"), "{unknown}");
        let none = told(&EXAMPLE.replace("organizations = [\"o-canary0001\", \"o-canary0002\"]", "labels = [\"eu\"]"));
        assert!(none.contains("no label `eu`: `labels` defines none"), "{none}");
        let nobody = told(&labelled.replace("labels = [\"eu\", \"us\"]", "labels = []"));
        assert!(nobody.contains("the wave names nobody"), "{nobody}");
        let twice = told(&labelled.replace("share = 25", "labels = [\"eu\"]"));
        assert!(twice.contains("an earlier wave names `o-canary0001` too"), "{twice}");
    }

    #[test]
    fn a_mistake_is_told_with_its_line_and_its_field() {
        let cases = [
            ("share = 25", "share = 0", "`waves[1].share`, line 13", "1 to 100"),
            ("share = 25", "shares = 25", "`waves[1].shares`, line 13", "unknown field"),
            ("in_step = 90", "in_step = 101", "`waves[1].in_step`, line 14", "1 to 100"),
            ("soak = \"1h\"", "soak = \"soon\"", "`waves[0].soak`, line 8", "a duration such as"),
            ("soak = \"1h\"", "soak = \"-1h\"", "`waves[0].soak`, line 8", "a duration such as"),
            ("silent_after = \"90m\"", "silent_after = \"0s\"", "`silent_after`, line 3", "is not longer than 0 s"),
            ("share = 25", "share = 25\ndeadline = \"0s\"", "`waves[1].deadline`, line 14", "is not longer than 0 s"),
            ("at_once = 1", "at_once = 0", "`waves[0].at_once`, line 9", "nonzero"),
            ("o-canary0002", "canary", "`waves[0].organizations[1]`, line 7", "is not"),
            ("\"quarter\"", "\"Quarter\"", "`waves[1].name`, line 12", "lower-case"),
            ("\"quarter\"", "\"canary\"", "`waves[1].name`, line 12", "called `canary` too"),
            ("\"roll-back\"", "\"rollback\"", "`on_failure`, line 2", "unknown variant"),
            ("max_failures = 1", "max_failures = -1", "`max_failures`, line 1", "invalid"),
            ("share = 100", "share = 25", "`waves[2].share`, line 18", "shares count earlier waves"),
            ("share = 100", "share = 99", "`waves[2]`, line 16", "`share = 100`"),
            ("share = 25\n", "", "`waves[1]`, line 11", "one of `organizations`, `labels` and `share`"),
            (
                "share = 25",
                "share = 25\norganizations = [\"o-canary0003\"]",
                "`waves[1]`, line 11",
                "one of `organizations`, `labels` and `share`",
            ),
            ("share = 25", "organizations = []", "`waves[1].organizations`, line 13", "nobody"),
            ("share = 25", "organizations = [\"o-canary0001\"]", "`waves[1].organizations`, line 13", "names `o-c"),
        ];
        for (from, to, place, problem) in cases {
            assert!(EXAMPLE.contains(from), "{from}");
            let told = told(&EXAMPLE.replacen(from, to, 1));
            assert!(told.contains(place) && told.contains(problem), "{to}: {told}");
        }
        assert_eq!(Waves::parse("waves = []", Format::Toml).unwrap_err().code().to_string(), "E4039");
        assert!(told("max_failures = ").contains("line 1"), "{}", told("max_failures = "));
        assert!(told("max_failures = 1").contains("missing field `waves`"), "{}", told("max_failures = 1"));
        assert!(told("waves = []").contains("there is no wave at `waves`, line 1"), "{}", told("waves = []"));
    }

    #[test]
    fn what_an_earlier_release_took_can_still_be_read() {
        let kept = EXAMPLE.replacen("90m", "0s", 1).replacen("36h", "0s", 1);
        assert!(Waves::parse(&kept, Format::Toml).is_err());
        assert_eq!(Waves::parse_kept(&kept, Format::Toml).unwrap().silent_after(), SignedDuration::ZERO);
    }

    #[test]
    fn a_mistake_in_json_is_told_alike() {
        let told = |text: &str| Waves::parse(text, Format::Json).unwrap_err().to_string();
        let twice = "{\"waves\":[\n{\"name\":\"a\",\"share\":5},\n{\"name\":\"a\",\n \"share\":100}]}";
        assert!(told(twice).contains("at `waves[1].name`, line 3"), "{}", told(twice));
        let short = "{\"waves\":[\n{\"name\":\"a\",\"share\":5},\n{\"name\":\"b\",\n \"share\":99}]}";
        assert!(told(short).contains("at `waves[1]`, line 3"), "{}", told(short));
        let wrong = "{\"waves\":[\n{\"name\":\"a\",\"share\":\"5\"}]}";
        assert!(told(wrong).contains("at `waves[0].share`, line 2"), "{}", told(wrong));
        assert!(told("{\"waves\":[]} x").contains("line 1"), "{}", told("{\"waves\":[]} x"));
    }
}
