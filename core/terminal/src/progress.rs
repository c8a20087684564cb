//! Progress of long work: one line each on standard error, with the glyphs of `flux`, in ASCII where it is no terminal.

use pmp_protocol::PlainText;

use crate::{Failure, stream};

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Starting something.
    Doing,
    /// Waiting for something.
    Waiting,
    /// Something is done.
    Done,
    /// Something failed.
    Failed,
}

impl Step {
    fn glyph(self, terminal: bool) -> &'static str {
        match (self, terminal) {
            (Self::Doing, true) => "►",
            (Self::Waiting, true) => "◎",
            (Self::Done, true) => "✔",
            (Self::Failed, true) => "✗",
            (Self::Doing, false) => ">",
            (Self::Waiting, false) => ".",
            (Self::Done, false) => "+",
            (Self::Failed, false) => "x",
        }
    }
}

/// Prints a line of progress. Progress that cannot be written is lost without harm.
pub fn step(step: Step, text: &str) {
    note(&format!("{} {text}", step.glyph(stream::stderr_is_terminal())));
}

/// Prints a line for people.
pub fn note(text: &str) {
    stream::err(&PlainText::new(text));
}

/// Tells of a failure, with its causes and hints, a line each.
pub fn failure(failure: &Failure) {
    failure.lines().iter().for_each(stream::err);
}
