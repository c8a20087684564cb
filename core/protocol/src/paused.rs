//! Why a spoke changes nothing now: a pause, a hold, closed change windows, or a halt.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Direction, Halted, Hold, LONGEST_PAUSE, Pause, SnapshotVersion, WindowsSaid, longest_hold};

/// Who it was that paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum PausedBy {
    /// The hub's operators, for all organizations.
    Fleet,
    /// The hub's operators, for this organization.
    Organization,
    /// The member itself, by a hold. Closed change windows are told so as well, with
    /// [`Paused::windows`]: releases that know none understand it as a hold.
    Member,
}

/// Why a spoke changes nothing now, as its receipts tell it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Paused {
    /// Who paused: the hub's operators or the member.
    pub whose: PausedBy,
    /// Then it goes on by itself.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::DateTime"))]
    pub until: Timestamp,
    /// Who paused, as STS names them.
    pub by: String,
    /// When the pause began.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::DateTime"))]
    pub since: Timestamp,
    /// Why, in their words.
    pub reason: String,
    /// What change windows said, where it is these that are closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub windows: Option<WindowsSaid>,
    /// The version that was stopped on its way, where it is this that keeps anything from being
    /// changed: releases that know no halt understand it as a pause of the fleet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halted: Option<SnapshotVersion>,
}

/// Who it is that pauses where change windows are closed, in the words of releases that know none.
const BY_WINDOWS: &str = "change windows";

impl Paused {
    /// That nothing is changed because the version that may be taken was halted. That does not end
    /// by itself: the time that is told for looking again is always one to come.
    #[must_use]
    pub fn by_halt(halted: &Halted, now: Timestamp) -> Self {
        let Halted { version, by, at, reason, .. } = halted.clone();
        let periods = now.duration_since(at).as_secs().max(0) / LONGEST_PAUSE.as_secs() + 1;
        let later = i32::try_from(periods).ok().and_then(|periods| LONGEST_PAUSE.checked_mul(periods));
        let until = later.and_then(|later| at.checked_add(later).ok()).unwrap_or(Timestamp::MAX);
        Self { whose: PausedBy::Fleet, until, by, since: at, reason, windows: None, halted: Some(version) }
    }

    /// That nothing is changed because change windows are closed. `since`: when they closed.
    /// Windows that never open are looked at again after the longest pause.
    #[must_use]
    pub fn by_windows(said: WindowsSaid, since: Timestamp) -> Self {
        let later = since.checked_add(LONGEST_PAUSE).unwrap_or(Timestamp::MAX);
        Self {
            whose: PausedBy::Member,
            until: said.until.as_ref().map_or(later, |until| until.at),
            by: BY_WINDOWS.to_owned(),
            since,
            reason: said.words(),
            windows: Some(said),
            halted: None,
        }
    }

    /// Whether it ends by itself. A halt does not, nor do change windows that are never open
    /// together.
    #[must_use]
    pub fn ends(&self) -> bool {
        self.halted.is_none() && !self.windows.as_ref().is_some_and(WindowsSaid::never_open)
    }
}

impl std::fmt::Display for Paused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { whose, until, by, reason, .. } = self;
        if let Some(windows) = &self.windows {
            return windows.fmt(f);
        }
        if let Some(version) = self.halted {
            return write!(f, "snapshot {version} is halted by {by}: {reason}");
        }
        let until = until.strftime("%Y-%m-%d %H:%M:%SZ");
        match whose {
            PausedBy::Fleet => write!(f, "paused for all organizations until {until} by {by}: {reason}"),
            PausedBy::Organization => write!(f, "paused until {until} by {by}: {reason}"),
            PausedBy::Member => write!(f, "held by the member until {until} by {by}: {reason}"),
        }
    }
}

/// What keeps an organization from changing anything at `now`: of several pauses the one that ends
/// last. Pure.
#[must_use]
pub fn paused(
    fleet: Option<&Direction>,
    own: Option<&Direction>,
    hold: Option<&Hold>,
    now: Timestamp,
) -> Option<Paused> {
    let of = |whose, direction: Option<&Direction>| {
        let pause = direction?.paused(now)?;
        let Pause { by, at: since, reason, .. } = pause.clone();
        Some(Paused { whose, until: pause.ends(), by, since, reason, windows: None, halted: None })
    };
    let bound = longest_hold(fleet);
    let held = hold.filter(|hold| hold.holds(bound, now)).map(|hold| {
        let Hold { by, at: since, reason, .. } = hold.clone();
        Paused { whose: PausedBy::Member, until: hold.ends(bound), by, since, reason, windows: None, halted: None }
    });
    let all = [of(PausedBy::Fleet, fleet), of(PausedBy::Organization, own), held];
    // Protocol D9.
    all.into_iter().flatten().max_by_key(|paused| paused.until)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DirectionChange;
    use crate::direction::tests::{at, because};
    use crate::testing::management;

    #[test]
    fn closed_windows_are_told_so_that_a_release_without_them_reads_a_hold() {
        let said = WindowsSaid {
            open: false,
            until: None,
            whose: crate::WindowsOf::Fleet,
            fleet: Some("daily 01:00-12:00 UTC".to_owned()),
            member: None,
            tzdb: "2026f".to_owned(),
            outside: None,
        };
        let paused = Paused::by_windows(said, at(0));
        assert!(!paused.ends());
        let mut older = serde_json::to_value(&paused).unwrap();
        older.as_object_mut().unwrap().remove("windows").unwrap();
        let older: Paused = serde_json::from_value(older).unwrap();
        let told =
            "held by the member until 1970-01-31 00:00:00Z by change windows: the fleet's: daily 01:00-12:00 UTC";
        assert_eq!(older.to_string(), told);
    }

    #[test]
    fn of_several_pauses_the_one_that_ends_last_counts() {
        // Protocol D9.
        let until = |second| {
            Direction::none(management(), None).changed(&DirectionChange::Pause(at(second)), &because(0)).unwrap()
        };
        let hold = Hold {
            experience: management(),
            until: at(150),
            by: "arn:mim".to_owned(),
            at: at(0),
            reason: "audit".to_owned(),
            released_at: None,
        };
        let (all, own) = (until(100), until(200));
        let whose = |now| paused(Some(&all), Some(&own), Some(&hold), at(now)).map(|paused| paused.whose);
        assert_eq!(whose(50), Some(PausedBy::Organization));
        assert_eq!(whose(200), None);
        let held = paused(Some(&all), None, Some(&hold), at(120)).unwrap();
        assert_eq!((held.whose, held.until), (PausedBy::Member, at(150)));
        let released = Hold { released_at: Some(at(110)), ..hold };
        assert_eq!(paused(Some(&all), None, Some(&released), at(120)), None);
    }
}
