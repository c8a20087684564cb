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
        // Written into memory first: clap's generator panics where its writer fails, and a closed
        // pipe fails.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, name, &mut script);
        // The script is our own text and is printed as it is, because tabs have a meaning in it.
        stream::out(String::from_utf8_lossy(&script).trim_end())
    }
}
