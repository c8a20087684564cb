//! Experiences and procurement policies, and how the catalog describes them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{CATALOG, CatalogError};
use crate::world::{self, ExperienceStatus, ResourceRequests};

/// The products of one list, with their notes. Ordered, so that a change of 50 ids costs 50 look-ups, not 50 scans.
pub(super) type Products = BTreeMap<String, Option<String>>;

pub(crate) struct Experience {
    pub(super) owner: String,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) status: ExperienceStatus,
    pub(super) admin_status: Option<String>,
    pub(super) policy: Option<String>,
    pub(super) revision: u64,
    pub(super) modified: Timestamp,
}

impl Experience {
    pub(super) fn new(owner: &str, from: &world::Experience, now: Timestamp) -> Self {
        Self {
            owner: owner.to_owned(),
            id: from.id.clone(),
            name: from.name.clone(),
            status: from.status,
            admin_status: from.admin_status.clone(),
            policy: from.policy.as_ref().map(|policy| policy.id.clone()),
            revision: 1,
            modified: now,
        }
    }

    /// Archived experiences cannot be updated.
    pub(super) fn is_archived(&self) -> bool {
        !matches!(self.admin_status.as_deref(), None | Some("" | "Editable"))
    }
}

pub(crate) struct Policy {
    pub(super) owner: String,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) approved: Products,
    pub(super) rejected: Products,
    pub(super) requests: ResourceRequests,
    pub(super) revision: u64,
    pub(super) modified: Timestamp,
}

impl Policy {
    pub(super) fn new(owner: &str, experience: &str, from: &world::ProcurementPolicy, now: Timestamp) -> Self {
        let products = |list: &[world::ListedProduct]| list.iter().map(|p| (p.id.clone(), p.notes.clone())).collect();
        Self {
            owner: owner.to_owned(),
            id: from.id.clone(),
            name: format!("{experience} policy"),
            approved: products(&from.approved),
            rejected: products(&from.rejected),
            requests: from.policy_resource_requests,
            revision: 1,
            modified: now,
        }
    }
}

/// Any entity.
#[derive(Clone, Copy)]
pub(crate) enum Entity<'a> {
    Experience(&'a Experience),
    Policy(&'a Policy),
}

impl<'a> Entity<'a> {
    pub(crate) fn id(self) -> &'a str {
        match self {
            Self::Experience(experience) => &experience.id,
            Self::Policy(policy) => &policy.id,
        }
    }

    pub(super) fn owner(self) -> &'a str {
        match self {
            Self::Experience(experience) => &experience.owner,
            Self::Policy(policy) => &policy.owner,
        }
    }

    pub(super) fn name(self) -> &'a str {
        match self {
            Self::Experience(experience) => &experience.name,
            Self::Policy(policy) => &policy.name,
        }
    }

    pub(super) fn revision(self) -> u64 {
        match self {
            Self::Experience(experience) => experience.revision,
            Self::Policy(policy) => policy.revision,
        }
    }

    /// `LastModifiedDate`.
    pub(crate) fn modified(self) -> String {
        match self {
            Self::Experience(experience) => text_of(experience.modified),
            Self::Policy(policy) => text_of(policy.modified),
        }
    }

    /// The type without its version, as lists name it.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Experience(_) => "Experience",
            Self::Policy(_) => "ProcurementPolicy",
        }
    }

    /// `EntityType`.
    pub(crate) fn versioned_kind(self) -> String {
        format!("{}@1.0", self.kind())
    }

    /// `EntityIdentifier`: the id with its revision.
    pub(crate) fn identifier(self) -> String {
        format!("{}@{}", self.id(), self.revision())
    }

    /// `EntityArn`.
    pub(crate) fn arn(self, region: &str) -> String {
        let (owner, kind, id) = (self.owner(), self.kind(), self.id());
        format!("arn:aws:aws-marketplace:{region}:{owner}:{CATALOG}/{kind}/{id}")
    }

    /// `DetailsDocument`, as JSON text.
    pub(crate) fn details(self) -> Result<String, serde_json::Error> {
        match self {
            Self::Experience(experience) => serde_json::to_string(&ExperienceDetails::of(experience)),
            Self::Policy(policy) => serde_json::to_string(&PolicyDetails::of(policy)),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ExperienceDetails<'a> {
    name: &'a str,
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_status: Option<&'a str>,
    procurement_policies: Vec<&'a str>,
    branding_settings: [&'a str; 0],
}

impl<'a> ExperienceDetails<'a> {
    fn of(experience: &'a Experience) -> Self {
        Self {
            name: &experience.name,
            status: experience.status.as_str(),
            admin_status: experience.admin_status.as_deref(),
            procurement_policies: experience.policy.iter().map(String::as_str).collect(),
            branding_settings: [],
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyDetails<'a> {
    name: &'a str,
    statements: [Statement<'a>; 2],
    configuration: Configuration<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement<'a> {
    effect: &'a str,
    resources: Vec<Resource<'a>>,
}

/// One product per resource, as AWS answers.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Resource<'a> {
    r#type: &'a str,
    ids: [&'a str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Configuration<'a> {
    policy_resource_requests: &'a str,
}

impl<'a> PolicyDetails<'a> {
    fn of(policy: &'a Policy) -> Self {
        let resource = |(id, notes): (&'a String, &'a Option<String>)| Resource {
            r#type: "Product",
            ids: [id],
            notes: notes.as_deref(),
        };
        let statement =
            |effect, products: &'a Products| Statement { effect, resources: products.iter().map(resource).collect() };
        Self {
            name: &policy.name,
            statements: [statement("Allow", &policy.approved), statement("Deny", &policy.rejected)],
            configuration: Configuration { policy_resource_requests: policy.requests.as_str() },
        }
    }
}

/// Splits `exp-…@6` into the id and the revision.
pub(super) fn split_revision(identifier: &str) -> Result<(&str, Option<u64>), CatalogError> {
    match identifier.split_once('@') {
        None => Ok((identifier, None)),
        Some((id, revision)) => match revision.parse() {
            Ok(revision) => Ok((id, Some(revision))),
            Err(_) => Err(CatalogError::validation(format!("{identifier} does not end in a revision number"))),
        },
    }
}

/// A time as the catalog writes it.
pub(super) fn text_of(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
