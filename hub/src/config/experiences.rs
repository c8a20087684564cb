//! The setting `PMP_EXPERIENCES`: the management experiences that one hub serves, and what each has
//! of its own.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use pmp_protocol::{ExperienceId, OrganizationId, asked_back};
use pmp_windows::Windows;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::Value;

use super::hold::MaxHold;
use super::waves::{Configured, WavesSetting};

/// The most management experiences of one hub: the function reads all of them at the same time.
const MOST: usize = 20;

/// A management experience, and what was said of it alone. What was not said comes from the
/// settings of the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Own {
    pub(crate) experience: ExperienceId,
    pub(crate) members: Option<BTreeSet<OrganizationId>>,
    pub(crate) waves: Option<WavesSetting>,
    pub(crate) windows: Option<Windows>,
    pub(crate) max_hold: Option<SignedDuration>,
}

impl Own {
    /// A management experience that has nothing of its own.
    pub(crate) fn plain(experience: ExperienceId) -> Self {
        Self { experience, members: None, waves: None, windows: None, max_hold: None }
    }
}

/// The management experiences of one hub, as they were named: at least one, and none twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Experiences(Vec<Own>);

impl Experiences {
    /// All of them, in the order in which they were named.
    pub(crate) fn all(self) -> Vec<Own> {
        self.0
    }

    /// The only one, where there is one.
    pub(crate) fn only(&self) -> Option<&Own> {
        if let [only] = self.0.as_slice() { Some(only) } else { None }
    }

    /// What was said of one of them.
    pub(crate) fn of(&self, experience: &ExperienceId) -> Option<&Own> {
        self.0.iter().find(|own| own.experience == *experience)
    }
}

/// The ids, for a sentence.
impl fmt::Display for Experiences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, own) in self.0.iter().enumerate() {
            write!(f, "{}`{}`", if position == 0 { "" } else { ", " }, own.experience)?;
        }
        Ok(())
    }
}

impl FromStr for Experiences {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let from_file = match text.trim().strip_prefix('@') {
            Some(path) => std::fs::read_to_string(path).map_err(|error| format!("cannot read `{path}`: {error}"))?,
            None => text.to_owned(),
        };
        let text = from_file.trim();
        let experiences = if text.starts_with('{') {
            let tables: Tables =
                serde_json::from_str(text).map_err(|error| format!("this is no JSON for it: {error}"))?;
            tables.read()?
        } else if text.contains(['[', '=']) {
            let tables: Tables = toml::from_str(text).map_err(|error| {
                let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
                format!("this is no TOML for it: {}, line {}", error.message(), before.matches('\n').count() + 1)
            })?;
            tables.read()?
        } else {
            let read = |id: &str| Ok(Own::plain(id_of(id.trim())?));
            text.split(',').map(read).collect::<Result<_, String>>()?
        };
        Self::new(experiences)
    }
}

impl Experiences {
    fn new(experiences: Vec<Own>) -> Result<Self, String> {
        let mut seen = BTreeSet::new();
        // Two of one would publish it twice, and number its versions against each other.
        if let Some(twice) = experiences.iter().find(|own| !seen.insert(&own.experience)) {
            return Err(format!("names `{}` twice", twice.experience));
        }
        match experiences.len() {
            0 => Err("names no management experience".to_owned()),
            1..=MOST => Ok(Self(experiences)),
            many => Err(format!("names {many} management experiences, and one hub serves {MOST} at most")),
        }
    }
}

fn id_of(text: &str) -> Result<ExperienceId, String> {
    ExperienceId::new(text).map_err(|problem| problem.to_string())
}

/// The tables by their names, in the order in which they were written. JSON permits one name twice,
/// and a map would keep one of them without a word.
struct Tables(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Tables {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Tables;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table for each management experience")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tables, A::Error> {
                let mut tables = Vec::new();
                while let Some(table) = map.next_entry()? {
                    tables.push(table);
                }
                Ok(Tables(tables))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

impl Tables {
    fn read(self) -> Result<Vec<Own>, String> {
        let read = |(name, value): (String, Value)| {
            let experience = id_of(&name)?;
            let Written { members, waves, change_windows, max_hold } = serde_json::from_value(value)
                .map_err(|problem| format!("`{name}`: {}", asked_back(&problem.to_string())))?;
            let members = members.map(|Members(members)| members);
            let waves = waves.map(|WrittenWaves(waves)| waves);
            let windows = change_windows.map(|Parsed(windows)| windows);
            let max_hold = max_hold.map(|Parsed(MaxHold(hold))| hold);
            Ok(Own { experience, members, waves, windows, max_hold })
        };
        self.0.into_iter().map(read).collect()
    }
}

/// What a table may say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    members: Option<Members>,
    waves: Option<WrittenWaves>,
    change_windows: Option<Parsed<Windows>>,
    max_hold: Option<Parsed<MaxHold>>,
}

/// A text that is read as the setting of the same name is.
struct Parsed<T>(T);

impl<'de, T> Deserialize<'de> for Parsed<T>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

/// Whom a table admits.
struct Members(BTreeSet<OrganizationId>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = BTreeSet::<OrganizationId>::deserialize(deserializer)?;
        // It would mean that nobody is admitted, and then everybody's receipts count (rule 12).
        if members.is_empty() {
            return Err(D::Error::custom("`members` is empty: name organizations, or leave it away"));
        }
        Ok(Self(members))
    }
}

/// Waves as the setting `PMP_WAVES` takes them, or as a table.
struct WrittenWaves(WavesSetting);

impl<'de> Deserialize<'de> for WrittenWaves {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let waves = match Value::deserialize(deserializer)? {
            Value::String(text) => text.parse().map_err(D::Error::custom)?,
            table @ Value::Object(_) => {
                let configured = Configured::read(&table.to_string()).map_err(D::Error::custom)?;
                WavesSetting::Given(Box::new(configured))
            }
            _ => {
                return Err(D::Error::invalid_type(de::Unexpected::Other("neither"), &"a table or a text for `waves`"));
            }
        };
        Ok(Self(waves))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOML: &str = r#"
[exp-a]
members = ["o-alpha00000", "o-beta000000"]
change_windows = "Mon-Fri 22:00-04:00 Europe/Berlin"
max_hold = "24h"

[[exp-a.waves.waves]]
name = "canary"
organizations = ["o-alpha00000"]

[[exp-a.waves.waves]]
name = "all"
share = 100

[exp-b]
waves = "none"
"#;

    fn read(text: &str) -> Result<Experiences, String> {
        text.parse()
    }

    fn refused(text: &str) -> String {
        read(text).unwrap_err()
    }

    #[test]
    fn a_table_says_what_one_experience_has_of_its_own() {
        let experiences = read(TOML).unwrap();
        assert_eq!(experiences.to_string(), "`exp-a`, `exp-b`");
        let [first, second] = experiences.clone().all().try_into().unwrap();
        assert_eq!(first.members.as_ref().map(BTreeSet::len), Some(2));
        assert_eq!(first.max_hold, Some(SignedDuration::from_hours(24)));
        assert_eq!(first.windows.as_ref().unwrap().to_string(), "Mon-Fri 22:00-04:00 Europe/Berlin");
        assert!(matches!(&first.waves, Some(WavesSetting::Given(it)) if it.waves.waves().len() == 2));
        let plain = Own::plain(second.experience.clone());
        assert_eq!(second, Own { waves: Some(WavesSetting::Off), ..plain });
        assert_eq!(experiences.of(&first.experience), Some(&first));
        assert_eq!((experiences.of(&id_of("exp-c").unwrap()), experiences.only()), (None, None));
    }

    #[test]
    fn json_and_a_plain_list_say_the_same_as_toml() {
        let json = r#"{"exp-b": {}, "exp-a": {"max_hold": "24h"}}"#;
        assert_eq!(read(json), read("[exp-b]\n[exp-a]\nmax_hold = \"24h\""));
        assert_eq!(read(json).unwrap().to_string(), "`exp-b`, `exp-a`", "in the order in which they were written");
        assert_eq!(read("exp-a, exp-b"), read("[exp-a]\n[exp-b]"));
        assert_eq!(read(" exp-a ").unwrap().only().unwrap().experience.as_str(), "exp-a");
    }

    #[test]
    fn no_experience_is_named_twice() {
        for text in ["exp-a,exp-b,exp-a", r#"{"exp-a": {}, "exp-a": {"max_hold": "24h"}}"#] {
            assert_eq!(refused(text), "names `exp-a` twice");
        }
        assert!(refused("[exp-a]\n[exp-a]").contains("duplicate"), "{}", refused("[exp-a]\n[exp-a]"));
    }

    #[test]
    fn there_is_at_least_one_and_there_are_not_too_many() {
        assert_eq!(refused("{}"), "names no management experience");
        let many = |number: usize| (0..number).map(|n| format!("exp-{n}")).collect::<Vec<_>>().join(",");
        assert!(read(&many(MOST)).is_ok());
        assert_eq!(refused(&many(MOST + 1)), "names 21 management experiences, and one hub serves 20 at most");
    }

    #[test]
    fn what_is_not_understood_is_named_with_its_experience() {
        for (text, expected) in [
            ("[exp-a]\nwave = \"none\"", "`exp-a`: unknown field `wave`, expected one of `members`, `waves`"),
            (r#"{"exp-a": {"keep": 3}}"#, "`exp-a`: unknown field `keep`"),
            ("[experience]", "`experience` is not an experience id"),
            ("exp-a,", "is not an experience id"),
            ("[exp-a]\nmembers = []", "`exp-a`: `members` is empty"),
            ("[exp-a]\nmembers = [\"alpha\"]", "`exp-a`: `alpha`"),
            ("[exp-a]\nmax_hold = \"1m\"", "`exp-a`: not from 1h to 720h"),
            ("[exp-a]\nchange_windows = \"0 22 * * 1-5\"", "`exp-a`: `0 22 * * 1-5`"),
            ("[exp-a]\nwaves = \"@/no/such/file\"", "`exp-a`: cannot read `/no/such/file`"),
            ("[exp-a.waves]\nwaves = []", "`exp-a`: cannot use the waves: there is no wave"),
            ("[exp-a]\nwaves = 3", "a table or a text for `waves`"),
            ("exp-a = 3", "`exp-a`: invalid type"),
            ("[exp-a", "this is no TOML for it"),
            ("{\"exp-a\"", "this is no JSON for it"),
            ("@/no/such/file", "cannot read `/no/such/file`"),
        ] {
            assert!(refused(text).contains(expected), "{text}: {}", refused(text));
        }
    }

    #[test]
    fn all_of_it_may_stand_in_a_file() {
        let path = std::env::temp_dir().join(format!("experiences-{}.toml", std::process::id()));
        std::fs::write(&path, TOML).unwrap();
        let from_file = read(&format!("@{}", path.display()));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(from_file, read(TOML));
    }
}
