//! The expressions of requests: conditions, updates and projections.
//!
//! A text is cut into tokens, and a small parser makes a tree of them, in which the placeholders
//! are replaced already. What is wrong with an expression is known before any item is looked at.

pub(crate) mod condition;
mod evaluate;
pub(crate) mod key_condition;
mod parser;
pub(crate) mod path;
pub(crate) mod placeholders;
pub(crate) mod projection;
mod reserved;
#[cfg(test)]
mod tests;
mod token;
pub(crate) mod update;

/// The expression in which something is wrong, for the text of the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Condition,
    Filter,
    KeyCondition,
    Projection,
    Update,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Condition => "ConditionExpression",
            Self::Filter => "FilterExpression",
            Self::KeyCondition => "KeyConditionExpression",
            Self::Projection => "ProjectionExpression",
            Self::Update => "UpdateExpression",
        }
    }

    pub(crate) fn error(self, problem: impl std::fmt::Display) -> crate::error::Error {
        crate::error::Error::validation(format!("Invalid {}: {problem}", self.name()))
    }
}
