//! The port over the official SDK.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_marketplacecatalog::Client;
use aws_sdk_marketplacecatalog::config::Builder;
use aws_sdk_marketplacecatalog::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_marketplacecatalog::operation::batch_describe_entities::BatchDescribeEntitiesOutput;
use aws_sdk_marketplacecatalog::operation::describe_entity::DescribeEntityOutput;
use aws_sdk_marketplacecatalog::operation::start_change_set::StartChangeSetError;
use aws_sdk_marketplacecatalog::types::{
    Change, ChangeStatus, ChangeSummary, Entity, EntityRequest, FailureCode, Filter, Sort, SortOrder,
    ValidationExceptionField, ValidationExceptionReason,
};
use aws_smithy_types::Document;
use aws_smithy_types::body::SdkBody;
use futures::StreamExt;
use futures::stream;
use pmp_aws::{ApiError, Outcome};
use pmp_protocol::{Content, ExperienceId, ProductBatch, ResourceRequests};
use serde_json::Value;

use crate::details::{self, Batch, Listed};
use crate::intern::Interner;
use crate::raw::{RawBody, TakeBody};
use crate::{
    Catalog, CatalogError, ChangeError, ChangeKind, ChangeSetId, ChangeSetRequest, ChangeSetState, ChangeSetStatus,
    ErrorClass, Experience, Limiter, Operation, Pace, Part, PolicyId, Probe, ProcurementPolicy, RateLimits, Scope,
};

/// The only catalog that private marketplaces live in.
pub(crate) const CATALOG: &str = "AWSMarketplace";
/// The most entities that `BatchDescribeEntities` takes (service model).
const BATCH: usize = 20;
/// The most entries on a page of `ListEntities` (service model), and of `ListChangeSets`.
const ENTITIES_PAGE: i32 = 50;
pub(crate) const CHANGE_SETS_PAGE: i32 = 20;
/// Requests for experiences on their way at once; the rate limiters, not this, set the pace.
const CONCURRENCY: usize = 8;
/// Requests for policies on their way at once. A batch of large ones is some 25 MB: this bounds the
/// memory.
const POLICY_CONCURRENCY: usize = 2;
/// An answer beyond this many bytes is read on a thread that may block.
const LARGE: usize = 64 * 1024;

/// The Marketplace Catalog of the account whose credentials it was made with.
#[derive(Debug)]
pub struct SdkCatalog {
    pub(crate) client: Client,
    pub(crate) pace: Pace,
    interner: Arc<Interner>,
    /// Whether `BatchDescribeEntities` was refused once, as a whole or for an entity that can be
    /// described; then every entity is described by itself.
    batch_refused: AtomicBool,
    /// By scope, whether `ListEntities` was refused for its order alone; then it is asked for
    /// without one.
    order_refused: [AtomicBool; 2],
}

/// How the details of one entity are read.
struct Read<L, T> {
    /// From what was asked, its identifier, and its JSON.
    json: fn(&Interner, &str, &details::Entity<'_>) -> Result<L, CatalogError>,
    /// What follows from that, once the answer is not in memory any more.
    then: fn(L) -> T,
}

impl<L, T> Clone for Read<L, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<L, T> Copy for Read<L, T> {}

/// How those of an experience are.
const EXPERIENCE: Read<Experience, Experience> = Read {
    json: |_, id, entity| details::experience(entity.identifier(id), &entity.json(id)?),
    then: std::convert::identity,
};

/// How those of a procurement policy are. Its lists are sorted at last.
const POLICY: Read<Listed, ProcurementPolicy> = Read {
    json: |interner, id, entity| {
        let policy = PolicyId::new(id).ok_or_else(|| unexpected(id, "it is not the id of a policy"))?;
        details::policy(&policy, &entity.json(id)?, interner)
    },
    then: ProcurementPolicy::from,
};

/// How those of any entity are, as they are.
const VALUE: Read<Value, Value> = Read {
    json: |_, id, entity| serde_json::from_str(&entity.json(id)?).map_err(|e| unexpected(id, &e.to_string())),
    then: std::convert::identity,
};

impl SdkCatalog {
    /// A catalog with the SDK's own configuration, retries included, under `limits`: for callers
    /// that read now and then.
    #[must_use]
    pub fn new(config: &SdkConfig, limits: RateLimits) -> Self {
        Self::with_client(Client::new(&pmp_aws::for_catalog(config)), limits, Interner::of_copies())
    }

    /// A catalog that makes each call once, so that every error reaches the caller, who decides
    /// what it means. Policies that list the same products share the texts of their ids.
    #[must_use]
    pub fn without_retries(config: &SdkConfig, limits: RateLimits) -> Self {
        let config = Builder::from(&pmp_aws::for_catalog(config)).retry_config(RetryConfig::disabled()).build();
        Self::with_client(Client::from_conf(config), limits, Interner::new())
    }

    fn with_client(client: Client, limits: RateLimits, interner: Interner) -> Self {
        let interner = Arc::new(interner);
        let (batch_refused, order_refused) = <(AtomicBool, [AtomicBool; 2])>::default();
        Self { client, pace: Pace::new(limits), interner, batch_refused, order_refused }
    }

    /// Describes entities in batches, or one by one where batches are refused; one outcome for
    /// each, in order.
    async fn describe<L: Send + 'static, T: Send + 'static>(
        &self,
        ids: &[&str],
        concurrency: usize,
        read: Read<L, T>,
    ) -> Vec<Result<T, CatalogError>> {
        let mut batches = Vec::new();
        // A loop: the compiler cannot yet prove a closure that returns these futures general
        // enough.
        for batch in ids.chunks(BATCH) {
            batches.push(self.describe_batch(batch, concurrency, read));
        }
        let outcomes: Vec<_> = stream::iter(batches).buffered(concurrency).collect().await;
        outcomes.into_iter().flatten().collect()
    }

    async fn describe_batch<L: Send + 'static, T: Send + 'static>(
        &self,
        ids: &[&str],
        concurrency: usize,
        read: Read<L, T>,
    ) -> Vec<Result<T, CatalogError>> {
        // One entity by itself needs no batch, and no permission beyond the documented one.
        if ids.len() > 1 && !self.batch_refused.load(Ordering::Relaxed) {
            match self.batch_describe_entities(ids, read).await {
                Ok(outcomes) => return self.describe_the_rest(ids, outcomes, concurrency, read).await,
                Err(error) if batch_is_unsupported(&error) => {
                    tracing::info!(%error, "describing entities one by one, since batches are refused");
                    self.batch_refused.store(true, Ordering::Relaxed);
                }
                Err(error) => return ids.iter().map(|_| Err(error.clone())).collect(),
            }
        }
        let mut calls = Vec::new();
        for id in ids {
            calls.push(self.describe_entity(id, read));
        }
        stream::iter(calls).buffered(concurrency).collect().await
    }

    /// A batch is believed where it describes. Where it does not, the entity is described by
    /// itself, and that is believed: AWS documents batches, and nowhere that they serve the
    /// entities of private marketplace, or those that are shared.
    async fn describe_the_rest<L: Send + 'static, T: Send + 'static>(
        &self,
        ids: &[&str],
        mut outcomes: Vec<Result<T, CatalogError>>,
        concurrency: usize,
        read: Read<L, T>,
    ) -> Vec<Result<T, CatalogError>> {
        let (mut places, mut calls) = (Vec::new(), Vec::new());
        for (place, (id, outcome)) in ids.iter().zip(&outcomes).enumerate() {
            // A throttled one is to be asked for later, and not at once.
            if outcome.as_ref().is_err_and(|error| error.class() != ErrorClass::Throttled) {
                places.push(place);
                calls.push(self.describe_entity(id, read));
            }
        }
        let alone: Vec<_> = stream::iter(calls).buffered(concurrency).collect().await;
        for (place, alone) in places.into_iter().zip(alone) {
            let batch = std::mem::replace(&mut outcomes[place], alone);
            if let (Err(error), Ok(_)) = (batch, &outcomes[place])
                && error.class() != ErrorClass::Transient
                && !self.batch_refused.swap(true, Ordering::Relaxed)
            {
                tracing::info!(%error, "describing entities one by one, since a batch does not describe what is there");
            }
        }
        outcomes
    }

    async fn batch_describe_entities<L: Send + 'static, T: Send + 'static>(
        &self,
        ids: &[&str],
        read: Read<L, T>,
    ) -> Result<Vec<Result<T, CatalogError>>, CatalogError> {
        const OPERATION: &str = "aws-marketplace:BatchDescribeEntities";
        let mut call = self.client.batch_describe_entities();
        for id in ids {
            let request = EntityRequest::builder().catalog(CATALOG).entity_id(*id).build();
            call = call.entity_request_list(request.map_err(|e| unexpected(id, &e.to_string()))?);
        }
        let body = RawBody::default();
        let take = TakeBody { body: body.clone(), empty: || BatchDescribeEntitiesOutput::builder().build() };
        let call = call.customize().interceptor(take);
        paced(self.pace.of(Operation::DescribeEntity), OPERATION, call.send()).await?;
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        let interner = self.interner.clone();
        let json = move |json: &str| {
            let batch: Batch<'_> =
                serde_json::from_str(json).map_err(|e| unexpected(&ids.join(", "), &e.to_string()))?;
            let outcome = |id: &String| batch.entity(id).and_then(|entity| (read.json)(&interner, id, entity));
            Ok(ids.iter().map(outcome).collect::<Vec<_>>())
        };
        let then = move |outcomes: Vec<Result<L, _>>| outcomes.into_iter().map(|it| it.map(read.then)).collect();
        with_body(OPERATION, &body, json, then).await
    }

    async fn describe_entity<L: Send + 'static, T: Send + 'static>(
        &self,
        id: &str,
        read: Read<L, T>,
    ) -> Result<T, CatalogError> {
        const OPERATION: &str = "aws-marketplace:DescribeEntity";
        let body = RawBody::default();
        let take = TakeBody { body: body.clone(), empty: || DescribeEntityOutput::builder().build() };
        let call = self.client.describe_entity().catalog(CATALOG).entity_id(id).customize().interceptor(take);
        let described = paced(self.pace.of(Operation::DescribeEntity), OPERATION, call.send()).await;
        described.map_err(|error| match error.class() {
            ErrorClass::NotFound => CatalogError::NotFound(id.to_owned()),
            _ => error,
        })?;
        let (id, interner) = (id.to_owned(), self.interner.clone());
        let json = move |json: &str| {
            let entity: details::Entity<'_> =
                serde_json::from_str(json).map_err(|e| unexpected(&id, &e.to_string()))?;
            (read.json)(&interner, &id, entity.about(&id)?)
        };
        with_body(OPERATION, &body, json, read.then).await
    }

    /// The ids of all experiences in `scope`, and the number of pages that they came on.
    async fn list(&self, scope: Scope, by_id: bool) -> Result<(Vec<ExperienceId>, usize), CatalogError> {
        const OPERATION: &str = "aws-marketplace:ListEntities";
        let order = by_id.then(|| Sort::builder().sort_by("EntityId").sort_order(SortOrder::Ascending).build());
        let (mut experiences, mut read) = (Vec::new(), 0);
        let (mut token, mut pages) = (None, Pages::default());
        loop {
            let mut call = self.client.list_entities().catalog(CATALOG).entity_type("Experience");
            call = call.set_sort(order.clone()).max_results(ENTITIES_PAGE);
            if scope == Scope::SharedWithMe {
                call = call.filter_list(shared_with_me());
            }
            let call = call.set_next_token(token).send();
            let page = paced(self.pace.of(Operation::ListEntities), OPERATION, call).await?;
            for entity in page.entity_summary_list() {
                let id = entity.entity_id().unwrap_or_default();
                experiences.push(ExperienceId::new(id).map_err(|e| unexpected(id, &e.to_string()))?);
            }
            read += 1;
            token = pages.next(OPERATION, page.next_token)?;
            if token.is_none() {
                return Ok((experiences, read));
            }
        }
    }

    /// The ids of the change sets that run on `experience`, in one scope.
    async fn open_in_scope(&self, experience: &ExperienceId, scope: Scope) -> Result<Vec<ChangeSetId>, CatalogError> {
        const OPERATION: &str = "aws-marketplace:ListChangeSets";
        let entity = Filter::builder().name("EntityId").value_list(experience.as_str()).build();
        let status = Filter::builder().name("Status").value_list("PREPARING").value_list("APPLYING").build();
        let mut open = Vec::new();
        let (mut token, mut pages) = (None, Pages::default());
        loop {
            let mut call = self.client.list_change_sets().catalog(CATALOG).max_results(CHANGE_SETS_PAGE);
            call = call.filter_list(entity.clone()).filter_list(status.clone());
            if scope == Scope::SharedWithMe {
                call = call.filter_list(shared_with_me());
            }
            let call = call.set_next_token(token).send();
            let page = paced(self.pace.of(Operation::ListChangeSets), OPERATION, call).await?;
            open.extend(
                page.change_set_summary_list().iter().filter_map(|set| set.change_set_id()).map(ChangeSetId::new),
            );
            token = pages.next(OPERATION, page.next_token)?;
            if token.is_none() {
                return Ok(open);
            }
        }
    }
}

/// Makes a call with a permit of its limiter, and lets the limiter learn from the outcome.
/// `operation` is what the error names.
pub(crate) async fn paced<T, E>(
    limiter: &Limiter,
    operation: &'static str,
    call: impl Future<Output = Result<T, SdkError<E>>>,
) -> Result<T, CatalogError>
where
    E: Error + ProvideErrorMetadata + 'static,
{
    limiter.ready().await;
    learned(limiter, operation, call).await
}

/// The same for a caller that has taken the permit.
async fn learned<T, E>(
    limiter: &Limiter,
    operation: &'static str,
    call: impl Future<Output = Result<T, SdkError<E>>>,
) -> Result<T, CatalogError>
where
    E: Error + ProvideErrorMetadata + 'static,
{
    let answer = call.await.map_err(|error| CatalogError::Api(ApiError::new(operation, &error)));
    limiter.learn(&answer);
    answer
}

/// Reads the body of an answer, on a thread that may block where it is large. What follows `then`
/// is done when the body is not in memory any more: that is most of what a large policy takes.
async fn with_body<L, T: Send + 'static>(
    operation: &'static str,
    body: &RawBody,
    json: impl FnOnce(&str) -> Result<L, CatalogError> + Send + 'static,
    then: impl FnOnce(L) -> T + Send + 'static,
) -> Result<T, CatalogError> {
    let Some(body) = body.take() else { return Err(unexpected(operation, "the answer has no body")) };
    let large = body.bytes().is_some_and(|bytes| bytes.len() > LARGE);
    let read = move |body: SdkBody| {
        let bytes = body.bytes().unwrap_or_default();
        let text = std::str::from_utf8(bytes).map_err(|e| unexpected(operation, &e.to_string()))?;
        let listed = json(text)?;
        drop(body);
        Ok(then(listed))
    };
    if !large {
        return read(body);
    }
    let outcome = tokio::task::spawn_blocking(move || read(body)).await;
    outcome.unwrap_or_else(|e| Err(unexpected(operation, &e.to_string())))
}

#[async_trait]
impl Catalog for SdkCatalog {
    fn pace(&self) -> &Pace {
        &self.pace
    }

    async fn list_experiences(&self, scope: Scope) -> Result<Vec<ExperienceId>, CatalogError> {
        let order_refused = &self.order_refused[scope as usize];
        if !order_refused.load(Ordering::Relaxed) {
            // By id: in the default order, by the last change, one that changes between two pages
            // could be missed.
            match self.list(scope, true).await {
                // AWS documents the order, and the scope, and nowhere both together.
                Err(error) if error.class() == ErrorClass::Invalid => {
                    tracing::info!(%error, ?scope, "listing experiences without an order, since one is refused");
                }
                listed => return listed.map(|(experiences, _)| experiences),
            }
        }
        let (mut experiences, pages) = self.list(scope, false).await?;
        order_refused.store(true, Ordering::Relaxed);
        if pages > 1 {
            // What slipped from one page to one before it while they were read is on the second
            // list.
            let again = self.list(scope, false).await?.0;
            let known: HashSet<_> = experiences.iter().cloned().collect();
            experiences.extend(again.into_iter().filter(|id| !known.contains(id)));
        }
        Ok(experiences)
    }

    async fn describe_experiences(&self, ids: &[ExperienceId]) -> Vec<Result<Experience, CatalogError>> {
        let ids: Vec<&str> = ids.iter().map(ExperienceId::as_str).collect();
        self.describe(&ids, CONCURRENCY, EXPERIENCE).await
    }

    fn expect(&self, content: &Content) {
        self.interner.know(content.approved().iter().chain(content.rejected()));
    }

    async fn describe_policies(&self, ids: &[PolicyId]) -> Vec<Result<ProcurementPolicy, CatalogError>> {
        let ids: Vec<&str> = ids.iter().map(PolicyId::as_str).collect();
        self.describe(&ids, POLICY_CONCURRENCY, POLICY).await
    }

    async fn start_change_set(&self, request: &ChangeSetRequest) -> Result<ChangeSetId, CatalogError> {
        let mut call = self
            .client
            .start_change_set()
            .catalog(CATALOG)
            .change_set_name(request.name())
            .client_request_token(request.client_request_token());
        for part in request.parts() {
            for change in changes(part)? {
                call = call.change_set(change);
            }
        }
        let answer = call.send().await.map_err(|error| not_started(request, &error));
        // The starter has taken the permit: it waits for one with many change sets to choose from.
        self.pace.of(Operation::StartChangeSet).learn(&answer);
        let answer = answer?;
        let id = answer.change_set_id().ok_or_else(|| unexpected(request.name(), "the change set has no id"))?;
        Ok(ChangeSetId::new(id))
    }

    async fn describe_change_set(&self, id: &ChangeSetId) -> Result<ChangeSetStatus, CatalogError> {
        const OPERATION: &str = "aws-marketplace:DescribeChangeSet";
        let call = self.client.describe_change_set().catalog(CATALOG).change_set_id(id.as_str()).send();
        // The poller has taken the permit: it polls the change set that is due when there is one.
        let answer = learned(self.pace.of(Operation::DescribeChangeSet), OPERATION, call).await?;
        let state = match answer.status() {
            Some(ChangeStatus::Preparing | ChangeStatus::Applying) => ChangeSetState::Running,
            Some(ChangeStatus::Succeeded) => ChangeSetState::Succeeded,
            Some(ChangeStatus::Cancelled) => ChangeSetState::Cancelled,
            Some(ChangeStatus::Failed) => {
                let mut errors: Vec<_> = answer.change_set().iter().flat_map(change_errors).collect();
                if let (true, Some(message)) = (errors.is_empty(), answer.failure_description()) {
                    let code = answer.failure_code().map_or("Unknown", FailureCode::as_str).to_owned();
                    errors.push(ChangeError { entity: None, kind: None, code, message: message.to_owned() });
                }
                let server_fault = answer.failure_code() == Some(&FailureCode::ServerFault);
                ChangeSetState::Failed { server_fault, errors }
            }
            Some(other) => {
                return Err(unexpected(id.as_str(), &format!("the change set has status `{}`", other.as_str())));
            }
            None => return Err(unexpected(id.as_str(), "the change set has no status")),
        };
        let time = |text: Option<&str>| text.and_then(|text| text.parse().ok());
        Ok(ChangeSetStatus { state, started: time(answer.start_time()), ended: time(answer.end_time()) })
    }

    async fn open_change_sets(&self, experience: &ExperienceId) -> Result<Vec<ChangeSetId>, CatalogError> {
        let own = self.open_in_scope(experience, Scope::Own).await?;
        if own.is_empty() { self.open_in_scope(experience, Scope::SharedWithMe).await } else { Ok(own) }
    }
}

#[async_trait]
impl Probe for SdkCatalog {
    async fn list_once(&self, scope: Scope, by_id: bool) -> Result<Vec<ExperienceId>, CatalogError> {
        self.list(scope, by_id).await.map(|(experiences, _)| experiences)
    }

    async fn describe_in_batch(
        &self,
        ids: &[ExperienceId],
    ) -> Result<Vec<Result<Experience, CatalogError>>, CatalogError> {
        let ids: Vec<&str> = ids.iter().map(ExperienceId::as_str).collect();
        self.batch_describe_entities(&ids, EXPERIENCE).await
    }

    async fn details(&self, entity: &str) -> Result<Value, CatalogError> {
        self.describe_entity(entity, VALUE).await
    }
}

/// The tokens of a listing so far. One that comes again would lead round for ever.
#[derive(Default)]
struct Pages(BTreeSet<String>);

impl Pages {
    /// The token of the next page; none after the last.
    fn next(&mut self, operation: &str, token: Option<String>) -> Result<Option<String>, CatalogError> {
        let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
        if !self.0.insert(token.clone()) {
            return Err(unexpected(operation, "a page leads back to one that was read"));
        }
        Ok(Some(token))
    }
}

pub(crate) fn shared_with_me() -> Filter {
    Filter::builder().name("Scope").value_list("SharedWithMe").build()
}

/// The changes of a part, each on the entity that it is for.
fn changes(part: &Part) -> Result<Vec<Change>, CatalogError> {
    let experience = format!("{}@{}", part.experience, part.revision);
    // All three change types are made on the experience, the policy's settings too (AWS's API
    // reference).
    let change = |kind: ChangeKind, details: Document| {
        let wrong = |e: &dyn std::error::Error| unexpected(&experience, &e.to_string());
        let entity =
            Entity::builder().r#type("Experience@1.0").identifier(&experience).build().map_err(|e| wrong(&e))?;
        let change = Change::builder().change_type(kind.as_str()).entity(entity).details_document(details);
        change.build().map_err(|e| wrong(&e))
    };
    let mut changes = Vec::new();
    if let Some(batch) = &part.allow {
        changes.push(change(ChangeKind::Allow, products_document(batch))?);
    }
    if let Some(batch) = &part.deny {
        changes.push(change(ChangeKind::Deny, products_document(batch))?);
    }
    if let Some(requests) = part.settings {
        changes.push(change(ChangeKind::Settings, settings_document(requests))?);
    }
    Ok(changes)
}

/// Why a change set was not started, with all that the answer says of it. Only here is it known
/// what was asked.
fn not_started(request: &ChangeSetRequest, error: &SdkError<StartChangeSetError>) -> CatalogError {
    let mut api = ApiError::new("aws-marketplace:StartChangeSet", error);
    let Some(StartChangeSetError::ValidationException(refused)) = error.as_service_error() else {
        return CatalogError::Api(api);
    };
    let fields = refused.validation_exception_field_list();
    if let Outcome::Refused { message, .. } = &mut api.outcome
        && !fields.is_empty()
    {
        let blamed: Vec<_> = fields.iter().map(|field| field_text(field, message)).collect();
        message.push_str(&format!(" ({})", blamed.join("; ")));
    }
    let of_ours = |field: &ValidationExceptionField| {
        let entity = field.entity_id().map(|id| id.split_once('@').map_or(id, |(id, _)| id));
        request.parts().iter().any(|part| entity == Some(part.experience.as_str()))
    };
    let identifier = |field: &ValidationExceptionField| field.field().is_some_and(|name| name.ends_with("Identifier"));
    let stale = names_another_revision(request, api.message())
        || fields.iter().any(|field| identifier(field) && of_ours(field));
    if stale { CatalogError::Stale(api) } else { CatalogError::Api(api) }
}

/// What one field is refused for: `AllowProductProcurement exp-1@5 Entity.Identifier: text`. What
/// the message says already is not said again.
fn field_text(field: &ValidationExceptionField, message: &str) -> String {
    let place = [field.change_type(), field.entity_id(), field.field()];
    let place = place.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let text = field.message().or(field.reason().map(ValidationExceptionReason::as_str)).unwrap_or("no message");
    if message.contains(text) { place } else { format!("{place}: {text}") }
}

/// Whether a text names an experience of the request at another revision than the one that was
/// asked. AWS documents that the message of such a refusal includes the newest revision, and none
/// of its words.
fn names_another_revision(request: &ChangeSetRequest, text: &str) -> bool {
    request.parts().iter().any(|part| {
        let experience = format!("{}@", part.experience);
        text.match_indices(&experience).any(|(at, found)| {
            let rest = &text[at + found.len()..];
            let digits = rest.find(|c: char| !c.is_ascii_digit()).map_or(rest, |end| &rest[..end]);
            digits.parse().is_ok_and(|revision: u64| revision != part.revision.0)
        })
    })
}

/// The errors of one change, with what it was for.
fn change_errors(change: &ChangeSummary) -> impl Iterator<Item = ChangeError> {
    let identifier = change.entity().and_then(|entity| entity.identifier());
    let entity = identifier.map(|id| id.split_once('@').map_or(id, |(id, _)| id).to_owned());
    let kind = change.change_type().and_then(ChangeKind::from_name);
    change.error_detail_list().iter().map(move |detail| ChangeError {
        entity: entity.clone(),
        kind,
        code: detail.error_code().unwrap_or("Unknown").to_owned(),
        message: detail.error_message().unwrap_or("no message").to_owned(),
    })
}

fn object<const N: usize>(fields: [(&str, Document); N]) -> Document {
    Document::Object(fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect::<HashMap<_, _>>())
}

/// `{"Products": [{"Ids": [...]}]}`, the details of both procurement change types.
fn products_document(batch: &ProductBatch) -> Document {
    let ids = batch.products().iter().map(|id| Document::String(id.as_str().to_owned())).collect();
    object([("Products", Document::Array(vec![object([("Ids", Document::Array(ids))])]))])
}

/// `{"Configuration": {"PolicyResourceRequests": "Allow"}}`, as `DescribeEntity` shows it.
fn settings_document(requests: ResourceRequests) -> Document {
    let requests = Document::String(requests.as_str().to_owned());
    object([("Configuration", object([("PolicyResourceRequests", requests)]))])
}

/// Whether `BatchDescribeEntities` itself, rather than what was asked of it, was refused.
fn batch_is_unsupported(error: &CatalogError) -> bool {
    match error {
        CatalogError::Api(api) => {
            api.is_access_denied()
                || matches!(api.code(), Some("UnknownOperationException" | "UnknownOperation" | "NotImplemented"))
                || matches!(api.outcome, Outcome::Refused { status: 404 | 405 | 501, .. })
        }
        _ => false,
    }
}

fn unexpected(entity: &str, problem: &str) -> CatalogError {
    CatalogError::Unexpected { entity: entity.to_owned(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use pmp_protocol::{ManagementId, ProductId};

    use super::*;
    use crate::Revision;

    /// Every change names the experience and its revision, whatever it is about: as AWS's reference
    /// has it.
    #[test]
    fn all_changes_of_a_part_are_made_on_the_experience_at_its_revision() {
        let products = |id: &str| ProductBatch::split(&BTreeSet::from([ProductId::new(id).unwrap()])).pop();
        let management = ManagementId::new(ExperienceId::new("exp-management").unwrap());
        let member = management.member(ExperienceId::new("exp-1").unwrap()).unwrap();
        let part = Part {
            experience: member,
            revision: Revision(5),
            allow: products("prod-a"),
            deny: products("prod-b"),
            settings: Some(ResourceRequests::Deny),
            after: None,
            refused: 0,
        };
        let changes = changes(&part).unwrap();
        let entities = changes.iter().map(|change| change.entity().unwrap());
        assert!(entities.clone().all(|entity| entity.r#type() == "Experience@1.0"));
        assert!(entities.clone().all(|entity| entity.identifier() == Some("exp-1@5")));
        let types: Vec<_> = changes.iter().map(Change::change_type).collect();
        assert_eq!(types, ["AllowProductProcurement", "DenyProductProcurement", "UpdateProcurementPolicy"]);
        let requests = Document::String("Deny".to_owned());
        let expected = object([("Configuration", object([("PolicyResourceRequests", requests)]))]);
        assert_eq!(changes[2].details_document(), Some(&expected));
    }
}
