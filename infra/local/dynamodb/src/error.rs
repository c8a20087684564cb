//! What DynamoDB answers when it refuses a request.

use serde::Serialize;

use crate::value::Item;

/// A refusal, with the name and the text that DynamoDB gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The name of the error's shape, such as `ValidationException`.
    pub code: &'static str,
    /// The text for the person who called.
    pub message: String,
    /// The item that a condition did not hold for, if the request asked for it.
    pub item: Option<Item>,
    /// Why a transaction was cancelled, for each of its requests.
    pub reasons: Option<Vec<Reason>>,
}

/// Why one request of a transaction was refused. One that was not has the code `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Reason {
    /// The name of the reason, such as `ConditionalCheckFailed`.
    pub code: &'static str,
    /// The text; there is none if the request was not refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The item that the condition did not hold for, if the request asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<Item>,
}

impl Error {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), item: None, reasons: None }
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    pub(crate) fn invalid(problem: impl std::fmt::Display) -> Self {
        Self::validation(format!("One or more parameter values were invalid: {problem}"))
    }

    /// A field that breaks a constraint of the service model.
    pub(crate) fn constraint(value: impl std::fmt::Display, field: &str, constraint: &str) -> Self {
        Self::validation(format!(
            "1 validation error detected: Value {value} at '{field}' failed to satisfy constraint: {constraint}"
        ))
    }

    pub(crate) fn missing(field: &str) -> Self {
        Self::constraint("null", field, "Member must not be null")
    }

    pub(crate) fn serialization(message: impl Into<String>) -> Self {
        Self::new("SerializationException", message)
    }

    /// A table that is not there, as the operations on items say it.
    pub(crate) fn no_table() -> Self {
        Self::new("ResourceNotFoundException", "Requested resource not found")
    }

    pub(crate) fn failed_condition(item: Option<Item>) -> Self {
        Self { item, ..Self::new("ConditionalCheckFailedException", "The conditional request failed") }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}
