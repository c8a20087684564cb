//! The next steps of a version, one after the other, until it has to wait.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use pmp_ledger::Extent;
use pmp_protocol::{DirectionChange, OrganizationId, count, one_line};
use pmp_waves::{Fleet, Observed, Rollout, Step, Stopped, Waiting, next};

use crate::error::HubError;
use crate::publish::Hub;
use crate::publish::waves::Rollouts;
use crate::publish::waves::observe::observed;
use crate::rollout::state::{Kept, Newest, Origin, State};
use crate::rollout::told;
use crate::status::fleet::Admitted;

/// How often the steps begin anew where another hub writes the state at the same time.
const ATTEMPTS: u32 = 5;
/// The most steps of one run. Each wave takes a handful, so more would be a fault of the decision.
const STEPS: usize = 1_000;
/// How many directions are written at once.
const AT_ONCE: usize = 8;

/// What came of the steps. A failure takes nothing away from what was done before it.
#[derive(Debug, Default)]
pub(crate) struct Went {
    /// Whether somebody may take another version than before: that is to be announced.
    pub(crate) directed: bool,
    /// Whether the content of the last good version has to be published now.
    pub(crate) goes_back: bool,
    /// Whether the state of waves is another one than before.
    pub(crate) stepped: bool,
    /// Those who could not be directed, each with the reason. All others were.
    pub(crate) undirected: BTreeMap<OrganizationId, HubError>,
    /// Why the steps ended early; none where they did not.
    pub(crate) ended: Option<HubError>,
}

impl Went {
    /// What has to be told as a failure; none where all went well.
    pub(crate) fn failure(self) -> Option<HubError> {
        self.ended.or_else(|| self.undirected.into_values().next())
    }
}

impl Hub {
    /// Takes the next steps for the newest snapshot. Reads the state anew: whoever calls this has
    /// stored or found that snapshot after the run began.
    ///
    /// It fails where the ledger cannot be read or written, where a direction is not the hub's own,
    /// and where other hubs write the state all the time. What was written counts, and the next run
    /// goes on from there.
    pub(crate) async fn take_steps(&self, rollouts: &Rollouts, newest: Newest) -> Went {
        let mut went = Went::default();
        went.ended = self.take(rollouts, newest, &mut went).await.err();
        went
    }

    async fn take(&self, rollouts: &Rollouts, newest: Newest, went: &mut Went) -> Result<(), HubError> {
        for _ in 0..ATTEMPTS {
            let Some(kept) = rollouts.kept(&self.experience).await?.filter(|kept| !kept.state.ended) else {
                return Ok(());
            };
            if let Some(kept) = self.step_on(rollouts, kept, newest, went).await? {
                went.goes_back |= is_going_back(&kept.state.rollout);
                return Ok(());
            }
            tracing::info!("another hub took a step at the same time: looking again");
        }
        Err(HubError::RolloutTaken)
    }

    /// All steps from one state on. None where another hub wrote the state meanwhile.
    async fn step_on(
        &self,
        rollouts: &Rollouts,
        kept: Kept,
        newest: Newest,
        went: &mut Went,
    ) -> Result<Option<Kept>, HubError> {
        let mut kept = kept;
        if let Some(state) = arrived(&kept, newest) {
            if newest.origin == Origin::Management {
                rollouts.would_fit(&self.experience, &state).await?;
            }
            let Some(written) = rollouts.put(&self.experience, &kept, state).await? else { return Ok(None) };
            tracing::info!("{written}");
            (kept, went.stepped) = (written, true);
        }
        // A version that was stopped, and the one that follows it, are none of this snapshot's.
        let is_about_it = (kept.state.rollout.version, kept.state.digest) == (newest.version, newest.digest);
        let mut seen = Seen::default();
        for _ in 0..STEPS {
            if !is_about_it || kept.state.rollout.done || is_going_back(&kept.state.rollout) {
                break;
            }
            seen.look(self, rollouts, &kept).await?;
            let untold = std::mem::take(&mut seen.untold);
            if !untold.is_empty() {
                let mut state = kept.state.clone();
                state.pending.extend(untold);
                let Some(written) = rollouts.put(&self.experience, &kept, state).await? else { return Ok(None) };
                let Some(written) = self.direct(rollouts, written, went).await? else { return Ok(None) };
                kept = written;
            }
            let step = next(&kept.waves, &kept.state.rollout, &seen.fleet, self.clock.now());
            if let Step::Wait { why, .. } = &step {
                if let Waiting::ForMembers { tally } | Waiting::Soaking { tally } = why {
                    let (in_step, counted, members) = (tally.in_step, tally.counted, tally.members);
                    tracing::info!(in_step, counted, members, "{kept}");
                }
                break;
            }
            let Some(written) = rollouts.put(&self.experience, &kept, self.after(&kept, &step)).await? else {
                return Ok(None);
            };
            tell(&written, &step);
            (kept, went.stepped) = (written, true);
            let Some(written) = self.direct(rollouts, kept, went).await? else { return Ok(None) };
            kept = written;
        }
        let Some(kept) = self.direct(rollouts, kept, went).await? else { return Ok(None) };
        went.directed |= self.direct_halt(rollouts, &kept.state).await?;
        if let (true, Some(version), Some(digest)) =
            (kept.state.rollout.done, kept.state.rollout.last_good, kept.state.good)
        {
            went.directed |= self.direct_fleet(rollouts, version, digest).await?;
        }
        Ok(Some(kept))
    }

    fn after(&self, kept: &Kept, step: &Step) -> State {
        let mut state = kept.state.clone();
        state.rollout = kept.state.rollout.after(step, &kept.waves, self.clock.now());
        match step {
            Step::Admit { organizations } => state.pending.extend(organizations.iter().cloned()),
            Step::Done => state.good = Some(state.digest),
            _ => {}
        }
        state
    }

    /// Writes the directions of those whose turn has come. A version that was stopped is let in
    /// nowhere any more. None where another hub wrote the state meanwhile.
    async fn direct(&self, rollouts: &Rollouts, kept: Kept, went: &mut Went) -> Result<Option<Kept>, HubError> {
        let State { rollout, digest, pending, .. } = &kept.state;
        if pending.is_empty() || matches!(rollout.stopped, Some(Stopped::Halted { .. } | Stopped::RollingBack { .. })) {
            return Ok(Some(kept));
        }
        let (version, digest, helm) = (rollout.version, *digest, self.helm(rollouts));
        let wave = rollout.current().and_then(|current| rollout.waves.get(current));
        let wave = wave.map_or_else(String::new, |wave| format!(" of wave `{}`", wave.name));
        let because = self.because(match &rollout.stopped {
            Some(_) => told::progress(rollout),
            None => format!("waves: the turn{wave} has come for snapshot {version}"),
        });
        let change = DirectionChange::Turn(version, digest);
        let write = async |organization: &OrganizationId| {
            (organization.clone(), helm.change(Some(organization), &change, &because).await)
        };
        // Whoever could not be directed is tried again by the next run.
        let due: Vec<_> = pending.iter().filter(|id| !went.undirected.contains_key(*id)).collect();
        if due.is_empty() {
            return Ok(Some(kept));
        }
        let written: Vec<_> = futures::stream::iter(due).map(write).buffer_unordered(AT_ONCE).collect().await;
        for (organization, outcome) in written {
            match outcome {
                Ok((_, changed)) => went.directed |= changed,
                // One that cannot be directed keeps none of the others.
                Err(error) => {
                    tracing::error!(%organization, error = one_line(&error), "its turn could not be written down");
                    went.undirected.insert(organization, error);
                }
            }
        }
        let left = pending.iter().filter(|id| went.undirected.contains_key(*id)).cloned().collect();
        let state = State { pending: left, ..kept.state.clone() };
        rollouts.put(&self.experience, &kept, state).await
    }
}

/// The state where the newest snapshot is another one than what is on its way, or ends it. None
/// where nothing changes.
fn arrived(kept: &Kept, newest: Newest) -> Option<State> {
    let Newest { version, digest, origin } = newest;
    let Kept { state, waves, .. } = kept;
    let is_newer = version > state.rollout.version;
    match origin {
        Origin::Pinned if version < state.rollout.version || (!is_newer && state.rollout.done) => None,
        Origin::Pinned => Some(state.everywhere(waves, version, digest)),
        Origin::Restored => state.restored(version, digest),
        Origin::Management if is_newer => state.superseded(waves, version, digest),
        Origin::Management => None,
    }
}

fn is_going_back(rollout: &Rollout) -> bool {
    matches!(rollout.stopped, Some(Stopped::RollingBack { .. }))
}

/// The most organizations that a line of the log names.
const NAMED: usize = 10;

/// The organizations, as a person reads them.
fn named(organizations: &BTreeSet<OrganizationId>) -> String {
    let names: Vec<_> = organizations.iter().take(NAMED).map(ToString::to_string).collect();
    match organizations.len().saturating_sub(NAMED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// Logs a step. A stop is an error, because a person has to look.
fn tell(kept: &Kept, step: &Step) {
    match step {
        Step::Halt { .. } | Step::RollBack { .. } => tracing::error!("{kept}"),
        Step::Remember { failed } => {
            let version = kept.state.rollout.version;
            tracing::warn!("{} failed with snapshot {version}: {}", count(failed.len(), "organization"), named(failed));
        }
        Step::LeaveOut { organizations, .. } => {
            let who = count(organizations.len(), "organization");
            tracing::warn!(
                "{kept}: it waits no longer for {who}, whose change windows are closed: {}",
                named(organizations)
            );
        }
        Step::Admit { organizations } => {
            tracing::info!("{kept}: the turn of {} has come", count(organizations.len(), "organization"));
        }
        Step::Adopt
        | Step::Enter { .. }
        | Step::InStep { .. }
        | Step::OutOfStep { .. }
        | Step::Prolong { .. }
        | Step::Wait { .. }
        | Step::Done => tracing::info!("{kept}"),
    }
}

/// What was seen of the fleet after the state was read. Only those are read whose turn may have
/// come: so a wave costs the reads of its members, and of those before it.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) fleet: Fleet,
    /// Those whose turn has come, and whose direction does not say so: it was deleted, as where an
    /// organization was forgotten and admitted again.
    untold: BTreeSet<OrganizationId>,
    roster: Option<BTreeMap<OrganizationId, Admitted>>,
    looked: BTreeSet<OrganizationId>,
}

impl Seen {
    /// Looks at those who were not looked at yet, and whose turn has come or comes next.
    pub(crate) async fn look(&mut self, hub: &Hub, rollouts: &Rollouts, kept: &Kept) -> Result<(), HubError> {
        let State { rollout, digest, .. } = &kept.state;
        if self.roster.is_none() {
            let roster = rollouts.fleet.followers(&hub.experience).await?;
            self.fleet = roster.keys().map(|id| (id.clone(), Observed::NEVER)).collect();
            self.roster = Some(roster);
        }
        let current = rollout.current().unwrap_or(0);
        let is_due = |id: &OrganizationId| {
            rollout.has_admitted(id) || kept.waves.wave_of(id).is_some_and(|wave| wave <= current)
        };
        let due = self.roster.iter().flatten().filter(|(id, _)| is_due(id) && !self.looked.contains(*id));
        let due: Vec<(OrganizationId, Extent)> = due.map(|(id, admitted)| (id.clone(), admitted.extent())).collect();
        if due.is_empty() {
            return Ok(());
        }
        let these: Vec<_> = due.iter().map(|(id, _)| id.clone()).collect();
        self.looked.extend(these.iter().cloned());
        let view = rollouts.fleet.look_at_these(self.roster.clone(), due, &hub.experience).await?;
        let is_told = |id: &OrganizationId| {
            let turn = view.direction(id).and_then(|direction| direction.turn.as_ref());
            turn.is_some_and(|turn| turn.version >= rollout.version)
        };
        let untold = |id: &OrganizationId| rollout.directed.get(id) == Some(&rollout.version) && !is_told(id);
        self.untold.extend(these.into_iter().filter(|id| !kept.state.pending.contains(id) && untold(id)));
        let now = hub.clock.now();
        for report in view.reports() {
            let id = report.organization.id.clone();
            self.fleet.insert(id, observed(&view, &report.organization, rollout.version, *digest, now));
        }
        Ok(())
    }
}
