//! The version of a program, as a report about it needs it.

use clap::CommandFactory;
use serde_json::{Map, Value};

use crate::{Failure, Output};

/// Prints the version of the program `P`, the machine that it was built for, and what it `speaks`:
/// names and versions of its contracts with others.
///
/// # Errors
/// Where standard output cannot be written to.
pub fn print_version<P: CommandFactory>(output: Output, speaks: &[(&str, &str)]) -> Result<(), Failure> {
    let command = P::command();
    let (name, version) = (command.get_name(), command.get_version().unwrap_or_default());
    let built_for = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    if output.is_table() {
        let lines = speaks.iter().map(|(what, version)| format!("{what}: {version}"));
        output.lines([format!("{name} {version}"), format!("built for: {built_for}")].into_iter().chain(lines))?;
    } else {
        let own = [("program", name), ("version", version), ("built_for", &built_for)];
        let fields = own.into_iter().chain(speaks.iter().copied());
        let fields = fields.map(|(what, version)| (what.replace(' ', "_"), Value::from(version)));
        output.document(&Value::Object(fields.collect::<Map<_, _>>()))?;
    }
    Ok(())
}
