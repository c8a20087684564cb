//! What the catalog answers when it refuses, by the names and HTTP codes of its service model.

use serde_json::{Value, json};

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", kind.name())]
pub struct CatalogError {
    /// Which.
    pub kind: ErrorKind,
    /// The text for people.
    pub message: String,
    /// Of a `ValidationException`: the fields that are to blame.
    pub fields: Vec<FieldError>,
}

/// A field of a request that is to blame: an entry of `ValidationExceptionFieldList`. What AWS puts there for private
/// marketplace is documented by the service model alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Whether the field was read, and is wrong.
    pub reason: FieldReason,
    /// The change that it is part of.
    pub change: Option<FieldChange>,
    /// Its path from the request, or from the change, without indices: the model's pattern has no brackets.
    pub field: &'static str,
    /// What is wrong with it.
    pub message: String,
}

/// The change whose field is to blame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// Its type.
    pub change_type: String,
    /// The type of its entity.
    pub entity_type: String,
    /// Its entity, without a revision; none where the change makes it.
    pub entity: Option<String>,
}

/// `ValidationExceptionReason`, as far as the simulator has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldReason {
    /// The field was read, and is wrong.
    FieldValidationFailed,
    /// It could not be read.
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

/// The errors of the service model that the simulator gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The caller's account, or its IAM policies, do not let it.
    AccessDenied,
    /// There is no such entity, change set or resource.
    ResourceNotFound,
    /// A change set holds the entity, or cannot be cancelled any more.
    ResourceInUse,
    /// Too many change sets are open.
    ServiceQuotaExceeded,
    /// Too many requests per second.
    Throttling,
    /// The request contradicts the documentation.
    Validation,
    /// The operation does not exist here.
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

    /// The HTTP status.
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

    /// The body of the answer.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut body = json!({ "__type": self.kind.name(), "Message": self.message });
        if !self.fields.is_empty() {
            body["ValidationExceptionFieldList"] = self.fields.iter().map(FieldError::json).collect();
        }
        body
    }

    /// The same, for which this field is to blame, unless a more precise one is already.
    pub(crate) fn in_field(self, field: &'static str) -> Self {
        self.with_field(field, FieldReason::FieldValidationFailed)
    }

    /// The same, because this field cannot be read.
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

    /// The same, whose fields are those of a change.
    pub(crate) fn in_change(mut self, change: &FieldChange) -> Self {
        self.fields
            .iter_mut()
            .filter(|field| field.change.is_none())
            .for_each(|field| field.change = Some(change.clone()));
        self
    }

    /// A `ValidationException`.
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
