//! Progress of long work: one line each on standard error, with the glyphs of `flux`, in ASCII where it is no terminal.

use std::io::{self, IsTerminal, Write};

use crate::clean;

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
    let mut err = io::stderr().lock();
    let _lost = writeln!(err, "{} {}", step.glyph(io::stderr().is_terminal()), clean(text));
}

/// Prints a line for people, such as an error that was rendered.
pub fn note(text: &str) {
    let _lost = writeln!(io::stderr().lock(), "{text}");
}
