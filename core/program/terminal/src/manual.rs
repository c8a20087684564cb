//! Manual pages, made by the program itself.

use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use clap_mangen::Man;

use crate::{Failure, stream};

/// Print the manual page, or write the pages of all commands into a folder
#[derive(Debug, Clone, Args)]
pub struct Manual {
    /// A folder, such as ~/.local/share/man/man1; it is made where it is not there
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

impl Manual {
    /// Writes the pages of the program `P`.
    ///
    /// # Errors
    /// Where standard output, the folder or a file in it cannot be written to.
    pub fn write<P: CommandFactory>(&self) -> Result<(), Failure> {
        let mut command = P::command().disable_help_subcommand(true);
        // Commands get their full names, and the shared settings, only when they are built.
        command.build();
        match &self.folder {
            Some(folder) => {
                std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
                write_all(&command, command.get_name(), folder)
            }
            // The page is our own text and is printed as it is.
            None => Ok(stream::out(&page(&command)?)?),
        }
    }
}

fn failed(path: &Path, error: std::io::Error) -> Failure {
    Failure::tried("E1730", format!("cannot write the manual into `{}`", path.display()), error)
}

fn page(command: &clap::Command) -> Result<String, Failure> {
    let mut page = Vec::new();
    Man::new(command.clone())
        .render(&mut page)
        .map_err(|error| Failure::tried("E1731", "cannot make the manual page", error))?;
    Ok(String::from_utf8_lossy(&page).trim_end().to_owned())
}

/// A page for the command, and for each of its own: `pmp-hub.1`, `pmp-hub-status.1`.
fn write_all(command: &clap::Command, name: &str, folder: &Path) -> Result<(), Failure> {
    let path = folder.join(format!("{name}.1"));
    std::fs::write(&path, page(command)? + "\n").map_err(|error| failed(&path, error))?;
    let own = command.get_subcommands().filter(|own| !own.is_hide_set());
    own.into_iter().try_for_each(|own| write_all(own, &format!("{name}-{}", own.get_name()), folder))
}
