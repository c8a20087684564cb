//! The process's standard streams: the one place that writes to them, so that nothing gets past
//! [`PlainText`] to whoever looks at them. `clippy.toml` keeps all other code from them.

use std::error::Error;
use std::fmt;
use std::io::{self, IsTerminal, Write};

use pmp_protocol::PlainText;

use crate::text::narrow;

/// Why standard output does not have what was to be printed: it cannot be written to, or what was
/// to be printed has no such form. It reads as the system says it.
#[derive(Debug)]
pub struct PrintError(pub(crate) io::Error);

pmp_protocol::codes!(PrintError => "E1714");

pmp_protocol::without_hint!(PrintError);

impl PrintError {
    /// What was to be printed cannot be written in the form that was asked for.
    pub(crate) fn in_form(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(io::Error::other(error))
    }

    /// A closed pipe is no error: the reader has seen enough.
    fn unless_closed(outcome: io::Result<()>) -> Result<(), Self> {
        match outcome {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            outcome => outcome.map_err(Self),
        }
    }
}

impl fmt::Display for PrintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot print to standard output: {}", self.0)
    }
}

impl Error for PrintError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // `Display` says what the error itself says.
        self.0.source()
    }
}

impl From<PrintError> for io::Error {
    fn from(error: PrintError) -> Self {
        error.0
    }
}

/// Writes harmless text to standard output, and a line break. A closed pipe is no error.
pub(crate) fn out(harmless: &str) -> Result<(), PrintError> {
    out_open(harmless).map(drop)
}

/// Writes harmless text to standard output, and a line break. Returns whether somebody still reads
/// it: a closed pipe is no error.
#[expect(clippy::disallowed_methods, reason = "the boundary itself")]
pub(crate) fn out_open(harmless: &str) -> Result<bool, PrintError> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{harmless}").and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(PrintError(error)),
    }
}

/// Writes to standard output what cannot act, and what our own code puts around it to move the
/// cursor; nothing behind it.
#[expect(clippy::disallowed_methods, reason = "the boundary itself")]
pub(crate) fn out_raw(harmless: &str) -> Result<(), PrintError> {
    let mut out = io::stdout().lock();
    PrintError::unless_closed(out.write_all(harmless.as_bytes()).and_then(|()| out.flush()))
}

/// Writes a line to standard error. One that cannot be written is lost without harm.
#[expect(clippy::disallowed_methods, reason = "the boundary itself")]
pub(crate) fn err(line: &PlainText) {
    let _lost = writeln!(io::stderr().lock(), "{}", narrow(line.as_str(), stderr_width()));
}

/// Standard error for log lines, whose writer makes them harmless.
#[expect(clippy::disallowed_methods, reason = "the boundary itself")]
pub(crate) fn log() -> io::Stderr {
    io::stderr()
}

/// Whether a person sees standard output.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "nothing is written")]
pub fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether a person sees standard error.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "nothing is written")]
pub fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// The columns in which standard output is shown: those of COLUMNS, as of other programs, or of the
/// terminal; none where it is no terminal, or does not say.
#[must_use]
pub fn stdout_width() -> Option<usize> {
    asked_for().or_else(|| stdout_size().map(|(_, columns)| columns))
}

/// The same of standard error.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "nothing is written")]
pub(crate) fn stderr_width() -> Option<usize> {
    let size = || console::Term::stderr().size_checked().filter(|_| stderr_is_terminal());
    asked_for().or_else(|| size().map(|(_, columns)| usize::from(columns)).filter(|columns| *columns >= LEAST))
}

/// In fewer columns nothing can be read, whatever is done.
const LEAST: usize = 20;

fn asked_for() -> Option<usize> {
    std::env::var("COLUMNS").ok()?.trim().parse().ok().filter(|columns| *columns >= LEAST)
}

/// Its lines and columns.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "nothing is written")]
pub(crate) fn stdout_size() -> Option<(usize, usize)> {
    let (rows, columns) = console::Term::stdout().size_checked().filter(|_| stdout_is_terminal())?;
    Some((usize::from(rows), usize::from(columns))).filter(|(_, columns)| *columns >= LEAST)
}
