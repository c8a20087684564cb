//! What a person reads of waves.

use std::fmt::Write as _;

use jiff::Timestamp;
use pmp_protocol::{OrganizationId, SnapshotVersion, age};
use pmp_waves::{Rollout, Stopped, WaveState, Waves};

/// How far a version has come, in a line.
pub(crate) fn progress(rollout: &Rollout) -> String {
    let version = rollout.version;
    let place = |position: usize| {
        let name = rollout.waves.get(position).map(|wave| wave.name.to_string()).unwrap_or_default();
        format!("wave `{name}` ({} of {})", position + 1, rollout.waves.len())
    };
    match (&rollout.stopped, rollout.current()) {
        (Some(Stopped::Halted { reason }), Some(current)) => {
            format!("snapshot {version} is halted in {}: {reason}", place(current))
        }
        (Some(Stopped::Halted { reason }), None) => format!("snapshot {version} is halted: {reason}"),
        (Some(Stopped::RollingBack { to, reason }), _) => {
            format!("snapshot {version} is being taken back to the content of {to}: {reason}")
        }
        (Some(Stopped::RolledBack { from, to, reason }), _) => {
            format!("snapshot {from} was taken back to the content of {to}, as snapshot {version}: {reason}")
        }
        (None, _) if rollout.done => format!("snapshot {version} is for everybody"),
        (None, Some(current)) => format!("snapshot {version} is in {}", place(current)),
        (None, None) => format!("snapshot {version} waits for its first wave"),
    }
}

/// The same, with since when, for the line at the top of `status`.
pub(crate) fn headline(rollout: &Rollout, now: Timestamp) -> String {
    let mut line = format!("waves: {}", progress(rollout));
    let current = rollout.current().and_then(|current| rollout.waves.get(current));
    let since = current.filter(|_| rollout.stopped.is_none() && !rollout.done).map(|wave| wave.state);
    // Writing to a text does not fail.
    let _ = match since {
        Some(WaveState::Entered { at }) => write!(line, ", entered {} ago", age(at, now)),
        Some(WaveState::InStep { at, .. }) => write!(line, ", in step for {}", age(at, now)),
        Some(WaveState::Waiting | WaveState::Failed { .. } | WaveState::Halted { .. }) | None => Ok(()),
    };
    let left_out: usize = rollout.waves.iter().map(|wave| wave.left_out.len()).sum();
    if left_out > 0 {
        let who = pmp_protocol::count(left_out, "organization");
        let _ = write!(line, "; {who} not waited for any more, because of closed change windows");
    }
    if !rollout.failed.is_empty() {
        let _ = write!(line, "; {} failed with it", pmp_protocol::count(rollout.failed.len(), "organization"));
    }
    line
}

/// How far a version has come, for programs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Shown {
    /// The version that is on its way, or that went through all waves last.
    version: SnapshotVersion,
    /// The newest version that went through all waves; none before the first.
    last_good: Option<SnapshotVersion>,
    /// Where the version stands.
    state: ShownState,
    /// The same, in a sentence.
    message: String,
    /// Organizations that failed with it.
    failed: Vec<OrganizationId>,
    /// The waves, in their order.
    waves: Vec<ShownWave>,
}

/// Where a version stands with all waves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
enum ShownState {
    /// It goes on by itself.
    OnItsWay,
    /// It was stopped, and stays where it is.
    Halted,
    /// It was stopped, and is being taken back.
    RollingBack,
    /// It was taken back.
    RolledBack,
    /// Everybody may take it.
    Done,
}

/// How far one wave has come.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ShownWave {
    /// The name of the wave, as it is configured.
    name: String,
    /// One of `waiting`, `entered`, `in-step`, `failed` and `halted`.
    state: &'static str,
    /// Since when the wave stands so; none of one that waits.
    #[cfg_attr(test, schemars(with = "Option<pmp_protocol::schema::DateTime>"))]
    since: Option<Timestamp>,
    /// Who let the version into it by hand; none where it came by itself.
    promoted_by: Option<String>,
    /// Members that it does not wait for any more, because their change windows were closed for too
    /// long.
    left_out: Vec<OrganizationId>,
}

impl Shown {
    /// What programs read of this state.
    pub(crate) fn of(rollout: &Rollout) -> Self {
        let state = match &rollout.stopped {
            Some(Stopped::Halted { .. }) => ShownState::Halted,
            Some(Stopped::RollingBack { .. }) => ShownState::RollingBack,
            Some(Stopped::RolledBack { .. }) => ShownState::RolledBack,
            None if rollout.done => ShownState::Done,
            None => ShownState::OnItsWay,
        };
        let waves = rollout.waves.iter().map(|wave| {
            let (state, since) = match wave.state {
                WaveState::Waiting => ("waiting", None),
                WaveState::Entered { at } => ("entered", Some(at)),
                WaveState::InStep { at, .. } => ("in-step", Some(at)),
                WaveState::Failed { at } => ("failed", Some(at)),
                WaveState::Halted { at } => ("halted", Some(at)),
            };
            let promoted_by = wave.promoted.as_ref().map(|promotion| promotion.by.clone());
            let left_out = wave.left_out.iter().cloned().collect();
            ShownWave { name: wave.name.to_string(), state, since, promoted_by, left_out }
        });
        Self {
            version: rollout.version,
            last_good: rollout.last_good,
            state,
            message: progress(rollout),
            failed: rollout.failed.iter().cloned().collect(),
            waves: waves.collect(),
        }
    }
}

/// Whether an organization's turn has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TurnOf {
    /// It may take the newest version.
    Come,
    /// Its wave, or its place in the wave, comes later.
    Waiting,
    /// It does not come by itself: the version was stopped.
    Stopped,
}

impl TurnOf {
    /// The word for tables, as JSON has it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Come => "come",
            Self::Waiting => "waiting",
            Self::Stopped => "stopped",
        }
    }
}

/// The wave that an organization belongs to, and whether its turn has come.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct InWave {
    /// The name of its wave, as it is configured.
    pub name: String,
    /// Its position among the waves, from 1.
    pub position: usize,
    /// Whether the turn of the organization has come.
    pub turn: TurnOf,
}

/// The wave of an organization.
pub(crate) fn in_wave(waves: &Waves, rollout: &Rollout, organization: &OrganizationId) -> Option<InWave> {
    let position = waves.wave_of(organization)?;
    let turn = match &rollout.stopped {
        _ if rollout.has_admitted(organization) || rollout.done => TurnOf::Come,
        // What was taken back says the same as what the others have.
        Some(Stopped::RolledBack { .. }) => TurnOf::Come,
        Some(Stopped::Halted { .. } | Stopped::RollingBack { .. }) => TurnOf::Stopped,
        None => TurnOf::Waiting,
    };
    Some(InWave { name: waves.waves().get(position)?.name.to_string(), position: position + 1, turn })
}

#[cfg(test)]
mod tests {
    use pmp_protocol::testing::{now, organization, version};
    use pmp_waves::{Format, Step};

    use super::*;

    #[test]
    fn whoever_is_not_waited_for_any_more_is_told() {
        let waves = Waves::parse("[[waves]]\nname = \"all\"\nshare = 100\n", Format::Toml).unwrap();
        let left_out = organization("o-alpha00000");
        let entered = Rollout::begin(version(8), None, &waves).after(&Step::Enter { wave: 0 }, &waves, now());
        let step = Step::LeaveOut { wave: 0, organizations: [left_out.clone()].into() };
        let rollout = entered.after(&step, &waves, now());
        assert_eq!(
            headline(&rollout, now()),
            "waves: snapshot 8 is in wave `all` (1 of 1), entered 0s ago; 1 organization not waited for any more, because of \
             closed change windows"
        );
        assert_eq!(Shown::of(&rollout).waves[0].left_out, [left_out]);
        assert_eq!(rollout.waves[0].state, entered.waves[0].state, "the others had their time");
    }
}
