//! The flags that every command has.

use clap::Args;

use crate::log::LogArgs;
use crate::output::OutputArgs;
use crate::{Failure, Output};

/// How to print and how to log.
#[derive(Debug, Clone, Args)]
pub struct TerminalArgs {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    log: LogArgs,
}

impl TerminalArgs {
    /// Starts logging, at `level` where nothing else is asked for; says how to print.
    ///
    /// # Errors
    /// Where the log filter is not one.
    pub fn start(&self, level: &str) -> Result<Output, Failure> {
        let output = self.output();
        self.log.start(level, output.color)?;
        Ok(output)
    }

    /// How to print, by the flags and the environment.
    #[must_use]
    pub fn output(&self) -> Output {
        self.output.output()
    }

    /// Whether the log is one for machines.
    #[must_use]
    pub fn logs_are_json(&self) -> bool {
        self.log.is_json()
    }
}
