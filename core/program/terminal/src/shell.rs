//! Variables as a shell takes them: what a command prints for `eval "$(…)"`, and what `doctor`
//! prints to be pasted.

use std::fmt::Write;

use pmp_protocol::PlainText;

use crate::stream::{self, PrintError};

/// Prints a line that sets each variable, and one that unsets each name in `others`, on standard
/// output. In whole, whatever its length: a line that was cut would be another command. Names are
/// the caller's to check: no shell has a way to quote one.
///
/// # Errors
/// Where standard output cannot be written to. A closed pipe is none.
pub fn print_variables<'a>(
    set: impl IntoIterator<Item = (&'a str, &'a str)>,
    others: impl IntoIterator<Item = &'a str>,
) -> Result<(), PrintError> {
    let set = set.into_iter().map(|(name, value)| {
        let value = quoted(value);
        let shorter = if value.ends_with(END) { format!("; {name}=${{{name}%_}}") } else { String::new() };
        format!("export {name}={value}{shorter}")
    });
    let others = others.into_iter().map(|name| format!("unset {name}"));
    // Every character that could act on a terminal is spelled out by `quoted`.
    stream::out(&set.chain(others).collect::<Vec<_>>().join("\n"))
}

/// How a value ends that `printf` writes.
const END: &str = "_')\"";

/// The command that sets a variable. `None` where the value has characters that could act on a
/// terminal: nobody should paste these.
#[must_use]
pub fn export(variable: &str, value: &str) -> Option<String> {
    Some(format!("export {variable}={}", word(value)?))
}

/// A value as one word of a command, in quotes where it needs them. `None` as for [`export`].
#[must_use]
pub fn word(value: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,@+=".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return Some(value.to_owned());
    }
    Some(quoted(value)).filter(|quoted| !quoted.ends_with(END))
}

/// Whether a shell takes this for the name of a variable.
#[must_use]
pub fn is_variable_name(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit())
}

/// The value between quotes in which nothing is special. What could act on a terminal, or breaks
/// the line, is written by `printf`, since `$'…'` is no quote to every `sh`; a character at the
/// end, which is taken off, keeps line breaks that `$(…)` would drop.
fn quoted(value: &str) -> String {
    if PlainText::bounded(value, usize::MAX).as_str() == value {
        return format!("'{}'", value.replace('\'', r"'\''"));
    }
    let mut quoted = String::from("\"$(printf '");
    for c in value.chars() {
        match c {
            '\\' => quoted.push_str(r"\\"),
            '%' => quoted.push_str("%%"),
            '\n' => quoted.push_str(r"\n"),
            '\t' => quoted.push_str(r"\t"),
            ' '..='~' if !matches!(c, '\'' | '-') => quoted.push(c),
            // Also what ends the quotes, and what would begin an option. Octal, of three digits at
            // most: what follows is never taken for part of it.
            c => c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| {
                let _infallible = write!(quoted, "\\{byte:03o}");
            }),
        }
    }
    quoted + END
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_value_is_special_to_a_shell_or_acts_on_a_terminal() {
        for (value, expected) in [
            ("", "''"),
            ("exp-1", "'exp-1'"),
            (r#"{"ids":["$(reboot)","`x`"]}"#, r#"'{"ids":["$(reboot)","`x`"]}'"#),
            ("it's", r"'it'\''s'"),
            ("Müller 東京", "'Müller 東京'"),
            ("a\nb\t'\\%", r#""$(printf 'a\nb\t\047\\%%_')""#),
            ("-e\n", r#""$(printf '\055e\n_')""#),
            ("\u{1b}[2J1", r#""$(printf '\033[2J1_')""#),
            ("\u{202e}x", r#""$(printf '\342\200\256x_')""#),
        ] {
            assert_eq!(quoted(value), expected, "{value:?}");
        }
    }

    #[test]
    fn a_command_has_quotes_where_it_needs_them_and_nothing_that_acts() {
        assert_eq!(export("A", "arn:aws:sns:us-east-1:1:t").as_deref(), Some("export A=arn:aws:sns:us-east-1:1:t"));
        assert_eq!(export("A", "a b;$(id)").as_deref(), Some("export A='a b;$(id)'"));
        assert_eq!((word("").as_deref(), word("it's").as_deref()), (Some("''"), Some(r"'it'\''s'")));
        assert_eq!((export("A", "a\nb"), word("\u{1b}[2J")), (None, None));
    }

    #[test]
    fn a_name_is_letters_digits_and_underscores() {
        assert!(is_variable_name("PMP_ORG_ID") && is_variable_name("_a1"));
        assert!(["", "1A", "A B", "A=B", "A;reboot", "Ä", "A-B"].iter().all(|name| !is_variable_name(name)));
    }
}
