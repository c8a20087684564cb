//! An error on its way to a person: what was tried, what came back, what to do.

use std::error::Error;
use std::fmt::Write;

use crate::{Exit, clean};

/// Why a command failed, with hints, and how it exits.
#[derive(Debug)]
pub struct Failure {
    error: anyhow::Error,
    details: Vec<String>,
    hints: Vec<String>,
    exit: Exit,
}

impl Failure {
    /// A failure with the error's whole chain.
    pub fn new(error: impl Into<anyhow::Error>) -> Self {
        Self { error: error.into(), details: Vec::new(), hints: Vec::new(), exit: Exit::Error }
    }

    /// Adds a line that belongs to the error: one of several problems.
    #[must_use]
    pub fn detail(mut self, detail: String) -> Self {
        self.details.push(detail);
        self
    }

    /// Adds what the operator can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Option<String>>) -> Self {
        self.hints.extend(hint.into());
        self
    }

    /// Exits with another code than 1.
    #[must_use]
    pub fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// How the process ends.
    #[must_use]
    pub fn exit_code(&self) -> Exit {
        self.exit
    }

    /// The text for standard error: the error, its causes, the hints. Control characters are replaced, since parts of
    /// it come from outside.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = format!("error: {}", clean(&self.error.to_string()));
        let mut previous = self.error.to_string();
        for cause in self.error.chain().skip(1) {
            let cause = cause.to_string();
            // Some libraries repeat their cause in their own text; a person needs it once.
            if !previous.ends_with(&cause) {
                let _infallible = write!(text, "\n  cause: {}", clean(&cause));
            }
            previous = cause;
        }
        for detail in &self.details {
            let _infallible = write!(text, "\n  {}", clean(detail));
        }
        for hint in &self.hints {
            let _infallible = write!(text, "\nhint: {}", clean(hint));
        }
        text
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_reads_from_what_was_tried_to_what_to_do() {
        let error = anyhow::anyhow!("connection refused").context("cannot read the experience `exp-1`");
        let failure = Failure::new(error).hint("check AWS_ENDPOINT_URL".to_owned()).hint(None);
        assert_eq!(
            failure.render(),
            "error: cannot read the experience `exp-1`\n  cause: connection refused\nhint: check AWS_ENDPOINT_URL"
        );
    }

    #[test]
    fn control_characters_from_outside_do_not_reach_the_terminal() {
        let failure = Failure::new(anyhow::anyhow!("bad \u{1b}[31mname"));
        assert_eq!(failure.render(), "error: bad \u{fffd}[31mname");
    }
}
