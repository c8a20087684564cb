//! `pmp-local state`: looks after the folders of `serve --state`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use pmp_local_aws::state;
use pmp_terminal::progress::{Step, step};
use pmp_terminal::{Exit, Failure};

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
        if !state::is_one(&folder)? {
            let error = format!("there is no state in `{}`", folder.display());
            let hint = "name the folder that was given to `pmp-local serve --state`".to_owned();
            return Err(Failure::new("E3043", error).hint(hint));
        }
        clear(&folder)?;
        step(Step::Done, &format!("deleted the state in `{}`", folder.display()));
        Ok(Exit::Ok)
    }
}

pub(super) fn clear(folder: &Path) -> Result<(), Failure> {
    Ok(state::clear(folder)?)
}
