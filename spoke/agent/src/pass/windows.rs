//! The change windows of a pass: the fleet's, which the hub's operators set, and the member's own.
//! Change sets are started only where both are open.
//!
//! Outside of them a spoke reads, plans and reports as always, as if it were paused. A window that
//! closes during a pass lets the change sets end that run, and no other is started
//! ([`crate::apply::Closing`]).

use jiff::Timestamp;
use pmp_protocol::{Direction, Outside, Paused, WindowsOf, WindowsSaid};
use pmp_windows::{Answer, TZDB, Windows, together};

/// The windows that a pass goes by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct WindowsInForce {
    /// Those of the fleet. `None` where the hub's operators set none.
    pub(crate) fleet: Option<Windows>,
    /// Those of the member. `None` where it has none.
    pub(crate) own: Option<Windows>,
    /// Who lets the member's own be disregarded in this pass. The fleet's are not the member's to
    /// disregard.
    pub(crate) outside: Option<Outside>,
}

/// The windows in what is directed for the fleet. What cannot be read is an error, and never
/// "always" (rule 12).
pub(crate) fn of_the_fleet(fleet: Option<&Direction>) -> Result<Option<Windows>, String> {
    // Protocol D12.
    let Some(windows) = fleet.and_then(|fleet| fleet.change_windows.as_ref()) else { return Ok(None) };
    let read = windows.text.parse::<Windows>().map_err(|error| {
        format!(
            "its change windows are none that this spoke knows, by time zone database {TZDB} (the hub's is {}): {error}; a \
             newer release may know them",
            windows.tzdb
        )
    })?;
    Ok(Some(read).filter(|windows| !windows.is_always()))
}

impl WindowsInForce {
    /// What the windows say at `now`. `None` where there are none.
    pub(crate) fn said(&self, now: Timestamp) -> Option<WindowsSaid> {
        self.answer(now).map(|(said, _)| said)
    }

    /// That nothing may be changed at `now`, where windows are closed.
    pub(crate) fn paused(&self, now: Timestamp) -> Option<Paused> {
        let (said, since) = self.answer(now)?;
        since.map(|since| Paused::by_windows(said, since))
    }

    /// What the windows say at `now`, and since when they are closed.
    fn answer(&self, now: Timestamp) -> Option<(WindowsSaid, Option<Timestamp>)> {
        if self.fleet.is_none() && self.own.is_none() {
            return None;
        }
        // Protocol D12.
        let own = self.own.as_ref().filter(|_| self.outside.is_none());
        let counted: Vec<_> = [(WindowsOf::Fleet, self.fleet.as_ref()), (WindowsOf::Member, own)]
            .into_iter()
            .filter_map(|(whose, windows)| Some((whose, windows?)))
            .collect();
        let windows: Vec<_> = counted.iter().map(|(_, windows)| *windows).collect();
        let (answer, place) = together(&windows, now);
        let (open, until, since) = match answer {
            Answer::Open { until } => (true, until, None),
            Answer::Closed { since, until } => (false, until, Some(since)),
        };
        let whose = counted.get(place).map_or(WindowsOf::Member, |(whose, _)| *whose);
        let said = WindowsSaid {
            open,
            until,
            whose,
            fleet: self.fleet.as_ref().map(ToString::to_string),
            member: self.own.as_ref().map(ToString::to_string),
            tzdb: TZDB.to_owned(),
            outside: self.outside.clone(),
        };
        Some((said, since))
    }
}

#[cfg(test)]
mod tests {
    use pmp_protocol::{Because, ChangeWindows, DirectionChange, ExperienceId};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn in_force(fleet: Option<&str>, own: Option<&str>) -> WindowsInForce {
        let read = |text: Option<&str>| text.map(|text| text.parse().unwrap());
        WindowsInForce { fleet: read(fleet), own: read(own), outside: None }
    }

    #[test]
    fn changes_are_made_only_where_both_are_open() {
        // Protocol D12.
        let both = in_force(Some("daily 22:00-04:00 Europe/Berlin"), Some("daily 23:00-06:00 Europe/Berlin"));
        let said = both.said(at("2026-11-30T20:00:00Z")).unwrap();
        assert_eq!((said.open, said.whose), (false, WindowsOf::Member));
        assert_eq!(said.until.unwrap().at, at("2026-11-30T22:00:00Z"));
        let open = both.said(at("2026-11-30T22:30:00Z")).unwrap();
        assert_eq!((open.open, open.whose), (true, WindowsOf::Fleet));
        assert_eq!(both.paused(at("2026-11-30T22:30:00Z")), None);
        let paused = both.paused(at("2026-11-30T20:00:00Z")).unwrap();
        assert_eq!(paused.until, at("2026-11-30T22:00:00Z"));
        // The fleet's closed at 04:00 in Berlin, which is the first that is asked.
        assert_eq!(paused.since, at("2026-11-30T03:00:00Z"));
        assert_eq!(in_force(None, None).said(at("2026-11-30T20:00:00Z")), None);
    }

    #[test]
    fn a_member_may_disregard_its_own_windows_and_not_the_fleets() {
        // Protocol D12.
        let now = at("2026-11-30T12:00:00Z");
        let outside = Outside { by: "arn:mim".to_owned(), at: now, reason: "an incident".to_owned() };
        let disregarded = |fleet, own| WindowsInForce { outside: Some(outside.clone()), ..in_force(fleet, own) };
        let own = disregarded(None, Some("Sat 00:00-24:00 UTC"));
        assert_eq!(own.paused(now), None);
        let said = own.said(now).unwrap();
        assert_eq!((said.open, said.member.as_deref()), (true, Some("Sat 00:00-24:00 UTC")));
        assert_eq!(said.outside.unwrap().reason, "an incident");
        assert!(disregarded(Some("Sat 00:00-24:00 UTC"), None).paused(now).is_some());
    }

    #[test]
    fn windows_that_are_never_open_together_end_by_nothing() {
        let never = in_force(Some("daily 00:00-12:00 UTC"), Some("daily 12:00-24:00 UTC"));
        let paused = never.paused(at("2026-11-30T06:00:00Z")).unwrap();
        assert!(!paused.ends());
        assert!(
            paused.to_string().starts_with("change windows never open together (the fleet's: daily 00:00-12:00 UTC")
        );
    }

    #[test]
    fn windows_of_the_fleet_that_cannot_be_read_never_mean_always() {
        // Protocol D12.
        let direct = |text: &str| {
            let windows = ChangeWindows { text: text.to_owned(), tzdb: "2040a".to_owned(), at: Timestamp::UNIX_EPOCH };
            let because = Because { by: "the hub".into(), at: Timestamp::UNIX_EPOCH, reason: "set".into() };
            let none = Direction::none(ExperienceId::new("exp-management").unwrap(), None);
            none.changed(&DirectionChange::Windows(Some(windows)), &because).unwrap()
        };
        assert_eq!(of_the_fleet(None), Ok(None));
        assert!(of_the_fleet(Some(&direct("daily 00:00-12:00 UTC"))).unwrap().is_some());
        let problem = of_the_fleet(Some(&direct("daily 00:00-12:00 Mars/Olympus_Mons"))).unwrap_err();
        assert!(problem.contains("the hub's is 2040a") && problem.contains("newer release"), "{problem}");
    }
}
