//! Change windows as the hub sees them: the fleet's, by what it directs, and a member's, by what
//! the spoke says of them. Pure.

use jiff::{SignedDuration, Timestamp};
use pmp_protocol::{Direction, Paused, WindowsOf, WindowsSaid};
use pmp_windows::{Answer, TZDB, Windows};

use crate::status::SpokeState;

/// How an experience stands whose spoke says that change windows are closed. The hub compares: it
/// asks the fleet's windows, which are its own, and the member's, as the spoke tells them.
///
/// Each is asked by itself for this moment. When both are open is the spoke's word, because finding
/// it may take long, and the words of a member must cost the hub nothing (rule 11 of the design).
pub(super) fn judge(
    fleet: Option<&Direction>,
    paused: &Paused,
    said: &WindowsSaid,
    now: Timestamp,
    stale_after: SignedDuration,
) -> (SpokeState, String) {
    let directed = fleet.and_then(|fleet| fleet.change_windows.as_ref());
    let of_the_fleet = directed.and_then(|windows| windows.text.parse::<Windows>().ok());
    let of_the_member = said.member.as_ref().filter(|_| said.outside.is_none());
    let of_the_member = of_the_member.map(|text| text.parse::<Windows>());
    let closed = |windows: &Windows| !windows.answer(now).is_open();
    // Words that a newer release wrote are believed as long as they say.
    let member_closed = match &of_the_member {
        Some(Ok(windows)) => closed(windows),
        Some(Err(_)) => now < paused.until,
        None => false,
    };
    let same = directed.map(|windows| &windows.text) == said.fleet.as_ref();
    if said.never_open() && same {
        return (SpokeState::Error, format!("{said}; nothing is ever changed there: align them"));
    }
    if member_closed || of_the_fleet.as_ref().is_some_and(closed) {
        return (SpokeState::Paused, said.told(now));
    }
    // They are open, or were taken away, and the spoke has not gone on yet.
    let changed = fleet.filter(|_| now < paused.until).map_or(now, |fleet| fleet.at);
    let since = paused.until.min(now).min(changed);
    let state = if now.duration_since(since) > stale_after { SpokeState::Stale } else { SpokeState::Applying };
    (state, format!("waited for {said}; that is over, and its spoke has not gone on yet"))
}

/// What the fleet's change windows say at `now`; none where it has none.
pub(crate) fn of_the_fleet(fleet: Option<&Direction>, now: Timestamp) -> Option<Result<WindowsSaid, String>> {
    let windows = fleet?.change_windows.as_ref()?;
    let read = windows.text.parse::<Windows>();
    Some(match read {
        Ok(read) => Ok(said(&read, now)),
        Err(error) => Err(format!("the fleet's change windows cannot be read by this release: {error}")),
    })
}

/// What these windows of the fleet say at `now`.
pub(crate) fn said(windows: &Windows, now: Timestamp) -> WindowsSaid {
    let (open, until) = match windows.answer(now) {
        Answer::Open { until } => (true, until),
        Answer::Closed { until, .. } => (false, until),
    };
    WindowsSaid {
        open,
        until,
        whose: WindowsOf::Fleet,
        fleet: Some(windows.to_string()),
        member: None,
        tzdb: TZDB.to_owned(),
        outside: None,
    }
}

#[cfg(test)]
mod tests {
    use pmp_protocol::{Because, ChangeWindows, DirectionChange, ExperienceId};

    use super::*;

    const NIGHTS: &str = "Mon-Fri 22:00-04:00 Europe/Berlin";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn directed(text: &str) -> Direction {
        let windows = ChangeWindows { text: text.to_owned(), tzdb: TZDB.to_owned(), at: at("2026-11-01T00:00:00Z") };
        let because = Because { by: "the hub".into(), at: at("2026-11-01T00:00:00Z"), reason: "set".into() };
        let none = Direction::none(ExperienceId::new("exp-management").unwrap(), None);
        none.changed(&DirectionChange::Windows(Some(windows)), &because).unwrap()
    }

    /// What a spoke says at noon of 2026-11-30, a Monday.
    fn paused(fleet: Option<&str>, member: Option<&str>) -> Paused {
        let noon = at("2026-11-30T12:00:00Z");
        let words = [fleet, member].into_iter().flatten().next().unwrap();
        let of_all = said(&words.parse().unwrap(), noon);
        let (fleet, member) = (fleet.map(str::to_owned), member.map(str::to_owned));
        Paused::by_windows(WindowsSaid { fleet, member, ..of_all }, at("2026-11-30T03:00:00Z"))
    }

    fn judged(fleet: Option<&Direction>, paused: &Paused, now: &str) -> (SpokeState, String) {
        let said = paused.windows.as_ref().unwrap();
        judge(fleet, paused, said, at(now), SignedDuration::from_hours(3))
    }

    #[test]
    fn a_spoke_that_waits_for_the_fleets_windows_is_paused_until_they_open() {
        let (fleet, waits) = (directed(NIGHTS), paused(Some(NIGHTS), None));
        let (state, message) = judged(Some(&fleet), &waits, "2026-11-30T18:00:00Z");
        assert_eq!(state, SpokeState::Paused);
        let told = "change windows closed until Mon 22:00 Europe/Berlin (in 3h) (the fleet's: Mon-Fri 22:00-04:00 Europe/Berlin)";
        assert_eq!(message, told);
        assert_eq!(judged(Some(&fleet), &waits, "2026-11-30T22:00:00Z").0, SpokeState::Applying);
        assert_eq!(judged(Some(&fleet), &waits, "2026-12-01T00:30:00Z").0, SpokeState::Stale);
    }

    #[test]
    fn a_spoke_that_waits_for_windows_that_are_no_more_is_not_believed() {
        let waits = paused(Some(NIGHTS), None);
        assert_eq!(judged(None, &waits, "2026-11-30T12:30:00Z").0, SpokeState::Applying);
        let always = directed(NIGHTS).changed(
            &DirectionChange::Windows(None),
            &Because { by: "the hub".into(), at: at("2026-11-30T12:05:00Z"), reason: "an incident".into() },
        );
        assert_eq!(judged(always.as_ref(), &waits, "2026-11-30T14:00:00Z").0, SpokeState::Applying);
        assert_eq!(judged(always.as_ref(), &waits, "2026-11-30T16:00:00Z").0, SpokeState::Stale);
    }

    #[test]
    fn a_members_own_windows_are_asked_as_its_spoke_tells_them() {
        let waits = paused(None, Some(NIGHTS));
        assert_eq!(judged(None, &waits, "2026-11-30T18:00:00Z").0, SpokeState::Paused);
        assert_eq!(judged(None, &waits, "2026-11-30T21:30:00Z").0, SpokeState::Applying);
        // Words of a newer release hold for as long as they say.
        let mut newer = waits;
        newer.windows.as_mut().unwrap().member = Some("on full moon".to_owned());
        assert_eq!(judged(None, &newer, "2026-11-30T20:59:59Z").0, SpokeState::Paused);
        assert_eq!(judged(None, &newer, "2026-11-30T21:30:00Z").0, SpokeState::Applying);
    }

    #[test]
    fn windows_that_never_meet_need_a_person() {
        let fleet = directed("daily 00:00-12:00 UTC");
        let mut waits = paused(Some("daily 00:00-12:00 UTC"), Some("daily 12:00-24:00 UTC"));
        waits.windows.as_mut().unwrap().until = None;
        let (state, message) = judged(Some(&fleet), &waits, "2026-11-30T12:30:00Z");
        assert_eq!(state, SpokeState::Error);
        assert!(
            message.starts_with("change windows never open together (the fleet's: daily 00:00-12:00 UTC"),
            "{message}"
        );
    }
}
