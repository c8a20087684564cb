//! The operation `StartChangeSet`: everything that AWS checks before it accepts a change set, in
//! the order in which a caller gets the errors.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::change_set::{ChangeSet, Progress};
use super::change_type::{Change, change_type, check_products_of_request};
use super::entity::split_revision;
use super::error::check_catalog;
use super::error_detail::ErrorDetail;
use super::tags::{Tag, check_tags};
use super::timing;
use super::{Catalog, CatalogError, ErrorKind, FieldChange};
use pmp_world::{IdLimit, KnownTokens, StaleRevisions};

/// The request of `StartChangeSet`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StartChangeSet {
    catalog: String,
    change_set: Vec<ChangeRequest>,
    change_set_name: Option<String>,
    client_request_token: Option<String>,
    change_set_tags: Option<Vec<Tag>>,
    intent: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ChangeRequest {
    change_type: String,
    entity: EntityRequest,
    entity_tags: Option<Vec<Tag>>,
    details: Option<String>,
    details_document: Option<Value>,
    change_name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EntityRequest {
    r#type: String,
    identifier: Option<String>,
}

/// What a change names, for IAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    /// The type of the entity, such as `Experience`.
    pub kind: &'a str,
    /// The entity's id, with a revision if the request has one; `*` for an entity that does not
    /// exist yet.
    pub entity: &'a str,
    /// The change type, such as `AllowProductProcurement`.
    pub change_type: &'a str,
}

impl Target<'_> {
    /// The IAM action that the change needs beside `StartChangeSet`, if there is one. AWS's IAM
    /// reference has an action for the approval of a request, and AWS's policies name it beside
    /// `StartChangeSet`; so both are required here.
    #[must_use]
    pub fn also_needs(&self) -> Option<&'static str> {
        (self.change_type == "ApproveProductProcurementRequest").then_some("AssociateProductsWithPrivateMarketplace")
    }
}

/// AWS's limit for the characters of `Details`. `DetailsDocument` has no such limit.
const MAX_DETAILS: usize = 16_384;

impl StartChangeSet {
    /// The entities of the request, each with its type and the change type. IAM decides on each of
    /// them. An entity that does not exist yet is `*`.
    pub fn targets(&self) -> impl Iterator<Item = Target<'_>> {
        self.change_set.iter().map(|change| {
            let identifier = change.entity.identifier.as_deref().filter(|identifier| !identifier.starts_with('$'));
            let kind = change.entity.r#type.split('@').next().unwrap_or_default();
            Target { kind, entity: identifier.unwrap_or("*"), change_type: &change.change_type }
        })
    }
}

impl Catalog {
    /// Starts a change set and returns its id and ARN.
    pub(super) fn start(
        &mut self,
        caller: &str,
        request: StartChangeSet,
        request_id: &str,
        now: Timestamp,
    ) -> Result<(String, String), CatalogError> {
        check_shape(&request)?;
        let token = request.client_request_token.as_deref();
        // The token is looked up before any other check: a repeated request must not fail because
        // of the lock that it took itself.
        if let Some(answer) = token.and_then(|token| self.answer_to_known(caller, token, &request)) {
            return answer;
        }
        let mut changes: Vec<Change> = Vec::with_capacity(request.change_set.len());
        // In order, because a change can refer to the entity of an earlier one.
        for asked in &request.change_set {
            let change = self.read_change(asked, &changes).map_err(|error| error.in_change(&asked.as_told()))?;
            changes.push(change);
        }
        check_repetition(&changes)?;
        if self.settings.limits.product_ids == IdLimit::PerRequest {
            check_products_of_request(&changes)?;
        }
        for (index, change) in changes.iter().enumerate() {
            let checked = self.check_entity(caller, change, &changes[..index]);
            checked.map_err(|error| error.in_change(&change.as_told()))?;
        }
        self.check_quota(caller)?;
        let (id, arn) = self.accept(caller, &request, changes, request_id, now);
        if let Some(token) = token {
            let tokens = self.tokens.entry(caller.to_owned()).or_default();
            tokens.insert(token.to_owned(), (request, id.clone()));
        }
        Ok((id, arn))
    }

    /// The answer to a request that repeats an earlier token; `None` if the request is handled as a
    /// new one. AWS documents only that tokens make requests idempotent.
    fn answer_to_known(
        &self,
        caller: &str,
        token: &str,
        request: &StartChangeSet,
    ) -> Option<Result<(String, String), CatalogError>> {
        let (earlier, id) = self.tokens.get(caller)?.get(token)?;
        let change_set = self.change_sets.get(id)?;
        let known = self.settings.assumptions().known_tokens;
        match (known, change_set.ended().is_some()) {
            (KnownTokens::ForgottenAfterTheEnd, true) => return None,
            (KnownTokens::Refused, _) | (KnownTokens::RefusedAfterTheEnd, true) => {
                let message = "ClientRequestToken was used by an earlier request";
                return Some(Err(CatalogError::validation(message).in_field("ClientRequestToken")));
            }
            _ => {}
        }
        Some(if earlier == request {
            Ok((id.clone(), change_set.arn(self.region())))
        } else {
            let message = "ClientRequestToken was used for a different request";
            Err(CatalogError::validation(message).in_field("ClientRequestToken"))
        })
    }

    fn read_change(&mut self, request: &ChangeRequest, earlier: &[Change]) -> Result<Change, CatalogError> {
        let change_type = change_type(&request.change_type)?;
        let name = change_type.name;
        let refuse = |text: String, field| Err(CatalogError::validation(text).in_field(field));
        const IDENTIFIER: &str = "Entity.Identifier";
        if request.entity.r#type != change_type.entity_type {
            let text = format!("Change type {name} needs an entity of type {}", change_type.entity_type);
            return refuse(text, "Entity.Type");
        }
        check_change_name(request.change_name.as_deref(), earlier)?;
        let entity = match (&request.entity.identifier, change_type.creates) {
            (None, Some(prefix)) => self.dice.entity_id(prefix),
            (Some(_), Some(_)) => return refuse(format!("Change type {name} takes no Entity.Identifier"), IDENTIFIER),
            (None, None) => return refuse(format!("Change type {name} needs Entity.Identifier"), IDENTIFIER),
            (Some(identifier), None) => match identifier.strip_prefix('$') {
                Some(reference) => resolve(reference, earlier).map_err(|error| error.in_field(IDENTIFIER))?,
                None => split_revision(identifier).map_err(|error| error.in_field(IDENTIFIER))?.0.to_owned(),
            },
        };
        let details = read_details(request)?;
        Ok(Change {
            change_type: name.to_owned(),
            name: request.change_name.clone(),
            entity_type: request.entity.r#type.clone(),
            entity,
            identifier: request.entity.identifier.clone(),
            entity_tags: check_tags(request.entity_tags.as_deref().unwrap_or_default())
                .map_err(|error| error.in_field("EntityTags"))?,
            action: (change_type.read)(details.clone()).map_err(|error| error.in_field("Details"))?,
            details,
            errors: Vec::new(),
        })
    }

    fn check_entity(&self, caller: &str, change: &Change, earlier: &[Change]) -> Result<(), CatalogError> {
        if change.is_of_new_entity(earlier) {
            return Ok(());
        }
        let entity = self.visible(caller, &change.entity)?;
        if entity.versioned_kind() != change.entity_type {
            let (id, kind) = (&change.entity, &change.entity_type);
            return Err(CatalogError::validation(format!("Entity {id} is not of type {kind}")).in_field("Entity.Type"));
        }
        for id in std::iter::once(&change.entity).chain(&self.approved_in(change)) {
            if let Some(holder) = self.locks.get(id) {
                let message = format!(
                    "Requested change set has entities locked by change sets - entity: '{id}' change sets: {holder}"
                );
                return Err(CatalogError::new(ErrorKind::ResourceInUse, message));
            }
        }
        let asked = change.identifier.as_deref().unwrap_or_default();
        let (newest, revision) = (entity.revision, split_revision(asked)?.1);
        if revision.is_some_and(|revision| revision != newest) {
            let id = &change.entity;
            // AWS documents that the newest revision is required, and that the message includes it.
            // The text is this simulator's own.
            return Err(match self.settings.assumptions().stale_revisions {
                StaleRevisions::Named => {
                    let message =
                        format!("Entity {asked} is not the latest revision; the latest revision is {id}@{newest}");
                    CatalogError::validation(message).in_field("Entity.Identifier")
                }
                StaleRevisions::Unnamed => {
                    CatalogError::validation(format!("Entity {id} cannot be changed as requested"))
                }
            });
        }
        change.action.check_status(change, entity, earlier)
    }

    fn check_quota(&self, caller: &str) -> Result<(), CatalogError> {
        let limit = self.settings.limits.open_change_sets;
        if self.open.get(caller).is_none_or(|open| *open < limit) {
            return Ok(());
        }
        let message = format!("Account {caller} has {limit} open change sets, the maximum");
        Err(CatalogError::new(ErrorKind::ServiceQuotaExceeded, message))
    }

    fn accept(
        &mut self,
        caller: &str,
        request: &StartChangeSet,
        mut changes: Vec<Change>,
        request_id: &str,
        now: Timestamp,
    ) -> (String, String) {
        let id = self.dice.change_set_id();
        let takes = timing::draw(&self.settings.timing, &mut self.dice);
        let after = |duration| now.checked_add(duration).unwrap_or(Timestamp::MAX);
        for change in &mut changes {
            self.lock(change, &id);
        }
        let ends = after(takes);
        self.running.insert((ends, id.clone()));
        *self.open.entry(caller.to_owned()).or_default() += 1;
        self.history.entry(caller.to_owned()).or_default().insert((now, id.clone()));
        let tags = request.change_set_tags.iter().flatten().map(|tag| (tag.key.clone(), tag.value.clone()));
        let change_set = ChangeSet {
            id: id.clone(),
            name: request.change_set_name.clone(),
            account: caller.to_owned(),
            request_id: request_id.to_owned(),
            started: now,
            progress: Progress::Running { applying: after(takes / 2), ends },
            outcome: std::mem::take(&mut self.next_outcome),
            changes,
            tags: tags.collect(),
        };
        let arn = change_set.arn(self.region());
        self.change_sets.insert(id.clone(), change_set);
        (id, arn)
    }

    /// Locks the change's entity and principals. If another change set holds a principal, the
    /// request is not refused: AWS reports that when the change set ends.
    fn lock(&mut self, change: &mut Change, id: &str) {
        for held in self.holds(change) {
            let holder = self.locks.entry(held).or_insert_with(|| id.to_owned());
            if holder != id {
                let message = "There is already a conflicting change in progress for the selected account. \
                               Try again later";
                change.errors = vec![ErrorDetail::new("ENTITY_IN_USE", message)];
            }
        }
    }
}

impl Catalog {
    /// What a change locks while its change set runs: its entity, the principals that it associates
    /// or disassociates, and the experience in which it approves a request.
    pub(super) fn holds(&self, change: &Change) -> Vec<String> {
        let held = std::iter::once(change.entity.as_str()).chain(change.action.principals()).map(str::to_owned);
        held.chain(self.approved_in(change)).collect()
    }
}

impl ChangeRequest {
    /// The change in the form in which the fields of an error name it.
    fn as_told(&self) -> FieldChange {
        let identifier = self.entity.identifier.as_deref().filter(|identifier| !identifier.starts_with('$'));
        FieldChange {
            change_type: self.change_type.clone(),
            entity_type: self.entity.r#type.clone(),
            entity: identifier.and_then(|identifier| identifier.split('@').next()).map(str::to_owned),
        }
    }
}

impl Change {
    /// The change in the form in which the fields of an error name it.
    fn as_told(&self) -> FieldChange {
        let (change_type, entity_type) = (self.change_type.clone(), self.entity_type.clone());
        FieldChange { change_type, entity_type, entity: self.identifier.is_some().then(|| self.entity.clone()) }
    }

    /// Whether an earlier change of the same change set creates the entity.
    fn is_of_new_entity(&self, earlier: &[Self]) -> bool {
        self.action.creates() || earlier.iter().any(|change| change.action.creates() && change.entity == self.entity)
    }
}

/// Resolves a reference to the entity of an earlier change of the same set:
/// `$ChangeName.Entity.Identifier`. AWS's examples show references for sellers' change types, and
/// do not restrict them to those. The error texts are this simulator's own.
fn resolve(reference: &str, earlier: &[Change]) -> Result<String, CatalogError> {
    let name = reference.strip_suffix(".Entity.Identifier");
    let named = name.and_then(|name| earlier.iter().find(|change| change.name.as_deref() == Some(name)));
    let unknown = || CatalogError::validation(format!("${reference} refers to no earlier change of the change set"));
    named.map(|change| change.entity.clone()).ok_or_else(unknown)
}

fn check_change_name(name: Option<&str>, earlier: &[Change]) -> Result<(), CatalogError> {
    let Some(name) = name else { return Ok(()) };
    if !(1..=72).contains(&name.len()) || !name.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Err(CatalogError::validation("ChangeName must be 1 to 72 letters").in_field("ChangeName"));
    }
    if earlier.iter().any(|change| change.name.as_deref() == Some(name)) {
        return Err(CatalogError::validation(format!("ChangeName {name} appears twice")).in_field("ChangeName"));
    }
    Ok(())
}

fn check_shape(request: &StartChangeSet) -> Result<(), CatalogError> {
    let refuse = |message: &str, field| Err(CatalogError::validation(message).in_field(field));
    check_catalog(&request.catalog)?;
    if !(1..=20).contains(&request.change_set.len()) {
        return refuse("ChangeSet must hold 1 to 20 changes", "ChangeSet");
    }
    let name_allowed = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_+=.:@-".contains(c);
    if let Some(name) = &request.change_set_name
        && (!(1..=100).contains(&name.chars().count()) || !name.chars().all(name_allowed))
    {
        return refuse("ChangeSetName must be 1 to 100 of letters, digits, spaces and _+=.:@-", "ChangeSetName");
    }
    if let Some(token) = &request.client_request_token
        && (!(1..=64).contains(&token.len()) || !token.bytes().all(|b| b.is_ascii_graphic()))
    {
        return refuse("ClientRequestToken must be 1 to 64 visible ASCII characters", "ClientRequestToken");
    }
    check_tags(request.change_set_tags.as_deref().unwrap_or_default())
        .map_err(|error| error.in_field("ChangeSetTags"))?;
    match request.intent.as_deref() {
        None | Some("APPLY") => Ok(()),
        // AWS documents this intent for new versions of single-AMI products only.
        Some("VALIDATE") => {
            refuse("Intent VALIDATE is not supported for the change types of private marketplace", "Intent")
        }
        Some(_) => refuse("Intent must be APPLY or VALIDATE", "Intent"),
    }
}

fn read_details(request: &ChangeRequest) -> Result<Value, CatalogError> {
    match (&request.details_document, &request.details) {
        (Some(document), None) => Ok(document.clone()),
        (None, Some(text)) if text.chars().count() > MAX_DETAILS => {
            Err(CatalogError::validation(format!("Details must be at most {MAX_DETAILS} characters"))
                .in_field("Details"))
        }
        (None, Some(text)) => {
            let malformed =
                || CatalogError::validation("Document not valid JSON format").in_unreadable_field("Details");
            serde_json::from_str(text).map_err(|_| malformed())
        }
        _ => {
            Err(CatalogError::validation("Exactly one of Details and DetailsDocument must be given")
                .in_field("Details"))
        }
    }
}

fn check_repetition(changes: &[Change]) -> Result<(), CatalogError> {
    let mut seen = BTreeSet::new();
    match changes.iter().find(|change| !seen.insert((&change.change_type, change.entity.as_str()))) {
        None => Ok(()),
        Some(change) => {
            let (name, entity) = (&change.change_type, &change.entity);
            let error = CatalogError::validation(format!("Change type {name} appears twice for entity {entity}"));
            Err(error.in_field("ChangeType").in_change(&change.as_told()))
        }
    }
}
