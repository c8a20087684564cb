//! Read lag: for a while after a change set has ended, a description still shows the old state. AWS
//! documents nowhere that the effect of a change set is visible as soon as it has ended, or as soon
//! as its event was sent.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Catalog;
use super::change_set::ChangeSet;
use super::details::Description;

/// The description of an entity before a change set, and until when it is shown.
#[derive(Debug)]
pub(super) struct Before {
    until: Timestamp,
    description: Description,
}

impl Catalog {
    /// Saves the descriptions of a change set's entities before the change set is applied, if reads
    /// lag.
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
            // An entity that the change set creates has no description yet.
            if let Ok(description) = self.description_of(&id) {
                self.before.insert(id, Before { until, description });
            }
        }
    }

    /// The old description that is shown in place of the present one, if reads still lag.
    pub(super) fn before(&mut self, id: &str, now: Timestamp) -> Option<Description> {
        self.before.retain(|_, before| before.until > now);
        self.before.get(id).map(|before| before.description.clone())
    }
}
