//! Says what is directed: the change windows of the fleet, and the pins and pauses in force, a line
//! each; and which of it is not the hub's own word, or an older one that was put back, where the
//! hub signs.

use std::collections::BTreeSet;

use aws_config::SdkConfig;
use jiff::Timestamp;
use pmp_ledger::{DynamoReceipts, Said};
use pmp_protocol::{Direction, Hint, OrganizationId};
use pmp_signature::SHORTEST_LIFETIME;
use pmp_terminal::checkup::{Finding, Stage};
use pmp_terminal::{age, count};
use pmp_windows::{TZDB, Windows};

use crate::config::{CHANGE_WINDOWS, DoctorConfig};
use crate::directed;
use crate::error::HubError;
use crate::signing::Signing;
use crate::status::fleet::{Fleet, View};
use crate::status::windows;
use crate::steer::{Helm, whose};

/// The most organizations that are named one by one.
const NAMED: usize = 10;

/// The findings, where anything is directed. What cannot be read is told by the checks of the
/// ledger.
pub(super) async fn examine(
    sdk: &SdkConfig,
    config: &DoctorConfig,
    view: Option<&View>,
    now: Timestamp,
) -> Vec<Finding> {
    let not_ours = match view {
        Some(view) => not_as_signed(sdk, config, view).await.unwrap_or_default(),
        None => Vec::new(),
    };
    let fleet = view.and_then(|view| view.fleet.direction());
    let windows = change_windows(config.windows.as_ref(), view.is_some(), fleet, now);
    windows.into_iter().chain(view.and_then(|view| directions(view, &not_ours, now))).collect()
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
        (Some(Err(problem)), _) => finding.fail(problem, "update this program, or set them again".to_owned()),
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
fn directions(view: &View, not_ours: &[HubError], now: Timestamp) -> Option<Finding> {
    let fleet = view.fleet.direction().map(|direction| (None, direction));
    let own = view.directions.found.iter().map(|(id, directed)| (Some(id), &directed.direction));
    let told: Vec<_> = fleet.into_iter().chain(own).flat_map(|(id, direction)| in_force(id, direction, now)).collect();
    let unreadable = matches!(view.fleet, Said::Unreadable(_)) || !view.directions.unreadable.is_empty();
    if told.is_empty() && not_ours.is_empty() && !unreadable {
        return None;
    }
    let finding = told.iter().take(NAMED).fold(Finding::of("directions"), Finding::note);
    let finding = match told.len().checked_sub(NAMED) {
        Some(others @ 1..) => finding.note(format!("and {}: `pmp-hub directions`", count(others, "more direction"))),
        _ => finding,
    };
    // Spokes that trust keys change nothing where that is so, and the hub directs nothing anew.
    let finding = not_ours.iter().take(NAMED).fold(finding, |finding, error| {
        let finding = finding.fail(error.to_string(), None);
        error.hint().into_iter().fold(finding, Finding::fix)
    });
    let finding = match not_ours.len().checked_sub(NAMED) {
        Some(others @ 1..) => finding.fail(format!("and {} more alike", count(others, "direction")), None),
        _ => finding,
    };
    Some(if unreadable {
        finding.fail("what is directed cannot be read everywhere", "`pmp-hub directions` says where".to_owned())
    } else {
        finding
    })
}

/// What the hub's key did not sign as it stands in the ledger, and then where an older direction
/// lies than a spoke trusted, or none any more: the fleet's first. None where the hub does not
/// sign, and where the key, or the ledger, cannot be used, which other checks report.
async fn not_as_signed(sdk: &SdkConfig, config: &DoctorConfig, view: &View) -> Option<Vec<HubError>> {
    let (experience, table) = (config.experience.as_ref()?, config.timestamps.clone()?);
    let signing = Signing::new(config.signing_key.as_ref()?.signer(sdk), SHORTEST_LIFETIME);
    let keys = signing.keys().await.ok()?;
    let listed = &view.directions.found;
    let members = view.roster.iter().flatten().map(|(id, _)| id);
    let all: BTreeSet<&OrganizationId> = members.chain(listed.keys()).collect();
    let receipts = DynamoReceipts::new(sdk, table.clone());
    let read = directed::as_spokes_read(&receipts, experience, all.clone()).await.ok()?;
    let fleet = match &view.fleet {
        Said::Directed(directed) => Some(directed.as_ref()),
        Said::Nothing | Said::Unreadable(_) | Said::NotPermitted => None,
    };
    let of_the_fleet = (None, directed::not_ours(&keys, fleet, None));
    let own = all.into_iter().map(|id| (Some(id), directed::not_ours(&keys, listed.get(id), read.get(id))));
    let told = |(id, problem): (Option<&OrganizationId>, Option<String>)| {
        Some(HubError::NotOurs { whose: whose(id), problem: problem? })
    };
    let not_ours = [of_the_fleet].into_iter().chain(own).filter_map(told);

    let of = |said: &Said| said.direction().map_or(0, |direction| direction.generation);
    let is_known = |said: &Said| matches!(said, Said::Nothing | Said::Directed(_));
    let fleet = is_known(&view.fleet).then(|| (None, of(&view.fleet)));
    let own = read.iter().filter(|(_, said)| is_known(said)).map(|(id, said)| (Some(id), of(said)));
    let members = Fleet::new(sdk, config.snapshots.as_ref()?, &table, config.members.clone());
    let helm = Helm { receipts: &receipts, signing: Some(&signing), experience, fleet: Some(&members) };
    // What cannot be read is told by the other checks.
    let older = helm.put_back(fleet.into_iter().chain(own)).await.unwrap_or_default();
    let older = older.into_iter().filter_map(Result::ok).map(HubError::from);
    Some(not_ours.chain(older).collect())
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
