//! Shell completions, written by the program itself.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::stream::{self, PrintError};

/// Print a completion script for a shell
#[derive(Debug, Clone, Args)]
pub struct Completions {
    /// The shell that reads the script
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Writes the script for the program `P` to standard output.
    ///
    /// # Errors
    /// Where standard output cannot be written to. A closed pipe is none.
    pub fn print<P: CommandFactory>(&self) -> Result<(), PrintError> {
        let mut command = P::command();
        let name = command.get_name().to_owned();
        // clap's script for bash finds no command of a program with a hyphen in its name
        // (clap-rs/clap#6421, open with clap_complete 4.6.11): it is made for another name, and
        // told for which program it is.
        let other = name.replace('-', "_");
        let made_for_other = self.shell == Shell::Bash;
        let made_for = if made_for_other { other.clone() } else { name.clone() };
        // Written into memory first: clap's generator panics where its writer fails, and a closed
        // pipe fails.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, made_for, &mut script);
        // The script is our own text and is printed as it is, because tabs have a meaning in it.
        let script = String::from_utf8_lossy(&script);
        let lines = script.trim_end().lines().map(|line| match line.trim_start().starts_with("complete ") {
            true if made_for_other => line.strip_suffix(&other).map_or(line.to_owned(), |line| format!("{line}{name}")),
            _ => line.to_owned(),
        });
        stream::out(&lines.collect::<Vec<_>>().join("\n"))
    }
}
