//! Why a click started no change set.

use axum::http::StatusCode;

/// What is told to the visitor instead of a started change set.
#[derive(Debug)]
pub(super) struct Problem {
    /// The status of the answer: the catalog's own, where the catalog refused.
    pub(super) status: StatusCode,
    pub(super) text: String,
    /// The product that would be rejected, where that is to be confirmed first.
    pub(super) rejects: Option<String>,
}
