//! Change windows as they travel and are kept: which windows the hub's operators set, and what
//! windows said when something was decided. What the words mean is in the crate `pmp-windows`.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use crate::words::age;

/// Within so many hours, the name of the day is enough to tell which moment is meant.
const NAME_OF_DAY: i64 = 6 * 24;

/// The change windows that the hub's operators set for the fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangeWindows {
    /// The windows in words: `Mon-Fri 22:00-04:00 Europe/Berlin`.
    pub text: String,
    /// The version of the time zone database by which the hub read them.
    pub tzdb: String,
    /// When they were set, by the hub's clock.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::DateTime"))]
    pub at: Timestamp,
}

/// A moment at which a window opens or closes, in all three ways of telling it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Moment {
    /// The moment in UTC.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::DateTime"))]
    pub at: Timestamp,
    /// What clocks in the zone show then.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub civil: DateTime,
    /// The time zone by its IANA name.
    pub zone: String,
}

impl Moment {
    /// As a person is told of it at `now`: `Mon 22:00 Europe/Berlin (in 3h)`. A moment that is far
    /// away has its date as well.
    #[must_use]
    pub fn told(&self, now: Timestamp) -> String {
        let (when, zone) = (self.day_and_time(now), &self.zone);
        if self.at > now {
            format!("{when} {zone} (in {})", age(now, self.at))
        } else {
            format!("{when} {zone} ({} ago)", age(self.at, now))
        }
    }

    /// The same without its zone, for a sentence that has it already: `Mon 22:00`.
    #[must_use]
    pub fn day_and_time(&self, now: Timestamp) -> String {
        let day = if self.at.duration_since(now).as_hours().abs() < NAME_OF_DAY { "%a" } else { "%a %Y-%m-%d" };
        self.civil.strftime(&format!("{day} %H:%M")).to_string()
    }
}

impl fmt::Display for Moment {
    /// As a receipt tells it, which is read at any time: `Mon 2026-11-30 22:00 Europe/Berlin`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.civil.strftime("%a %Y-%m-%d %H:%M"), self.zone)
    }
}

/// Whose change windows they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum WindowsOf {
    /// Those that the hub's operators set for all organizations.
    Fleet,
    /// Those that the member set itself.
    Member,
}

/// What change windows said when a spoke decided whether it may start change sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WindowsSaid {
    /// Whether change sets may be started.
    pub open: bool,
    /// Until when that holds. Absent where it never opens, or is open for longer than two weeks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
    /// Whose windows open or close then.
    pub whose: WindowsOf,
    /// The fleet's windows in words; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<String>,
    /// The member's own windows in words; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// The version of the time zone database by which this was decided.
    pub tzdb: String,
    /// Who let the member's own windows be disregarded, where someone did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<Outside>,
}

impl WindowsSaid {
    /// Whether the fleet's windows and the member's are never open together, so that nothing is
    /// ever changed.
    #[must_use]
    pub fn never_open(&self) -> bool {
        !self.open && self.until.is_none()
    }

    /// The windows in words, each with its owner.
    #[must_use]
    pub fn words(&self) -> String {
        let fleet = self.fleet.iter().map(|text| format!("the fleet's: {text}"));
        let member = self.member.iter().map(|text| format!("the member's: {text}"));
        fleet.chain(member).collect::<Vec<_>>().join("; ")
    }

    /// The same as a person is told of it at `now`.
    #[must_use]
    pub fn told(&self, now: Timestamp) -> String {
        self.sentence(|until| until.told(now))
    }

    fn sentence(&self, told: impl Fn(&Moment) -> String) -> String {
        let words = self.words();
        match (self.open, &self.until) {
            (true, None) => format!("change windows open ({words})"),
            (true, Some(until)) => format!("change windows open until {} ({words})", told(until)),
            (false, Some(until)) => format!("change windows closed until {} ({words})", told(until)),
            (false, None) => format!("change windows never open together ({words})"),
        }
    }
}

impl fmt::Display for WindowsSaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence(Moment::to_string))
    }
}

/// That an operator of the member let a sync start change sets outside of the member's own windows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Outside {
    /// Who it was, as STS names them.
    pub by: String,
    /// When it was, by the operator's clock.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::DateTime"))]
    pub at: Timestamp,
    /// Why, in the operator's words.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment() -> Moment {
        Moment {
            at: "2026-11-30T21:00:00Z".parse().unwrap(),
            civil: "2026-11-30T22:00:00".parse().unwrap(),
            zone: "Europe/Berlin".to_owned(),
        }
    }

    #[test]
    fn a_moment_is_told_by_its_day_or_by_its_date_where_it_is_far() {
        let told = |now: &str| moment().told(now.parse().unwrap());
        assert_eq!(told("2026-11-30T18:00:00Z"), "Mon 22:00 Europe/Berlin (in 3h)");
        assert_eq!(moment().day_and_time("2026-11-30T18:00:00Z".parse().unwrap()), "Mon 22:00");
        assert_eq!(told("2026-11-30T21:05:00Z"), "Mon 22:00 Europe/Berlin (5m ago)");
        assert_eq!(told("2026-11-23T21:00:00Z"), "Mon 2026-11-30 22:00 Europe/Berlin (in 7d)");
        assert_eq!(moment().to_string(), "Mon 2026-11-30 22:00 Europe/Berlin");
    }

    #[test]
    fn what_windows_said_is_told_with_the_words_of_each() {
        let said = WindowsSaid {
            open: false,
            until: Some(moment()),
            whose: WindowsOf::Fleet,
            fleet: Some("Mon-Fri 22:00-04:00 Europe/Berlin".to_owned()),
            member: None,
            tzdb: "2026f".to_owned(),
            outside: None,
        };
        let words = "(the fleet's: Mon-Fri 22:00-04:00 Europe/Berlin)";
        assert_eq!(said.to_string(), format!("change windows closed until Mon 2026-11-30 22:00 Europe/Berlin {words}"));
        let open = WindowsSaid { open: true, until: None, ..said.clone() };
        assert_eq!(open.to_string(), format!("change windows open {words}"));
        let never = WindowsSaid { until: None, ..said };
        assert!(never.never_open() && !open.never_open());
        let json = serde_json::to_value(&open).unwrap();
        assert_eq!((json.get("until"), json.get("outside")), (None, None), "what is absent is left out");
    }
}
