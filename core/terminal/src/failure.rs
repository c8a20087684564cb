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

    /// The error with its causes and details, in one line: for those who tell of it among other things.
    #[must_use]
    pub fn one_line(&self) -> String {
        let rendered = self.render();
        let text = rendered.lines().take_while(|line| !line.starts_with("hint: "));
        let text = text.map(|line| line.trim_start_matches("error: ").trim_start().trim_start_matches("cause: "));
        text.collect::<Vec<_>>().join(": ")
    }

    /// What the operator can do.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// The lines that belong to the error.
    #[must_use]
    pub fn details(&self) -> &[String] {
        &self.details
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
    fn the_same_in_one_line_leaves_out_the_hints() {
        let error = anyhow::anyhow!("connection refused").context("cannot read the experience `exp-1`");
        let failure = Failure::new(error).detail("twice".to_owned()).hint("check AWS_ENDPOINT_URL".to_owned());
        assert_eq!(failure.one_line(), "cannot read the experience `exp-1`: connection refused: twice");
        assert_eq!((failure.hints().len(), failure.details().len()), (1, 1));
    }

    #[test]
    fn control_characters_from_outside_do_not_reach_the_terminal() {
        let failure = Failure::new(anyhow::anyhow!("bad \u{1b}[31mname"));
        assert_eq!(failure.render(), "error: bad \u{fffd}[31mname");
    }
}
