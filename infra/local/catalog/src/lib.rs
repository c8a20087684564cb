//! The Marketplace Catalog as a pure state machine: entities, change sets, locks, revisions,
//! ownership and limits.
//!
//! Every method takes the caller, the request and the time, and returns the answer. Nothing here
//! reads a clock, waits, starts a task or knows HTTP: the embedded AWS (`pmp-local-aws`) does that
//! around it. Change sets run on the time that callers pass in: [`Catalog::advance`] ends those
//! that are due, and must be called before any question about the present.
//!
//! A simulation can drive it without a server. Start with [`Catalog::new`] and a [`World`].
//! [`Catalog::call`] takes a request as the JSON that goes over the wire. [`Catalog::next_end`]
//! tells when the next change set ends, and [`Catalog::advance`] moves the time there.
//!
//! ```
//! use pmp_local_catalog::{Catalog, Operation};
//! use pmp_world::{Experience, Organization, ProcurementPolicy, World};
//! use serde_json::json;
//!
//! let policy = ProcurementPolicy::new("policy-1");
//! let experience = Experience::new("exp-1", "One").with_policy(policy);
//! let organization =
//!     Organization::new("o-aaaaaaaaaa", "A", "111111111111").with_experience(experience);
//! let start = "2026-01-01T00:00:00Z".parse()?;
//! let world = World { organizations: vec![organization], ..World::default() };
//! let mut catalog = Catalog::new(&world, start);
//!
//! let request = json!({ "Catalog": "AWSMarketplace", "ChangeSet": [{
//!     "ChangeType": "AllowProductProcurement",
//!     "Entity": { "Type": "Experience@1.0", "Identifier": "exp-1@1" },
//!     "DetailsDocument": { "Products": [{ "Ids": ["prod-a"] }] },
//! }] });
//! catalog.call("111111111111", Operation::StartChangeSet, request, start)?;
//! let end = catalog.next_end().expect("it runs");
//! let ended = catalog.advance(end);
//! assert_eq!(ended[0].event["detail-type"], "Change Set Succeeded");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod assessments;
mod change_set;
mod change_type;
mod details;
mod entity;
mod error;
mod error_detail;
mod event;
mod lag;
mod list;
mod list_change_sets;
mod list_entities;
mod operation;
mod rate;
mod run;
mod settings;
mod start;
mod tags;
#[cfg(test)]
mod tests;
mod timing;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use change_set::ChangeSet;
pub use change_set::Outcome;
use details::Descriptions;
use entity::{Audience, Body, Entity, Experience, Policy};
pub use error::{CatalogError, ErrorKind, FieldChange, FieldError, FieldReason};
pub use event::CatalogEvent;
use lag::Before;
pub use operation::{Operation, read};
use pmp_world::{Dice, World};
pub use rate::Bucket;
use rate::Rates;
use settings::Settings;
pub use start::{StartChangeSet, Target};
pub use view::{ChangeSetView, ExperienceView, Listed, Move};

/// The name of AWS's only catalog.
pub const CATALOG: &str = "AWSMarketplace";

/// The state of the private marketplaces of all organizations.
///
/// Its serde form holds the state only, without the settings from the world. [`Catalog::restore`]
/// reads it back.
#[derive(Debug, Serialize, Deserialize)]
pub struct Catalog {
    #[serde(skip)]
    settings: Settings,
    #[serde(skip)]
    rates: Rates,
    #[serde(skip)]
    descriptions: Descriptions,
    /// The old descriptions of entities that changed, while reads lag.
    #[serde(skip)]
    before: BTreeMap<String, Before>,
    dice: Dice,
    entities: BTreeMap<String, Entity>,
    /// The experience that each principal is associated with.
    principals: BTreeMap<String, String>,
    change_sets: BTreeMap<String, ChangeSet>,
    /// The change sets of each account, in the order in which they started.
    history: BTreeMap<String, BTreeSet<(Timestamp, String)>>,
    /// The running change sets, the next to end first.
    running: BTreeSet<(Timestamp, String)>,
    /// How many change sets of each account are running.
    open: BTreeMap<String, usize>,
    /// The entities and principals that are locked, with the running change set that holds each of
    /// them.
    locks: BTreeMap<String, String>,
    /// By account and `ClientRequestToken`: the request, and the change set that it started.
    tokens: BTreeMap<String, BTreeMap<String, (StartChangeSet, String)>>,
    /// How the next change set that starts will end.
    next_outcome: Outcome,
    /// Requests for products that nobody has decided on, the next to lapse first.
    #[serde(default)]
    pending: BTreeSet<(Timestamp, String)>,
    /// Events that have happened since the last advance, and are not delivered yet.
    #[serde(alias = "cancelled")]
    untold: Vec<CatalogEvent>,
}

/// The relation of an account to an entity's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Owner,
    DelegatedAdministrator,
    Stranger,
}

impl Catalog {
    /// The catalog that `world` describes. Its entities were last modified at `now`.
    #[must_use]
    pub fn new(world: &World, now: Timestamp) -> Self {
        let mut catalog = Self {
            settings: Settings::of(world),
            rates: Rates::default(),
            descriptions: Descriptions::default(),
            before: BTreeMap::new(),
            dice: Dice::new(world.seed),
            entities: BTreeMap::new(),
            principals: BTreeMap::new(),
            change_sets: BTreeMap::new(),
            history: BTreeMap::new(),
            running: BTreeSet::new(),
            open: BTreeMap::new(),
            locks: BTreeMap::new(),
            tokens: BTreeMap::new(),
            next_outcome: Outcome::default(),
            pending: BTreeSet::new(),
            untold: Vec::new(),
        };
        for organization in &world.organizations {
            for experience in &organization.experiences {
                catalog.add_experience(&organization.management_account, experience, now);
            }
        }
        catalog
    }

    /// A catalog from its serde form, with the limits, timing and accounts of `world`. The
    /// experiences of the world are ignored, because the state has its own. Running change sets
    /// continue, and those that are due end at the next advance.
    ///
    /// # Errors
    /// The text is no catalog's state.
    pub fn restore(state: Value, world: &World) -> Result<Self, serde_json::Error> {
        let state: Self = serde_json::from_value(state)?;
        Ok(Self { settings: Settings::of(world), ..state })
    }

    fn add_experience(&mut self, owner: &str, from: &pmp_world::Experience, now: Timestamp) {
        let mut experience = Experience::from_world(from);
        if let Some(policy) = &from.policy {
            let body = Body::ProcurementPolicy(Policy::from_world(policy));
            let name = format!("{} policy", from.name);
            self.add(Entity { revision: 1, ..Entity::new(policy.id.clone(), owner, &name, body, now) });
        }
        if !from.audience.is_empty() {
            let id = self.dice.entity_id("audience");
            let principals: BTreeSet<String> = from.audience.iter().cloned().collect();
            self.principals.extend(principals.iter().map(|principal| (principal.clone(), from.id.clone())));
            let name = format!("{} audience", from.name);
            let body = Body::Audience(Audience { experience: from.id.clone(), principals });
            self.add(Entity { revision: 1, ..Entity::new(id.clone(), owner, &name, body, now) });
            experience.audience = Some(id);
        }
        let entity = Entity::new(from.id.clone(), owner, &from.name, Body::Experience(experience), now);
        self.add(Entity { revision: 1, description: from.description.clone(), ..entity });
    }

    fn add(&mut self, entity: Entity) {
        self.entities.insert(entity.id.clone(), entity);
    }

    /// Forces the end of the next change set that starts.
    pub fn set_next_outcome(&mut self, outcome: Outcome) {
        self.next_outcome = outcome;
    }

    /// The products whose change sets fail (`poison_products` of the world).
    pub fn poison_mut(&mut self) -> &mut BTreeSet<String> {
        &mut self.settings.poison
    }

    /// The region in the ARNs of entities and change sets.
    pub fn region(&self) -> &str {
        &self.settings.region
    }

    /// The ARN of an entity for IAM. For an unknown entity, it is the ARN of an entity of this type
    /// (`Experience`) that the caller would own.
    pub fn arn_for_iam(&self, caller: &str, kind: &str, identifier: &str) -> String {
        let id = identifier.split_once('@').map_or(identifier, |(id, _)| id);
        match self.entity(id) {
            Ok(entity) => entity.arn(self.region()),
            Err(_) => format!("arn:aws:aws-marketplace:{}:{caller}:{CATALOG}/{kind}/{id}", self.region()),
        }
    }

    /// The ARN of a change set for IAM. For an unknown change set, it is the ARN of one that the
    /// caller would have started.
    pub fn change_set_arn_for_iam(&self, caller: &str, id: &str) -> String {
        match self.change_sets.get(id) {
            Some(change_set) => change_set.arn(self.region()),
            None => format!("arn:aws:aws-marketplace:{}:{caller}:{CATALOG}/ChangeSet/{id}", self.region()),
        }
    }

    fn entity(&self, id: &str) -> Result<&Entity, CatalogError> {
        self.entities.get(id).ok_or_else(|| CatalogError::not_found(format!("Entity {id} not found")))
    }

    fn experience(&self, id: &str) -> Option<&Experience> {
        self.entities.get(id).and_then(Entity::experience)
    }

    /// The entity, if the caller owns or administers it.
    fn visible(&self, caller: &str, id: &str) -> Result<&Entity, CatalogError> {
        let entity = self.entity(id)?;
        match self.standing_to(caller, entity) {
            Standing::Owner | Standing::DelegatedAdministrator => Ok(entity),
            Standing::Stranger => Err(CatalogError::access_denied(caller, id)),
        }
    }

    /// The change set, if the caller or another manager of its private marketplace started it.
    fn visible_change_set(&self, caller: &str, id: &str) -> Result<&ChangeSet, CatalogError> {
        let missing = || CatalogError::not_found(format!("Change set {id} not found"));
        let change_set = self.change_sets.get(id).ok_or_else(missing)?;
        if change_set.account == caller || self.manages(caller, &change_set.account) {
            Ok(change_set)
        } else {
            Err(CatalogError::access_denied(caller, id))
        }
    }

    /// The relation of an account to an entity. A request for a product belongs to its user, and is
    /// shared with the managers of the private marketplace.
    fn standing_to(&self, caller: &str, entity: &Entity) -> Standing {
        let owner = match &entity.body {
            Body::ProcurementRequest(_) if caller != entity.owner => {
                match (self.settings.owner_of(&entity.owner), self.settings.managers.get(caller)) {
                    (Some(owner), Some(managed)) if owner == managed => return Standing::DelegatedAdministrator,
                    _ => return Standing::Stranger,
                }
            }
            _ => &entity.owner,
        };
        self.standing(caller, owner)
    }

    fn standing(&self, caller: &str, owner: &str) -> Standing {
        if caller == owner {
            Standing::Owner
        } else if self.settings.managers.get(caller).is_some_and(|managed| managed == owner) {
            Standing::DelegatedAdministrator
        } else {
            Standing::Stranger
        }
    }

    /// Whether both accounts manage the same private marketplace.
    fn manages(&self, caller: &str, other: &str) -> bool {
        let managers = &self.settings.managers;
        managers.get(caller).is_some_and(|owner| managers.get(other) == Some(owner))
    }
}
