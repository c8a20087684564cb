//! Shell completions, written by the program itself.

use std::io;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Print a completion script for a shell
#[derive(Debug, Clone, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Writes the script for the program `P` to standard output.
    pub fn print<P: CommandFactory>(&self) {
        let mut command = P::command();
        let name = command.get_name().to_owned();
        clap_complete::generate(self.shell, &mut command, name, &mut io::stdout().lock());
    }
}
