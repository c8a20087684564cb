//! The change types `CreateProcurementPolicy` and `UpdateProcurementPolicy`.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::entity::{Body, Entity, Policy};
use super::super::error_detail::ErrorDetail;
use super::super::{Catalog, CatalogError};
use super::{Draft, check_description, check_name, check_new_name, check_text, experience_mut, read_form};
use pmp_world::ResourceRequests;

/// The details of both change types.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct PolicySettings {
    name: Option<String>,
    description: Option<String>,
    configuration: Option<Configuration>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Configuration {
    policy_resource_requests: Option<ResourceRequests>,
}

/// By AWS's published shapes, the description of a new policy has a lower limit than that of an
/// update.
const MAX_NEW_DESCRIPTION: usize = 100;

impl PolicySettings {
    pub(super) fn read(details: Value) -> Result<Self, CatalogError> {
        let settings: Self = read_form(details)?;
        check_name(settings.name.as_deref())?;
        check_description(settings.description.as_deref())?;
        Ok(settings)
    }

    pub(super) fn read_new(details: Value) -> Result<Self, CatalogError> {
        let settings = Self::read(details)?;
        check_new_name(settings.name.as_deref())?;
        check_text("Description", "Details.Description", settings.description.as_deref(), MAX_NEW_DESCRIPTION)?;
        Ok(settings)
    }

    fn requests(&self) -> Option<ResourceRequests> {
        self.configuration.as_ref().and_then(|configuration| configuration.policy_resource_requests)
    }

    /// Creates the policy. It is empty: no product may be procured.
    pub(super) fn create(&self, id: &str, catalog: &mut Catalog, touched: &mut BTreeSet<String>, now: Timestamp) {
        let Some(owner) = catalog.entities.get(id).map(|experience| experience.owner.clone()) else { return };
        let policy = catalog.dice.entity_id("procpolicy");
        let body = Body::ProcurementPolicy(Policy::new(self.requests().unwrap_or_default()));
        let entity = Entity::new(policy.clone(), &owner, self.name.as_deref().unwrap_or_default(), body, now);
        catalog.add(Entity { description: self.description.clone(), ..entity });
        touched.insert(policy.clone());
        if let Some(experience) = experience_mut(catalog, id) {
            experience.policy = Some(policy);
        }
    }

    /// Updates the policy. A field that is absent keeps its value.
    pub(super) fn update(&self, id: &str, catalog: &mut Catalog, touched: &mut BTreeSet<String>) {
        let policy = catalog.experience(id).and_then(|experience| experience.policy.clone());
        let Some(entity) = policy.and_then(|policy| catalog.entities.get_mut(&policy)) else { return };
        touched.insert(entity.id.clone());
        if let Some(name) = &self.name {
            entity.name.clone_from(name);
        }
        if self.description.is_some() {
            entity.description.clone_from(&self.description);
        }
        if let (Body::ProcurementPolicy(policy), Some(requests)) = (&mut entity.body, self.requests()) {
            policy.requests = requests;
        }
    }
}

pub(super) fn check_new(draft: &mut Draft<'_>, experience: &str) -> Vec<ErrorDetail> {
    if draft.has_policy(experience) {
        return vec![ErrorDetail::already_exists("Procurement policy exists for Experience")];
    }
    draft.policies.insert(experience.to_owned());
    Vec::new()
}

pub(super) fn check_there(draft: &Draft<'_>, experience: &str) -> Vec<ErrorDetail> {
    if draft.has_policy(experience) {
        return Vec::new();
    }
    vec![ErrorDetail::not_found("Procurement policy missing from Experience")]
}
