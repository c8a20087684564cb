//! Users' requests for products, and the decisions on them. AWS names
//! `CreateProductProcurementRequest` and `CancelProductProcurementRequest`. It does not name the
//! change types of an administrator's decision: `ApproveProductProcurementRequest` and
//! `DeclineProductProcurementRequest` are this simulator's names. AWS publishes the details of none
//! of the four.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::entity::{Body, Entity, ProcurementRequest, RequestStatus};
use super::super::error_detail::ErrorDetail;
use super::super::event::RequestEvent;
use super::super::{Catalog, CatalogError};
use super::procurement::{self, Effect, Product};
use super::{Action, Change, Draft, check_text, read_form};
use pmp_world::{ExperienceStatus, ResourceRequests};

/// A request that nobody decides on is declined after 30 days.
const LIFETIME: SignedDuration = SignedDuration::from_hours(30 * 24);
const MAX_PRODUCT: usize = 50;
const MAX_MESSAGE: usize = 1000;

/// The details of a new request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct NewRequest {
    product_id: String,
    /// The experience in which the product is requested. Without it, the experience whose audience
    /// holds the account.
    experience_id: Option<String>,
    message: Option<String>,
}

/// A decision on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Decision {
    /// The user withdraws the request.
    Cancel,
    /// An administrator puts the product on the experience's list of approved products.
    Approve,
    /// An administrator declines the request.
    Decline,
}

impl NewRequest {
    pub(super) fn read(details: Value) -> Result<Self, CatalogError> {
        let new: Self = read_form(details)?;
        check_text("ProductId", "Details.ProductId", Some(&new.product_id), MAX_PRODUCT)?;
        check_text("Message", "Details.Message", new.message.as_deref(), MAX_MESSAGE)?;
        Ok(new)
    }

    /// The experience of the request: the one that is named, or the one whose audience holds the
    /// account.
    fn experience<'a>(&'a self, account: &str, catalog: &'a Catalog) -> Option<&'a str> {
        match &self.experience_id {
            Some(named) => Some(named),
            None => catalog
                .settings
                .principals_of(account)
                .find_map(|principal| catalog.principals.get(principal).map(String::as_str)),
        }
    }

    /// Creates the request. The account owns it.
    pub(super) fn apply(&self, id: &str, account: &str, catalog: &mut Catalog, now: Timestamp) {
        let Some(experience) = self.experience(account, catalog).map(str::to_owned) else { return };
        let expires = now.checked_add(LIFETIME).unwrap_or(Timestamp::MAX);
        let request = ProcurementRequest {
            experience,
            product: self.product_id.clone(),
            message: self.message.clone(),
            status: RequestStatus::Pending,
            expires,
        };
        let name = format!("Request for {}", self.product_id);
        catalog.add(Entity::new(id.to_owned(), account, &name, Body::ProcurementRequest(request), now));
        catalog.pending.insert((expires, id.to_owned()));
        catalog.tell_of_request(id, RequestEvent::Created, now);
    }
}

impl Decision {
    /// Applies the decision of an administrator or of the user.
    pub(super) fn apply(self, change: &Change, catalog: &mut Catalog, touched: &mut BTreeSet<String>, now: Timestamp) {
        let Some(request) = catalog.request(&change.entity) else { return };
        let (experience, product) = (request.experience.clone(), request.product.clone());
        let (status, event) = match self {
            Self::Cancel => (RequestStatus::Cancelled, RequestEvent::Cancelled),
            Self::Approve => (RequestStatus::Approved, RequestEvent::Approved),
            Self::Decline => (RequestStatus::Declined, RequestEvent::Declined),
        };
        if self == Self::Approve {
            touched.insert(experience.clone());
            procurement::apply(Effect::Allow, &[Product::of(product)], &experience, catalog, touched);
        }
        catalog.end_request(&change.entity, status, &[event], now);
    }
}

impl Catalog {
    pub(crate) fn request(&self, id: &str) -> Option<&ProcurementRequest> {
        match &self.entities.get(id)?.body {
            Body::ProcurementRequest(request) => Some(request),
            _ => None,
        }
    }

    /// The experience that an approval locks beside the request itself.
    pub(crate) fn approved_in(&self, change: &Change) -> Option<String> {
        match change.action {
            Action::Decide(Decision::Approve) => self.request(&change.entity).map(|request| request.experience.clone()),
            _ => None,
        }
    }

    /// Declines a request whose 30 days have passed.
    pub(crate) fn lapse(&mut self, id: &str, now: Timestamp) {
        self.end_request(id, RequestStatus::Expired, &[RequestEvent::Lapsed, RequestEvent::Expired], now);
        if let Some(entity) = self.entities.get_mut(id) {
            entity.revision += 1;
            entity.modified = now;
        }
    }

    fn end_request(&mut self, id: &str, status: RequestStatus, events: &[RequestEvent], now: Timestamp) {
        let Some(Entity { body: Body::ProcurementRequest(request), .. }) = self.entities.get_mut(id) else { return };
        request.status = status;
        let pending = (request.expires, id.to_owned());
        self.pending.remove(&pending);
        events.iter().for_each(|event| self.tell_of_request(id, *event, now));
    }
}

/// A request needs an experience of the account's organization that permits requests, and that has
/// not approved the product.
pub(super) fn check_new(draft: &Draft<'_>, new: &NewRequest) -> Vec<ErrorDetail> {
    let catalog = draft.catalog;
    let owner = catalog.settings.owner_of(draft.account);
    let experience = new.experience(draft.account, catalog).and_then(|id| catalog.entities.get(id));
    let experience = experience.filter(|entity| Some(entity.owner.as_str()) == owner);
    let enabled = |entity: &&Entity| entity.experience().is_some_and(|it| it.status == ExperienceStatus::Enabled);
    let Some(experience) = experience.filter(enabled) else {
        return vec![ErrorDetail::not_found("No experience of a private marketplace is in force for the account")];
    };
    let policy = experience.experience().and_then(|experience| catalog.entities.get(experience.policy.as_ref()?));
    let Some(Body::ProcurementPolicy(policy)) = policy.map(|policy| &policy.body) else {
        return vec![ErrorDetail::not_found("Procurement policy missing from Experience")];
    };
    let mut errors = Vec::new();
    if policy.requests == ResourceRequests::Deny {
        errors.push(ErrorDetail::not_authorized("The procurement policy does not allow requests for products"));
    }
    if catalog.settings.poison.contains(&new.product_id) {
        errors.push(catalog.unknown_product());
    }
    let asked = |entity: &Entity| match &entity.body {
        Body::ProcurementRequest(request) => {
            entity.owner == draft.account
                && request.product == new.product_id
                && request.status == RequestStatus::Pending
        }
        _ => false,
    };
    if policy.approved.contains_key(&new.product_id) || catalog.entities.values().any(asked) {
        errors.push(ErrorDetail::already_exists("The product is approved, or requested, already"));
    }
    errors
}

/// Users may withdraw their own requests, and administrators may decide on the requests of others.
/// A request can be decided on once.
pub(super) fn check_decision(draft: &Draft<'_>, id: &str, decision: Decision) -> Vec<ErrorDetail> {
    let catalog = draft.catalog;
    let (Some(entity), Some(request)) = (catalog.entities.get(id), catalog.request(id)) else {
        return vec![ErrorDetail::not_found("The request cannot be found")];
    };
    if request.status != RequestStatus::Pending {
        return vec![ErrorDetail::not_found("The request is not pending any more")];
    }
    let may = match decision {
        Decision::Cancel => entity.owner == draft.account,
        Decision::Approve | Decision::Decline => draft.owner() == catalog.settings.owner_of(&entity.owner),
    };
    if !may {
        return vec![ErrorDetail::not_authorized("Caller not authorized to execute the action")];
    }
    match decision {
        Decision::Approve => procurement::check(draft, &request.experience, &[Product::of(request.product.clone())]),
        Decision::Cancel | Decision::Decline => Vec::new(),
    }
}
