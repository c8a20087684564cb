//! Asking back: before what cannot be taken back.

use std::io::{self, IsTerminal, Write};

use pmp_protocol::PlainText;

use crate::stream;

/// Asks a yes-or-no question on standard error. Only `y` and `yes` count as yes. None where
/// standard input or standard error is no terminal: nobody is there to answer.
///
/// # Errors
/// Where the answer cannot be read.
#[expect(clippy::disallowed_methods, reason = "a question has no line break behind it; it is plain text")]
pub fn ask(question: &str) -> io::Result<Option<bool>> {
    if !io::stdin().is_terminal() || !stream::stderr_is_terminal() {
        return Ok(None);
    }
    let mut asked = io::stderr().lock();
    write!(asked, "{} [y/N] ", PlainText::new(question))?;
    asked.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(Some(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")))
}
