//! The version of a program, as a report about it needs it.

use clap::CommandFactory;
use serde_json::{Map, Value};

use crate::{Failure, Output, SCHEMA_VERSION};

/// What a program was built from, as whoever built it said: `PMP_COMMIT`, and its date in
/// `PMP_COMMIT_DATE`, as `infra/package/build` sets them.
#[derive(Debug, Clone, Copy)]
pub struct Built {
    /// The commit, in hexadecimal digits; none where nobody said.
    pub commit: Option<&'static str>,
    /// The day of the commit, `2026-11-30`; none where nobody said.
    pub date: Option<&'static str>,
}

/// What the calling crate was built from. A macro, because the crate with the program is compiled
/// anew for another commit, and no other.
#[macro_export]
macro_rules! built {
    () => {
        $crate::Built { commit: option_env!("PMP_COMMIT"), date: option_env!("PMP_COMMIT_DATE") }
    };
}

/// Prints the version of the program `P`, what it was built from, the machine that it was built
/// for, and what it `speaks`: names and versions of its contracts with others.
///
/// # Errors
/// Where standard output cannot be written to.
pub fn print_version<P: CommandFactory>(output: Output, built: Built, speaks: &[(&str, &str)]) -> Result<(), Failure> {
    let command = P::command();
    let (name, version) = (command.get_name(), command.get_version().unwrap_or_default());
    let built_for = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    let forms = SCHEMA_VERSION.to_string();
    let speaks = speaks.iter().copied().chain([("JSON output", forms.as_str())]);
    if output.is_table() {
        let commit = match (built.commit, built.date) {
            (Some(commit), Some(date)) => format!("commit: {commit} of {date}"),
            (Some(commit), None) => format!("commit: {commit}"),
            (None, _) => "commit: not known, because it was not built as a package".to_owned(),
        };
        let own = [format!("{name} {version}"), commit, format!("built for: {built_for}")];
        output.lines(own.into_iter().chain(speaks.map(|(what, version)| format!("{what}: {version}"))))?;
    } else {
        let own = [("program", name), ("version", version), ("built_for", &built_for)];
        let of_commit = [("commit", built.commit), ("commit_date", built.date)];
        let of_commit = of_commit.into_iter().filter_map(|(what, value)| Some((what, value?)));
        let fields = own.into_iter().chain(of_commit).chain(speaks);
        let fields = fields.map(|(what, version)| (what.replace(' ', "_").to_lowercase(), Value::from(version)));
        output.document(&Value::Object(fields.collect::<Map<_, _>>()))?;
    }
    Ok(())
}
