//! The Marketplace Catalog over HTTP: reads requests, asks IAM, asks the state machine, writes answers.

use awsim_iam_policy::ContextValue;
use axum::http::{Method, Uri};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::access::{Conditions, Denied, Question};
use super::changes::only_reads;
use super::{Call, Cloud};
use crate::catalog::{
    CATALOG, Catalog, CatalogError, ErrorKind, ListChangeSets, ListEntities, Outcome, StartChangeSet,
};

/// An answer in JSON.
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The error's name, for `x-amzn-ErrorType`.
    pub(crate) error: Option<&'static str>,
    pub(crate) body: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BatchDescribeEntities {
    entity_request_list: Vec<EntityRequest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EntityRequest {
    catalog: String,
    entity_id: String,
}

/// Entities that `BatchDescribeEntities` takes at most.
const MAX_BATCH: usize = 20;

impl Cloud {
    /// Answers a request to the catalog.
    pub(crate) async fn answer_marketplace(&self, method: &Method, uri: &Uri, body: &[u8], call: &Call) -> Reply {
        // What ended before this request came must be seen by it, and its events must not wait for the timer.
        self.end_due_change_sets().await;
        let changes = !only_reads(uri.path().trim_start_matches('/'));
        let _change = if changes { Some(self.changes.begin().await) } else { None };
        match self.marketplace(method, uri, body, call) {
            Ok(body) => Reply { status: 200, error: None, body },
            Err(CatalogError { kind, message }) => {
                let body = json!({ "__type": kind.name(), "Message": message }).to_string();
                Reply { status: kind.status(), error: Some(kind.name()), body }
            }
        }
    }

    fn marketplace(&self, method: &Method, uri: &Uri, body: &[u8], call: &Call) -> Result<String, CatalogError> {
        let (caller, now) = (call.caller.account(), self.clock.now());
        match (method.as_str(), uri.path()) {
            ("POST", "/ListEntities") => {
                let request: ListEntities = read(body)?;
                self.allow(call, "ListEntities", "*", None)?;
                Ok(self.catalog().list_entities(caller, &request)?.to_string())
            }
            ("POST", "/ListChangeSets") => {
                let request: ListChangeSets = read(body)?;
                self.allow(call, "ListChangeSets", "*", None)?;
                Ok(self.catalog().list_change_sets(caller, &request, now)?.to_string())
            }
            ("GET", "/DescribeEntity") => {
                let id = parameter(uri, "entityId")?;
                self.allow_entity(call, "DescribeEntity", &id, None)?;
                describe_entity(&self.catalog(), caller, &id, true)
            }
            ("POST", "/BatchDescribeEntities") => self.batch_describe(read(body)?, call),
            ("POST", "/StartChangeSet") => self.start_change_set(read(body)?, call, now),
            ("GET", "/DescribeChangeSet") => {
                let id = parameter(uri, "changeSetId")?;
                self.allow(call, "DescribeChangeSet", "*", None)?;
                Ok(self.catalog().describe_change_set(caller, &id, now)?.to_string())
            }
            (method, path) => {
                let message = format!("The operation {method} {path} is not known here");
                Err(CatalogError { kind: ErrorKind::UnknownOperation, message })
            }
        }
    }

    fn batch_describe(&self, request: BatchDescribeEntities, call: &Call) -> Result<String, CatalogError> {
        if !(1..=MAX_BATCH).contains(&request.entity_request_list.len()) {
            let message = format!("EntityRequestList must hold 1 to {MAX_BATCH} entities");
            return Err(CatalogError::validation(message));
        }
        let (mut details, mut errors) = (Vec::new(), serde_json::Map::new());
        for EntityRequest { catalog, entity_id } in request.entity_request_list {
            let described = check_catalog(&catalog)
                .and_then(|()| self.allow_entity(call, "DescribeEntity", &entity_id, None))
                .and_then(|()| describe_entity(&self.catalog(), call.caller.account(), &entity_id, false));
            match described {
                Ok(description) => details.push(format!("{}:{description}", Value::String(entity_id))),
                Err(e) => {
                    errors.insert(entity_id, json!({ "ErrorCode": e.kind.name(), "ErrorMessage": e.message }));
                }
            }
        }
        Ok(format!(r#"{{"EntityDetails":{{{}}},"Errors":{}}}"#, details.join(","), Value::Object(errors)))
    }

    fn start_change_set(&self, request: StartChangeSet, call: &Call, now: Timestamp) -> Result<String, CatalogError> {
        let caller = call.caller.account();
        for (entity, change_type) in request.targets() {
            self.allow_entity(call, "StartChangeSet", entity, Some(change_type))?;
        }
        let change_sets = format!("arn:aws:aws-marketplace:{}:{caller}:{CATALOG}/ChangeSet/*", self.catalog().region());
        for (_, change_type) in request.targets() {
            self.allow(call, "StartChangeSet", &change_sets, Some(change_type))?;
        }
        let mut catalog = self.catalog();
        catalog.set_next_outcome(if call.server_fault { Outcome::ServerFault } else { Outcome::Deserved });
        let (id, arn) = catalog.start(caller, request, &call.request_id, now)?;
        self.started.notify_one();
        Ok(json!({ "ChangeSetId": id, "ChangeSetArn": arn }).to_string())
    }

    fn allow_entity(&self, call: &Call, action: &str, id: &str, change: Option<&str>) -> Result<(), CatalogError> {
        let arn = self.catalog().arn_for_iam(call.caller.account(), id);
        self.allow(call, action, &arn, change)
    }

    /// What the caller's own policies say. Whether the entity's owner agrees is the catalog's to know.
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
        let denied = |denied: Denied| CatalogError { kind: ErrorKind::AccessDenied, message: denied.0 };
        self.access.decide(question).map_err(denied)
    }
}

/// The description of an entity. Written by hand around the details, which are large and are already text.
fn describe_entity(catalog: &Catalog, caller: &str, id: &str, legacy_details: bool) -> Result<String, CatalogError> {
    let entity = catalog.describe(caller, id)?;
    let unwritable = |e: serde_json::Error| CatalogError { kind: ErrorKind::Internal, message: e.to_string() };
    let details = entity.details().map_err(unwritable)?;
    let head = json!({
        "EntityType": entity.versioned_kind(),
        "EntityIdentifier": entity.identifier(),
        "EntityArn": entity.arn(catalog.region()),
        "LastModifiedDate": entity.modified(),
    })
    .to_string();
    let head = head.trim_end_matches('}');
    if legacy_details {
        let quoted = serde_json::to_string(&details).map_err(unwritable)?;
        Ok(format!(r#"{head},"Details":{quoted},"DetailsDocument":{details}}}"#))
    } else {
        Ok(format!(r#"{head},"DetailsDocument":{details}}}"#))
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, CatalogError> {
    let document: Value =
        serde_json::from_slice(body).map_err(|_| CatalogError::validation("Document not valid JSON format"))?;
    serde_json::from_value(document).map_err(|e| CatalogError::validation(format!("The request is malformed: {e}")))
}

/// A parameter of the query, after checking that the other one names the catalog.
fn parameter(uri: &Uri, name: &str) -> Result<String, CatalogError> {
    let parameters: Vec<(String, String)> = axum::extract::Query::try_from_uri(uri)
        .map(|axum::extract::Query(parameters)| parameters)
        .map_err(|_| CatalogError::validation("The query cannot be read"))?;
    let find = |wanted: &str| parameters.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    check_catalog(&find("catalog").unwrap_or_default())?;
    find(name).ok_or_else(|| CatalogError::validation(format!("Parameter {name} is missing")))
}

fn check_catalog(catalog: &str) -> Result<(), CatalogError> {
    if catalog == CATALOG { Ok(()) } else { Err(CatalogError::validation("Catalog must be AWSMarketplace")) }
}
