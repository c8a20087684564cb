//! The EventBridge events that AWS sends when a change set ends, and when the status of a request
//! for a product changes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::entity::{Entity, ProcurementRequest, text_of};
use super::{CATALOG, Catalog};
use pmp_world::EventsOfChanges;

/// An event, and the account whose event bus receives it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CatalogEvent {
    /// The account whose event bus receives the event.
    pub account: String,
    /// The whole event, with EventBridge's envelope.
    pub event: Value,
}

/// The change of a request's status that an event reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestEvent {
    Created,
    Approved,
    Declined,
    Cancelled,
    /// The request was declined, because nobody decided in time.
    Lapsed,
    /// The same change again, as the event that AWS sends for expired requests in addition.
    Expired,
}

impl RequestEvent {
    fn detail_type(self) -> &'static str {
        match self {
            Self::Created => "Product Request Created",
            Self::Approved => "Product Request Approved",
            Self::Declined | Self::Lapsed => "Product Request Declined",
            Self::Cancelled => "Product Request Cancelled",
            Self::Expired => "Product Request Expired",
        }
    }

    /// The field of `detail` that only this event has, with its value.
    fn date(self, request: &ProcurementRequest, now: Timestamp) -> (&'static str, Timestamp) {
        match self {
            Self::Created => ("expirationDate", request.expires),
            Self::Approved => ("approvedDate", now),
            Self::Declined | Self::Lapsed | Self::Expired => ("declinedDate", now),
            Self::Cancelled => ("cancelledDate", now),
        }
    }
}

impl Catalog {
    /// Queues the events of a request for the next [`Catalog::advance`]: one for the user's
    /// account, and one for each account that manages the private marketplace.
    pub(super) fn tell_of_request(&mut self, id: &str, kind: RequestEvent, now: Timestamp) {
        let (event_id, request_id) = (self.dice.uuid(), self.dice.uuid());
        let Some(event) = self.request_event(id, kind, &event_id, &request_id, now) else { return };
        let Some(user) = self.entities.get(id).map(|entity| entity.owner.clone()) else { return };
        let owner = self.settings.owner_of(&user).map(str::to_owned).unwrap_or_default();
        let managers = self.settings.managers_of(&owner).filter(|manager| *manager != user);
        let accounts: Vec<String> = std::iter::once(user.as_str()).chain(managers).map(str::to_owned).collect();
        for account in accounts {
            let mut event = event.clone();
            event["account"] = json!(account);
            self.untold.push(CatalogEvent { account, event });
        }
    }

    /// The event in the form of AWS's example, except the account. The simulator knows only the
    /// product's id and the user's account, so the other details of both are missing.
    fn request_event(
        &self,
        id: &str,
        kind: RequestEvent,
        event_id: &str,
        request_id: &str,
        now: Timestamp,
    ) -> Option<Value> {
        let (entity, request) = (self.entities.get(id)?, self.request(id)?);
        let experience = self.entities.get(&request.experience)?;
        let region = self.region();
        let (date, value) = kind.date(request, now);
        let mut detail = json!({
            "requestId": request_id,
            "schemaVersion": "1.0.0",
            "product": { "id": request.product },
            "experienceId": request.experience,
            "productProcurementRequestId": id,
            "catalog": CATALOG,
            "requesterArn": format!("arn:aws:iam::{}:root", entity.owner),
            date: text_of(value),
        });
        if matches!(kind, RequestEvent::Lapsed | RequestEvent::Expired) {
            detail["declinedCause"] = json!("REQUEST_EXPIRED");
        }
        Some(json!({
            "version": "0",
            "id": event_id,
            "detail-type": kind.detail_type(),
            "source": "aws.private-marketplace",
            "time": text_of(now),
            "region": region,
            "resources": [Entity::arn(experience, region), Entity::arn(entity, region)],
            "detail": detail,
        }))
    }

    /// The account whose event bus receives the event of a change set that `starter` started.
    pub(super) fn hears_of_changes_by(&self, starter: &str) -> String {
        match self.settings.assumptions().events_of_changes {
            EventsOfChanges::Starter => starter.to_owned(),
            EventsOfChanges::Owner => {
                self.settings.managers.get(starter).cloned().unwrap_or_else(|| starter.to_owned())
            }
        }
    }
}
