//! Manual pages, made by the program itself.

use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use clap_mangen::Man;

use crate::shape::{Uses, shaped};
use crate::stream::PrintError;
use crate::{Failure, stream};

/// Print the manual page, or write the pages of all commands into a folder
#[derive(Debug, Clone, Args)]
pub struct Manual {
    /// A folder, such as ~/.local/share/man/man1; it is made where it is not there
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

impl Manual {
    /// Writes the pages of the program `P`. `uses` says which settings the commands use: the page
    /// of a command has these, as its help does.
    ///
    /// # Errors
    /// Where standard output, the folder or a file in it cannot be written to.
    pub fn write<P: CommandFactory>(&self, uses: &Uses) -> Result<(), Failure> {
        let command = shaped(P::command().disable_help_subcommand(true), uses);
        match &self.folder {
            Some(folder) => {
                std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
                write_all(&command, command.get_name(), folder)
            }
            // The page is our own text and is printed as it is.
            None => Ok(stream::out(&page(&command).map_err(PrintError)?)?),
        }
    }
}

fn failed(path: &Path, error: std::io::Error) -> Failure {
    Failure::tried("E1730", format!("cannot write the manual into `{}`", path.display()), error)
}

fn page(command: &clap::Command) -> std::io::Result<String> {
    let mut page = Vec::new();
    let without_examples = command.clone().after_help(None::<&str>).after_long_help(None::<&str>);
    Man::new(without_examples).render(&mut page)?;
    let after = command.get_after_long_help().or_else(|| command.get_after_help());
    let page = String::from_utf8_lossy(&page).trim_end().to_owned();
    Ok(page + &sections(&after.map(ToString::to_string).unwrap_or_default()))
}

/// What stands below the settings in the help, such as the examples, as sections of a page. Its
/// lines stay as they are: filled as a paragraph, no command could be read or copied.
fn sections(text: &str) -> String {
    let mut page = String::new();
    for section in text.trim().split("\n\n").filter(|section| !section.is_empty()) {
        page += &match (section.split_once('\n'), section.split_once(": ")) {
            (Some((heading, lines)), _) if heading.ends_with(':') => {
                let lines: Vec<_> = lines.lines().map(line_of_a_page).collect();
                format!("\n.SH {}\n.nf\n{}\n.fi", heading.trim_end_matches(':').to_uppercase(), lines.join("\n"))
            }
            // A paragraph, which is filled as one.
            (None, Some((heading, text))) if heading.split(' ').count() <= 2 => {
                format!("\n.SH {}\n{}", heading.to_uppercase(), line_of_a_page(text))
            }
            _ => format!("\n.SH NOTES\n{}", section.lines().map(line_of_a_page).collect::<Vec<_>>().join("\n")),
        };
    }
    page
}

/// A line as roff shows it unchanged: a backslash, a dash, quotes, and a first dot mean something
/// to it.
fn line_of_a_page(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq").replace('`', "\\(ga");
    if line.starts_with('.') { format!("\\&{line}") } else { line }
}

/// A page for the command, and for each of its own: `pmp-hub.1`, `pmp-hub-status.1`.
fn write_all(command: &clap::Command, name: &str, folder: &Path) -> Result<(), Failure> {
    let path = folder.join(format!("{name}.1"));
    page(command).and_then(|page| std::fs::write(&path, page + "\n")).map_err(|error| failed(&path, error))?;
    let own = command.get_subcommands().filter(|own| !own.is_hide_set());
    own.into_iter().try_for_each(|own| write_all(own, &format!("{name}-{}", own.get_name()), folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_stay_line_by_line_below_a_heading_of_their_own() {
        let text = "Examples:\n  x status -w     go on\n  x why 'a\\b'\n\nExit codes: 0 all is `well`; 1 an error.";
        assert_eq!(
            sections(text),
            "\n.SH EXAMPLES\n.nf\n  x status \\-w     go on\n  x why \\(aqa\\eb\\(aq\n.fi\
             \n.SH EXIT CODES\n0 all is \\(gawell\\(ga; 1 an error."
        );
        assert_eq!(sections(""), "");
        assert_eq!(sections(".one line"), "\n.SH NOTES\n\\&.one line");
    }
}
