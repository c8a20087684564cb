//! An error on its way to a person: what was tried, what came back, what to do.

use std::error::Error;

use pmp_protocol::PlainText;

use crate::Exit;

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

    /// The error with its causes and details in one line, without the hints: for table cells,
    /// receipts and logs.
    #[must_use]
    pub fn one_line(&self) -> String {
        let told: Vec<_> = std::iter::once(self.error.to_string()).chain(self.causes()).collect();
        PlainText::new(&[&*told, &*self.details].concat().join(": ")).into()
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

    /// The text for standard error: the error, its causes, the details, the hints. Each is a line,
    /// whatever it was made from: parts of it come from outside.
    #[must_use]
    pub fn lines(&self) -> Vec<PlainText> {
        let error = std::iter::once(format!("error: {}", self.error));
        let causes = self.causes().map(|cause| format!("  cause: {cause}"));
        let details = self.details.iter().map(|detail| format!("  {detail}"));
        let hints = self.hints.iter().map(|hint| format!("hint: {hint}"));
        error.chain(causes).chain(details).chain(hints).map(|line| PlainText::new(&line)).collect()
    }

    /// The same as one text.
    #[must_use]
    pub fn render(&self) -> String {
        self.lines().iter().map(PlainText::as_str).collect::<Vec<_>>().join("\n")
    }

    /// What the error came from. Some libraries repeat their cause in their own text; a person
    /// needs it once.
    fn causes(&self) -> impl Iterator<Item = String> {
        let texts: Vec<_> = self.error.chain().map(ToString::to_string).collect();
        let told = |pair: &[String]| (!pair[0].ends_with(&pair[1])).then(|| pair[1].clone());
        texts.windows(2).filter_map(told).collect::<Vec<_>>().into_iter()
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
    fn what_acts_does_not_reach_the_terminal_and_forges_no_line() {
        let error = anyhow::anyhow!("cause\nhint: run me").context("bad \u{1b}[31mname\u{202e}");
        let failure = Failure::new(error).detail("one\u{2028}two".to_owned()).hint("a\u{9b}b".to_owned());
        let lines = ["error: bad �[31mname�", "  cause: cause hint: run me", "  one two", "hint: a�b"];
        assert_eq!(failure.render(), lines.join("\n"));
        assert_eq!(failure.one_line(), "bad �[31mname�: cause hint: run me: one two");
    }
}
