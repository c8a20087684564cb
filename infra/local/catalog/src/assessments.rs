//! `ListAssessments`, `DescribeAssessment` and `StartAssessment`. AWS assesses sellers' products by
//! frameworks such as `AMISecurity`. A private marketplace has no such products, so there is never
//! an assessment to list or describe, and `StartAssessment` refuses its entities.

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::check_catalog;
use super::list::Page;
use super::{Catalog, CatalogError};

/// The request of `ListAssessments`: the fields that are checked.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListAssessments {
    catalog: String,
    framework_id: Option<String>,
    assessment_target_filter: Option<Targets>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Targets {
    entity_id: Option<String>,
    change_set_id: Option<String>,
    entity_ids: Option<Vec<String>>,
}

/// The request of `DescribeAssessment`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeAssessment {
    catalog: String,
    assessment_identifier: String,
}

/// The request of `StartAssessment`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StartAssessment {
    catalog: String,
    framework_id: String,
    entity_id: String,
}

const MAX_PAGE: usize = 100;
const MAX_ENTITIES: usize = 50;

pub(super) fn list(request: &ListAssessments) -> Result<Value, CatalogError> {
    check_catalog(&request.catalog)?;
    Page::of(request.max_results, request.next_token.as_deref(), MAX_PAGE)?;
    if let Some(Targets { entity_id, change_set_id, entity_ids: Some(ids) }) = &request.assessment_target_filter {
        let refuse =
            |message: &str| Err(CatalogError::validation(message).in_field("AssessmentTargetFilter.EntityIds"));
        if !(1..=MAX_ENTITIES).contains(&ids.len()) {
            return refuse("EntityIds must hold 1 to 50 entities");
        }
        if entity_id.is_some() || change_set_id.is_some() {
            return refuse("EntityIds cannot be combined with EntityId or ChangeSetId");
        }
        if request.framework_id.is_none() {
            return refuse("EntityIds needs FrameworkId");
        }
    }
    Ok(json!({ "AssessmentSummaryList": [] }))
}

pub(super) fn describe(request: &DescribeAssessment) -> Result<Value, CatalogError> {
    check_catalog(&request.catalog)?;
    let id = &request.assessment_identifier;
    let last = id.rsplit('/').next().and_then(|id| id.strip_prefix("assessment-")).unwrap_or_default();
    if last.is_empty() || !last.bytes().all(|b| b.is_ascii_alphanumeric()) {
        let message = "AssessmentIdentifier must be the id or the ARN of an assessment";
        return Err(CatalogError::validation(message).in_field("AssessmentIdentifier"));
    }
    Err(CatalogError::not_found(format!("Assessment {id} not found")))
}

impl Catalog {
    pub(super) fn start_assessment(&self, caller: &str, request: &StartAssessment) -> Result<Value, CatalogError> {
        check_catalog(&request.catalog)?;
        let (framework, kind) = (&request.framework_id, self.visible(caller, &request.entity_id)?.kind());
        let message = format!("Framework {framework} does not assess entities of type {kind}");
        Err(CatalogError::validation(message).in_field("EntityId"))
    }
}
