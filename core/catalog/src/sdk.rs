//! The port over the official SDK.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_marketplacecatalog::Client;
use aws_sdk_marketplacecatalog::types::{Change, ChangeStatus, Entity, EntityRequest, FailureCode, Filter};
use aws_smithy_types::Document;
use futures::StreamExt;
use futures::stream;
use pmp_aws::ApiError;
use pmp_protocol::{ExperienceId, ProductBatch};
use serde_json::Value;

use crate::rate::RateLimiters;
use crate::{
    Catalog, CatalogError, ChangeError, ChangeSetId, ChangeSetRequest, ChangeSetState, ErrorClass, Experience,
    PolicyId, ProcurementPolicy, RateLimits, Scope, details, document,
};

/// The only catalog that private marketplaces live in.
const CATALOG: &str = "AWSMarketplace";
/// The most entities that `BatchDescribeEntities` takes (service model).
const BATCH: usize = 20;
/// Requests on their way at once; the rate limiters, not this, set the pace.
const CONCURRENCY: usize = 8;

/// The Marketplace Catalog of the account whose credentials it was made with.
#[derive(Debug)]
pub struct SdkCatalog {
    client: Client,
    limiters: RateLimiters,
    /// Whether `BatchDescribeEntities` was refused once; then every entity is described by itself.
    batch_refused: AtomicBool,
}

/// What the catalog says of one entity: its identifier with the revision, and its details.
struct Described {
    identifier: String,
    details: Value,
}

impl SdkCatalog {
    /// A catalog with the SDK's own configuration, under `limits`.
    #[must_use]
    pub fn new(config: &SdkConfig, limits: RateLimits) -> Self {
        Self { client: Client::new(config), limiters: RateLimiters::new(limits), batch_refused: AtomicBool::new(false) }
    }

    /// Describes entities in batches, or one by one where batches are refused; one outcome for each, in order.
    async fn describe(&self, ids: &[&str]) -> Vec<Result<Described, CatalogError>> {
        let mut batches = Vec::new();
        // A loop: the compiler cannot yet prove a closure that returns these futures general enough.
        for batch in ids.chunks(BATCH) {
            batches.push(self.describe_batch(batch));
        }
        let outcomes: Vec<_> = stream::iter(batches).buffered(CONCURRENCY).collect().await;
        outcomes.into_iter().flatten().collect()
    }

    async fn describe_batch(&self, ids: &[&str]) -> Vec<Result<Described, CatalogError>> {
        // One entity by itself needs no batch, and no permission beyond the documented one.
        if ids.len() > 1 && !self.batch_refused.load(Ordering::Relaxed) {
            match self.batch_describe_entities(ids).await {
                Ok(outcomes) => return outcomes,
                Err(error) if batch_is_unsupported(&error) => {
                    tracing::info!(%error, "describing entities one by one, since batches are refused");
                    self.batch_refused.store(true, Ordering::Relaxed);
                }
                Err(error) => return ids.iter().map(|_| Err(error.clone())).collect(),
            }
        }
        let mut calls = Vec::new();
        for id in ids {
            calls.push(self.describe_entity(id));
        }
        stream::iter(calls).buffered(CONCURRENCY).collect().await
    }

    async fn batch_describe_entities(
        &self,
        ids: &[&str],
    ) -> Result<Vec<Result<Described, CatalogError>>, CatalogError> {
        const OPERATION: &str = "aws-marketplace:BatchDescribeEntities";
        let mut call = self.client.batch_describe_entities();
        for id in ids {
            let request = EntityRequest::builder().catalog(CATALOG).entity_id(*id).build();
            call = call.entity_request_list(request.map_err(|e| unexpected(id, &e.to_string()))?);
        }
        self.limiters.describe_entity.until_ready().await;
        let answer = call.send().await.map_err(|e| CatalogError::Api(ApiError::new(OPERATION, &e)))?;
        let found = answer.entity_details.unwrap_or_default();
        let failed = answer.errors.unwrap_or_default();
        let outcome = |id: &&str| match (found.get(*id), failed.get(*id)) {
            (Some(entity), _) => described(id, entity.entity_identifier(), None, entity.details_document()),
            (None, Some(error)) => {
                let code = error.error_code().unwrap_or("Unknown").to_owned();
                let message = error.error_message().unwrap_or("no message").to_owned();
                Err(CatalogError::Entity { entity: (*id).to_owned(), code, message })
            }
            (None, None) => Err(unexpected(id, "the batch holds neither details nor an error for it")),
        };
        Ok(ids.iter().map(outcome).collect())
    }

    async fn describe_entity(&self, id: &str) -> Result<Described, CatalogError> {
        const OPERATION: &str = "aws-marketplace:DescribeEntity";
        self.limiters.describe_entity.until_ready().await;
        let answer = self.client.describe_entity().catalog(CATALOG).entity_id(id).send().await;
        let answer = answer.map_err(|e| {
            let error = CatalogError::Api(ApiError::new(OPERATION, &e));
            if error.class() == ErrorClass::NotFound { CatalogError::NotFound(id.to_owned()) } else { error }
        })?;
        described(id, answer.entity_identifier(), answer.details(), answer.details_document())
    }
}

#[async_trait]
impl Catalog for SdkCatalog {
    async fn list_experiences(&self, scope: Scope) -> Result<Vec<ExperienceId>, CatalogError> {
        const OPERATION: &str = "aws-marketplace:ListEntities";
        let mut experiences = Vec::new();
        let mut token = None;
        loop {
            let mut call = self.client.list_entities().catalog(CATALOG).entity_type("Experience");
            if scope == Scope::SharedWithMe {
                call = call.filter_list(Filter::builder().name("Scope").value_list("SharedWithMe").build());
            }
            self.limiters.list_entities.until_ready().await;
            let page = call.set_next_token(token).send().await;
            let page = page.map_err(|e| CatalogError::Api(ApiError::new(OPERATION, &e)))?;
            for entity in page.entity_summary_list() {
                let id = entity.entity_id().unwrap_or_default();
                experiences.push(ExperienceId::new(id).map_err(|e| unexpected(id, &e.to_string()))?);
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(experiences);
            }
        }
    }

    async fn describe_experiences(&self, ids: &[ExperienceId]) -> Vec<Result<Experience, CatalogError>> {
        let ids: Vec<&str> = ids.iter().map(ExperienceId::as_str).collect();
        let read = |described: Described| details::experience(&described.identifier, described.details);
        self.describe(&ids).await.into_iter().map(|outcome| outcome.and_then(read)).collect()
    }

    async fn describe_policies(&self, ids: &[PolicyId]) -> Vec<Result<ProcurementPolicy, CatalogError>> {
        let texts: Vec<&str> = ids.iter().map(PolicyId::as_str).collect();
        let outcomes = self.describe(&texts).await;
        ids.iter().zip(outcomes).map(|(id, outcome)| details::policy(id, outcome?.details)).collect()
    }

    async fn start_change_set(&self, request: &ChangeSetRequest) -> Result<ChangeSetId, CatalogError> {
        const OPERATION: &str = "aws-marketplace:StartChangeSet";
        let identifier = format!("{}@{}", request.experience, request.revision);
        let mut call = self
            .client
            .start_change_set()
            .catalog(CATALOG)
            .change_set_name(&request.name)
            .client_request_token(request.client_request_token());
        let changes = [("AllowProductProcurement", &request.allow), ("DenyProductProcurement", &request.deny)];
        for (change_type, batch) in changes {
            if let Some(batch) = batch {
                let entity = Entity::builder().r#type("Experience@1.0").identifier(&identifier).build();
                let change = Change::builder()
                    .change_type(change_type)
                    .entity(entity.map_err(|e| unexpected(&identifier, &e.to_string()))?)
                    .details_document(products_document(batch))
                    .build();
                call = call.change_set(change.map_err(|e| unexpected(&identifier, &e.to_string()))?);
            }
        }
        self.limiters.start_change_set.until_ready().await;
        let answer = call.send().await.map_err(|e| CatalogError::Api(ApiError::new(OPERATION, &e)))?;
        let id = answer.change_set_id().ok_or_else(|| unexpected(&identifier, "the change set has no id"))?;
        Ok(ChangeSetId::new(id))
    }

    async fn describe_change_set(&self, id: &ChangeSetId) -> Result<ChangeSetState, CatalogError> {
        const OPERATION: &str = "aws-marketplace:DescribeChangeSet";
        self.limiters.describe_change_set.until_ready().await;
        let answer = self.client.describe_change_set().catalog(CATALOG).change_set_id(id.as_str()).send().await;
        let answer = answer.map_err(|e| CatalogError::Api(ApiError::new(OPERATION, &e)))?;
        match answer.status() {
            Some(ChangeStatus::Preparing | ChangeStatus::Applying) => Ok(ChangeSetState::Running),
            Some(ChangeStatus::Succeeded) => Ok(ChangeSetState::Succeeded),
            Some(ChangeStatus::Cancelled) => Ok(ChangeSetState::Cancelled),
            Some(ChangeStatus::Failed) => {
                let details = answer.change_set().iter().flat_map(|change| change.error_detail_list());
                let mut errors: Vec<_> = details
                    .map(|detail| ChangeError {
                        code: detail.error_code().unwrap_or("Unknown").to_owned(),
                        message: detail.error_message().unwrap_or("no message").to_owned(),
                    })
                    .collect();
                if let (true, Some(message)) = (errors.is_empty(), answer.failure_description()) {
                    let code = answer.failure_code().map_or("Unknown", FailureCode::as_str);
                    errors.push(ChangeError { code: code.to_owned(), message: message.to_owned() });
                }
                let server_fault = answer.failure_code() == Some(&FailureCode::ServerFault);
                Ok(ChangeSetState::Failed { server_fault, errors })
            }
            other => Err(unexpected(id.as_str(), &format!("the change set has status {other:?}"))),
        }
    }
}

/// `{"Products": [{"Ids": [...]}]}`, the details of both change types.
fn products_document(batch: &ProductBatch) -> Document {
    let ids = batch.products().iter().map(|id| Document::String(id.as_str().to_owned())).collect();
    let products = Document::Object(HashMap::from([("Ids".to_owned(), Document::Array(ids))]));
    Document::Object(HashMap::from([("Products".to_owned(), Document::Array(vec![products]))]))
}

/// Details come as a document, as a string of JSON, or as both.
fn described(
    id: &str,
    identifier: Option<&str>,
    text: Option<&str>,
    document: Option<&Document>,
) -> Result<Described, CatalogError> {
    let details = match (document, text) {
        (Some(document), _) => document::to_json(document),
        (None, Some(text)) => serde_json::from_str(text).map_err(|e| unexpected(id, &e.to_string()))?,
        (None, None) => return Err(unexpected(id, "it has no details")),
    };
    Ok(Described { identifier: identifier.unwrap_or(id).to_owned(), details })
}

/// Whether `BatchDescribeEntities` itself, rather than what was asked of it, was refused.
fn batch_is_unsupported(error: &CatalogError) -> bool {
    match error {
        CatalogError::Api(api) => {
            api.is_access_denied()
                || matches!(api.code(), Some("UnknownOperationException" | "UnknownOperation" | "NotImplemented"))
                || matches!(api.outcome, pmp_aws::Outcome::Refused { status: 404 | 405 | 501, .. })
        }
        _ => false,
    }
}

fn unexpected(entity: &str, problem: &str) -> CatalogError {
    CatalogError::Unexpected { entity: entity.to_owned(), problem: problem.to_owned() }
}
