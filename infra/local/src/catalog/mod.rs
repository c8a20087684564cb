//! The Marketplace Catalog as a state machine: entities, change sets, locks, revisions, ownership.
//!
//! Every decision is here and pure: a method takes who calls, what is asked and the time, and answers. Nothing here
//! reads a clock, waits, or knows HTTP; `cloud::marketplace` does. Change sets run on the time that callers bring:
//! [`Catalog::advance`] ends those that are due, and must come before any question about the present.

mod change_set;
mod change_type;
mod entity;
mod error;
mod event;
mod list;
mod start;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::World;
use crate::dice::Dice;
use crate::world::ChangeSetTiming;
pub(crate) use change_set::Outcome;
use change_set::{ChangeSet, Progress};
use entity::{Entity, Experience, Policy};
pub(crate) use error::{CatalogError, ErrorKind};
pub(crate) use event::ChangeSetEnded;
pub(crate) use list::{ListChangeSets, ListEntities};
pub(crate) use start::StartChangeSet;

/// The one catalog that AWS has.
pub(crate) const CATALOG: &str = "AWSMarketplace";

/// The state of every private marketplace.
pub(crate) struct Catalog {
    region: String,
    timing: ChangeSetTiming,
    poison: BTreeSet<String>,
    /// How the next change set is made to end.
    next_outcome: Outcome,
    dice: Dice,
    /// Accounts that manage a private marketplace, and the management account that owns it.
    managers: BTreeMap<String, String>,
    experiences: BTreeMap<String, Experience>,
    policies: BTreeMap<String, Policy>,
    change_sets: BTreeMap<String, ChangeSet>,
    /// The running change sets, the next to end first.
    running: BTreeSet<(Timestamp, String)>,
    /// Entities that a running change set names, and which one.
    locks: BTreeMap<String, String>,
    /// What was asked with a `ClientRequestToken`, per account, and the change set it became.
    tokens: BTreeMap<(String, String), (StartChangeSet, String)>,
}

/// How an account stands to an entity's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Owner,
    DelegatedAdministrator,
    Stranger,
}

impl Catalog {
    /// The catalog that `world` describes, its entities last modified `now`.
    pub(crate) fn new(world: &World, now: Timestamp) -> Self {
        let mut catalog = Self {
            region: world.region.clone(),
            timing: world.change_sets,
            poison: world.poison_products.clone(),
            next_outcome: Outcome::default(),
            dice: Dice::new(world.seed),
            managers: BTreeMap::new(),
            experiences: BTreeMap::new(),
            policies: BTreeMap::new(),
            change_sets: BTreeMap::new(),
            running: BTreeSet::new(),
            locks: BTreeMap::new(),
            tokens: BTreeMap::new(),
        };
        for organization in &world.organizations {
            let owner = &organization.management_account;
            for account in std::iter::once(owner).chain(&organization.delegated_administrators) {
                catalog.managers.insert(account.clone(), owner.clone());
            }
            for experience in &organization.experiences {
                if let Some(policy) = &experience.policy {
                    catalog.policies.insert(policy.id.clone(), Policy::new(owner, &experience.name, policy, now));
                }
                catalog.experiences.insert(experience.id.clone(), Experience::new(owner, experience, now));
            }
        }
        catalog
    }

    /// Ends every change set that is due, in the order in which they end.
    pub(crate) fn advance(&mut self, now: Timestamp) -> Vec<ChangeSetEnded> {
        let mut ended = Vec::new();
        while let Some((ends_at, id)) = self.running.first().filter(|(ends_at, _)| *ends_at <= now).cloned() {
            self.running.remove(&(ends_at, id.clone()));
            ended.extend(self.end(&id, ends_at));
        }
        ended
    }

    /// The products that it rejects.
    pub(crate) fn poison_mut(&mut self) -> &mut BTreeSet<String> {
        &mut self.poison
    }

    /// Sets how the change set that is started next ends.
    pub(crate) fn set_next_outcome(&mut self, outcome: Outcome) {
        self.next_outcome = outcome;
    }

    /// When the next change set ends.
    pub(crate) fn next_end(&self) -> Option<Timestamp> {
        self.running.first().map(|(ends_at, _)| *ends_at)
    }

    /// Applies a change set, all of it or nothing, and releases its entities.
    fn end(&mut self, id: &str, ends_at: Timestamp) -> Option<ChangeSetEnded> {
        let mut change_set = self.change_sets.remove(id)?;
        self.locks.retain(|_, holder| holder != id);
        for change in &mut change_set.changes {
            change.errors = if change_set.outcome == Outcome::Deserved { self.errors_of(change) } else { Vec::new() };
        }
        if change_set.outcome == Outcome::ServerFault {
            change_set.fail_by_server(ends_at);
        } else if change_set.changes.iter().any(|change| !change.errors.is_empty()) {
            change_set.fail(ends_at);
        } else {
            self.apply(&change_set, ends_at);
            change_set.progress = Progress::Succeeded { ended: ends_at };
        }
        let event_id = self.dice.uuid();
        let event = ChangeSetEnded::new(&change_set, &self.region, event_id, ends_at);
        self.change_sets.insert(id.to_owned(), change_set);
        Some(event)
    }

    fn apply(&mut self, change_set: &ChangeSet, now: Timestamp) {
        let mut touched = BTreeSet::new();
        for change in &change_set.changes {
            let Some(experience) = self.experiences.get(&change.entity) else { continue };
            touched.insert(experience.id.clone());
            if let Some(policy) = experience.policy.as_ref().and_then(|id| self.policies.get_mut(id)) {
                change.action.apply(policy);
                touched.insert(policy.id.clone());
            }
        }
        // One revision per change set, however many of its changes name the entity.
        for id in touched {
            if let Some(experience) = self.experiences.get_mut(&id) {
                experience.revision += 1;
                experience.modified = now;
            }
            if let Some(policy) = self.policies.get_mut(&id) {
                policy.revision += 1;
                policy.modified = now;
            }
        }
    }

    /// `DescribeEntity`: the entity, if the caller may see it. The identifier may carry its newest revision.
    pub(crate) fn describe(&self, caller: &str, identifier: &str) -> Result<Entity<'_>, CatalogError> {
        let (id, revision) = entity::split_revision(identifier)?;
        let entity = self.entity(id)?;
        self.permit(caller, entity)?;
        match revision {
            Some(asked) if asked != entity.revision() => {
                Err(CatalogError::not_found(format!("Entity {id} has no revision {asked} that can be described")))
            }
            _ => Ok(entity),
        }
    }

    /// `DescribeChangeSet`.
    pub(crate) fn describe_change_set(
        &self,
        caller: &str,
        id: &str,
        now: Timestamp,
    ) -> Result<serde_json::Value, CatalogError> {
        let missing = || CatalogError::not_found(format!("Change set {id} not found"));
        let change_set = self.change_sets.get(id).ok_or_else(missing)?;
        if change_set.account == caller || self.manages(caller, &change_set.account) {
            Ok(change_set.describe(&self.region, now))
        } else {
            Err(CatalogError::access_denied(caller, id))
        }
    }

    /// The ARN under which IAM knows an entity; for an unknown one, that of an entity the caller would own.
    pub(crate) fn arn_for_iam(&self, caller: &str, identifier: &str) -> String {
        let id = identifier.split_once('@').map_or(identifier, |(id, _)| id);
        match self.entity(id) {
            Ok(entity) => entity.arn(&self.region),
            Err(_) => format!("arn:aws:aws-marketplace:{}:{caller}:{CATALOG}/Experience/{id}", self.region),
        }
    }

    /// The region of its ARNs.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    fn entity(&self, id: &str) -> Result<Entity<'_>, CatalogError> {
        let experience = || self.experiences.get(id).map(Entity::Experience);
        let policy = || self.policies.get(id).map(Entity::Policy);
        let missing = || CatalogError::not_found(format!("Entity {id} not found"));
        experience().or_else(policy).ok_or_else(missing)
    }

    fn permit(&self, caller: &str, entity: Entity<'_>) -> Result<(), CatalogError> {
        match self.standing(caller, entity.owner()) {
            Standing::Owner | Standing::DelegatedAdministrator => Ok(()),
            Standing::Stranger => Err(CatalogError::access_denied(caller, entity.id())),
        }
    }

    fn standing(&self, caller: &str, owner: &str) -> Standing {
        if caller == owner {
            Standing::Owner
        } else if self.managers.get(caller).is_some_and(|managed| managed == owner) {
            Standing::DelegatedAdministrator
        } else {
            Standing::Stranger
        }
    }

    /// Whether both accounts manage the same private marketplace.
    fn manages(&self, caller: &str, other: &str) -> bool {
        self.managers.get(caller).is_some_and(|owner| self.managers.get(other) == Some(owner))
    }
}
