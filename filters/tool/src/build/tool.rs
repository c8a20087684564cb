//! Runs tools of the machine. Their output goes to standard error, because standard output belongs
//! to this program.

use std::io;
use std::process::{Command, Stdio};

use super::BuildError;

/// The name of a tool in messages, and the hint if it is not installed.
pub(super) struct Tool {
    pub(super) what: &'static str,
    pub(super) install: &'static str,
}

impl Tool {
    pub(super) fn missing(&self) -> BuildError {
        BuildError::Missing { what: self.what, install: self.install }
    }

    fn start(&self, command: &Command, source: io::Error) -> BuildError {
        match source.kind() {
            io::ErrorKind::NotFound => self.missing(),
            _ => BuildError::Start { tool: name(command), source },
        }
    }

    /// Runs a command to its end. Its output goes to the person who builds, as if they had run it
    /// themselves.
    #[expect(clippy::disallowed_methods, reason = "the tool's words, not ours")]
    pub(super) fn run(&self, command: &mut Command) -> Result<(), BuildError> {
        let status = command.stdin(Stdio::null()).stdout(io::stderr()).status();
        let status = status.map_err(|source| self.start(command, source))?;
        if status.success() { Ok(()) } else { Err(BuildError::Failed { tool: name(command), status }) }
    }

    /// Runs a command to its end, and returns its output.
    pub(super) fn ask(&self, command: &mut Command) -> Result<String, BuildError> {
        let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
        let output = output.map_err(|source| self.start(command, source))?;
        if !output.status.success() {
            return Err(BuildError::Failed { tool: name(command), status: output.status });
        }
        String::from_utf8(output.stdout).map_err(|_| BuildError::Answer { tool: name(command) })
    }
}

/// The name by which a person recognizes a command: the program and its first argument.
fn name(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if let Some(first) = command.get_args().next() {
        name = format!("{name} {}", first.to_string_lossy());
    }
    name
}

#[cfg(test)]
mod tests {
    use pmp_protocol::{Coded, Hint};

    use super::*;

    const TOOL: Tool = Tool { what: "a tool", install: "install it" };

    #[test]
    fn a_tool_that_is_not_there_comes_with_the_command_that_brings_it() {
        let error = TOOL.run(&mut Command::new("no-such-tool-anywhere")).unwrap_err();
        assert_eq!(error.to_string(), "a tool is not there");
        assert_eq!(error.hint().as_deref(), Some("install it"));
        assert_eq!(error.code().to_string(), "E2101");
    }

    #[test]
    fn a_tool_that_fails_is_named() {
        let error = TOOL.ask(Command::new("cargo").arg("no-such-command-anywhere")).unwrap_err();
        assert!(error.to_string().starts_with("`cargo no-such-command-anywhere` failed"), "{error}");
        assert_eq!(error.code().to_string(), "E2103");
    }

    #[test]
    fn an_answer_that_is_no_text_is_not_taken() {
        let error = TOOL.ask(Command::new("printf").arg(r"\377")).unwrap_err();
        assert_eq!(error.to_string(), r"`printf \377` answers with what cannot be understood");
        assert_eq!(error.code().to_string(), "E2104");
    }
}
