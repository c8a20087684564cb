//! A change set after it was accepted. When it is due, it is applied as a whole or not at all;
//! until then it can be cancelled.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::change_set::{ChangeSet, Outcome, Progress};
use super::change_type::Draft;
use super::{Catalog, CatalogError, CatalogEvent, ErrorKind};
use pmp_world::Revisions;

impl Catalog {
    /// Ends every change set and every request that is due, in the order of their ends. Returns
    /// their events, and the events of what was cancelled since the last call.
    pub fn advance(&mut self, now: Timestamp) -> Vec<CatalogEvent> {
        while let Some(at) = self.next_end().filter(|at| *at <= now) {
            match self.running.first().filter(|(ends_at, _)| *ends_at == at).cloned() {
                Some((ends_at, id)) => {
                    self.running.remove(&(ends_at, id.clone()));
                    self.end(&id, ends_at);
                }
                None => {
                    let Some((_, id)) = self.pending.pop_first() else { break };
                    self.lapse(&id, at);
                }
            }
        }
        std::mem::take(&mut self.untold)
    }

    /// Whether [`Catalog::advance`] would end something or return an event.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        !self.untold.is_empty() || self.next_end().is_some_and(|end| end <= now)
    }

    /// When the next change set ends, or the next request for a product lapses.
    #[must_use]
    pub fn next_end(&self) -> Option<Timestamp> {
        let ends = [self.running.first(), self.pending.first()].into_iter().flatten();
        ends.map(|(ends_at, _)| *ends_at).min()
    }

    /// Applies a change set as a whole or not at all, and unlocks its entities.
    fn end(&mut self, id: &str, ends_at: Timestamp) {
        let Some(mut change_set) = self.change_sets.remove(id) else { return };
        self.release(&change_set);
        if change_set.outcome == Outcome::ServerFault {
            change_set.fault(ends_at);
        } else {
            let mut draft = Draft::new(self, &change_set.account);
            for change in &mut change_set.changes {
                if change.errors.is_empty() {
                    change.errors = draft.check(change);
                }
            }
            if change_set.has_errors() {
                change_set.fail(ends_at);
            } else {
                self.remember_before(&change_set, ends_at);
                self.apply(&mut change_set, ends_at);
                change_set.progress = Progress::Succeeded { ended: ends_at };
            }
        }
        self.keep(change_set, ends_at);
    }

    fn apply(&mut self, change_set: &mut ChangeSet, now: Timestamp) {
        let mut changed: BTreeMap<String, u64> = BTreeMap::new();
        for change in &change_set.changes {
            let mut touched = BTreeSet::new();
            change.action.apply(change, &change_set.account, self, &mut touched, now);
            touched.into_iter().for_each(|id| *changed.entry(id).or_default() += 1);
        }
        let per_change = self.settings.assumptions().revisions == Revisions::PerChange;
        for (id, changes) in changed {
            if let Some(entity) = self.entities.get_mut(&id) {
                entity.revision += if per_change { changes } else { 1 };
                entity.modified = now;
            }
        }
        // A change that creates its entity was requested without an identifier, or with a
        // reference; its description shows the identifier that the entity has got.
        for change in &mut change_set.changes {
            let created = change.identifier.as_deref().is_none_or(|identifier| identifier.starts_with('$'));
            if created && let Some(entity) = self.entities.get(&change.entity) {
                change.identifier = Some(entity.identifier());
            }
        }
    }

    /// The operation `CancelChangeSet`. It is possible until the change set is being applied.
    pub(super) fn cancel(&mut self, caller: &str, id: &str, now: Timestamp) -> Result<String, CatalogError> {
        let change_set = self.visible_change_set(caller, id)?;
        let status = change_set.status(now);
        let (Progress::Running { ends, .. }, "PREPARING") = (change_set.progress.clone(), status) else {
            // AWS documents that a request must be cancelled before it is APPLYING, and the error's
            // name, but no text.
            let message = format!("Change set {id} is {status} and cannot be cancelled");
            return Err(CatalogError::new(ErrorKind::ResourceInUse, message));
        };
        let arn = change_set.arn(self.region());
        let Some(mut change_set) = self.change_sets.remove(id) else { return Ok(arn) };
        self.running.remove(&(ends, id.to_owned()));
        self.release(&change_set);
        change_set.progress = Progress::Cancelled { ended: now };
        self.keep(change_set, now);
        Ok(arn)
    }

    /// Stores a change set that has ended, and queues its event.
    fn keep(&mut self, change_set: ChangeSet, ended: Timestamp) {
        let (event_id, account) = (self.dice.uuid(), self.hears_of_changes_by(&change_set.account));
        let region = &self.settings.region;
        let event = change_set.event(&account, region, event_id, ended);
        self.change_sets.insert(change_set.id.clone(), change_set);
        self.untold.push(event);
    }

    /// Unlocks everything that a running change set holds.
    fn release(&mut self, change_set: &ChangeSet) {
        let held: Vec<String> = change_set.changes.iter().flat_map(|change| self.holds(change)).collect();
        // Another change set may hold a principal that this one names: that lock stays.
        for held in held {
            if self.locks.get(&held).is_some_and(|holder| *holder == change_set.id) {
                self.locks.remove(&held);
            }
        }
        if let Some(open) = self.open.get_mut(&change_set.account) {
            *open = open.saturating_sub(1);
        }
    }
}
