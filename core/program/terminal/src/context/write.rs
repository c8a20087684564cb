//! A context as it stands in the configuration file: what a command prints to be added to that
//! file.

use std::collections::BTreeMap;

use pmp_protocol::json_without_acting;

use super::{SECRETS, is_known};
use crate::stream::{self, PrintError};

/// Prints a context for the configuration file, with these variables of `program`. In whole,
/// whatever its length: a line that was cut would be another setting.
///
/// # Errors
/// Where standard output cannot be written to. A closed pipe is none.
pub fn print_context(name: &str, program: &str, variables: &BTreeMap<String, String>) -> Result<(), PrintError> {
    // Every character that could act on a terminal is spelled out by `quoted`.
    stream::out(&lines(name, program, variables).join("\n"))
}

/// The lines of the context. What no program reads is left out, because a file with it is refused;
/// so is what is blank, because that is "not set".
fn lines(name: &str, program: &str, variables: &BTreeMap<String, String>) -> Vec<String> {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let name = if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { quoted(name) };
    let fits = |(variable, value): &(&String, &String)| {
        is_known(variable) && !SECRETS.contains(&variable.as_str()) && !value.trim().is_empty()
    };
    let settings = variables.iter().filter(fits).map(|(variable, value)| format!("{variable} = {}", quoted(value)));
    [format!("[contexts.{name}.{program}]")].into_iter().chain(settings).collect()
}

/// The text as a basic string of TOML, in one line. JSON's escapes are TOML's, too.
fn quoted(text: &str) -> String {
    // TOML forbids this one, and JSON does not escape it.
    json_without_acting(&serde_json::Value::from(text).to_string()).replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::super::Contexts;
    use super::*;

    #[test]
    fn a_context_reads_back_as_the_variables_that_it_was_made_of() {
        let value = "[[waves]]\nname = \"it's \\ \u{1b}[2J\u{202e}\u{7f}\u{1f600}\"\n";
        let variables = [
            ("PMP_WAVES", value),
            ("PMP_LOG", " "),
            ("AWS_REGION", "us-east-1"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
            ("LANG", "C"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
        for name in ["prod", "the one of 2026", "a\"b"] {
            let text = lines(name, "pmp-hub", &variables).join("\n");
            assert!(text.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{text:?}");
            let read = Contexts::parse(&text, "pmp-hub").unwrap().choose(Some(name)).unwrap().unwrap();
            let read: Vec<_> = read.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(read, [("AWS_REGION", "us-east-1"), ("PMP_WAVES", value)]);
        }
    }
}
