//! The change types `CreateExperience`, `UpdateExperience`, `RestrictExperience` and
//! `ReviveExperience`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::entity::{ACTIVE, Body, Entity, Experience};
use super::super::error_detail::ErrorDetail;
use super::super::{Catalog, CatalogError};
use super::{Action, Draft, check_description, check_name, check_new_name, experience_mut, read_form};
use pmp_world::ExperienceStatus;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct NewExperience {
    name: Option<String>,
    description: Option<String>,
    /// A field of AWS's published shape that AWS explains nowhere. It has no effect here.
    catalog: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ExperienceUpdate {
    name: Option<String>,
    description: Option<String>,
    status: Option<ExperienceStatus>,
}

impl NewExperience {
    pub(super) fn read(details: Value) -> Result<Self, CatalogError> {
        let new: Self = read_form(details)?;
        check_new_name(new.name.as_deref())?;
        check_description(new.description.as_deref())?;
        Ok(new)
    }

    /// Creates the experience. It is disabled, and has neither a policy nor branding settings.
    pub(super) fn apply(&self, id: &str, account: &str, catalog: &mut Catalog, now: Timestamp) {
        let Some(owner) = catalog.settings.managers.get(account).cloned() else { return };
        let name = self.name.as_deref().unwrap_or_default();
        let entity = Entity::new(id.to_owned(), &owner, name, Body::Experience(Experience::new()), now);
        catalog.add(Entity { description: self.description.clone(), ..entity });
    }
}

impl ExperienceUpdate {
    pub(super) fn read(details: Value) -> Result<Self, CatalogError> {
        let update: Self = read_form(details)?;
        check_name(update.name.as_deref())?;
        check_description(update.description.as_deref())?;
        Ok(update)
    }

    /// Updates the experience. A field that is absent keeps its value.
    pub(super) fn apply(&self, id: &str, catalog: &mut Catalog) {
        let Some(entity) = catalog.entities.get_mut(id) else { return };
        if let Some(name) = &self.name {
            entity.name.clone_from(name);
        }
        if self.description.is_some() {
            entity.description.clone_from(&self.description);
        }
        if let (Body::Experience(experience), Some(status)) = (&mut entity.body, self.status) {
            experience.status = status;
        }
    }
}

/// Only an account that manages a private marketplace may create experiences in it.
pub(super) fn check_creator(draft: &Draft<'_>) -> Vec<ErrorDetail> {
    match draft.owner() {
        Some(_) => Vec::new(),
        None => vec![ErrorDetail::not_authorized("Caller not authorized to create experience.")],
    }
}

/// Reads the details of a change type that must have none.
pub(super) fn read_nothing(details: Value, action: Action) -> Result<Action, CatalogError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    let Nothing {} = read_form(details)?;
    Ok(action)
}

/// Enforces "Before archiving an experience, you must disable it". AWS documents the rule, but no
/// error for it.
pub(super) fn check_disabled<'a>(
    id: &str,
    entity: &Entity,
    earlier: impl Iterator<Item = &'a Action>,
) -> Result<(), CatalogError> {
    let statuses = earlier.filter_map(|action| match action {
        Action::UpdateExperience(update) => update.status,
        _ => None,
    });
    let status = statuses.last().or(entity.experience().map(|experience| experience.status));
    if status == Some(ExperienceStatus::Disabled) {
        return Ok(());
    }
    Err(CatalogError::validation(format!("Experience {id} must be disabled before it is archived")))
}

pub(super) fn set_archived(id: &str, catalog: &mut Catalog, archived: bool) {
    let archived_status = catalog.settings.assumptions().archived_admin_status.clone();
    if let Some(experience) = experience_mut(catalog, id) {
        experience.admin_status = Some(if archived { archived_status } else { ACTIVE.into() });
    }
}
