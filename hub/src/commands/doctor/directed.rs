//! Says what is directed: the change windows of the fleet, and the pins and pauses in force, a line
//! each.

use jiff::Timestamp;
use pmp_ledger::Said;
use pmp_protocol::{Direction, OrganizationId};
use pmp_terminal::checkup::{Finding, Stage};
use pmp_terminal::{age, count};
use pmp_windows::{TZDB, Windows};

use crate::config::{CHANGE_WINDOWS, DoctorConfig};
use crate::status::fleet::View;
use crate::status::windows;

/// The most organizations that are named one by one.
const NAMED: usize = 10;

/// The findings, where anything is directed. What cannot be read is told by the checks of the
/// ledger.
pub(super) fn examine(config: &DoctorConfig, view: Option<&View>, now: Timestamp) -> Vec<Finding> {
    let fleet = view.and_then(|view| view.fleet.direction());
    let windows = change_windows(config.windows.as_ref(), view.is_some(), fleet, now);
    windows.into_iter().chain(view.and_then(|view| directions(view, now))).collect()
}

/// Checks the change windows that are set here, and those that are directed. `reads`: whether the
/// latter are known.
fn change_windows(set: Option<&Windows>, reads: bool, fleet: Option<&Direction>, now: Timestamp) -> Option<Finding> {
    let directed = windows::of_the_fleet(fleet, now);
    if directed.is_none() && set.is_none_or(Windows::is_always) {
        return None;
    }
    let finding = Finding::of("change-windows");
    let text = fleet.and_then(|fleet| fleet.change_windows.as_ref()).map(|windows| windows.text.as_str());
    let finding = match (directed, set) {
        (Some(Err(problem)), _) => finding.fail(problem, "update this program, or set them anew".to_owned()),
        (Some(Ok(said)), _) => finding.note(said.told(now)),
        (None, Some(set)) => finding.note(windows::said(set, now).told(now)),
        (None, None) => finding,
    };
    let finding = finding.note(format!("time zone database {TZDB}"));
    let wanted = set.map(|set| Some(set.to_string()).filter(|_| !set.is_always()));
    Some(match wanted {
        Some(wanted) if reads && wanted.as_deref() != text => finding
            .warn(
                format!(
                    "the members are told `{}`, and {CHANGE_WINDOWS} says `{}`",
                    said(text),
                    said(wanted.as_deref())
                ),
                "`pmp-hub publish` tells them what is set here".to_owned(),
            )
            .command(Stage::Run, super::PUBLISH.to_owned()),
        _ => finding,
    })
}

fn said(text: Option<&str>) -> &str {
    text.unwrap_or("always")
}

/// The pins and pauses in force: the fleet's first.
fn directions(view: &View, now: Timestamp) -> Option<Finding> {
    let fleet = view.fleet.direction().map(|direction| (None, direction));
    let own = view.directions.found.iter().map(|(id, directed)| (Some(id), &directed.direction));
    let told: Vec<_> = fleet.into_iter().chain(own).flat_map(|(id, direction)| in_force(id, direction, now)).collect();
    let unreadable = matches!(view.fleet, Said::Unreadable(_)) || !view.directions.unreadable.is_empty();
    if told.is_empty() && !unreadable {
        return None;
    }
    let finding = told.iter().take(NAMED).fold(Finding::of("directions"), Finding::note);
    let finding = match told.len().checked_sub(NAMED) {
        Some(others @ 1..) => finding.note(format!("and {}: `pmp-hub directions`", count(others, "more direction"))),
        _ => finding,
    };
    Some(if unreadable {
        finding.fail("what is directed cannot be read everywhere", "`pmp-hub directions` says where".to_owned())
    } else {
        finding
    })
}

/// What a direction says now, besides change windows: each with its author and its reason.
fn in_force(organization: Option<&OrganizationId>, direction: &Direction, now: Timestamp) -> Vec<String> {
    let whom = organization.map_or_else(|| "the fleet".to_owned(), ToString::to_string);
    let pin = direction.pin.as_ref().map(|pin| {
        format!("{whom} is pinned to {} by {} {} ago: {}", pin.version, pin.by, age(pin.at, now), pin.reason)
    });
    let pause = direction.paused(now).map(|pause| {
        format!("{whom} is paused until {} by {} {} ago: {}", pause.ends(), pause.by, age(pause.at, now), pause.reason)
    });
    pin.into_iter().chain(pause).collect()
}
