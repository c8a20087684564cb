//! The state of a version on its way. It lies in the ledger.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use pmp_protocol::{Because, OrganizationId, SnapshotVersion, count};
use serde::{Deserialize, Serialize};

use crate::observed::Standing;
use crate::step::{Reason, Step};
use crate::{Fleet, WaveName, Waves};

/// So long after it was entered, a wave waits no longer for closed change windows: one that opens
/// once a week has opened by then.
const LONGEST_WAIT_FOR_WINDOWS: SignedDuration = SignedDuration::from_hours(8 * 24);

/// How far a version has come, and to which version each organization is directed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// The version that is on its way.
    pub version: SnapshotVersion,
    /// The newest version that went through all waves; everybody is directed to it who is not
    /// directed to another one. None where there was none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good: Option<SnapshotVersion>,
    /// The waves, in the configured order.
    pub waves: Vec<Progress>,
    /// Organizations that are directed to a version of their own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub directed: BTreeMap<OrganizationId, SnapshotVersion>,
    /// Organizations that failed with this version, even if they recovered.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub failed: BTreeSet<OrganizationId>,
    /// Why it goes no further by itself; none where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
    /// Whether it went through all waves.
    #[serde(default)]
    pub done: bool,
}

/// How far one wave has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The wave's name, as it is configured.
    pub name: WaveName,
    /// Where it stands with the version.
    pub state: WaveState,
    /// Who let the version into this wave by hand; none where it came by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promoted: Option<Promotion>,
    /// When the wave was entered that has been prolonged for closed change windows since; none
    /// where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub windows_since: Option<Timestamp>,
    /// Members that it does not wait for any more, because their change windows were closed for too
    /// long.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub left_out: BTreeSet<OrganizationId>,
}

/// Where a wave stands with the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum WaveState {
    /// Its turn has not come.
    Waiting,
    /// Its members are directed to the version.
    Entered {
        /// When it was entered.
        at: Timestamp,
    },
    /// Enough of its members are in step.
    InStep {
        /// When it was entered.
        entered: Timestamp,
        /// Since when enough of them are in step.
        at: Timestamp,
    },
    /// The version failed here.
    Failed {
        /// When it was stopped.
        at: Timestamp,
    },
    /// A person stopped the version here.
    Halted {
        /// When it was stopped.
        at: Timestamp,
    },
}

/// A person's decision to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promotion {
    /// Who decided it, as the operator's identity says.
    pub by: String,
    /// When it was decided.
    pub at: Timestamp,
    /// Why, in that person's words.
    #[serde(default)]
    pub why: String,
}

/// How a version was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stopped", rename_all = "kebab-case")]
pub enum Stopped {
    /// It stays where it is.
    Halted {
        /// Why it was stopped.
        reason: Reason,
    },
    /// The content of `to` is to be published as a new version.
    RollingBack {
        /// The version to go back to.
        to: SnapshotVersion,
        /// Why it was stopped.
        reason: Reason,
    },
    /// That new version, `version` of the rollout, is what its members are directed to.
    RolledBack {
        /// The version that failed.
        from: SnapshotVersion,
        /// The version whose content is in force again.
        to: SnapshotVersion,
        /// Why it was stopped.
        reason: Reason,
    },
}

/// Why a version was not promoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPromoted {
    /// There is no wave left.
    #[error("snapshot {version} is in its last wave already: there is nothing to promote it to")]
    LastWave {
        /// The version that is on its way.
        version: SnapshotVersion,
    },
    /// It was taken back.
    #[error("version {from} was taken back: correct the management experience, and the next version begins again")]
    TakenBack {
        /// The version that failed.
        from: SnapshotVersion,
    },
    /// The state knows other waves than the configuration.
    #[error("the waves were configured again: let the hub run once with them, and promote then")]
    OtherWaves,
    /// The bound would not hold.
    #[error(
        "{} failed with version {version}, and `max_failures` is {max_failures}: fix what fails there, or raise \
         `max_failures`",
        named(failed)
    )]
    TooManyFailed {
        /// The version that is on its way.
        version: SnapshotVersion,
        /// Organizations that have not recovered.
        failed: BTreeSet<OrganizationId>,
        /// As it is configured.
        max_failures: usize,
    },
}

/// The most organizations that are named.
const MAX_NAMED: usize = 3;

/// Organizations by number and, the first of them, by name: "2 organizations (o-a, o-b)".
fn named(organizations: &BTreeSet<OrganizationId>) -> String {
    let names: Vec<_> = organizations.iter().take(MAX_NAMED).map(OrganizationId::as_str).collect();
    let more = organizations.len().saturating_sub(MAX_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{} ({}{more})", count(organizations.len(), "organization"), names.join(", "))
}

pmp_protocol::codes!(NotPromoted {
    LastWave => "E4040",
    TakenBack => "E4041",
    OtherWaves => "E4042",
    TooManyFailed => "E4043",
});

impl Rollout {
    /// The first version that goes through waves, where everybody had `last_good` before.
    #[must_use]
    pub fn begin(version: SnapshotVersion, last_good: Option<SnapshotVersion>, waves: &Waves) -> Self {
        Self {
            version,
            last_good,
            waves: waves.waves().iter().map(|wave| Progress::waiting(wave.name.clone())).collect(),
            directed: BTreeMap::new(),
            failed: BTreeSet::new(),
            stopped: None,
            done: false,
        }
    }

    /// The state in which everybody is directed to `version`, and no version is on its way: where
    /// waves begin, and where operators pin the fleet, which goes past all waves.
    #[must_use]
    pub fn everywhere(version: SnapshotVersion, waves: &Waves) -> Self {
        Self { done: true, ..Self::begin(version, Some(version), waves) }
    }

    /// The version that an organization may take; none where it has to wait for its first.
    #[must_use]
    pub fn directed(&self, organization: &OrganizationId) -> Option<SnapshotVersion> {
        self.directed.get(organization).copied().or(self.last_good)
    }

    /// Whether an organization may take the version that is on its way.
    #[must_use]
    pub fn has_admitted(&self, organization: &OrganizationId) -> bool {
        self.directed(organization) == Some(self.version)
    }

    /// The position of the wave that was entered last; none before the first.
    #[must_use]
    pub fn current(&self) -> Option<usize> {
        self.waves.iter().rposition(|wave| wave.state != WaveState::Waiting)
    }

    /// The state for a newer version: it begins with the first wave, and everybody stays directed
    /// to what they are directed to. None where `version` is not newer, and where the content of an
    /// earlier version is to be restored: that goes first, since organizations wait for it.
    #[must_use]
    pub fn superseded(&self, version: SnapshotVersion, waves: &Waves) -> Option<Self> {
        if version <= self.version || matches!(self.stopped, Some(Stopped::RollingBack { .. })) {
            return None;
        }
        Some(Self { directed: self.directed.clone(), ..Self::begin(version, self.last_good, waves) })
    }

    /// The state after the content of an earlier version was published again as `version`, as
    /// [`Step::RollBack`] asks: everybody who is directed to the failed version, or to another that
    /// came after the last good one, is directed to it. None where that was not asked for, or
    /// `version` is older. It is the failed version itself where that has the same content: then
    /// there is nothing to publish.
    #[must_use]
    pub fn restored(&self, version: SnapshotVersion) -> Option<Self> {
        let Some(Stopped::RollingBack { to, reason }) = &self.stopped else { return None };
        if version < self.version {
            return None;
        }
        let stopped = Stopped::RolledBack { from: self.version, to: *to, reason: reason.clone() };
        let directed = self.directed.keys().map(|organization| (organization.clone(), version)).collect();
        Some(Self { version, directed, stopped: Some(stopped), ..self.clone() })
    }

    /// The state that `step` leads to. A step that changes nothing leads to the same.
    #[must_use]
    pub fn after(&self, step: &Step, waves: &Waves, now: Timestamp) -> Self {
        let mut next = self.clone();
        match step {
            Step::Adopt => next.adopt(waves, now),
            Step::Remember { failed } => next.failed.extend(failed.iter().cloned()),
            Step::Enter { wave } => next.set(*wave, WaveState::Entered { at: now }),
            Step::Prolong { wave, windows } => {
                let entered = self.entered(*wave);
                next.set(*wave, WaveState::Entered { at: now });
                if let Some(progress) = next.waves.get_mut(*wave) {
                    progress.windows_since = progress.windows_since.or(entered).filter(|_| *windows);
                }
            }
            Step::LeaveOut { wave, organizations } => next.leave_out(*wave, organizations, waves, now),
            Step::Admit { organizations } => {
                next.directed.extend(organizations.iter().map(|organization| (organization.clone(), self.version)));
            }
            Step::InStep { wave } => {
                next.set(*wave, WaveState::InStep { entered: self.entered(*wave).unwrap_or(now), at: now });
            }
            Step::OutOfStep { wave } => {
                next.set(*wave, WaveState::Entered { at: self.entered(*wave).unwrap_or(now) });
            }
            Step::Halt { reason } => {
                next.stop(Stopped::Halted { reason: reason.clone() }, WaveState::Failed { at: now });
            }
            Step::RollBack { to, reason } => {
                next.stop(Stopped::RollingBack { to: *to, reason: reason.clone() }, WaveState::Failed { at: now });
            }
            // From now on the version is the one that everybody is directed to.
            Step::Done => {
                next = Self { last_good: Some(self.version), directed: BTreeMap::new(), done: true, ..self.clone() }
            }
            Step::Wait { .. } => {}
        }
        next
    }

    /// The state after a person stopped the version. One that was taken back stays so.
    #[must_use]
    pub fn halted(&self, by: &str, why: &str, now: Timestamp) -> Self {
        let mut next = self.clone();
        if self.stopped.is_none() && !self.done {
            let reason = Reason::ByHand { by: by.to_owned(), why: why.to_owned() };
            next.stop(Stopped::Halted { reason }, WaveState::Halted { at: now });
        }
        next
    }

    /// The state after a person let the version go on: into the next wave, or, where it was stopped
    /// in the last one, on with that. Organizations that recovered from a failure do not count any
    /// more.
    ///
    /// # Errors
    /// Where more organizations than `max_failures` have not recovered, and where there is nothing
    /// to go on with.
    pub fn promoted(&self, waves: &Waves, fleet: &Fleet, because: &Because) -> Result<Self, NotPromoted> {
        let Because { by, at: now, reason: why } = because.clone();
        let version = self.version;
        match &self.stopped {
            Some(Stopped::RollingBack { .. }) => return Err(NotPromoted::TakenBack { from: version }),
            Some(Stopped::RolledBack { from, .. }) => return Err(NotPromoted::TakenBack { from: *from }),
            Some(Stopped::Halted { .. }) | None => {}
        }
        if !self.fits(waves) {
            return Err(NotPromoted::OtherWaves);
        }
        // One that left the roster, or was taken off the version by a pin, fails with it no more.
        let recovered = |organization: &OrganizationId| {
            fleet.get(organization).is_none_or(|observed| {
                let is_elsewhere = observed.version != Some(version) && observed.standing == Standing::Paused;
                observed.stands(version, Standing::InStep) || is_elsewhere
            })
        };
        let mut failed = self.failed.clone();
        failed.retain(|organization| !recovered(organization));
        // Failures that were seen and not written down yet count as well.
        failed.extend(failing(fleet, version));
        let max_failures = waves.max_failures();
        if failed.len() > max_failures {
            return Err(NotPromoted::TooManyFailed { version, failed, max_failures });
        }
        let next_wave = self.current().map_or(0, |current| current + 1);
        let last = self.waves.len().saturating_sub(1);
        if self.done || (next_wave > last && self.stopped.is_none()) {
            return Err(NotPromoted::LastWave { version });
        }
        let mut next = Self { failed, stopped: None, ..self.clone() };
        let wave = next_wave.min(last);
        next.set(wave, WaveState::Entered { at: now });
        if let Some(progress) = next.waves.get_mut(wave) {
            progress.promoted = Some(Promotion { by, at: now, why });
            // A person knows how long the wave took so far, and lets it begin anew.
            (progress.windows_since, progress.left_out) = (None, BTreeSet::new());
        }
        Ok(next)
    }

    /// Whether the state knows the configured waves, in their order.
    pub(crate) fn fits(&self, waves: &Waves) -> bool {
        self.waves.iter().map(|wave| &wave.name).eq(waves.waves().iter().map(|wave| &wave.name))
    }

    /// Takes the configured waves over. A wave that keeps its name keeps its state. New ones before
    /// one that was entered count as entered: their members are admitted, since later ones are.
    fn adopt(&mut self, waves: &Waves, now: Timestamp) {
        let known = |name: &WaveName| self.waves.iter().find(|wave| wave.name == *name).cloned();
        let configured = waves.waves().iter().map(|wave| wave.name.clone());
        self.waves = configured.map(|name| known(&name).unwrap_or_else(|| Progress::waiting(name))).collect();
        let entered = self.current().unwrap_or(0);
        for wave in self.waves.iter_mut().take(entered) {
            if wave.state == WaveState::Waiting {
                wave.state = WaveState::Entered { at: now };
            }
        }
    }

    /// Waits no longer for these members. Where few work at one time, others come in their place,
    /// who need time; everybody else had it.
    fn leave_out(&mut self, wave: usize, organizations: &BTreeSet<OrganizationId>, waves: &Waves, now: Timestamp) {
        if let Some(progress) = self.waves.get_mut(wave) {
            progress.windows_since = progress.windows_since.or(entered_at(progress.state));
            progress.left_out.extend(organizations.iter().cloned());
        }
        if waves.waves().get(wave).is_some_and(|wave| wave.at_once.is_some()) {
            self.set(wave, WaveState::Entered { at: now });
        }
    }

    /// Whether a wave waits for a member whose change windows are closed.
    pub(crate) fn waits_for_windows(&self, wave: usize, now: Timestamp) -> bool {
        let Some(progress) = self.waves.get(wave) else { return false };
        let since = progress.windows_since.or(entered_at(progress.state));
        since.is_some_and(|since| now.duration_since(since) < LONGEST_WAIT_FOR_WINDOWS)
    }

    /// Whether a wave does not wait for this organization any more.
    pub(crate) fn leaves_out(&self, organization: &OrganizationId) -> bool {
        self.waves.iter().any(|wave| wave.left_out.contains(organization))
    }

    fn set(&mut self, wave: usize, state: WaveState) {
        if let Some(progress) = self.waves.get_mut(wave) {
            progress.state = state;
        }
    }

    fn stop(&mut self, stopped: Stopped, state: WaveState) {
        self.stopped = Some(stopped);
        if let Some(current) = self.current() {
            self.set(current, state);
        }
    }

    /// When a wave was entered; none where it was not, or the version was stopped in it.
    pub(crate) fn entered(&self, wave: usize) -> Option<Timestamp> {
        entered_at(self.waves.get(wave)?.state)
    }
}

/// When a wave in this state was entered.
fn entered_at(state: WaveState) -> Option<Timestamp> {
    match state {
        WaveState::Entered { at } => Some(at),
        WaveState::InStep { entered, .. } => Some(entered),
        WaveState::Waiting | WaveState::Failed { .. } | WaveState::Halted { .. } => None,
    }
}

impl Progress {
    /// A wave whose turn has not come.
    #[must_use]
    pub fn waiting(name: WaveName) -> Self {
        Self { name, state: WaveState::Waiting, promoted: None, windows_since: None, left_out: BTreeSet::new() }
    }
}

/// The organizations that say that they fail with `version` now.
pub(crate) fn failing(fleet: &Fleet, version: SnapshotVersion) -> impl Iterator<Item = OrganizationId> + '_ {
    let failing = fleet.iter().filter(move |(_, observed)| observed.stands(version, Standing::Failed));
    failing.map(|(organization, _)| organization.clone())
}
