//! The decision: what comes next for a version on its way.

use std::collections::BTreeSet;

use jiff::Timestamp;
use pmp_protocol::OrganizationId;

use crate::config::{OnFailure, Waves};
use crate::members::Members;
use crate::observed::{Fleet, Observed, Standing};
use crate::rollout::{Rollout, Stopped, WaveState, failing};
use crate::step::{Reason, Step, Tally, Waiting};

/// What comes next for the version of `rollout`, given what is observed of the fleet.
///
/// The order of the questions is what makes `max_failures` hold. Failures are remembered before all
/// else. A version that too many failed with is stopped before anybody is admitted or a wave is
/// entered. See the crate's documentation for an example, and for the order in which to read.
#[must_use]
pub fn next(waves: &Waves, rollout: &Rollout, fleet: &Fleet, now: Timestamp) -> Step {
    if rollout.done {
        return wait(None, Waiting::Done);
    }
    let failed: BTreeSet<_> =
        failing(fleet, rollout.version).filter(|organization| !rollout.failed.contains(organization)).collect();
    if !failed.is_empty() && !is_taken_back(rollout) {
        return Step::Remember { failed };
    }
    match &rollout.stopped {
        // Whoever began it may have stopped before the content was published.
        Some(Stopped::RollingBack { to, reason }) => return Step::RollBack { to: *to, reason: reason.clone() },
        Some(Stopped::Halted { .. } | Stopped::RolledBack { .. }) => return wait(None, Waiting::Stopped),
        None => {}
    }
    if !rollout.fits(waves) {
        return Step::Adopt;
    }
    if rollout.failed.len() > waves.max_failures() {
        let (failed, max_failures) = (rollout.failed.len(), waves.max_failures());
        return stop(waves, rollout, Reason::TooManyFailed { failed, max_failures });
    }
    if fleet.is_empty() {
        return wait(None, Waiting::ForAFleet);
    }
    let Some(current) = rollout.current() else { return Step::Enter { wave: 0 } };
    let organizations = to_admit(waves, rollout, fleet, current, now);
    if !organizations.is_empty() {
        return Step::Admit { organizations };
    }
    judge(waves, rollout, fleet, current, now)
}

/// What to do about the wave that was entered last.
fn judge(waves: &Waves, rollout: &Rollout, fleet: &Fleet, current: usize, now: Timestamp) -> Step {
    let Some(wave) = waves.waves().get(current) else { return Step::Adopt };
    let tally = tally(waves, rollout, fleet, current, now);
    // There is nobody to wait for. Where organizations are named, and none of them is on the
    // roster, an id may be mistyped: that waits for the deadline, so that a person can notice it.
    if tally.members == 0 && matches!(wave.members, Members::Share(_)) {
        return pass(waves, current);
    }
    let is_in_step = tally.reaches(wave.in_step_percent);
    let waiting = waiting_for_windows(waves, rollout, fleet, current, now);
    match rollout.waves.get(current).map(|progress| progress.state) {
        Some(WaveState::InStep { .. }) if !is_in_step => Step::OutOfStep { wave: current },
        Some(WaveState::InStep { at, .. }) => match at.saturating_add(wave.soak) {
            Ok(until) if now < until => wait(Some(until), Waiting::Soaking { tally }),
            _ => pass(waves, current),
        },
        Some(WaveState::Entered { .. }) if is_in_step => Step::InStep { wave: current },
        Some(WaveState::Entered { at }) => match at.saturating_add(wave.deadline) {
            Ok(until) if now < until => wait(Some(until), Waiting::ForMembers { tally }),
            // They could not, and will be able to: closed change windows stop no version.
            _ if !waiting.is_empty() && rollout.waits_for_windows(current, now) => {
                Step::Prolong { wave: current, windows: true }
            }
            _ if !waiting.is_empty() => Step::LeaveOut { wave: current, organizations: waiting },
            // Nobody could try it: it does not go on untried because the fleet was paused.
            _ if tally.counted == 0 && is_paused(waves, fleet, current, now) => {
                Step::Prolong { wave: current, windows: false }
            }
            // Nobody is heard of: whoever is silent never blocks the others.
            _ if tally.counted == 0 => pass(waves, current),
            _ => stop(waves, rollout, Reason::Deadline { wave: current, tally }),
        },
        // Not reached: a version that was stopped in a wave is `stopped`, and `current` was
        // entered.
        Some(WaveState::Waiting | WaveState::Failed { .. } | WaveState::Halted { .. }) | None => {
            wait(None, Waiting::Stopped)
        }
    }
}

/// The members of waves that were entered and that may take the version now. A wave with
/// `at_once` admits only organizations that were heard of, and only as many as may work at it at
/// one time, counted over all waves.
fn to_admit(
    waves: &Waves,
    rollout: &Rollout,
    fleet: &Fleet,
    current: usize,
    now: Timestamp,
) -> BTreeSet<OrganizationId> {
    let at_once = waves.waves().get(current).and_then(|wave| wave.at_once);
    let counts = |organization: &OrganizationId| {
        fleet.get(organization).is_some_and(|observed| observed.counts(waves.silent_after(), now))
    };
    let is_in_turn = |organization: &OrganizationId| {
        !rollout.has_admitted(organization) && waves.wave_of(organization).is_some_and(|wave| wave <= current)
    };
    let in_turn = fleet.keys().filter(|organization| is_in_turn(organization));
    let Some(at_once) = at_once else { return in_turn.cloned().collect() };
    let undecided = |organization: &OrganizationId| {
        let decided = fleet.get(organization).is_some_and(|observed| {
            observed.stands(rollout.version, Standing::InStep) || observed.stands(rollout.version, Standing::Failed)
        });
        // One whose change windows were closed for too long takes nobody else's place.
        rollout.has_admitted(organization) && counts(organization) && !decided && !rollout.leaves_out(organization)
    };
    let working = fleet.keys().filter(|organization| undecided(organization)).count();
    in_turn.filter(|organization| counts(organization)).take(at_once.get().saturating_sub(working)).cloned().collect()
}

/// What is seen of the members of a wave.
fn of_wave<'a>(
    waves: &'a Waves,
    fleet: &'a Fleet,
    wave: usize,
) -> impl Iterator<Item = (&'a OrganizationId, &'a Observed)> {
    fleet.iter().filter(move |(organization, _)| waves.wave_of(organization) == Some(wave))
}

fn tally(waves: &Waves, rollout: &Rollout, fleet: &Fleet, wave: usize, now: Timestamp) -> Tally {
    let mut tally = Tally { members: 0, counted: 0, in_step: 0 };
    for (organization, observed) in of_wave(waves, fleet, wave) {
        let counts = observed.counts(waves.silent_after(), now) && !rollout.leaves_out(organization);
        tally.members += 1;
        tally.counted += usize::from(counts);
        tally.in_step += usize::from(counts && observed.stands(rollout.version, Standing::InStep));
    }
    tally
}

/// The members of the wave that could not take the version yet, because their change windows are
/// closed, and that are not left out for that.
fn waiting_for_windows(
    waves: &Waves,
    rollout: &Rollout,
    fleet: &Fleet,
    wave: usize,
    now: Timestamp,
) -> BTreeSet<OrganizationId> {
    let waits = |observed: &Observed| {
        observed.counts(waves.silent_after(), now) && observed.stands(rollout.version, Standing::Waiting)
    };
    let members = of_wave(waves, fleet, wave).filter(|(_, observed)| waits(observed)).map(|(id, _)| id);
    members.filter(|id| !rollout.leaves_out(id)).cloned().collect()
}

/// Whether the hub's operators paused a member of the wave that was heard of.
fn is_paused(waves: &Waves, fleet: &Fleet, wave: usize, now: Timestamp) -> bool {
    let is_paused = |observed: &Observed| observed.standing == Standing::PausedByHub;
    of_wave(waves, fleet, wave).any(|(_, observed)| observed.is_heard(waves.silent_after(), now) && is_paused(observed))
}

fn pass(waves: &Waves, current: usize) -> Step {
    let next = current + 1;
    if next < waves.waves().len() { Step::Enter { wave: next } } else { Step::Done }
}

fn stop(waves: &Waves, rollout: &Rollout, reason: Reason) -> Step {
    match (waves.on_failure(), rollout.last_good) {
        (OnFailure::RollBack, Some(to)) => Step::RollBack { to, reason },
        // Before the first version that went through all waves there is nothing to go back to.
        (OnFailure::RollBack, None) | (OnFailure::Halt, _) => Step::Halt { reason },
    }
}

fn wait(until: Option<Timestamp>, why: Waiting) -> Step {
    Step::Wait { until, why }
}

/// What fails now fails with the content that was restored: it says nothing about the version that
/// was on its way.
fn is_taken_back(rollout: &Rollout) -> bool {
    matches!(rollout.stopped, Some(Stopped::RolledBack { .. }))
}

#[cfg(test)]
mod tests;
