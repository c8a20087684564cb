//! The Marketplace Catalog and Marketplace Discovery over HTTP. Both use the signing name
//! `aws-marketplace`; the path tells them apart. This module reads requests, asks IAM, calls the
//! state machine and writes answers.

use awsim_iam_policy::ContextValue;
use axum::http::{Method, Uri};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::access::{Conditions, Denied, Question};
use super::changes::only_reads;
use super::{Call, Cloud};
use crate::catalog::{CATALOG, Catalog, CatalogError, ErrorKind, Operation, Outcome, StartChangeSet, read};
use crate::discovery;

/// An answer as JSON, with its HTTP status.
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The error's name, for `x-amzn-ErrorType`.
    pub(crate) error: Option<&'static str>,
    pub(crate) body: Bytes,
}

impl Cloud {
    /// Answers a request to the catalog, or to Discovery.
    pub(crate) async fn answer_marketplace(&self, method: &Method, uri: &Uri, body: &[u8], call: &Call) -> Reply {
        match discovery::Operation::at(uri.path()) {
            Some(operation) if method == Method::POST => self.discover(operation, body, call),
            _ => self.answer_catalog(method, uri, body, call).await,
        }
    }

    fn discover(&self, operation: discovery::Operation, body: &[u8], call: &Call) -> Reply {
        if let Err(CatalogError { message, .. }) = self.allow(call, operation.name(), &operation.resource(body), None) {
            let name = "AccessDeniedException";
            let body = json!({ "__type": name, "message": message }).to_string();
            return Reply { status: 403, error: Some(name), body: body.into() };
        }
        let admitted = self.discovery.admit(call.caller.account(), operation, self.clock.now());
        match admitted.and_then(|()| self.discovery.answer(operation, body)) {
            Ok(answer) => Reply { status: 200, error: None, body: answer.to_string().into() },
            Err(error) => {
                let (name, status) = error.name_and_status();
                Reply { status, error: Some(name), body: error.body().to_string().into() }
            }
        }
    }

    async fn answer_catalog(&self, method: &Method, uri: &Uri, body: &[u8], call: &Call) -> Reply {
        // This request must see the change sets that have ended before it, and their events must
        // not wait for the timer.
        self.end_due_change_sets().await;
        let changes = !only_reads(uri.path().trim_start_matches('/'));
        let answer = {
            let _change = if changes { Some(self.changes.begin().await) } else { None };
            self.marketplace(method, uri, body, call)
        };
        // The event of a change set that this request cancelled must not wait for the timer either.
        self.end_due_change_sets().await;
        match answer {
            Ok(body) => Reply { status: 200, error: None, body },
            Err(error) => {
                let body = error.body().to_string().into();
                Reply { status: error.kind.status(), error: Some(error.kind.name()), body }
            }
        }
    }

    fn marketplace(&self, method: &Method, uri: &Uri, body: &[u8], call: &Call) -> Result<Bytes, CatalogError> {
        let (caller, now) = (call.caller.account(), self.clock.now());
        let operation = operation_of(method, uri.path())?;
        let mut catalog = self.catalog();
        catalog.admit(caller, operation, now)?;
        let input = if *method == Method::POST { parse(body)? } else { query(uri)? };
        self.authorize(&catalog, operation, &input, call)?;
        if operation == Operation::StartChangeSet {
            catalog.set_next_outcome(if call.server_fault { Outcome::ServerFault } else { Outcome::Deserved });
        }
        let may_describe = |catalog: &Catalog, id: &str| self.allow_description(catalog, call, id);
        if !call.stale.is_zero()
            && let Some(mut past) = self.as_of(now, call.stale)
        {
            return past.answer(caller, operation, input, &call.request_id, now, &may_describe);
        }
        let answer = catalog.answer(caller, operation, input, &call.request_id, now, &may_describe)?;
        if operation == Operation::StartChangeSet {
            self.started.notify_one();
        }
        Ok(answer)
    }

    /// Asks IAM by the caller's own policies. The catalog itself decides whether the caller may see
    /// an entity of another account.
    fn authorize(
        &self,
        catalog: &Catalog,
        operation: Operation,
        input: &Value,
        call: &Call,
    ) -> Result<(), CatalogError> {
        let text = |name: &str| input[name].as_str().unwrap_or_default();
        let new_change_set =
            || format!("arn:aws:aws-marketplace:{}:{}:{CATALOG}/ChangeSet/*", catalog.region(), call.caller.account());
        match operation {
            Operation::ListEntities => self.allow(call, "ListEntities", "*", None),
            Operation::ListChangeSets => self.allow(call, "ListChangeSets", "*", None),
            Operation::DescribeChangeSet => {
                let arn = catalog.change_set_arn_for_iam(call.caller.account(), text("ChangeSetId"));
                self.allow(call, "DescribeChangeSet", &arn, None)
            }
            Operation::CancelChangeSet => {
                let arn = catalog.change_set_arn_for_iam(call.caller.account(), text("ChangeSetId"));
                self.allow(call, "CancelChangeSet", &arn, None)
            }
            Operation::DescribeEntity => self.allow_description(catalog, call, text("EntityId")),
            // IAM decides on each entity of the batch separately.
            Operation::BatchDescribeEntities => Ok(()),
            Operation::TagResource => self.allow(call, "TagResource", text("ResourceArn"), None),
            Operation::UntagResource => self.allow(call, "UntagResource", text("ResourceArn"), None),
            Operation::ListTagsForResource => self.allow(call, "ListTagsForResource", text("ResourceArn"), None),
            Operation::ListAssessments => self.allow(call, "ListAssessments", "*", None),
            Operation::DescribeAssessment => self.allow(call, "DescribeAssessment", "*", None),
            Operation::StartAssessment => {
                let arn = catalog.arn_for_iam(call.caller.account(), "Experience", text("EntityId"));
                self.allow(call, "StartAssessment", &arn, None)
            }
            Operation::StartChangeSet => {
                let request: StartChangeSet = read(input.clone())?;
                for target in request.targets() {
                    let arn = catalog.arn_for_iam(call.caller.account(), target.kind, target.entity);
                    self.allow(call, "StartChangeSet", &arn, Some(target.change_type))?;
                    self.allow(call, "StartChangeSet", &new_change_set(), Some(target.change_type))?;
                    if let Some(action) = target.also_needs() {
                        self.allow(call, action, "*", None)?;
                    }
                }
                Ok(())
            }
        }
    }

    fn allow_description(&self, catalog: &Catalog, call: &Call, id: &str) -> Result<(), CatalogError> {
        self.allow(call, "DescribeEntity", &catalog.arn_for_iam(call.caller.account(), "Experience", id), None)
    }

    fn allow(&self, call: &Call, action: &str, resource: &str, change: Option<&str>) -> Result<(), CatalogError> {
        let mut conditions = Conditions::new();
        if let Some(change) = change {
            conditions.insert("catalog:ChangeType".into(), ContextValue::String(change.into()));
        }
        let question = Question {
            caller: &call.caller,
            action: &format!("aws-marketplace:{action}"),
            resource,
            owner: call.caller.account(),
            resource_policy: None,
            conditions,
        };
        let denied = |denied: Denied| CatalogError::new(ErrorKind::AccessDenied, denied.0);
        self.access.decide(question).map_err(denied)
    }
}

fn operation_of(method: &Method, path: &str) -> Result<Operation, CatalogError> {
    Ok(match (method.as_str(), path) {
        ("POST", "/ListEntities") => Operation::ListEntities,
        ("GET", "/DescribeEntity") => Operation::DescribeEntity,
        ("POST", "/BatchDescribeEntities") => Operation::BatchDescribeEntities,
        ("POST", "/StartChangeSet") => Operation::StartChangeSet,
        ("GET", "/DescribeChangeSet") => Operation::DescribeChangeSet,
        ("POST", "/ListChangeSets") => Operation::ListChangeSets,
        ("PATCH", "/CancelChangeSet") => Operation::CancelChangeSet,
        ("POST", "/TagResource") => Operation::TagResource,
        ("POST", "/UntagResource") => Operation::UntagResource,
        ("POST", "/ListTagsForResource") => Operation::ListTagsForResource,
        ("POST", "/ListAssessments") => Operation::ListAssessments,
        ("POST", "/DescribeAssessment") => Operation::DescribeAssessment,
        ("POST", "/StartAssessment") => Operation::StartAssessment,
        (method, path) => {
            let message = format!("The operation {method} {path} is not known here");
            return Err(CatalogError::new(ErrorKind::UnknownOperation, message));
        }
    })
}

fn parse(body: &[u8]) -> Result<Value, CatalogError> {
    serde_json::from_slice(body).map_err(|_| CatalogError::validation("Document not valid JSON format"))
}

/// The parameters of the query, by the names that they have in a body.
fn query(uri: &Uri) -> Result<Value, CatalogError> {
    let parameters: Vec<(String, String)> = axum::extract::Query::try_from_uri(uri)
        .map(|axum::extract::Query(parameters)| parameters)
        .map_err(|_| CatalogError::validation("The query cannot be read"))?;
    let named = |(name, value): (String, String)| match name.as_str() {
        "catalog" => Some(("Catalog".to_owned(), Value::String(value))),
        "entityId" => Some(("EntityId".to_owned(), Value::String(value))),
        "changeSetId" => Some(("ChangeSetId".to_owned(), Value::String(value))),
        _ => None,
    };
    Ok(Value::Object(parameters.into_iter().filter_map(named).collect::<Map<_, _>>()))
}
