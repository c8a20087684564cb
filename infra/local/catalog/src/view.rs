//! Copies of the state for the page: experiences, change sets and lists. Copying is short, so the
//! catalog's lock is held briefly; rendering works on the copies.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::change_set::ChangeSet;
use super::change_type::Change;
use super::entity::Body;
use super::{Catalog, Policy};

/// An experience, without its products.
#[derive(Debug, Clone, Serialize)]
pub struct ExperienceView {
    /// The experience's id, `exp-…`.
    pub id: String,
    /// The name that its owner gave it.
    pub name: String,
    /// The management account that owns it.
    pub owner: String,
    /// The experience's `Status`: `Enabled` or `Disabled`.
    pub status: &'static str,
    /// Whether it is archived. An archived experience cannot be changed.
    pub archived: bool,
    /// The id of its procurement policy; `None` means that every product may be procured.
    pub policy: Option<String>,
    /// The revision of the entity, from 1.
    pub revision: u64,
    /// How many products it approves.
    pub approved: usize,
    /// How many products it rejects.
    pub rejected: usize,
    /// The id of the change set that has locked it.
    pub locked_by: Option<String>,
}

/// A change set with what its changes did.
#[derive(Debug, Clone, Serialize)]
pub struct ChangeSetView {
    /// Its id: 25 letters and digits.
    pub id: String,
    /// The name that the request gave it.
    pub name: Option<String>,
    /// The account that started it.
    pub account: String,
    /// The status as `DescribeChangeSet` answers it, such as `SUCCEEDED`.
    pub status: &'static str,
    /// When the change set started.
    pub started: Timestamp,
    /// When the change set ended; `None` while it is running.
    pub ended: Option<Timestamp>,
    /// When the change set will end, if it is running.
    pub ends: Option<Timestamp>,
    /// The entities that it names, in the order of its changes.
    pub entities: Vec<String>,
    /// The change types, in the order of its changes.
    pub types: Vec<String>,
    /// The products that it approves.
    pub allowed: Vec<String>,
    /// The products that it denies.
    pub denied: Vec<String>,
    /// The errors of its changes, one text each.
    pub errors: Vec<String>,
}

/// On which list of an experience a product is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Listed {
    /// The product may be procured.
    Approved,
    /// The product may not be procured.
    Rejected,
}

/// A product that a change set has put, or is about to put, on a list.
#[derive(Debug, Clone, Serialize)]
pub struct Move {
    /// The experience's id, `exp-…`.
    pub experience: String,
    /// The product's id, `prod-…`.
    pub product: String,
    /// The list that the product is moved to.
    pub to: Listed,
    /// When the change set ended; `None` while it is running.
    pub arrived: Option<Timestamp>,
}

impl Catalog {
    /// All experiences, sorted by id.
    pub fn view_experiences(&self) -> Vec<ExperienceView> {
        let view = |entity: &super::Entity| {
            let Body::Experience(experience) = &entity.body else { return None };
            let policy = self.policy_of(&entity.id);
            Some(ExperienceView {
                id: entity.id.clone(),
                name: entity.name.clone(),
                owner: entity.owner.clone(),
                status: experience.status.as_str(),
                archived: experience.is_archived(),
                policy: experience.policy.clone(),
                revision: entity.revision,
                approved: policy.map_or(0, |policy| policy.approved.len()),
                rejected: policy.map_or(0, |policy| policy.rejected.len()),
                locked_by: self.locks.get(&entity.id).cloned(),
            })
        };
        self.entities.values().filter_map(view).collect()
    }

    /// The running change sets and the newest ones that have ended, up to `most` of each, the
    /// latest first.
    pub fn view_change_sets(&self, most: usize, now: Timestamp) -> Vec<ChangeSetView> {
        let running = self.running.iter().rev().take(most);
        let running = running.filter_map(|(ends, id)| Some((self.change_sets.get(id)?, Some(*ends))));
        let mut ended: Vec<&ChangeSet> = self.change_sets.values().filter(|set| set.ended().is_some()).collect();
        ended.sort_unstable_by_key(|set| std::cmp::Reverse(set.ended()));
        running
            .chain(ended.into_iter().take(most).map(|set| (set, None)))
            .map(|(set, ends)| set.view(ends, now))
            .collect()
    }

    /// The products on the lists of an experience, by id.
    pub fn lists(&self, experience: &str) -> BTreeMap<String, Listed> {
        let Some(policy) = self.policy_of(experience) else { return BTreeMap::new() };
        let list = |products: &super::entity::Products, listed| {
            products.keys().map(|id| (id.clone(), listed)).collect::<Vec<_>>()
        };
        list(&policy.approved, Listed::Approved).into_iter().chain(list(&policy.rejected, Listed::Rejected)).collect()
    }

    /// For each of `products`, the list that it is on in each of `experiences`; `None` if it is on
    /// no list.
    pub fn listed(&self, experiences: &[String], products: &[String]) -> Vec<Vec<Option<Listed>>> {
        let policies: Vec<Option<&Policy>> = experiences.iter().map(|id| self.policy_of(id)).collect();
        let cell =
            |policy: &Policy, id: &str| match (policy.approved.contains_key(id), policy.rejected.contains_key(id)) {
                (true, _) => Some(Listed::Approved),
                (_, true) => Some(Listed::Rejected),
                _ => None,
            };
        let row = |id: &String| policies.iter().map(|policy| policy.and_then(|policy| cell(policy, id))).collect();
        products.iter().map(row).collect()
    }

    /// The products that running change sets move, and those that were moved within the last
    /// `while_fresh`.
    pub fn moves(&self, while_fresh: SignedDuration, now: Timestamp) -> Vec<Move> {
        let since = now.checked_sub(while_fresh).unwrap_or(Timestamp::MIN);
        let recent = |set: &&ChangeSet| match set.ended() {
            Some(ended) => ended >= since && set.status(now) == "SUCCEEDED",
            None => true,
        };
        let sets = self.change_sets.values().filter(recent);
        sets.flat_map(|set| set.changes.iter().flat_map(move |change| moves_of(change, set.ended()))).collect()
    }

    fn policy_of(&self, experience: &str) -> Option<&Policy> {
        let Body::Experience(experience) = &self.entities.get(experience)?.body else { return None };
        match &self.entities.get(experience.policy.as_ref()?)?.body {
            Body::ProcurementPolicy(policy) => Some(policy),
            _ => None,
        }
    }
}

impl ChangeSet {
    fn view(&self, ends: Option<Timestamp>, now: Timestamp) -> ChangeSetView {
        let mut view = ChangeSetView {
            id: self.id.clone(),
            name: self.name.clone(),
            account: self.account.clone(),
            status: self.status(now),
            started: self.started,
            ended: self.ended(),
            ends,
            entities: Vec::new(),
            types: Vec::new(),
            allowed: Vec::new(),
            denied: Vec::new(),
            errors: Vec::new(),
        };
        for change in &self.changes {
            if !view.entities.contains(&change.entity) {
                view.entities.push(change.entity.clone());
            }
            match target(change) {
                Some(Listed::Approved) => view.allowed.extend(ids(change)),
                Some(Listed::Rejected) => view.denied.extend(ids(change)),
                None => view.types.push(change.change_type.clone()),
            }
            view.errors.extend(change.errors.iter().map(|error| format!("{}: {}", error.code, error.message)));
        }
        view
    }
}

/// The list that a change puts its products on.
fn target(change: &Change) -> Option<Listed> {
    match change.change_type.as_str() {
        "AllowProductProcurement" => Some(Listed::Approved),
        "DenyProductProcurement" => Some(Listed::Rejected),
        _ => None,
    }
}

fn ids(change: &Change) -> impl Iterator<Item = String> {
    let groups = change.details["Products"].as_array().into_iter().flatten();
    let ids = groups.flat_map(|group| group["Ids"].as_array().into_iter().flatten());
    ids.filter_map(|id| id.as_str().map(str::to_owned))
}

fn moves_of(change: &Change, arrived: Option<Timestamp>) -> impl Iterator<Item = Move> {
    let to = target(change);
    let moved = |product| Some(Move { experience: change.entity.clone(), product, to: to?, arrived });
    ids(change).filter_map(moved).collect::<Vec<_>>().into_iter()
}
