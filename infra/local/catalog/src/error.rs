//! What the catalog answers when it refuses, by the names and HTTP codes of its service model.

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", kind.name())]
pub struct CatalogError {
    /// Which.
    pub kind: ErrorKind,
    /// The text for people.
    pub message: String,
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
        Self { kind, message: message.into() }
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
