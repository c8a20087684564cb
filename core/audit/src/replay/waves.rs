//! Waves and settings: no wave comes before its turn, and what was stopped goes on by a person's
//! word alone.

use std::collections::{BTreeMap, BTreeSet};

use pmp_protocol::{OrganizationId, SnapshotVersion};

use crate::replay::wrong::Wrong;
use crate::{Event, HubSettings, WaveStep};

/// How far a snapshot came.
#[derive(Debug, Clone, Default)]
struct Way {
    entered: BTreeSet<String>,
    /// The entry by which the hub stopped it, until a person lets it go on.
    stopped: Option<u64>,
    /// The entries by which persons promoted it, each with the stop that it ended.
    promoted: BTreeMap<u64, Option<u64>>,
    /// The entry by which the hub took it back, for good.
    taken_back: Option<u64>,
}

/// What is told of waves and of settings.
#[derive(Debug, Clone, Default)]
pub(super) struct Waves {
    /// The names of the waves, in their order; none before an entry tells them.
    names: Option<Vec<String>>,
    /// Whom the settings admit.
    admitted: BTreeSet<OrganizationId>,
    ways: BTreeMap<SnapshotVersion, Way>,
}

impl Waves {
    /// Takes up what an event tells. `whole`: whether nothing was told before the first entry that
    /// was read.
    pub(super) fn take(&mut self, entry: u64, event: &Event, whole: bool) -> Result<(), Wrong> {
        match event {
            Event::Settings(settings) => self.settings(settings, whole),
            Event::Promote { version, .. } => {
                let way = self.ways.entry(*version).or_default();
                let ended = way.stopped.take();
                way.promoted.insert(entry, ended);
                Ok(())
            }
            // Nothing of it was done.
            Event::Failed { entry: of, not_done, .. } if not_done.is_empty() => {
                for way in self.ways.values_mut() {
                    way.stopped = way.promoted.remove(of).flatten().or(way.stopped);
                }
                Ok(())
            }
            Event::Waves { version, steps } => {
                let names = self.names.as_deref().unwrap_or_default();
                let way = self.ways.entry(*version).or_default();
                steps.iter().try_for_each(|step| way.step(entry, *version, step, names, whole))
            }
            _ => Ok(()),
        }
    }

    fn settings(&mut self, settings: &HubSettings, whole: bool) -> Result<(), Wrong> {
        self.names = Some(settings.waves.clone());
        let never = settings.no_longer_admitted.iter().find(|id| !self.admitted.remove(*id));
        self.admitted.extend(settings.admitted.iter().cloned());
        match never.filter(|_| whole) {
            Some(id) => Err(Wrong::NotAdmitted(id.to_string())),
            None => Ok(()),
        }
    }
}

impl Way {
    fn step(
        &mut self,
        entry: u64,
        version: SnapshotVersion,
        step: &WaveStep,
        names: &[String],
        whole: bool,
    ) -> Result<(), Wrong> {
        let went_on = |by| Err(Wrong::WentOn { version, by });
        match step {
            WaveStep::Enter { wave, promoted_by } => {
                if promoted_by.is_some() {
                    self.stopped = None;
                }
                if let Some(by) = self.taken_back.or(self.stopped) {
                    return went_on(by);
                }
                self.entered.insert(wave.clone());
                if whole { self.turn_of(wave, version, names) } else { Ok(()) }
            }
            // This step does not say who let it go on, and the hub may have told that it stopped
            // after a person had promoted it.
            WaveStep::ForEverybody => match self.taken_back.or(self.stopped.filter(|_| self.promoted.is_empty())) {
                Some(by) => went_on(by),
                None if whole && self.entered.is_empty() => Err(Wrong::NoWave(version)),
                None => Ok(()),
            },
            WaveStep::Stop { .. } => {
                self.stopped = Some(entry);
                Ok(())
            }
            WaveStep::RollBack { .. } => match self.taken_back.replace(entry) {
                Some(by) => went_on(by),
                None => Ok(()),
            },
        }
    }

    /// Whether all waves before this one were entered.
    fn turn_of(&self, wave: &str, version: SnapshotVersion, names: &[String]) -> Result<(), Wrong> {
        let Some(place) = names.iter().position(|name| name == wave) else {
            return Err(Wrong::UnknownWave { version, wave: wave.to_owned() });
        };
        match names[..place].iter().find(|before| !self.entered.contains(*before)) {
            Some(before) => Err(Wrong::NotItsTurn { version, wave: wave.to_owned(), before: before.clone() }),
            None => Ok(()),
        }
    }
}
