//! The change types: which details each one takes, when it fails, and what it does.
//! [`CHANGE_TYPES`] has one row per type; each family of types has a module.
//!
//! AWS's private marketplace reference documents the error texts that are constants with a code
//! (`Procurement policy missing from Experience`), and the three texts for a malformed or too large
//! request. AWS documents no others, so all other texts are this simulator's own.

mod agent_token;
mod audience;
mod branding;
mod change;
mod experience;
mod policy;
mod procurement;
mod request;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::entity::{Body, Entity, Experience};
use super::error_detail::ErrorDetail;
use super::{Catalog, CatalogError};
use agent_token::TokenChange;
use audience::Principals;
use branding::BrandingChange;
pub(super) use change::Change;
use experience::{ExperienceUpdate, NewExperience};
use policy::PolicySettings;
pub(super) use procurement::check_products_of_request;
use procurement::{Effect, Product};
use request::{Decision, NewRequest};

/// A kind of change that a change set may hold.
pub(super) struct ChangeType {
    /// Its name in the API.
    pub(super) name: &'static str,
    /// The type of entity that the change names.
    pub(super) entity_type: &'static str,
    /// The prefix of the new entity's id, if the change creates an entity.
    pub(super) creates: Option<&'static str>,
    /// Reads and checks the details document.
    pub(super) read: fn(Value) -> Result<Action, CatalogError>,
}

/// Every change type of private marketplace. A new change type needs an [`Action`] and a row here.
const CHANGE_TYPES: &[ChangeType] = &[
    ChangeType {
        creates: Some("exp"),
        ..on_experience("CreateExperience", |details| Ok(Action::CreateExperience(NewExperience::read(details)?)))
    },
    on_experience("UpdateExperience", |details| Ok(Action::UpdateExperience(ExperienceUpdate::read(details)?))),
    on_experience("RestrictExperience", |details| experience::read_nothing(details, Action::Restrict)),
    on_experience("ReviveExperience", |details| experience::read_nothing(details, Action::Revive)),
    on_experience("CreateProcurementPolicy", |details| Ok(Action::CreatePolicy(PolicySettings::read_new(details)?))),
    on_experience("UpdateProcurementPolicy", |details| Ok(Action::UpdatePolicy(PolicySettings::read(details)?))),
    on_experience("AllowProductProcurement", |details| procurement::read(Effect::Allow, details)),
    on_experience("DenyProductProcurement", |details| procurement::read(Effect::Deny, details)),
    on_experience("CreateBrandingSettings", |details| Ok(Action::CreateBranding(BrandingChange::read_new(details)?))),
    on_experience("UpdateBrandingSettings", |details| Ok(Action::UpdateBranding(BrandingChange::read(details)?))),
    on_experience("AssociateAudience", |details| Ok(Action::Associate(Principals::read(details)?))),
    on_experience("DisassociateAudience", |details| Ok(Action::Disassociate(Principals::read(details)?))),
    ChangeType {
        creates: Some("prodprocreq"),
        ..on_request("CreateProductProcurementRequest", |details| Ok(Action::Request(NewRequest::read(details)?)))
    },
    on_request("CancelProductProcurementRequest", |d| experience::read_nothing(d, Action::Decide(Decision::Cancel))),
    on_request("ApproveProductProcurementRequest", |d| experience::read_nothing(d, Action::Decide(Decision::Approve))),
    on_request("DeclineProductProcurementRequest", |d| experience::read_nothing(d, Action::Decide(Decision::Decline))),
    ChangeType {
        creates: Some("agenttokens"),
        ..on_tokens("CreateAgentTokenContainer", |details| tokens(TokenChange::Create, &details))
    },
    on_tokens("RequestExpressPrivateOffer", |details| tokens(TokenChange::RequestOffer, &details)),
    on_tokens("ExpireToken", |details| tokens(TokenChange::Expire, &details)),
];

fn tokens(change: TokenChange, details: &Value) -> Result<Action, CatalogError> {
    Ok(Action::Tokens(agent_token::read(change, details)?))
}

const fn on_request(name: &'static str, read: fn(Value) -> Result<Action, CatalogError>) -> ChangeType {
    ChangeType { name, entity_type: "ProductProcurementRequest@1.0", creates: None, read }
}

const fn on_tokens(name: &'static str, read: fn(Value) -> Result<Action, CatalogError>) -> ChangeType {
    ChangeType { name, entity_type: "AgentTokenContainer@1.0", creates: None, read }
}

const fn on_experience(name: &'static str, read: fn(Value) -> Result<Action, CatalogError>) -> ChangeType {
    ChangeType { name, entity_type: "Experience@1.0", creates: None, read }
}

/// The change type of that name.
pub(super) fn change_type(name: &str) -> Result<&'static ChangeType, CatalogError> {
    let unknown = || CatalogError::validation(format!("Change type {name} is not supported")).in_field("ChangeType");
    CHANGE_TYPES.iter().find(|known| known.name == name).ok_or_else(unknown)
}

/// What a change does, read and checked.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Action {
    CreateExperience(NewExperience),
    UpdateExperience(ExperienceUpdate),
    /// Archives an experience: it cannot be changed any more.
    Restrict,
    /// Makes an archived experience editable again.
    Revive,
    CreatePolicy(PolicySettings),
    UpdatePolicy(PolicySettings),
    /// Puts products on one list, and removes them from the other one.
    Procure {
        effect: Effect,
        products: Vec<Product>,
    },
    CreateBranding(BrandingChange),
    UpdateBranding(BrandingChange),
    Associate(Principals),
    Disassociate(Principals),
    /// A user's request for a product.
    Request(NewRequest),
    /// A user's or an administrator's decision on such a request.
    Decide(Decision),
    Tokens(TokenChange),
}

impl Action {
    /// The principals that it associates or disassociates.
    pub(super) fn principals(&self) -> impl Iterator<Item = &str> {
        let principals = match self {
            Self::Associate(principals) | Self::Disassociate(principals) => Some(principals),
            _ => None,
        };
        principals.into_iter().flat_map(Principals::iter)
    }

    /// Whether the change creates the entity that it names.
    pub(super) fn creates(&self) -> bool {
        matches!(self, Self::CreateExperience(_) | Self::Request(_) | Self::Tokens(TokenChange::Create))
    }

    /// Checks that the experience's status allows the change, after the earlier changes of the same
    /// change set. The entity is locked from here on, so a change that is allowed now is still
    /// allowed when the change set ends.
    pub(super) fn check_status(
        &self,
        change: &Change,
        entity: &Entity,
        earlier: &[Change],
    ) -> Result<(), CatalogError> {
        let before = || earlier.iter().filter(|earlier| earlier.entity == change.entity);
        let mut archived = entity.is_archived();
        for earlier in before() {
            match earlier.action {
                Self::Restrict => archived = true,
                Self::Revive => archived = false,
                _ => {}
            }
        }
        let id = &change.entity;
        match (self, archived) {
            (Self::Revive, true) => Ok(()),
            (Self::Revive, false) => Err(CatalogError::validation(format!("Experience {id} is not archived"))),
            (_, true) => Err(CatalogError::validation(format!("Experience {id} is archived"))),
            (Self::Restrict, false) => experience::check_disabled(id, entity, before().map(|earlier| &earlier.action)),
            _ => Ok(()),
        }
    }

    /// Applies the change, and adds the entities that it changed to `touched`. It cannot fail,
    /// because [`Draft::check`] found no error before.
    pub(super) fn apply(
        &self,
        change: &Change,
        account: &str,
        catalog: &mut Catalog,
        touched: &mut BTreeSet<String>,
        now: Timestamp,
    ) {
        touched.insert(change.entity.clone());
        let id = &change.entity;
        match self {
            Self::CreateExperience(new) => new.apply(id, account, catalog, now),
            Self::UpdateExperience(update) => update.apply(id, catalog),
            Self::Restrict => experience::set_archived(id, catalog, true),
            Self::Revive => experience::set_archived(id, catalog, false),
            Self::CreatePolicy(settings) => settings.create(id, catalog, touched, now),
            Self::UpdatePolicy(settings) => settings.update(id, catalog, touched),
            Self::Procure { effect, products } => procurement::apply(*effect, products, id, catalog, touched),
            Self::CreateBranding(change) => change.create(id, catalog, touched, now),
            Self::UpdateBranding(change) => change.update(id, catalog, touched),
            Self::Associate(principals) => principals.associate(id, catalog, touched, now),
            Self::Disassociate(principals) => principals.disassociate(id, catalog, touched),
            Self::Request(new) => new.apply(id, account, catalog, now),
            Self::Decide(decision) => decision.apply(change, catalog, touched, now),
            Self::Tokens(change) => agent_token::apply(*change, id, account, catalog, touched, now),
        }
        if let Some(entity) = catalog.entities.get_mut(id) {
            entity.tags.extend(change.entity_tags.clone());
        }
    }
}

/// The state that the earlier changes of the same change set will leave behind, as far as checks
/// need it.
pub(super) struct Draft<'c> {
    catalog: &'c Catalog,
    /// The account that started the change set.
    account: &'c str,
    /// Experiences that were given a policy.
    policies: BTreeSet<String>,
    /// Experiences that were given branding settings.
    brandings: BTreeSet<String>,
    /// Principals that were moved, with the experience that they belong to now.
    principals: BTreeMap<String, Option<String>>,
}

impl<'c> Draft<'c> {
    pub(super) fn new(catalog: &'c Catalog, account: &'c str) -> Self {
        let (policies, brandings, principals) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        Self { catalog, account, policies, brandings, principals }
    }

    /// Why a change cannot be applied. If it can, there are no errors, and the draft contains the
    /// change's effect.
    pub(super) fn check(&mut self, change: &Change) -> Vec<ErrorDetail> {
        let id = &change.entity;
        match &change.action {
            Action::CreateExperience(_) => experience::check_creator(self),
            Action::UpdateExperience(_) | Action::Restrict | Action::Revive => Vec::new(),
            Action::CreatePolicy(_) => policy::check_new(self, id),
            Action::UpdatePolicy(_) => policy::check_there(self, id),
            Action::Procure { products, .. } => procurement::check(self, id, products),
            Action::CreateBranding(change) => branding::check_new(self, id, change),
            Action::UpdateBranding(change) => branding::check_there(self, id, change),
            Action::Associate(principals) => audience::check_associate(self, id, principals),
            Action::Disassociate(principals) => audience::check_disassociate(self, id, principals),
            Action::Request(new) => request::check_new(self, new),
            Action::Decide(decision) => request::check_decision(self, id, *decision),
            Action::Tokens(change) => agent_token::check(*change),
        }
    }

    /// The management account that owns the private marketplace of this change set.
    fn owner(&self) -> Option<&'c str> {
        self.catalog.settings.managers.get(self.account).map(String::as_str)
    }

    fn has_policy(&self, experience: &str) -> bool {
        let there = |experience: &Experience| experience.policy.is_some();
        self.policies.contains(experience) || self.catalog.experience(experience).is_some_and(there)
    }

    fn has_branding(&self, experience: &str) -> bool {
        let there = |experience: &Experience| experience.branding.is_some();
        self.brandings.contains(experience) || self.catalog.experience(experience).is_some_and(there)
    }

    /// The experience that a principal is associated with.
    fn experience_of(&self, principal: &str) -> Option<&str> {
        match self.principals.get(principal) {
            Some(moved) => moved.as_deref(),
            None => self.catalog.principals.get(principal).map(String::as_str),
        }
    }
}

/// The experience with that id, for a change of it.
fn experience_mut<'c>(catalog: &'c mut Catalog, id: &str) -> Option<&'c mut Experience> {
    match &mut catalog.entities.get_mut(id)?.body {
        Body::Experience(experience) => Some(experience),
        _ => None,
    }
}

/// Reads a details document. A field of another form is the caller's error.
fn read_form<T: DeserializeOwned>(details: Value) -> Result<T, CatalogError> {
    let malformed = |error| {
        let message = format!("Details do not match the schema: {error}");
        CatalogError::validation(message).in_unreadable_field("Details")
    };
    serde_json::from_value(details).map_err(malformed)
}

// The limits of names and descriptions are those of the shapes that AWS publishes for the API's
// documents (awslabs/aws-marketplace-catalog-api-shapes-for-python, 2026-08-07). AWS's reference
// documents no limits.

const MAX_NAME: usize = 50;
const MAX_DESCRIPTION: usize = 1000;

/// Checks the length of a text that may be absent.
fn check_text(what: &str, field: &'static str, text: Option<&str>, max: usize) -> Result<(), CatalogError> {
    match text.map(|text| text.chars().count()) {
        None => Ok(()),
        Some(length) if (1..=max).contains(&length) => Ok(()),
        Some(_) => {
            let message = format!("Length of {what} must be between 1 and {max}");
            Err(CatalogError::validation(message).in_field(field))
        }
    }
}

/// Checks a name that may be absent, as in an update.
fn check_name(name: Option<&str>) -> Result<(), CatalogError> {
    check_text("Name", "Details.Name", name, MAX_NAME)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '-');
    match name {
        Some(name) if !name.chars().all(allowed) => {
            let message = "Name may hold letters of English, digits, spaces, _ and - only";
            Err(CatalogError::validation(message).in_field("Details.Name"))
        }
        _ => Ok(()),
    }
}

/// Checks that a new entity has a name.
fn check_new_name(name: Option<&str>) -> Result<(), CatalogError> {
    if name.is_none() {
        return Err(CatalogError::validation("Name is required").in_field("Details.Name"));
    }
    check_name(name)
}

fn check_description(description: Option<&str>) -> Result<(), CatalogError> {
    check_text("Description", "Details.Description", description, MAX_DESCRIPTION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_held_to_the_bounds_that_aws_publishes() {
        use serde_json::json;
        let reads = |name: &str, details: Value| (change_type(name).unwrap().read)(details).is_ok();
        let name = |length: usize| json!({ "Name": "n".repeat(length) });
        for kind in ["CreateExperience", "UpdateExperience", "CreateProcurementPolicy", "CreateBrandingSettings"] {
            assert!(reads(kind, name(50)), "{kind}");
            assert!(!reads(kind, name(51)) && !reads(kind, name(0)), "{kind}");
            assert!(!reads(kind, json!({ "Name": "a.b" })) && !reads(kind, json!({ "Name": "größer" })), "{kind}");
        }
        let described = |length: usize| json!({ "Name": "Name_of-1", "Description": "é".repeat(length) });
        for (kind, max) in
            [("CreateExperience", 1000), ("UpdateProcurementPolicy", 1000), ("CreateProcurementPolicy", 100)]
        {
            assert!(reads(kind, described(max)) && !reads(kind, described(max + 1)), "{kind}");
        }
        for (field, max) in [("Title", 50), ("Information", 1000), ("LogoUrl", 2048)] {
            let branding = |length: usize| json!({ "Configuration": { field: "x".repeat(length) } });
            let update = "UpdateBrandingSettings";
            assert!(reads(update, branding(max)), "{field}");
            assert!(!reads(update, branding(max + 1)) && !reads(update, branding(0)), "{field}");
        }
        let principals =
            |count: usize| json!({ "Principals": (0..count).map(|n| format!("{n:012}")).collect::<Vec<_>>() });
        for kind in ["AssociateAudience", "DisassociateAudience"] {
            assert!(
                reads(kind, principals(50)) && !reads(kind, principals(51)) && !reads(kind, principals(0)),
                "{kind}"
            );
        }
    }

    #[test]
    fn an_unknown_change_type_is_a_validation_error() {
        assert_eq!(change_type("DeleteEverything").err().map(|e| e.kind.status()), Some(422));
    }
}
