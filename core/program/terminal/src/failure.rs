//! An error on its way to a person: what was tried, what came back, what to do.

use std::error::Error;

use pmp_protocol::{Code, Hint, PlainText, lines, told, with_code};

use crate::{Exit, Source};

/// Why a command failed, with hints, and how it exits.
///
/// An error becomes one by `?` or [`Failure::from`], and brings its [`Hint`]. An error of another
/// crate knows none, and says little by itself: it takes [`Failure::tried`].
///
/// ```compile_fail
/// fn read() -> Result<String, pmp_terminal::Failure> {
///     Ok(std::fs::read_to_string("settings")?)
/// }
/// ```
///
/// ```
/// use pmp_terminal::Failure;
///
/// fn read() -> Result<String, Failure> {
///     std::fs::read_to_string("settings")
///         .map_err(|error| Failure::tried("E1750", "cannot read the settings", error))
/// }
/// assert!(read().unwrap_err().one_line().starts_with("cannot read the settings: "));
/// ```
#[derive(Debug)]
pub struct Failure {
    /// The error, and what it came from.
    told: Vec<String>,
    details: Vec<String>,
    hints: Vec<String>,
    wrong: Vec<Source>,
    exit: Exit,
    code: Code,
}

/// An error of another crate: it has no hint that could be lost. The list is here, so that no error
/// of this system comes to be on it.
pub trait Foreign: Error + 'static {}

impl Foreign for std::io::Error {}
impl Foreign for clap::Error {}
impl Foreign for jiff::Error {}
impl Foreign for serde_json::Error {}
impl Foreign for tokio::task::JoinError {}
impl Foreign for tokio::time::error::Elapsed {}

impl<E: Hint + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { told: told(&error), hints: error.hint().into_iter().collect(), ..Self::new(error.code(), "") }
    }
}

impl Failure {
    /// What this program found out by itself, without an error of a call.
    pub fn new(code: impl Into<Code>, text: impl Into<String>) -> Self {
        let told = vec![text.into()];
        let code = code.into();
        Self { told, details: Vec::new(), hints: Vec::new(), wrong: Vec::new(), exit: Exit::Error, code }
    }

    /// What was tried, and the error of another crate that came back.
    pub fn tried(code: impl Into<Code>, what: impl Into<String>, error: impl Foreign) -> Self {
        Self { told: told(&error), ..Self::new(code, "") }.within(what)
    }

    /// Puts what was tried in front, of which the error is the cause.
    #[must_use]
    pub fn within(mut self, what: impl Into<String>) -> Self {
        self.told.insert(0, what.into());
        self
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

    /// Says what the operator can do in place of what the error says, which would not help here.
    #[must_use]
    pub fn hint_instead(mut self, hint: String) -> Self {
        self.hints = vec![hint];
        self
    }

    /// Says which settings have a mistake.
    #[must_use]
    pub(crate) fn about(self, wrong: Vec<Source>) -> Self {
        Self { wrong, ..self }
    }

    /// The settings that have a mistake. Those that are only missing are not among them.
    #[must_use]
    pub fn wrong_settings(&self) -> &[Source] {
        &self.wrong
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
        PlainText::new(&[&*self.told, &*self.details].concat().join(": ")).into()
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

    /// The code, by which `explain` finds what else there is to say.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
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
        lines(&self.told, &self.details, &self.hints)
    }

    /// The same with the code, as one text: for logs, and for whoever is told by another.
    #[must_use]
    pub fn render(&self) -> String {
        with_code(&self.lines(), self.code)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;
    use std::io;

    use super::*;

    /// An error of this system, as `?` meets it.
    #[derive(Debug)]
    struct NoAnswer;

    impl fmt::Display for NoAnswer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("connection refused")
        }
    }

    impl Error for NoAnswer {}

    pmp_protocol::codes!(NoAnswer => "E9902");

    /// The line that says where more is said.
    const MORE: &str = "code: E9902";

    impl Hint for NoAnswer {
        fn hint(&self) -> Option<String> {
            Some("check AWS_ENDPOINT_URL".to_owned())
        }
    }

    fn refused() -> Failure {
        Failure::from(NoAnswer).within("cannot read the experience `exp-1`")
    }

    #[test]
    fn a_failure_reads_from_what_was_tried_to_what_to_do() {
        assert_eq!(
            refused().hint(None).render(),
            format!(
                "error: cannot read the experience `exp-1`\n  cause: connection refused\nhint: check AWS_ENDPOINT_URL\n{MORE}"
            )
        );
    }

    #[test]
    fn an_error_that_becomes_a_failure_by_itself_brings_its_hint() {
        fn command() -> Result<Exit, Failure> {
            Err(NoAnswer)?;
            Ok(Exit::Ok)
        }
        let failure = command().unwrap_err();
        assert_eq!(failure.hints(), ["check AWS_ENDPOINT_URL"]);
        assert_eq!(Failure::from(Box::new(NoAnswer)).hints(), failure.hints());
        let more = failure.hint("or wait".to_owned());
        assert_eq!(more.hints(), ["check AWS_ENDPOINT_URL", "or wait"]);
        assert_eq!(more.hint_instead("go home".to_owned()).hints(), ["go home"]);
    }

    #[test]
    fn an_error_of_another_crate_comes_with_what_was_tried() {
        let failure = Failure::tried("E9902", "cannot write `x`", io::Error::other("no space"));
        assert_eq!(failure.render(), format!("error: cannot write `x`\n  cause: no space\n{MORE}"));
    }

    #[test]
    fn the_same_in_one_line_leaves_out_the_hints() {
        let failure = refused().detail("twice".to_owned());
        assert_eq!(failure.one_line(), "cannot read the experience `exp-1`: connection refused: twice");
        assert_eq!((failure.hints().len(), failure.details().len()), (1, 1));
    }

    #[test]
    fn what_acts_does_not_reach_the_terminal_and_forges_no_line() {
        let failure = Failure::new("E9902", "cause\nhint: run me").within("bad \u{1b}[31mname\u{202e}");
        let failure = failure.detail("one\u{2028}two".to_owned()).hint("a\u{9b}b".to_owned());
        let lines = ["error: bad �[31mname�", "  cause: cause hint: run me", "  one two", "hint: a�b", MORE];
        assert_eq!(failure.render(), lines.join("\n"));
        assert_eq!(failure.one_line(), "bad �[31mname�: cause hint: run me: one two");
    }
}
