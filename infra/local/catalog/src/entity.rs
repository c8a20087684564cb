//! Entities: experiences, and the policies, branding settings and audiences that belong to them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CATALOG, CatalogError};
use pmp_world::{self, ExperienceStatus, ResourceRequests};

/// The products of one list, with their notes. Ordered, so that a change of 50 ids costs 50
/// look-ups, not 50 scans.
pub(super) type Products = BTreeMap<String, Option<String>>;

/// An entity of any type, with what all types share.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Entity {
    pub(super) id: String,
    /// The management account that it belongs to.
    pub(super) owner: String,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) revision: u64,
    pub(super) modified: Timestamp,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) body: Body,
}

/// The part of an entity that depends on its type.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Body {
    Experience(Experience),
    ProcurementPolicy(Policy),
    BrandingSettings(Branding),
    Audience(Audience),
    ProcurementRequest(ProcurementRequest),
    AgentTokens(AgentTokens),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Experience {
    pub(super) status: ExperienceStatus,
    pub(super) admin_status: Option<String>,
    pub(super) policy: Option<String>,
    pub(super) branding: Option<String>,
    pub(super) audience: Option<String>,
    #[serde(default)]
    pub(super) discovery_policies: Vec<String>,
    #[serde(default)]
    pub(super) integration: Option<String>,
}

/// A user's request for a product. The user's account owns it, as the ARNs in AWS's examples of
/// events show.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ProcurementRequest {
    pub(super) experience: String,
    pub(super) product: String,
    pub(super) message: Option<String>,
    pub(super) status: RequestStatus,
    /// When the request is declined automatically.
    pub(super) expires: Timestamp,
}

/// The status of a request. AWS publishes no names for it; these are the names of its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum RequestStatus {
    Pending,
    Approved,
    Declined,
    Cancelled,
    Expired,
}

/// A container of a buyer's tokens.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AgentTokens {
    pub(super) expired: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Policy {
    pub(super) approved: Products,
    pub(super) rejected: Products,
    pub(super) requests: ResourceRequests,
}

/// How an experience looks to its users. An absent field looks as it does without branding
/// settings.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Branding {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) information: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) theme_color: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logo_url: Option<String>,
}

/// The principals that an experience applies to, with the fields of the shape that AWS publishes.
/// AWS does not document whether an experience can have several audiences. Its reference says that
/// later associations add principals "to the association for the experience", so there is one.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Audience {
    pub(super) experience: String,
    pub(super) principals: BTreeSet<String>,
}

impl Experience {
    /// A new experience: disabled, without policy, branding settings and audience.
    pub(super) fn new() -> Self {
        Self {
            status: ExperienceStatus::Disabled,
            admin_status: Some(ACTIVE.into()),
            policy: None,
            branding: None,
            audience: None,
            discovery_policies: Vec::new(),
            integration: None,
        }
    }

    pub(super) fn from_world(from: &pmp_world::Experience) -> Self {
        let policy = from.policy.as_ref().map(|policy| policy.id.clone());
        // All experiences have the same fields, so that a client cannot tell an experience of the
        // world from one that was created later.
        let admin_status = Some(from.admin_status.clone().unwrap_or_else(|| ACTIVE.into()));
        let (discovery_policies, integration) = (from.discovery_policies.clone(), from.integration.clone());
        Self {
            status: from.status,
            admin_status,
            policy,
            branding: None,
            audience: None,
            discovery_policies,
            integration,
        }
    }

    /// Whether the experience is archived: then it cannot be updated.
    pub(super) fn is_archived(&self) -> bool {
        !matches!(self.admin_status.as_deref(), None | Some("" | ACTIVE))
    }
}

/// `AdminStatus` of an experience that can be updated.
pub(super) const ACTIVE: &str = "Editable";

impl Policy {
    pub(super) fn new(requests: ResourceRequests) -> Self {
        Self { approved: Products::new(), rejected: Products::new(), requests }
    }

    pub(super) fn from_world(from: &pmp_world::ProcurementPolicy) -> Self {
        let products =
            |list: &[pmp_world::ListedProduct]| list.iter().map(|p| (p.id.clone(), p.notes.clone())).collect();
        let (approved, rejected) = (products(&from.approved), products(&from.rejected));
        Self { approved, rejected, requests: from.policy_resource_requests }
    }
}

impl Entity {
    /// A new entity, before its first revision.
    pub(super) fn new(id: String, owner: &str, name: &str, body: Body, now: Timestamp) -> Self {
        Self {
            id,
            owner: owner.to_owned(),
            name: name.to_owned(),
            description: None,
            revision: 0,
            modified: now,
            tags: BTreeMap::new(),
            body,
        }
    }

    /// The type without its version, as `ListEntities` names it.
    pub(super) fn kind(&self) -> &'static str {
        match self.body {
            Body::Experience(_) => "Experience",
            Body::ProcurementPolicy(_) => "ProcurementPolicy",
            Body::BrandingSettings(_) => "BrandingSettings",
            Body::Audience(_) => "Audience",
            Body::ProcurementRequest(_) => "ProductProcurementRequest",
            Body::AgentTokens(_) => "AgentTokenContainer",
        }
    }

    /// The value of `EntityType`: the type with its version.
    pub(super) fn versioned_kind(&self) -> String {
        format!("{}@1.0", self.kind())
    }

    /// The value of `EntityIdentifier`: the id with its revision, `exp-…@6`.
    pub(super) fn identifier(&self) -> String {
        format!("{}@{}", self.id, self.revision)
    }

    /// The value of `EntityArn` in this region.
    pub(super) fn arn(&self, region: &str) -> String {
        let (owner, kind, id) = (&self.owner, self.kind(), &self.id);
        format!("arn:aws:aws-marketplace:{region}:{owner}:{CATALOG}/{kind}/{id}")
    }

    pub(super) fn experience(&self) -> Option<&Experience> {
        match &self.body {
            Body::Experience(experience) => Some(experience),
            _ => None,
        }
    }

    pub(super) fn is_archived(&self) -> bool {
        self.experience().is_some_and(Experience::is_archived)
    }
}

/// Splits `exp-…@6` into the id and the revision. An id without a revision is accepted.
pub(super) fn split_revision(identifier: &str) -> Result<(&str, Option<u64>), CatalogError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-@".contains(c);
    if !(1..=255).contains(&identifier.len()) || !identifier.chars().all(allowed) {
        let message = format!("`{identifier}` is no identifier: 1 to 255 of letters, digits, _ and -");
        return Err(CatalogError::validation(message));
    }
    match identifier.split_once('@') {
        None => Ok((identifier, None)),
        Some((id, revision)) => match revision.parse() {
            Ok(revision) => Ok((id, Some(revision))),
            Err(_) => Err(CatalogError::validation(format!("{identifier} does not end in a revision number"))),
        },
    }
}

/// A time in the form of the catalog's answers.
pub(super) fn text_of(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
