//! `DetailsDocument`: an entity as JSON, and the answers of `DescribeEntity` and
//! `BatchDescribeEntities` around it.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use super::entity::{Audience, Body, Branding, Entity, Experience, Policy, Products, text_of};
use super::{CatalogError, ErrorKind};
use pmp_world::{AbsentValues, ResourceRequests};

/// An entity's description. It is serialized once per revision, because that takes longer than
/// sending it if the policy is large.
#[derive(Debug, Clone)]
pub(super) struct Description {
    /// The whole answer: `{`, the head, `Details`, `DetailsDocument`, `}`.
    whole: Bytes,
    /// Where the head ends and `Details` begins.
    head_end: usize,
    /// Where `Details` ends and `DetailsDocument` begins.
    details_end: usize,
}

impl Description {
    fn of(entity: &Entity, region: &str, absent: AbsentValues) -> Result<Self, serde_json::Error> {
        let head = json!({
            "EntityType": entity.versioned_kind(),
            "EntityIdentifier": entity.identifier(),
            "EntityArn": entity.arn(region),
            "LastModifiedDate": text_of(entity.modified),
        });
        let document = details(entity)?;
        let document = match absent {
            AbsentValues::LeftOut => document,
            AbsentValues::Null => nulls_in(entity, serde_json::from_str(&document)?).to_string(),
            AbsentValues::Empty => empty_in(entity, serde_json::from_str(&document)?).to_string(),
        };
        let mut whole = serde_json::to_vec(&head)?;
        whole.pop();
        let head_end = whole.len();
        whole.extend_from_slice(b",\"Details\":");
        serde_json::to_writer(&mut whole, &document)?;
        let details_end = whole.len();
        whole.extend_from_slice(b",\"DetailsDocument\":");
        whole.extend_from_slice(document.as_bytes());
        whole.push(b'}');
        Ok(Self { whole: whole.into(), head_end, details_end })
    }

    /// The answer of `DescribeEntity`: the details as a document, and as a string for older
    /// clients.
    pub(super) fn whole(&self) -> Bytes {
        self.whole.clone()
    }

    /// An entry of the answer of `BatchDescribeEntities`, which has the document only.
    pub(super) fn write_brief(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.whole[..self.head_end]);
        to.extend_from_slice(&self.whole[self.details_end..]);
    }
}

/// The descriptions that were asked for last, up to a limit on their memory.
#[derive(Debug, Default)]
pub(super) struct Descriptions {
    known: BTreeMap<String, (u64, Description)>,
    bytes: usize,
}

/// Limit of the bytes that are kept. A dozen policies of 20,000 products fit.
const MAX_KEPT: usize = 64 * 1024 * 1024;

impl Descriptions {
    /// The entity's description. It is serialized again if the entity has a newer revision.
    pub(super) fn get(
        &mut self,
        entity: &Entity,
        region: &str,
        absent: AbsentValues,
    ) -> Result<Description, CatalogError> {
        if let Some((revision, description)) = self.known.get(&entity.id)
            && *revision == entity.revision
        {
            return Ok(description.clone());
        }
        let unwritable = |error: serde_json::Error| CatalogError::new(ErrorKind::Internal, error.to_string());
        let description = Description::of(entity, region, absent).map_err(unwritable)?;
        if self.bytes > MAX_KEPT {
            *self = Self::default();
        }
        self.bytes += description.whole.len();
        let old = self.known.insert(entity.id.clone(), (entity.revision, description.clone()));
        self.bytes -= old.map_or(0, |(_, old)| old.whole.len());
        Ok(description)
    }
}

/// Details in which every absent value is `null` ([`AbsentValues::Null`](pmp_world::AbsentValues)).
fn nulls_in(entity: &Entity, details: Value) -> Value {
    match &entity.body {
        Body::Experience(_) => with_nulls(details, &[&EXPERIENCE_TEXTS[..], &EXPERIENCE_LISTS].concat()),
        Body::ProcurementPolicy(policy) => {
            let mut details = with_nulls(details, &["Description"]);
            for statement in details["Statements"].as_array_mut().into_iter().flatten() {
                let resources = statement["Resources"].as_array_mut().into_iter().flatten();
                resources.for_each(|resource| *resource = with_nulls(resource.take(), &["Notes"]));
            }
            if policy.approved.is_empty() && policy.rejected.is_empty() {
                details["Statements"] = Value::Null;
            }
            if policy.requests == ResourceRequests::default() {
                details["Configuration"] = Value::Null;
            }
            details
        }
        Body::BrandingSettings(_) | Body::Audience(_) => with_nulls(details, &["Description"]),
        Body::ProcurementRequest(_) => with_nulls(details, &["Message"]),
        Body::AgentTokens(_) => details,
    }
}

/// The fields of an experience that may be absent: texts, and lists.
const EXPERIENCE_TEXTS: [&str; 3] = ["Description", "AdminStatus", "Integration"];
const EXPERIENCE_LISTS: [&str; 3] = ["ProcurementPolicies", "DiscoveryPolicies", "BrandingSettings"];

/// Details in which an absent value is an empty list or an empty text
/// ([`AbsentValues::Empty`](pmp_world::AbsentValues)).
fn empty_in(entity: &Entity, mut details: Value) -> Value {
    let texts: &[&str] = match &entity.body {
        Body::Experience(_) => {
            for list in EXPERIENCE_LISTS {
                if details.get(list).is_none_or(Value::is_null) {
                    details[list] = json!([]);
                }
            }
            &EXPERIENCE_TEXTS
        }
        Body::ProcurementPolicy(_) => {
            for statement in details["Statements"].as_array_mut().into_iter().flatten() {
                for resource in statement["Resources"].as_array_mut().into_iter().flatten() {
                    if resource.get("Notes").is_none() {
                        resource["Notes"] = json!("");
                    }
                }
            }
            &["Description"]
        }
        Body::BrandingSettings(_) | Body::Audience(_) => &["Description"],
        Body::ProcurementRequest(_) => &["Message"],
        Body::AgentTokens(_) => &[],
    };
    for text in texts {
        if details.get(*text).is_none() {
            details[*text] = json!("");
        }
    }
    details
}

/// The object, with `null` for each of `fields` that is absent or an empty list.
pub(super) fn with_nulls(mut object: Value, fields: &[&str]) -> Value {
    for field in fields {
        if object.get(*field).is_none_or(|value| value.as_array().is_some_and(Vec::is_empty)) {
            object[*field] = Value::Null;
        }
    }
    object
}

/// The `DetailsDocument` of the entity as JSON text.
fn details(entity: &Entity) -> Result<String, serde_json::Error> {
    let (name, description) = (entity.name.as_str(), entity.description.as_deref());
    match &entity.body {
        Body::Experience(experience) => serde_json::to_string(&ExperienceDetails::of(name, description, experience)),
        Body::ProcurementPolicy(policy) => serde_json::to_string(&PolicyDetails::of(name, description, policy)),
        Body::BrandingSettings(configuration) => {
            serde_json::to_string(&BrandingDetails { name, description, configuration })
        }
        Body::Audience(Audience { experience, principals }) => {
            let mut details = json!({ "Name": name, "ExperienceId": experience, "Principals": principals });
            if let Some(description) = description {
                details["Description"] = Value::from(description);
            }
            Ok(details.to_string())
        }
        Body::ProcurementRequest(request) => {
            let mut details = json!({
                "ProductId": request.product,
                "ExperienceId": request.experience,
                "Status": request.status,
                "ExpirationDate": text_of(request.expires),
            });
            if let Some(message) = &request.message {
                details["Message"] = Value::from(message.as_str());
            }
            Ok(details.to_string())
        }
        Body::AgentTokens(tokens) => {
            Ok(json!({ "Status": if tokens.expired { "Expired" } else { "Active" } }).to_string())
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ExperienceDetails<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_status: Option<&'a str>,
    /// "An Experience entity with no procurement policy (null) allows all products."
    procurement_policies: Option<&'a [String]>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    discovery_policies: &'a [String],
    branding_settings: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    integration: Option<&'a str>,
}

impl<'a> ExperienceDetails<'a> {
    fn of(name: &'a str, description: Option<&'a str>, experience: &'a Experience) -> Self {
        Self {
            name,
            description,
            status: experience.status.as_str(),
            admin_status: experience.admin_status.as_deref(),
            procurement_policies: experience.policy.as_ref().map(std::slice::from_ref),
            discovery_policies: &experience.discovery_policies,
            branding_settings: experience.branding.as_slice(),
            integration: experience.integration.as_deref(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct BrandingDetails<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    configuration: &'a Branding,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyDetails<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
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
    fn of(name: &'a str, description: Option<&'a str>, policy: &'a Policy) -> Self {
        let resource = |(id, notes): (&'a String, &'a Option<String>)| Resource {
            r#type: "Product",
            ids: [id],
            notes: notes.as_deref(),
        };
        let statement =
            |effect, products: &'a Products| Statement { effect, resources: products.iter().map(resource).collect() };
        Self {
            name,
            description,
            statements: [statement("Allow", &policy.approved), statement("Deny", &policy.rejected)],
            configuration: Configuration { policy_resource_requests: policy.requests.as_str() },
        }
    }
}
