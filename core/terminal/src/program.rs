//! From `main` to a command and back: arguments in, an exit code out.

use std::ffi::OsString;
use std::future::Future;
use std::process::ExitCode;

use clap::error::ContextValue;
use clap::{Command, CommandFactory, Parser};
use pmp_protocol::PlainText;

use crate::{Exit, Failure, fault, print_lines, progress};

/// Parses `args` (the program's name first), runs the command on a runtime of its own, and tells a person of a failure; of a
/// panic, too, which is a fault of the program ([`fault`]).
pub fn program<P, F>(args: impl IntoIterator<Item = OsString>, command: impl FnOnce(P) -> F) -> ExitCode
where
    P: Parser,
    F: Future<Output = Result<Exit, Failure>>,
{
    let args: Vec<OsString> = args.into_iter().collect();
    let parsed = match P::try_parse_from(&args) {
        Ok(parsed) => parsed,
        Err(error) if args.len() <= 1 && error.use_stderr() => {
            // Nothing was asked: what there is to ask. It is an error all the same, for whoever meant to.
            help::<P>();
            return Exit::Error.into();
        }
        Err(error) => {
            // Help and version are asked for; anything else is an error, and 1 is the code for errors.
            let exit = if error.use_stderr() { Exit::Error } else { Exit::Ok };
            tell::<P>(&error);
            return exit.into();
        }
    };
    let own = P::command();
    let version = own.get_version().unwrap_or_default();
    match fault::run(own.get_name(), version, command(parsed)) {
        Some(Ok(exit)) => exit,
        Some(Err(failure)) => {
            progress::failure(&failure);
            failure.exit_code()
        }
        // It panicked, which was told.
        None => Exit::Error,
    }
    .into()
}

/// Prints the short help where an error would stand.
fn help<P: CommandFactory>() {
    let text = P::command().render_help().to_string();
    text.trim_end().lines().for_each(progress::note);
}

/// Prints what clap says. An error repeats what was typed and help repeats what variables are set to, which could act: then it
/// comes without colours, line by line.
#[expect(clippy::disallowed_methods, reason = "help, where it is nothing but our own text")]
fn tell<P: CommandFactory>(error: &clap::Error) {
    if error.use_stderr() {
        complaint(error).trim_end().lines().for_each(progress::note);
        return;
    }
    let _lost = if repeats_what_acts(&P::command()) {
        print_lines(error.render().to_string().trim_end().lines())
    } else {
        error.print()
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
    // With colours, because clap takes what acts out of the other form, and then nobody sees that it was there.
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
    console::strip_ansi_codes(&text).into_owned()
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
