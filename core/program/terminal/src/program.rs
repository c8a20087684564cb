//! From `main` to a command and back: arguments in, an exit code out.

use std::ffi::OsString;
use std::future::Future;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Command, CommandFactory, Parser};
use pmp_protocol::{Coded as _, IdError, PlainText};

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
    program_that_asks(args, uses, async |_: P, _: &IdError| None, command)
}

/// The same for a program that can find out which ids there are. `meant` is asked for the one that
/// looks like what was typed, where that is no id; it gets the command line with another id in its
/// place.
pub fn program_that_asks<P, F>(
    args: impl IntoIterator<Item = OsString>,
    uses: &Uses,
    meant: impl AsyncFnOnce(P, &IdError) -> Option<String>,
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
    let parse = |args: &[OsString]| {
        let matches = without_blanks(command_line()).try_get_matches_from(args)?;
        Ok::<_, clap::Error>((P::from_arg_matches(&matches)?, matches))
    };
    let (parsed, matches) = match parse(&args) {
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
            let error = mended(error, &command_line(), &args);
            let question = id_meant(&error, &args, parse, meant);
            tell::<P>(&error);
            question.iter().for_each(|id| progress::note(&format!("hint: did you mean `{id}`?")));
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

/// For how long it is looked for an id that was meant: the error itself is known already.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most ids in a command line that stand in for others.
const MOST_STAND_INS: usize = 16;

/// The known id that looks like the one that was mistyped. None where something else is wrong,
/// where the error names one already, or where none is found in time.
fn id_meant<P: Parser>(
    error: &clap::Error,
    args: &[OsString],
    parse: impl Fn(&[OsString]) -> Result<(P, ArgMatches), clap::Error>,
    meant: impl AsyncFnOnce(P, &IdError) -> Option<String>,
) -> Option<String> {
    let (_, wrong) = wrong_id(error).filter(|(_, wrong)| wrong.meant.is_none())?;
    let (parsed, matches) = with_stand_ins(error, args, parse)?;
    let own = P::command();
    // The settings that tell where to look may come from a context of the configuration file.
    enter(own.get_name(), &matches).ok()?;
    let look = async { Ok(tokio::time::timeout(PATIENCE, meant(parsed, wrong)).await.ok().flatten()) };
    fault::run(own.get_name(), own.get_version().unwrap_or_default(), look)?.ok()?
}

/// What was typed where an id belongs, and why it is none.
fn wrong_id(error: &clap::Error) -> Option<(&str, &IdError)> {
    let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidValue) else { return None };
    let wrong = std::error::Error::source(error)?.downcast_ref::<IdError>()?;
    Some((typed, wrong))
}

/// The command line with a valid id in the place of each that is none, parsed. None where something
/// else is wrong with it, too.
fn with_stand_ins<P>(
    error: &clap::Error,
    args: &[OsString],
    parse: impl Fn(&[OsString]) -> Result<P, clap::Error>,
) -> Option<P> {
    let mut args = args.to_vec();
    let mut next = None;
    for _ in 0..MOST_STAND_INS {
        let (typed, wrong) = wrong_id(next.as_ref().unwrap_or(error))?;
        // `o-a`, `--org=o-a`, or one of several: `o-a,o-b`.
        let names = |arg: &OsString| arg.to_str().is_some_and(|arg| arg.split([',', '=']).any(|part| part == typed));
        let place = args.iter().skip(1).position(names)?;
        let arg = args.get_mut(place + 1)?;
        *arg = arg.to_str()?.replace(typed, wrong.stand_in).into();
        match parse(&args) {
            Ok(parsed) => return Some(parsed),
            Err(error) => next = Some(error),
        }
    }
    None
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
    use pmp_protocol::{ExperienceId, OrganizationId};

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[arg(long)]
        number: u8,
    }

    #[test]
    fn each_id_that_is_none_gets_one_that_stands_in_for_it() {
        #[derive(Debug, Parser)]
        struct Ids {
            organization: OrganizationId,
            #[arg(long, value_delimiter = ',')]
            experience: Vec<ExperienceId>,
            #[arg(long)]
            number: Option<u8>,
        }
        let with = |args: &[&str]| {
            let args: Vec<OsString> = args.iter().map(OsString::from).collect();
            let error = Ids::try_parse_from(&args).unwrap_err();
            let wrong = wrong_id(&error).map(|(typed, _)| typed.to_owned());
            (wrong, with_stand_ins(&error, &args, |args| Ids::try_parse_from(args)))
        };
        let (wrong, parsed) = with(&["cli", "o-alfa0000", "--experience=exp-a,xp-b"]);
        let parsed = parsed.unwrap();
        assert_eq!((wrong.as_deref(), parsed.organization.as_str()), (Some("o-alfa0000"), "o-0000000000"));
        assert_eq!((parsed.experience[0].as_str(), parsed.experience[1].as_str()), ("exp-a", "exp-0000000000000"));
        assert_eq!(parsed.number, None);
        // Something else is wrong, too, or alone.
        assert!(with(&["cli", "o-alfa0000", "--number", "x"]).1.is_none());
        let (wrong, parsed) = with(&["cli", "o-alpha00000", "--number", "x"]);
        assert!(wrong.is_none() && parsed.is_none());
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
