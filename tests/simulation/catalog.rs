//! A catalog as a pure state machine: experiences with lists and revisions, change sets that take
//! time and lock. It takes the time from its caller. Written for the simulation from AWS's
//! documentation; it shares nothing with the embedded AWS.

use std::collections::{BTreeMap, BTreeSet};

use pmp_protocol::{ExperienceId, ProductId};
use tokio::time::Instant;

/// Change sets that may be open at once.
const MAX_OPEN: usize = 250;

/// An experience with its lists.
#[derive(Debug, Clone, Default)]
pub(crate) struct Experience {
    pub(crate) revision: u64,
    pub(crate) approved: BTreeSet<ProductId>,
    pub(crate) rejected: BTreeSet<ProductId>,
}

/// Products to allow and to deny in one experience, planned from a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) experience: ExperienceId,
    /// None: whatever is newest, as a person at the console asks.
    pub(crate) revision: Option<u64>,
    pub(crate) allow: Vec<ProductId>,
    pub(crate) deny: Vec<ProductId>,
}

/// How a change set ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Succeeded,
    ServerFault,
    /// With the product that the catalog does not take.
    ClientError(ProductId),
    Cancelled,
}

#[derive(Debug, Clone)]
pub(crate) struct ChangeSet {
    pub(crate) changes: Vec<Change>,
    ends: Instant,
    faulty: bool,
    pub(crate) outcome: Option<Outcome>,
}

/// Why a change set was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    Locked(String),
    Stale(u64),
    TooManyOpen,
    TokenReused,
    Missing,
}

#[derive(Debug, Default)]
pub(crate) struct Catalog {
    pub(crate) experiences: BTreeMap<ExperienceId, Experience>,
    pub(crate) change_sets: BTreeMap<String, ChangeSet>,
    /// By token: what was asked, its name included, and the change set that it became.
    tokens: BTreeMap<String, (Vec<Change>, String, String)>,
    /// A change set that names one of these fails whole, with `CLIENT_ERROR`.
    pub(crate) poison: BTreeSet<ProductId>,
}

impl Catalog {
    /// Ends the change sets that are due, in order; which ended how.
    pub(crate) fn settle(&mut self, now: Instant) -> Vec<(String, Outcome)> {
        let due = self.change_sets.iter().filter(|(_, set)| set.outcome.is_none() && set.ends <= now);
        let mut due: Vec<_> = due.map(|(id, set)| (set.ends, id.clone())).collect();
        due.sort();
        due.into_iter().map(|(_, id)| (id.clone(), self.end(&id))).collect()
    }

    fn end(&mut self, id: &str) -> Outcome {
        let set = self.change_sets[id].clone();
        let named = set.changes.iter().flat_map(|change| change.allow.iter().chain(&change.deny));
        let poisoned = named.into_iter().find(|product| self.poison.contains(*product)).cloned();
        let outcome = match poisoned {
            _ if set.faulty => Outcome::ServerFault,
            Some(product) => Outcome::ClientError(product),
            None => Outcome::Succeeded,
        };
        if outcome == Outcome::Succeeded {
            set.changes.iter().for_each(|change| self.apply(change));
        }
        if let Some(set) = self.change_sets.get_mut(id) {
            set.outcome = Some(outcome.clone());
        }
        outcome
    }

    /// Changes the lists at once, as an ended change set does.
    pub(crate) fn apply(&mut self, change: &Change) {
        let Some(experience) = self.experiences.get_mut(&change.experience) else { return };
        for product in &change.allow {
            experience.rejected.remove(product);
            experience.approved.insert(product.clone());
        }
        for product in &change.deny {
            experience.approved.remove(product);
            experience.rejected.insert(product.clone());
        }
        experience.revision += 1;
    }

    /// The open change set that holds an experience.
    pub(crate) fn holder(&self, experience: &ExperienceId) -> Option<&str> {
        let names = |set: &ChangeSet| set.changes.iter().any(|change| change.experience == *experience);
        let mut open = self.change_sets.iter().filter(|(_, set)| set.outcome.is_none());
        open.find(|(_, set)| names(set)).map(|(id, _)| id.as_str())
    }

    /// Whether this token has been used: then nothing new is started.
    pub(crate) fn knows(&self, token: &str) -> bool {
        self.tokens.contains_key(token)
    }

    /// Accepts a change set, or says why not. A repeated token is answered with what it started.
    pub(crate) fn start(
        &mut self,
        changes: Vec<Change>,
        token_and_name: Option<(&str, &str)>,
        ends: Instant,
        faulty: bool,
    ) -> Result<String, Refused> {
        if let Some((token, name)) = token_and_name
            && let Some((asked, named, id)) = self.tokens.get(token)
        {
            let same = *asked == changes && named == name;
            return if same { Ok(id.clone()) } else { Err(Refused::TokenReused) };
        }
        for change in &changes {
            if let Some(holder) = self.holder(&change.experience) {
                return Err(Refused::Locked(holder.to_owned()));
            }
            let experience = self.experiences.get(&change.experience).ok_or(Refused::Missing)?;
            if change.revision.is_some_and(|revision| revision != experience.revision) {
                return Err(Refused::Stale(experience.revision));
            }
        }
        if self.change_sets.values().filter(|set| set.outcome.is_none()).count() >= MAX_OPEN {
            return Err(Refused::TooManyOpen);
        }
        let id = format!("cs-{}", self.change_sets.len() + 1);
        if let Some((token, name)) = token_and_name {
            self.tokens.insert(token.to_owned(), (changes.clone(), name.to_owned(), id.clone()));
        }
        self.change_sets.insert(id.clone(), ChangeSet { changes, ends, faulty, outcome: None });
        Ok(id)
    }

    /// Cancels an open change set, as a person does.
    pub(crate) fn cancel(&mut self, id: &str) {
        if let Some(set) = self.change_sets.get_mut(id).filter(|set| set.outcome.is_none()) {
            set.outcome = Some(Outcome::Cancelled);
        }
    }
}
