//! The change types `AssociateAudience` and `DisassociateAudience`.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::entity::{Audience, Body, Entity};
use super::super::error_detail::ErrorDetail;
use super::super::{Catalog, CatalogError};
use super::{Draft, check_description, check_name, experience_mut, read_form};
use pmp_world::is_account;

/// The details of both change types. Those of `DisassociateAudience` have principals only.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Principals {
    name: Option<String>,
    description: Option<String>,
    principals: BTreeSet<String>,
}

const MAX_PRINCIPALS: usize = 50;

/// The name of an audience that was associated without a name. AWS does not document whether the
/// name may be absent.
const UNNAMED: &str = "Audience";

impl Principals {
    pub(super) fn read(details: Value) -> Result<Self, CatalogError> {
        let read: Self = read_form(details)?;
        check_name(read.name.as_deref())?;
        check_description(read.description.as_deref())?;
        if !(1..=MAX_PRINCIPALS).contains(&read.principals.len()) {
            let message = format!("Principals must hold 1 to {MAX_PRINCIPALS} principals");
            return Err(CatalogError::validation(message).in_field("Details.Principals"));
        }
        if let Some(principal) = read.principals.iter().find(|principal| !is_principal(principal)) {
            let rule = "is not the id of an account, an organizational unit or an organization";
            let message = format!("Principal {principal} {rule}");
            return Err(CatalogError::validation(message).in_field("Details.Principals"));
        }
        Ok(read)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.principals.iter().map(String::as_str)
    }

    /// Associates the principals. The first association creates the audience, later ones add to it.
    pub(super) fn associate(&self, id: &str, catalog: &mut Catalog, touched: &mut BTreeSet<String>, now: Timestamp) {
        for principal in &self.principals {
            // The principal may still belong to an archived experience; it leaves that one.
            if let Some(experience) = catalog.principals.insert(principal.clone(), id.to_owned()) {
                remove(catalog, &experience, principal, touched);
            }
        }
        let existing = catalog.experience(id).and_then(|experience| experience.audience.clone());
        let audience = existing.unwrap_or_else(|| self.create(id, catalog, now));
        let Some(entity) = catalog.entities.get_mut(&audience) else { return };
        if let Some(name) = &self.name {
            entity.name.clone_from(name);
        }
        if self.description.is_some() {
            entity.description.clone_from(&self.description);
        }
        if let Body::Audience(audience) = &mut entity.body {
            audience.principals.extend(self.principals.iter().cloned());
        }
        touched.insert(audience);
    }

    fn create(&self, id: &str, catalog: &mut Catalog, now: Timestamp) -> String {
        let audience = catalog.dice.entity_id("audience");
        let owner = catalog.entities.get(id).map(|experience| experience.owner.clone()).unwrap_or_default();
        let body = Body::Audience(Audience { experience: id.to_owned(), principals: BTreeSet::new() });
        catalog.add(Entity::new(audience.clone(), &owner, UNNAMED, body, now));
        if let Some(experience) = experience_mut(catalog, id) {
            experience.audience = Some(audience.clone());
        }
        audience
    }

    /// Removes the principals. The audience stays, even without principals.
    pub(super) fn disassociate(&self, id: &str, catalog: &mut Catalog, touched: &mut BTreeSet<String>) {
        for principal in &self.principals {
            catalog.principals.remove(principal);
            remove(catalog, id, principal, touched);
        }
    }
}

/// Removes a principal from an experience's audience.
fn remove(catalog: &mut Catalog, experience: &str, principal: &str, touched: &mut BTreeSet<String>) {
    let audience = catalog.experience(experience).and_then(|experience| experience.audience.clone());
    let Some(entity) = audience.and_then(|audience| catalog.entities.get_mut(&audience)) else { return };
    if let Body::Audience(audience) = &mut entity.body
        && audience.principals.remove(principal)
    {
        touched.insert(entity.id.clone());
    }
}

fn is_principal(principal: &str) -> bool {
    let lower = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    let unit = |rest: &str| rest.split_once('-').is_some_and(|(root, unit)| lower(root, 4..=32) && lower(unit, 8..=32));
    is_account(principal)
        || principal.strip_prefix("ou-").is_some_and(unit)
        || principal.strip_prefix("o-").is_some_and(|rest| lower(rest, 10..=32))
}

/// A principal must be in the organization, and must not be associated with another experience. An
/// archived experience does not count, because AWS documents that its audiences can be associated
/// with another experience.
pub(super) fn check_associate(draft: &mut Draft<'_>, experience: &str, principals: &Principals) -> Vec<ErrorDetail> {
    let settings = &draft.catalog.settings;
    let in_organization = |principal: &str| draft.owner().is_some_and(|owner| settings.has_principal(owner, principal));
    let mut errors = Vec::new();
    if !principals.iter().all(in_organization) {
        errors.push(ErrorDetail::not_authorized("Caller not authorized to execute the action"));
    }
    for principal in principals.iter() {
        let archived = |holder: &str| draft.catalog.entities.get(holder).is_some_and(Entity::is_archived);
        if draft.experience_of(principal).is_some_and(|holder| !archived(holder)) {
            errors.push(ErrorDetail::already_exists(format!(
                "An experience is already associated with the account {principal}. Disassociate previous experience \
                 before updating"
            )));
        }
    }
    if errors.is_empty() {
        let moved = principals.iter().map(|principal| (principal.to_owned(), Some(experience.to_owned())));
        draft.principals.extend(moved);
    }
    errors
}

/// AWS documents no error for a principal that is not associated. Here it is `ENTITY_NOT_FOUND`.
pub(super) fn check_disassociate(draft: &mut Draft<'_>, experience: &str, principals: &Principals) -> Vec<ErrorDetail> {
    if !principals.iter().all(|principal| draft.experience_of(principal) == Some(experience)) {
        return vec![ErrorDetail::not_found("A principal of this change is not associated with the Experience")];
    }
    draft.principals.extend(principals.iter().map(|principal| (principal.to_owned(), None)));
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_are_accounts_units_and_organizations() {
        for known in ["012345678901", "ou-abcd-01234567", "o-0123456789"] {
            assert!(is_principal(known), "{known}");
        }
        for unknown in ["", "12345", "ou-abcd", "ou-abc-01234567", "o-short", "r-abcd", "O-0123456789"] {
            assert!(!is_principal(unknown), "{unknown}");
        }
    }
}
