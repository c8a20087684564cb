//! The errors of the catalog, with the names and HTTP statuses of its service model.

use serde_json::{Value, json};

use super::CATALOG;

/// An error answer of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", kind.name())]
pub struct CatalogError {
    /// The error's kind, which decides its name and its HTTP status.
    pub kind: ErrorKind,
    /// The error's message, for people.
    pub message: String,
    /// The wrong fields of the request, for a `ValidationException`; empty for all other errors.
    pub fields: Vec<FieldError>,
}

pmp_protocol::codes!(CatalogError => "E3023");

pmp_protocol::without_hint!(CatalogError);

/// A wrong field of a request: an entry of `ValidationExceptionFieldList`. Only the service model
/// documents what AWS puts there for private marketplace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Whether the field could not be parsed, or was parsed and is wrong.
    pub reason: FieldReason,
    /// The change that the field belongs to; `None` for a field of the request itself.
    pub change: Option<FieldChange>,
    /// The path of the field, from the request or from the change. It has no indices, because the
    /// service model's pattern permits no brackets.
    pub field: &'static str,
    /// What is wrong with the field.
    pub message: String,
}

/// The change that a wrong field belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// The change type, such as `AllowProductProcurement`.
    pub change_type: String,
    /// The type of the change's entity.
    pub entity_type: String,
    /// The id of the change's entity, without a revision; `None` if the change creates it.
    pub entity: Option<String>,
}

/// The values of `ValidationExceptionReason` that the simulator uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldReason {
    /// The field was parsed, and its value is wrong.
    FieldValidationFailed,
    /// The field could not be parsed.
    CannotParse,
}

impl FieldError {
    fn json(&self) -> Value {
        let reason = match self.reason {
            FieldReason::FieldValidationFailed => "FieldValidationFailed",
            FieldReason::CannotParse => "CannotParse",
        };
        let mut json = json!({ "Reason": reason, "Field": self.field, "Message": self.message });
        if let Some(change) = &self.change {
            json["ChangeType"] = json!(change.change_type);
            json["EntityType"] = json!(change.entity_type);
            if let Some(entity) = &change.entity {
                json["EntityId"] = json!(entity);
            }
        }
        json
    }
}

/// The errors of the service model that the simulator uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The caller's account or its IAM policies do not permit the call.
    AccessDenied,
    /// There is no such entity, change set or resource.
    ResourceNotFound,
    /// A running change set has locked the entity, or the change set can no longer be cancelled.
    ResourceInUse,
    /// Too many change sets of the account are running.
    ServiceQuotaExceeded,
    /// The account sent too many requests per second.
    Throttling,
    /// The request breaks a documented rule.
    Validation,
    /// The simulator does not have this operation.
    UnknownOperation,
    /// A fault of the simulator itself.
    Internal,
}

impl ErrorKind {
    /// The value of `x-amzn-ErrorType` and `__type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDeniedException",
            Self::ResourceNotFound => "ResourceNotFoundException",
            Self::ResourceInUse => "ResourceInUseException",
            Self::ServiceQuotaExceeded => "ServiceQuotaExceededException",
            Self::Throttling => "ThrottlingException",
            Self::Validation => "ValidationException",
            Self::UnknownOperation => "UnknownOperationException",
            Self::Internal => "InternalServiceException",
        }
    }

    /// The HTTP status of the answer.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::AccessDenied => 403,
            Self::ResourceNotFound | Self::UnknownOperation => 404,
            Self::ResourceInUse => 423,
            Self::ServiceQuotaExceeded => 402,
            Self::Throttling => 429,
            Self::Validation => 422,
            Self::Internal => 500,
        }
    }
}

impl CatalogError {
    /// An error of this kind, in these words.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), fields: Vec::new() }
    }

    /// The JSON body of the answer.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut body = json!({ "__type": self.kind.name(), "Message": self.message });
        if !self.fields.is_empty() {
            body["ValidationExceptionFieldList"] = self.fields.iter().map(FieldError::json).collect();
        }
        body
    }

    /// The same error with this field as the wrong one, unless a more precise field is set already.
    pub(crate) fn in_field(self, field: &'static str) -> Self {
        self.with_field(field, FieldReason::FieldValidationFailed)
    }

    /// The same error with this field as the one that could not be parsed, unless a field is set
    /// already.
    pub(crate) fn in_unreadable_field(self, field: &'static str) -> Self {
        self.with_field(field, FieldReason::CannotParse)
    }

    fn with_field(mut self, field: &'static str, reason: FieldReason) -> Self {
        if self.kind == ErrorKind::Validation && self.fields.is_empty() {
            let message = self.message.clone();
            self.fields.push(FieldError { reason, change: None, field, message });
        }
        self
    }

    /// The same error, whose fields belong to this change.
    pub(crate) fn in_change(mut self, change: &FieldChange) -> Self {
        self.fields
            .iter_mut()
            .filter(|field| field.change.is_none())
            .for_each(|field| field.change = Some(change.clone()));
        self
    }

    /// A `ValidationException` with this message.
    #[must_use]
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Validation, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::ResourceNotFound, message)
    }

    pub(crate) fn access_denied(caller: &str, resource: &str) -> Self {
        let message = format!("Account {caller} neither owns {resource} nor administers it for its organization");
        Self::new(ErrorKind::AccessDenied, message)
    }
}

/// Refuses a request for another catalog than AWS Marketplace's.
pub(super) fn check_catalog(catalog: &str) -> Result<(), CatalogError> {
    let refused = || CatalogError::validation("Catalog must be AWSMarketplace").in_field("Catalog");
    if catalog == CATALOG { Ok(()) } else { Err(refused()) }
}
