//! From `main` to a command and back: arguments in, an exit code out.

use std::ffi::OsString;
use std::future::Future;
use std::path::Path;
use std::process::ExitCode;

use clap::error::{ContextValue, ErrorKind};
use clap::{ArgMatches, Command, CommandFactory, Parser};
use pmp_protocol::{Coded as _, PlainText};

use crate::complaint::{in_plain_words, mended};
use crate::context::enter::enter;
use crate::shape::{Uses, shaped};
use crate::{Exit, Failure, PrintError, fault, print_lines, progress};

/// Parses `args` (the program's name first), runs the command on a runtime of its own, and tells a
/// person of a failure; of a panic, too, which is a fault of the program ([`fault`]).
pub fn program<P, F>(args: impl IntoIterator<Item = OsString>, command: impl FnOnce(P) -> F) -> ExitCode
where
    P: Parser,
    F: Future<Output = Result<Exit, Failure>>,
{
    program_with(args, &[], command)
}

/// The same for a program whose commands share settings: the help of a command shows those that it
/// uses.
pub fn program_with<P, F>(
    args: impl IntoIterator<Item = OsString>,
    uses: &Uses,
    command: impl FnOnce(P) -> F,
) -> ExitCode
where
    P: Parser,
    F: Future<Output = Result<Exit, Failure>>,
{
    let args: Vec<OsString> = args.into_iter().collect();
    // As it was called, without the folders: what an error names can be pasted.
    let name = args.first().map(Path::new).and_then(Path::file_name).unwrap_or_default();
    let name = name.to_string_lossy();
    let command_line = || shaped(P::command(), uses);
    let parse = || {
        let matches = without_blanks(command_line()).try_get_matches_from(&args)?;
        Ok::<_, clap::Error>((P::from_arg_matches(&matches)?, matches))
    };
    let (parsed, matches) = match parse() {
        // Help names all variables, the blank ones included.
        Err(error) if error.kind() == ErrorKind::DisplayHelp => {
            tell::<P>(&command_line().try_get_matches_from(&args).err().unwrap_or(error));
            return Exit::Ok.into();
        }
        Ok(parsed) => parsed,
        Err(error) if args.len() <= 1 && error.use_stderr() => {
            // No command was given, so the help is shown. It is an error all the same: a script may
            // have lost its argument.
            help(P::command());
            return Exit::Error.into();
        }
        // A group of commands, without one of them. Where a variable of the group is set, clap
        // takes it for an argument, and shows no help by itself.
        Err(error) if error.kind() == ErrorKind::MissingSubcommand => {
            help(group(command_line(), &args));
            return Exit::Error.into();
        }
        Err(error) => {
            // Help and version are asked for; anything else is an error, and 1 is the code for
            // errors.
            let is_error = error.use_stderr();
            tell::<P>(&mended(error, &command_line(), &args));
            if is_error {
                progress::code(&Mistyped.code(), &name);
            }
            return if is_error { Exit::Error } else { Exit::Ok }.into();
        }
    };
    let own = P::command();
    // Returns where no context of the configuration file is to be used, or is used already.
    if let Err(failure) = enter(own.get_name(), &matches) {
        progress::failure(&failure, &name);
        return failure.exit_code().into();
    }
    let version = own.get_version().unwrap_or_default();
    match fault::run(own.get_name(), version, command(parsed)) {
        Some(Ok(exit)) => exit,
        Some(Err(failure)) => {
            progress::failure(&failure, &name);
            failure.exit_code()
        }
        // It panicked, and the panic has been reported.
        None => Exit::Error,
    }
    .into()
}

/// A command line that takes a blank variable for one that is not there, which is how templates
/// spell "not set". A flag may be blank all the same.
#[must_use]
pub fn without_blanks(mut command: Command) -> Command {
    // Commands get the shared settings only when they are built.
    command.build();
    blanks_left_out(command)
}

fn blanks_left_out(command: Command) -> Command {
    let names: Vec<_> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let command = command.mut_args(|argument| {
        let value = argument.get_env().and_then(std::env::var_os);
        let blank = value.is_some_and(|value| value.to_str().is_some_and(|value| value.trim().is_empty()));
        if blank { argument.env(None::<&'static str>) } else { argument }
    });
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, blanks_left_out))
}

/// The group of commands that was called, as deep as it is named. The values of flags name none.
fn group(command: Command, args: &[OsString]) -> Command {
    let named = command.clone().ignore_errors(true).try_get_matches_from(args).ok();
    let mut path = Vec::new();
    let mut matches = named.as_ref();
    while let Some((name, below)) = matches.and_then(ArgMatches::subcommand) {
        path.push(name.to_owned());
        matches = Some(below);
    }
    path.iter().fold(command, |command, name| command.find_subcommand(name).cloned().unwrap_or(command))
}

/// What was typed is no command of the program. The words are clap's.
#[derive(Debug, thiserror::Error)]
#[error("what was typed is no command of this program")]
struct Mistyped;

pmp_protocol::codes!(Mistyped => "E1755");

/// Prints the short help where an error would stand.
fn help(mut command: Command) {
    let text = command.render_help().to_string();
    text.trim_end().lines().for_each(progress::note);
}

/// Prints what clap says. An error repeats what was typed and help repeats what variables are set
/// to, which could act: then it comes without colours, line by line.
#[expect(clippy::disallowed_methods, reason = "help, where it is nothing but our own text")]
fn tell<P: CommandFactory>(error: &clap::Error) {
    if error.use_stderr() {
        complaint(error).trim_end().lines().for_each(progress::note);
        return;
    }
    let _lost = if repeats_what_acts(&P::command()) {
        print_lines(error.render().to_string().trim_end().lines())
    } else {
        error.print().map_err(PrintError)
    };
}

/// Whether the help of a command, or of one of its own, shows a variable whose value could act.
fn repeats_what_acts(command: &Command) -> bool {
    let values = command.get_arguments().filter(|argument| !argument.is_hide_env_values_set());
    let mut values = values.filter_map(|argument| std::env::var_os(argument.get_env()?));
    values.any(|value| value.to_str().is_none_or(|value| PlainText::bounded(value, usize::MAX).as_str() != value))
        || command.get_subcommands().any(repeats_what_acts)
}

/// The error's text, in which what was typed takes up one line.
fn complaint(error: &clap::Error) -> String {
    // With colours, because clap takes what acts out of the other form, and then nobody sees that
    // it was there.
    let mut text = error.render().ansi().to_string();
    for (_, value) in error.context() {
        let typed = match value {
            ContextValue::String(typed) => std::slice::from_ref(typed),
            ContextValue::Strings(typed) => typed,
            _ => &[],
        };
        for typed in typed.iter().filter(|typed| !typed.is_empty()) {
            text = text.replace(typed, PlainText::new(typed).as_str());
        }
    }
    in_plain_words(&console::strip_ansi_codes(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[arg(long)]
        number: u8,
    }

    #[test]
    fn what_was_typed_is_repeated_harmlessly_and_in_one_line() {
        let typed = "1\u{1b}[31m\u{202e}\nerror: forged";
        let error = Cli::try_parse_from(["cli", "--number", typed]).unwrap_err();
        let text = complaint(&error);
        assert!(text.starts_with("error: invalid value '1�[31m� error: forged' for '--number <NUMBER>'"), "{text}");
        let error = Cli::try_parse_from(["cli", typed]).unwrap_err();
        assert!(complaint(&error).starts_with("error: unexpected argument '1�[31m� error: forged' found"));
    }
}
