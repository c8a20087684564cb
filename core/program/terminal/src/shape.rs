//! Which of the settings that commands share the help of each command shows.

use clap::Command;

/// Commands with the ids of the settings that they use, in groups. A command within another one is
/// named with it: `audit verify`. One that is not named uses what the command above it uses, and
/// all settings where none is named above it.
pub type Uses = [(&'static str, &'static [&'static [&'static str]])];

/// The heading of settings that commands share.
const SETTINGS: &str = "Settings";

/// A command line in whose help each command shows the settings that it uses. The others are taken
/// all the same, since variables are set for all.
pub(crate) fn shaped(mut command: Command, uses: &Uses) -> Command {
    // Commands get the shared settings only when they are built.
    command.build();
    below(command, "", None, uses)
}

/// Shapes what stands below `command`, whose path is `path` and which uses `used`.
fn below(command: Command, path: &str, used: Option<&[&[&str]]>, uses: &Uses) -> Command {
    let names: Vec<_> = command.get_subcommands().map(|own| own.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| {
        let path = format!("{path} {name}").trim_start().to_owned();
        let used = uses.iter().find(|(named, _)| *named == path).map(|(_, used)| *used).or(used);
        command.mut_subcommand(name, |own| below(shown(own, used), &path, used, uses))
    })
}

/// The command with the settings hidden that it does not use.
fn shown(command: Command, used: Option<&[&[&str]]>) -> Command {
    let Some(used) = used else { return command };
    command.mut_args(|argument| {
        let shared = argument.get_help_heading() == Some(SETTINGS);
        let hidden = shared && !used.iter().any(|group| group.contains(&argument.get_id().as_str()));
        if hidden { argument.hide(true) } else { argument }
    })
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, FromArgMatches as _, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Shared {
        #[command(subcommand)]
        command: Sub,
        #[arg(long, global = true, help_heading = SETTINGS)]
        table: Option<String>,
        #[arg(long, global = true, help_heading = SETTINGS)]
        topic: Option<String>,
    }

    #[derive(Debug, clap::Subcommand)]
    enum Sub {
        Status,
        Publish,
        #[command(subcommand)]
        Audit(Audit),
    }

    #[derive(Debug, clap::Subcommand)]
    enum Audit {
        Export,
        Verify,
    }

    #[test]
    fn the_help_of_a_command_shows_what_it_uses_and_the_rest_is_taken_too() {
        let uses: &Uses = &[("status", &[&["table"]]), ("audit", &[&["table"]]), ("audit verify", &[])];
        let shows = |command: &[&str]| {
            let args = [&["x"], command, &["--help"]].concat();
            let help = shaped(Shared::command(), uses).try_get_matches_from(args).unwrap_err().to_string();
            (help.contains("--table"), help.contains("--topic"))
        };
        assert_eq!(shows(&["status"]), (true, false));
        assert_eq!(shows(&["publish"]), (true, true));
        assert_eq!(shows(&["audit", "export"]), (true, false));
        assert_eq!(shows(&["audit", "verify"]), (false, false));
        let matches = shaped(Shared::command(), uses).try_get_matches_from(["x", "status", "--topic", "t"]).unwrap();
        let parsed = Shared::from_arg_matches(&matches).unwrap();
        assert_eq!((parsed.topic.as_deref(), parsed.table), (Some("t"), None));
        assert!(matches!(parsed.command, Sub::Status));
    }
}
