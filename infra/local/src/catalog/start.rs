//! `StartChangeSet`: everything AWS checks before it accepts, in the order in which a caller learns of it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::change_set::{Change, ChangeSet, Progress};
use super::change_type::change_type;
use super::entity::split_revision;
use super::{CATALOG, Catalog, CatalogError, ErrorKind};

/// The request of `StartChangeSet`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct StartChangeSet {
    catalog: String,
    change_set: Vec<ChangeRequest>,
    change_set_name: Option<String>,
    client_request_token: Option<String>,
    intent: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ChangeRequest {
    change_type: String,
    entity: EntityRequest,
    details: Option<String>,
    details_document: Option<Value>,
    change_name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EntityRequest {
    r#type: String,
    identifier: Option<String>,
}

/// Open change sets that an account may have.
const MAX_OPEN: usize = 250;
/// Characters that `Details` may have; `DetailsDocument` has no such limit.
const MAX_DETAILS: usize = 16_384;

impl StartChangeSet {
    /// The entities it names, each with the change type: what IAM is asked about.
    pub(crate) fn targets(&self) -> impl Iterator<Item = (&str, &str)> {
        self.change_set
            .iter()
            .map(|change| (change.entity.identifier.as_deref().unwrap_or("*"), change.change_type.as_str()))
    }
}

impl Catalog {
    /// Starts a change set and answers its id and ARN.
    pub(crate) fn start(
        &mut self,
        caller: &str,
        request: StartChangeSet,
        request_id: &str,
        now: Timestamp,
    ) -> Result<(String, String), CatalogError> {
        check_shape(&request)?;
        let token = request.client_request_token.clone().map(|token| (caller.to_owned(), token));
        if let Some((earlier, id)) = token.as_ref().and_then(|token| self.tokens.get(token)) {
            // Before anything else is looked at: a repeated request must not fail on the lock that it took itself.
            return match (*earlier == request, self.change_sets.get(id)) {
                (true, Some(change_set)) => Ok((id.clone(), change_set.arn(&self.region))),
                _ => Err(CatalogError::validation("ClientRequestToken was used for a different request")),
            };
        }
        let changes = request.change_set.iter().map(read_change).collect::<Result<Vec<_>, _>>()?;
        check_repetition(&changes)?;
        for change in &changes {
            self.check_entity(caller, change)?;
        }
        self.check_quota(caller)?;
        let (id, arn) = self.accept(caller, request.change_set_name.clone(), changes, request_id, now);
        if let Some(token) = token {
            self.tokens.insert(token, (request, id.clone()));
        }
        Ok((id, arn))
    }

    fn check_entity(&self, caller: &str, change: &Change) -> Result<(), CatalogError> {
        let entity = self.entity(&change.entity)?;
        self.permit(caller, entity)?;
        if entity.versioned_kind() != change.entity_type {
            let (id, kind) = (&change.entity, &change.entity_type);
            return Err(CatalogError::validation(format!("Entity {id} is not of type {kind}")));
        }
        if let Some(holder) = self.locks.get(&change.entity) {
            let message = format!(
                "Requested change set has entities locked by change sets - entity: '{}', change sets: '{holder}'.",
                change.entity
            );
            return Err(CatalogError { kind: ErrorKind::ResourceInUse, message });
        }
        let (_, asked) = split_revision(&change.identifier)?;
        let newest = entity.revision();
        if asked.is_some_and(|asked| asked != newest) {
            let (asked, id) = (&change.identifier, &change.entity);
            let message = format!("Entity {asked} is not the latest revision; the latest revision is {id}@{newest}");
            return Err(CatalogError::validation(message));
        }
        if self.experiences.get(&change.entity).is_some_and(super::entity::Experience::is_archived) {
            return Err(CatalogError::validation(format!("Experience {} is archived", change.entity)));
        }
        Ok(())
    }

    fn check_quota(&self, caller: &str) -> Result<(), CatalogError> {
        let open = |(_, id): &&(Timestamp, String)| self.change_sets.get(id).is_some_and(|set| set.account == caller);
        if self.running.iter().filter(open).count() < MAX_OPEN {
            return Ok(());
        }
        let message = format!("Account {caller} has {MAX_OPEN} open change sets, the maximum");
        Err(CatalogError { kind: ErrorKind::ServiceQuotaExceeded, message })
    }

    fn accept(
        &mut self,
        caller: &str,
        name: Option<String>,
        changes: Vec<Change>,
        request_id: &str,
        now: Timestamp,
    ) -> (String, String) {
        let id = self.dice.change_set_id();
        let takes = self.dice.between(self.timing.min, self.timing.max);
        let after = |duration| now.checked_add(duration).unwrap_or(Timestamp::MAX);
        for change in &changes {
            self.locks.insert(change.entity.clone(), id.clone());
        }
        self.running.insert((after(takes), id.clone()));
        let change_set = ChangeSet {
            id: id.clone(),
            name,
            account: caller.to_owned(),
            request_id: request_id.to_owned(),
            started: now,
            progress: Progress::Running { applying: after(takes / 2) },
            changes,
            outcome: std::mem::take(&mut self.next_outcome),
        };
        let arn = change_set.arn(&self.region);
        self.change_sets.insert(id.clone(), change_set);
        (id, arn)
    }
}

fn check_shape(request: &StartChangeSet) -> Result<(), CatalogError> {
    let refuse = |message: &str| Err(CatalogError::validation(message));
    if request.catalog != CATALOG {
        return refuse("Catalog must be AWSMarketplace");
    }
    if !(1..=20).contains(&request.change_set.len()) {
        return refuse("ChangeSet must hold 1 to 20 changes");
    }
    let name_allowed = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_+=.:@-".contains(c);
    if let Some(name) = &request.change_set_name
        && (!(1..=100).contains(&name.chars().count()) || !name.chars().all(name_allowed))
    {
        return refuse("ChangeSetName must be 1 to 100 of letters, digits, spaces and _+=.:@-");
    }
    if let Some(token) = &request.client_request_token
        && (!(1..=64).contains(&token.len()) || !token.bytes().all(|b| b.is_ascii_graphic()))
    {
        return refuse("ClientRequestToken must be 1 to 64 visible ASCII characters");
    }
    match request.intent.as_deref() {
        None | Some("APPLY") => Ok(()),
        Some(_) => refuse("Intent must be APPLY for private marketplace"),
    }
}

fn read_change(request: &ChangeRequest) -> Result<Change, CatalogError> {
    let change_type = change_type(&request.change_type)?;
    if request.entity.r#type != change_type.entity_type {
        let (name, wanted) = (change_type.name, change_type.entity_type);
        return Err(CatalogError::validation(format!("Change type {name} needs an entity of type {wanted}")));
    }
    let Some(identifier) = request.entity.identifier.clone() else {
        return Err(CatalogError::validation(format!("Change type {} needs Entity.Identifier", change_type.name)));
    };
    let (entity, _) = split_revision(&identifier)?;
    let details = read_details(request)?;
    Ok(Change {
        change_type: change_type.name,
        name: request.change_name.clone(),
        entity_type: request.entity.r#type.clone(),
        entity: entity.to_owned(),
        identifier,
        action: (change_type.read)(details.clone())?,
        details,
        errors: Vec::new(),
    })
}

fn read_details(request: &ChangeRequest) -> Result<Value, CatalogError> {
    match (&request.details_document, &request.details) {
        (Some(document), None) => Ok(document.clone()),
        (None, Some(text)) if text.chars().count() > MAX_DETAILS => {
            Err(CatalogError::validation(format!("Details must be at most {MAX_DETAILS} characters")))
        }
        (None, Some(text)) => {
            serde_json::from_str(text).map_err(|_| CatalogError::validation("Document not valid JSON format"))
        }
        _ => Err(CatalogError::validation("Exactly one of Details and DetailsDocument must be given")),
    }
}

fn check_repetition(changes: &[Change]) -> Result<(), CatalogError> {
    let mut seen = BTreeSet::new();
    match changes.iter().find(|change| !seen.insert((change.change_type, change.entity.as_str()))) {
        None => Ok(()),
        Some(change) => {
            let (name, entity) = (change.change_type, &change.entity);
            Err(CatalogError::validation(format!("Change type {name} appears twice for entity {entity}")))
        }
    }
}
