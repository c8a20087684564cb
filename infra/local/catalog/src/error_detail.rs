//! Why one change of a change set cannot be applied, in the codes and texts that
//! `DescribeChangeSet` shows.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// An entry of a change's `ErrorDetailList`: a code for programs, and a text for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ErrorDetail {
    pub(super) code: Cow<'static, str>,
    pub(super) message: Cow<'static, str>,
}

impl ErrorDetail {
    pub(super) fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: code.into(), message: message.into() }
    }

    pub(super) fn not_found(message: &'static str) -> Self {
        Self::new("ENTITY_NOT_FOUND", message)
    }

    pub(super) fn already_exists(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new("ENTITY_ALREADY_EXISTS", message)
    }

    pub(super) fn not_authorized(message: &'static str) -> Self {
        Self::new("CALLER_NOT_AUTHORIZED", message)
    }
}
