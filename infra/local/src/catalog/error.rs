//! What the catalog answers when it refuses, by the names and HTTP codes of its service model.

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", kind.name())]
pub(crate) struct CatalogError {
    /// Which.
    pub(crate) kind: ErrorKind,
    /// The text for people.
    pub(crate) message: String,
}

/// The errors of the service model that the simulator gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    AccessDenied,
    ResourceNotFound,
    ResourceInUse,
    ServiceQuotaExceeded,
    Validation,
    /// The operation does not exist here.
    UnknownOperation,
    /// A fault of the simulator itself.
    Internal,
}

impl ErrorKind {
    /// The value of `x-amzn-ErrorType` and `__type`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDeniedException",
            Self::ResourceNotFound => "ResourceNotFoundException",
            Self::ResourceInUse => "ResourceInUseException",
            Self::ServiceQuotaExceeded => "ServiceQuotaExceededException",
            Self::Validation => "ValidationException",
            Self::UnknownOperation => "UnknownOperationException",
            Self::Internal => "InternalServiceException",
        }
    }

    /// The HTTP status.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::AccessDenied => 403,
            Self::ResourceNotFound | Self::UnknownOperation => 404,
            Self::ResourceInUse => 423,
            Self::ServiceQuotaExceeded => 402,
            Self::Validation => 422,
            Self::Internal => 500,
        }
    }
}

impl CatalogError {
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Validation, message: message.into() }
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::ResourceNotFound, message: message.into() }
    }

    pub(crate) fn access_denied(caller: &str, resource: &str) -> Self {
        let message = format!("Account {caller} neither owns {resource} nor administers it for its organization");
        Self { kind: ErrorKind::AccessDenied, message }
    }
}
