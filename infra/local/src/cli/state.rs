//! `pmp-local state`: folders that a state survives in.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use pmp_terminal::progress::{Step, step};
use pmp_terminal::{Exit, Failure};

use crate::state::{self, StateError};

#[derive(Args)]
pub(super) struct State {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Delete a state, so that the next `serve --state` starts over from its world
    #[command(after_help = "Example:\n  pmp-local state clear ./state")]
    Clear(Clear),
}

#[derive(Args)]
struct Clear {
    /// The folder, as it was given to `serve --state`
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl State {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Command::Clear(Clear { folder }) = self.command;
        clear(&folder)?;
        step(Step::Done, &format!("`{}` holds no state any more", folder.display()));
        Ok(Exit::Ok)
    }
}

pub(super) fn clear(folder: &Path) -> Result<(), Failure> {
    state::clear(folder).map_err(failure)
}

/// With what a person can do about it.
pub(super) fn failure(error: StateError) -> Failure {
    let hint = error.hint().map(str::to_owned);
    Failure::new(error).hint(hint)
}
