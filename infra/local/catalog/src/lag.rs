//! Reads that lag behind: for a while after a change set has ended, a description shows what was before. AWS documents nowhere
//! that what a change set did can be read as soon as it has ended, or its event was sent.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Catalog;
use super::change_set::ChangeSet;
use super::details::Description;

/// What an entity was before a change set, and until when that is shown.
#[derive(Debug)]
pub(super) struct Before {
    until: Timestamp,
    description: Description,
}

impl Catalog {
    /// Keeps what the entities of a change set are, before it is applied, for as long as reads lag.
    pub(super) fn remember_before(&mut self, change_set: &ChangeSet, now: Timestamp) {
        let lag = self.settings.assumptions().read_lag;
        if lag.is_zero() {
            return;
        }
        let until = now.checked_add(lag).unwrap_or(Timestamp::MAX);
        let named: BTreeSet<String> = change_set.changes.iter().map(|change| change.entity.clone()).collect();
        let parts = named.iter().filter_map(|id| self.experience(id)).flat_map(|experience| {
            [&experience.policy, &experience.branding, &experience.audience].into_iter().flatten().cloned()
        });
        let all: BTreeSet<String> = parts.chain(named.iter().cloned()).collect();
        for id in all {
            // One that the change set creates cannot be described before.
            if let Ok(description) = self.description_of(&id) {
                self.before.insert(id, Before { until, description });
            }
        }
    }

    /// What is shown of an entity in place of what it is now.
    pub(super) fn before(&mut self, id: &str, now: Timestamp) -> Option<Description> {
        self.before.retain(|_, before| before.until > now);
        self.before.get(id).map(|before| before.description.clone())
    }
}
