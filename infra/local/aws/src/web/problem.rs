//! Why a click started no change set.

use axum::http::StatusCode;

/// The message to the visitor if no change set was started.
#[derive(Debug)]
pub(super) struct Problem {
    /// The status of the answer: the catalog's own if the catalog refused.
    pub(super) status: StatusCode,
    pub(super) text: String,
    /// The product of a rejection that the visitor must confirm first.
    pub(super) rejects: Option<String>,
}
