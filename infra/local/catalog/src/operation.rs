//! The operations by name. Each takes a request as JSON and returns an answer as JSON.

use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::assessments;
use super::details::{Description, with_nulls};
use super::entity::split_revision;
use super::error::check_catalog;
use super::{Catalog, CatalogError, ErrorKind};
use pmp_world::{AbsentValues, Batches};

/// An operation of the Marketplace Catalog API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is named as the API names it")]
pub enum Operation {
    ListEntities,
    DescribeEntity,
    BatchDescribeEntities,
    StartChangeSet,
    DescribeChangeSet,
    ListChangeSets,
    CancelChangeSet,
    TagResource,
    UntagResource,
    ListTagsForResource,
    ListAssessments,
    DescribeAssessment,
    StartAssessment,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OneEntity {
    catalog: String,
    entity_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OneChangeSet {
    catalog: String,
    change_set_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ManyEntities {
    entity_request_list: Vec<OneEntity>,
}

/// The fields of a change set that may be absent: left out or `null`, by the assumption
/// `absent_values`.
const CHANGE_SET_FIELDS: [&str; 4] = ["ChangeSetName", "EndTime", "FailureCode", "FailureDescription"];

/// AWS's limit for entities in a request of `BatchDescribeEntities`.
const MAX_BATCH: usize = 20;

impl Catalog {
    /// Answers a request of the account `caller`, which has every IAM permission. Request and
    /// answer are the JSON that goes over the wire. The operations with a query string
    /// (`DescribeEntity`, `DescribeChangeSet`, `CancelChangeSet`) take `{"Catalog", "EntityId"}` or
    /// `{"Catalog", "ChangeSetId"}`.
    ///
    /// # Errors
    /// As the API documents, and [`ErrorKind::Throttling`] beyond the account's request rate.
    pub fn call(
        &mut self,
        caller: &str,
        operation: Operation,
        request: Value,
        now: Timestamp,
    ) -> Result<Value, CatalogError> {
        self.admit(caller, operation, now)?;
        let request_id = self.dice.uuid();
        let answer = self.answer(caller, operation, request, &request_id, now, &|_, _| Ok(()))?;
        serde_json::from_slice(&answer).map_err(|error| CatalogError::new(ErrorKind::Internal, error.to_string()))
    }

    /// Counts a request against the account's rate for the operation, and refuses it if the rate is
    /// exceeded.
    pub fn admit(&mut self, caller: &str, operation: Operation, now: Timestamp) -> Result<(), CatalogError> {
        self.rates.admit(&self.settings.limits, caller, operation, now)
    }

    /// Answers a request that IAM permits. `may_describe` is called for each entity of a batch,
    /// because IAM can refuse one entity and permit the others.
    pub fn answer(
        &mut self,
        caller: &str,
        operation: Operation,
        request: Value,
        request_id: &str,
        now: Timestamp,
        may_describe: &dyn Fn(&Self, &str) -> Result<(), CatalogError>,
    ) -> Result<Bytes, CatalogError> {
        let answer = match operation {
            Operation::ListEntities => self.list_entities(caller, &read(request)?)?,
            Operation::ListChangeSets => self.list_change_sets(caller, &read(request)?, now)?,
            Operation::DescribeEntity => {
                let OneEntity { catalog, entity_id } = read(request)?;
                check_catalog(&catalog)?;
                return self.describe(caller, &entity_id, now);
            }
            Operation::BatchDescribeEntities => return self.batch_describe(caller, read(request)?, now, may_describe),
            Operation::StartChangeSet => {
                let (id, arn) = self.start(caller, read(request)?, request_id, now)?;
                json!({ "ChangeSetId": id, "ChangeSetArn": arn })
            }
            Operation::DescribeChangeSet => {
                let OneChangeSet { catalog, change_set_id } = read(request)?;
                check_catalog(&catalog)?;
                let answer = self.visible_change_set(caller, &change_set_id)?.describe(self.region(), now);
                match self.settings.assumptions().absent_values {
                    AbsentValues::Null => with_nulls(answer, &CHANGE_SET_FIELDS),
                    // AWS's example of the answer has `null` here.
                    AbsentValues::LeftOut => with_nulls(answer, &["FailureCode"]),
                    AbsentValues::Empty => answer,
                }
            }
            Operation::CancelChangeSet => {
                let OneChangeSet { catalog, change_set_id } = read(request)?;
                check_catalog(&catalog)?;
                let arn = self.cancel(caller, &change_set_id, now)?;
                json!({ "ChangeSetId": change_set_id, "ChangeSetArn": arn })
            }
            Operation::TagResource => self.tag(caller, read(request)?)?,
            Operation::UntagResource => self.untag(caller, &read(request)?)?,
            Operation::ListTagsForResource => self.list_tags(caller, &read(request)?)?,
            Operation::ListAssessments => assessments::list(&read(request)?)?,
            Operation::DescribeAssessment => assessments::describe(&read(request)?)?,
            Operation::StartAssessment => self.start_assessment(caller, &read(request)?)?,
        };
        Ok(answer.to_string().into())
    }

    /// Describes the entity, if the caller may see it. The identifier may end with the newest
    /// revision.
    fn describe(&mut self, caller: &str, identifier: &str, now: Timestamp) -> Result<Bytes, CatalogError> {
        let id = self.newest(caller, identifier)?;
        Ok(self.description(&id, now)?.whole())
    }

    fn batch_describe(
        &mut self,
        caller: &str,
        request: ManyEntities,
        now: Timestamp,
        may_describe: &dyn Fn(&Self, &str) -> Result<(), CatalogError>,
    ) -> Result<Bytes, CatalogError> {
        if !(1..=MAX_BATCH).contains(&request.entity_request_list.len()) {
            let message = format!("EntityRequestList must hold 1 to {MAX_BATCH} entities");
            return Err(CatalogError::validation(message).in_field("EntityRequestList"));
        }
        let (mut answer, mut errors) = (Vec::from(br#"{"EntityDetails":{"#), Map::new());
        let mut described = 0;
        let served = self.settings.assumptions().batches == Batches::Describe;
        let unserved = || Err(json!({ "ErrorCode": "ENTITY_NOT_FOUND", "ErrorMessage": "Entity cannot be found" }));
        for OneEntity { catalog, entity_id } in request.entity_request_list {
            let description = check_catalog(&catalog)
                .and_then(|()| may_describe(self, &entity_id))
                .and_then(|()| self.newest(caller, &entity_id))
                .and_then(|id| self.description(&id, now));
            let refusal = |e: CatalogError| json!({ "ErrorCode": e.kind.name(), "ErrorMessage": e.message });
            let description = description.map_err(refusal);
            let description = if served { description } else { description.and_then(|_| unserved()) };
            match description {
                Ok(description) => {
                    if described > 0 {
                        answer.push(b',');
                    }
                    described += 1;
                    answer.extend_from_slice(Value::String(entity_id).to_string().as_bytes());
                    answer.push(b':');
                    description.write_brief(&mut answer);
                }
                Err(error) => {
                    errors.insert(entity_id, error);
                }
            }
        }
        answer.extend_from_slice(format!(r#"}},"Errors":{}}}"#, Value::Object(errors)).as_bytes());
        Ok(answer.into())
    }

    /// The id of an entity that the caller may see, from an identifier with the newest revision or
    /// without one.
    fn newest(&self, caller: &str, identifier: &str) -> Result<String, CatalogError> {
        let (id, revision) = split_revision(identifier)?;
        let entity = self.visible(caller, id)?;
        match revision {
            Some(asked) if asked != entity.revision => {
                // AWS documents that revisions can be described, and no error for a revision that
                // cannot.
                Err(CatalogError::not_found(format!("Entity {id} has no revision {asked} that can be described")))
            }
            _ => Ok(id.to_owned()),
        }
    }

    /// The description of an entity that is shown now: the old one while reads lag.
    fn description(&mut self, id: &str, now: Timestamp) -> Result<Description, CatalogError> {
        match self.before(id, now) {
            Some(before) => Ok(before),
            None => self.description_of(id),
        }
    }

    /// The present description of an entity.
    pub(super) fn description_of(&mut self, id: &str) -> Result<Description, CatalogError> {
        let missing = || CatalogError::not_found(format!("Entity {id} not found"));
        let entity = self.entities.get(id).ok_or_else(missing)?;
        self.descriptions.get(entity, &self.settings.region, self.settings.assumptions().absent_values)
    }
}

/// Reads a request. AWS documents an error text only for requests that are not JSON at all.
pub fn read<T: DeserializeOwned>(request: Value) -> Result<T, CatalogError> {
    serde_json::from_value(request)
        .map_err(|error| CatalogError::validation(format!("The request is malformed: {error}")))
}
