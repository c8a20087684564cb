//! What no entry tells of yet: the steps of a version through the waves, and the settings that the
//! hub gives its members. Pure.
//!
//! Both are compared with the ledger as it is, and not with what a run did. So what a hub could not
//! write, because it stopped, the next one finds. What entries tell by now stands in the head of
//! the audit, in a form of this module.
//!
//! An example. Snapshot 8 is in the wave `canary`. The head says that it was entered. A run finds
//! that the wave `all` was entered as well, and writes one entry about that.

use std::collections::BTreeSet;

use pmp_audit::{Event, HubSettings, WaveStep};
use pmp_ledger::Said;
use pmp_protocol::{Digest, Direction, OrganizationId, PlainText, SnapshotVersion};
use pmp_waves::{Reason, Rollout, Stopped, WaveState};
use serde::{Deserialize, Serialize};

use crate::rollout::state::{Kept, OnTheWay};
use crate::status::fleet::View;

/// The longest reason that an entry tells, in bytes.
const MAX_REASON: usize = 400;

/// The most organizations that one entry names as admitted, and as no longer admitted.
const MAX_NAMED: usize = 1_000;
/// The most organizations of the settings that are followed. The head of the audit is one item of
/// DynamoDB's, of 400 KB, and an id takes at most 37 bytes there.
const MAX_MEMBERS: usize = 5_000;

/// What the ledger says of waves and of settings. What could not be read is `None`: it is not
/// compared (rule 12).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sight<'a> {
    /// The state of waves; none in it where there are none.
    pub(crate) waves: Option<Option<&'a Kept>>,
    /// What is directed for the fleet; none in it where nothing is.
    pub(crate) fleet: Option<Option<&'a Direction>>,
    /// Whom the settings of the hub that runs by itself admit. What a person's command was given is
    /// not looked at: it admits nobody for the hub.
    pub(crate) members: Option<&'a BTreeSet<OrganizationId>>,
}

impl<'a> Sight<'a> {
    /// What a view of the fleet shows.
    pub(crate) fn of(view: &'a View) -> Self {
        let fleet = match &view.fleet {
            Said::Nothing => Some(None),
            Said::Directed(directed) => Some(Some(&directed.direction)),
            Said::Unreadable(_) | Said::NotPermitted => None,
        };
        Self { fleet, ..Self::of_waves(&view.waves) }
    }

    /// What the state of waves alone shows.
    pub(crate) fn of_waves(waves: &'a OnTheWay) -> Self {
        let waves = match waves {
            OnTheWay::NoWaves => Some(None),
            OnTheWay::Kept(kept) => Some(Some(&**kept)),
            OnTheWay::Unreadable(_) => None,
        };
        Self { waves, fleet: None, members: None }
    }
}

/// What entries tell by now, as the head of the audit keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Noted {
    settings: HubSettings,
    /// Whom the settings admit.
    members: BTreeSet<OrganizationId>,
    /// The version whose steps are told.
    version: Option<SnapshotVersion>,
    /// Its steps that are told, each by its key.
    steps: BTreeSet<String>,
}

/// An event with what entries tell by then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) event: Event,
    pub(crate) noted: String,
}

/// What is to be written, one after the other. What the head says of a later release is taken for
/// nothing, so that at most one entry too many is written.
pub(crate) fn notes(noted: Option<&str>, sight: Sight<'_>) -> Vec<Note> {
    let mut noted: Noted = noted.and_then(|noted| serde_json::from_str(noted).ok()).unwrap_or_default();
    let mut notes = Vec::new();
    let mut note = |event, noted: &Noted| {
        // Texts, numbers, and maps with texts as keys: JSON has all of them.
        notes.push(Note { event, noted: serde_json::to_string(noted).unwrap_or_default() });
    };
    let settings = settings(&noted.settings, sight);
    let mut is_new = settings != noted.settings;
    noted.settings = settings;
    loop {
        let (admitted, no_longer_admitted) = members(&mut noted.members, sight);
        if !is_new && admitted.is_empty() && no_longer_admitted.is_empty() {
            break;
        }
        is_new = false;
        note(Event::Settings(HubSettings { admitted, no_longer_admitted, ..noted.settings.clone() }), &noted);
    }
    if let Some(Some(kept)) = sight.waves {
        let (version, all) = steps(&kept.state.rollout);
        if noted.version != Some(version) {
            (noted.version, noted.steps) = (Some(version), BTreeSet::new());
        }
        let new: Vec<_> = all.into_iter().filter(|(key, _)| noted.steps.insert(key.clone())).collect();
        if !new.is_empty() {
            let steps = new.into_iter().map(|(_, step)| step).collect();
            note(Event::Waves { version, steps }, &noted);
        }
    }
    notes
}

/// The settings as they are seen; those that are not seen are as they were told.
fn settings(told: &HubSettings, sight: Sight<'_>) -> HubSettings {
    let mut now = told.clone();
    if let Some(fleet) = sight.fleet {
        now.change_windows = fleet.and_then(|fleet| fleet.change_windows.as_ref()).map(|windows| windows.text.clone());
        now.max_hold_seconds = fleet.and_then(|fleet| fleet.max_hold_seconds);
    }
    if let Some(waves) = sight.waves {
        let names = |kept: &Kept| kept.waves.waves().iter().map(|wave| wave.name.to_string()).collect();
        now.waves = waves.map(names).unwrap_or_default();
        now.waves_digest = waves.map(|kept| Digest::of(kept.state.configuration.as_bytes()));
    }
    now
}

/// Whom the settings admit, and whom no longer, as far as no entry tells it: so many as one entry
/// names. `told` is what entries tell by then.
fn members(told: &mut BTreeSet<OrganizationId>, sight: Sight<'_>) -> (Vec<OrganizationId>, Vec<OrganizationId>) {
    let Some(now) = sight.members else { return Default::default() };
    let gone: Vec<_> = told.difference(now).take(MAX_NAMED).cloned().collect();
    gone.iter().for_each(|id| _ = told.remove(id));
    let room = MAX_MEMBERS.saturating_sub(told.len()).min(MAX_NAMED);
    let admitted: Vec<_> = now.difference(told).take(room).cloned().collect();
    told.extend(admitted.iter().cloned());
    (admitted, gone)
}

/// The steps that a version took so far, each with a key that stays the same, and the version. What
/// a person did by hand has an entry of its own. Where the content of an older version was restored
/// by a new one, the steps are those of the version that was taken back.
fn steps(rollout: &Rollout) -> (SnapshotVersion, Vec<(String, WaveStep)>) {
    let entered = rollout.waves.iter().filter(|wave| wave.state != WaveState::Waiting);
    let mut steps: Vec<_> = entered
        .map(|wave| {
            let promoted_by = wave.promoted.as_ref().map(|promotion| promotion.by.clone());
            let wave = wave.name.to_string();
            (format!("enter {wave}"), WaveStep::Enter { wave, promoted_by })
        })
        .collect();
    let bounded = |reason: &Reason| PlainText::bounded(&reason.to_string(), MAX_REASON).into();
    let version = match &rollout.stopped {
        Some(Stopped::RolledBack { from, .. }) => *from,
        Some(Stopped::Halted { .. } | Stopped::RollingBack { .. }) | None => rollout.version,
    };
    match &rollout.stopped {
        // A version that went on by a person's word may be stopped once more, at another time.
        Some(Stopped::Halted { reason }) if !matches!(reason, Reason::ByHand { .. }) => {
            let at = rollout.waves.iter().find_map(|wave| match wave.state {
                WaveState::Failed { at } => Some(at.to_string()),
                _ => None,
            });
            let key = format!("stop {}", at.unwrap_or_default());
            steps.push((key, WaveStep::Stop { reason: bounded(reason) }));
        }
        Some(Stopped::RollingBack { to, reason } | Stopped::RolledBack { to, reason, .. }) => {
            steps.push(("roll-back".to_owned(), WaveStep::RollBack { to: *to, reason: bounded(reason) }));
        }
        // Where waves begin, and where the fleet is pinned, no wave is entered.
        None if rollout.done && !steps.is_empty() => {
            steps.push(("for-everybody".to_owned(), WaveStep::ForEverybody));
        }
        Some(Stopped::Halted { .. }) | None => {}
    }
    (version, steps)
}

#[cfg(test)]
mod tests;
