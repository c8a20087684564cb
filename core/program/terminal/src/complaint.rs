//! Mends what clap says of a mistake, for all commands of all programs: the usage names what is
//! left to give, a tip names a flag that could be meant, and a number that is none is told in plain
//! words.

use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::Command;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use pmp_protocol::alike;

/// The error, with a usage and a tip that help whoever typed `args`. `command` is the whole command
/// line, whose flags that a command does not use are hidden.
pub(crate) fn mended(mut error: Error, command: &Command, args: &[OsString]) -> Error {
    let typed: Vec<&str> = args.iter().filter_map(|arg| arg.to_str()).collect();
    if let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) {
        let usage = without_set(&usage.to_string(), command, &typed);
        error.insert(ContextKind::Usage, ContextValue::StyledStr(usage.into()));
    }
    if error.kind() == ErrorKind::UnknownArgument
        && let Some(ContextValue::String(wrong)) = error.get(ContextKind::InvalidArg)
        && error.get(ContextKind::SuggestedArg).is_some()
    {
        // Of the flags of this command that are shown, and not of all that it takes.
        let meant = alike(wrong, shown(of_command(command, &typed))).into_iter().next();
        error.remove(ContextKind::SuggestedArg);
        if let Some(meant) = meant {
            error.insert(ContextKind::SuggestedArg, ContextValue::String(meant));
        }
    }
    error
}

/// The usage without the flags that a variable sets already.
fn without_set(usage: &str, command: &Command, typed: &[&str]) -> String {
    let mut set = BTreeSet::new();
    set_by_variables(command, typed, &mut set);
    set.into_iter().fold(usage.to_owned(), |usage, flag| usage.replace(&format!(" {flag}"), ""))
}

/// Adds every flag with a variable that is set, as a usage shows it.
fn set_by_variables(command: &Command, typed: &[&str], found: &mut BTreeSet<String>) {
    for argument in command.get_arguments() {
        let Some(long) = argument.get_long().filter(|_| argument.get_env().is_some_and(is_set)) else { continue };
        let is_it = |word: &&str| {
            word.strip_prefix("--").and_then(|word| word.strip_prefix(long)).is_some_and(|rest| {
                // `--flag`, or `--flag=value`.
                rest.is_empty() || rest.starts_with('=')
            })
        };
        if !typed.iter().any(is_it) {
            found.insert(argument.to_string());
        }
    }
    command.get_subcommands().for_each(|command| set_by_variables(command, typed, found));
}

fn is_set(variable: &std::ffi::OsStr) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// The command that was called, as deep as it is named.
fn of_command<'a>(command: &'a Command, typed: &[&str]) -> &'a Command {
    let mut found = command;
    for word in typed.iter().skip(1) {
        found = found.find_subcommand(word).unwrap_or(found);
    }
    found
}

/// The flags in the help of a command.
fn shown(command: &Command) -> Vec<String> {
    let arguments = command.get_arguments().filter(|argument| !argument.is_hide_set());
    arguments.filter_map(|argument| Some(format!("--{}", argument.get_long()?))).collect()
}

/// What the standard library and clap say of a number, and what stands in its place.
const NUMBERS: [(&str, &str); 5] = [
    ("invalid digit found in string", "it is not a whole number"),
    ("cannot parse integer from empty string", "it is not a whole number"),
    ("number too large to fit in target type", "the number is too large"),
    ("number too small to fit in target type", "the number is too small"),
    ("invalid float literal", "it is not a number"),
];

/// The text of an error in which a value is wrong, in words for people. Only its end is looked at:
/// what was typed stands before it.
pub(crate) fn in_plain_words(text: &str) -> String {
    let (first, rest) = text.split_once('\n').map_or((text, None), |(first, rest)| (first, Some(rest)));
    let mut first = first.to_owned();
    for (theirs, ours) in NUMBERS {
        if let Some(before) = first.strip_suffix(theirs) {
            first = format!("{before}{ours}");
        }
    }
    if let Some((before, bounds)) = first.rsplit_once(" is not in ")
        && let Some((least, most)) = bounds.split_once("..")
    {
        let bounds = match most.trim_start_matches('=') {
            "" => format!("at least {least}"),
            most => format!("from {least} to {most}"),
        };
        first = format!("{before} is not {bounds}");
    }
    rest.map_or(first.clone(), |rest| format!("{first}\n{rest}"))
}

#[cfg(test)]
mod tests {
    use clap::{Arg, ArgAction};

    use super::*;

    /// A command whose setting comes from a variable that every process has, and whose other
    /// command has a flag that is not for this one.
    fn command() -> Command {
        let setting = Arg::new("setting").long("setting").value_name("TEXT").env("PATH").global(true).required(false);
        let hidden = Arg::new("lifetime").long("statement-lifetime").value_name("TIME").global(true).hide(true);
        let org = Arg::new("org").value_name("ORG").required(true);
        let reason = Arg::new("reason").long("reason").value_name("TEXT").required(true);
        let count = Arg::new("count").long("count").value_name("N").value_parser(clap::value_parser!(u64).range(1..=9));
        let all = Arg::new("all").long("all").action(ArgAction::SetTrue);
        let confirm = Command::new("confirm").args([org, reason, count, all]);
        let mut command = Command::new("x").args([setting, hidden]).subcommand(confirm);
        command.build();
        command
    }

    fn told(args: &[&str]) -> String {
        let error = command().try_get_matches_from(args).unwrap_err();
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        in_plain_words(&mended(error, &command(), &args).to_string())
    }

    #[test]
    fn the_usage_names_what_is_left_to_give_and_what_was_typed() {
        let usage = |args: &[&str]| {
            let told = told(args);
            told.lines().find_map(|line| line.strip_prefix("Usage: ").map(str::to_owned)).unwrap()
        };
        assert_eq!(usage(&["x", "confirm"]), "x confirm --reason <TEXT> <ORG>");
        let typed = usage(&["x", "confirm", "--setting", "a"]);
        assert!(typed.contains("--setting <TEXT>"), "{typed}");
    }

    #[test]
    fn a_tip_names_a_flag_that_could_be_meant_or_there_is_none() {
        let tip = told(&["x", "confirm", "--raeson", "b"]);
        assert!(tip.contains("'--reason'"), "{tip}");
        let none = told(&["x", "confirm", "--state", "held"]);
        assert!(!none.contains("statement-lifetime"), "{none}");
    }

    #[test]
    fn what_is_no_number_is_told_in_plain_words() {
        let first = |value: &str| {
            let told = told(&["x", "confirm", "--count", value, "o", "--reason", "r"]);
            told.lines().next().unwrap_or_default().to_owned()
        };
        assert_eq!(first("x"), "error: invalid value 'x' for '--count <N>': it is not a whole number");
        assert_eq!(first("12"), "error: invalid value '12' for '--count <N>': 12 is not from 1 to 9");
        assert_eq!(in_plain_words("error: 1 is not in 2..\n\nmore"), "error: 1 is not at least 2\n\nmore");
    }
}
