//! What commands print that all programs have: `doctor`, `version`, `explain`, `config` and `env`.

// They are described, and never made.
#![allow(dead_code)]

use std::collections::BTreeMap;

use schemars::JsonSchema;

use crate::{Named, schema_of_document};

/// The schemas of the commands that `pmp-hub` and `pmp-spoke` have both, for one of the two.
#[must_use]
pub fn of_hub_and_spoke<const VERSION: u32>(program: &str) -> Vec<Named> {
    vec![
        schema_of_document::<Doctor, VERSION>(program, "doctor"),
        schema_of_document::<Configuration, VERSION>(program, "config show"),
        schema_of_document::<Contexts, VERSION>(program, "config contexts"),
        schema_of_document::<Environment, VERSION>(program, "env"),
        schema_of_document::<Explain, VERSION>(program, "explain"),
        schema_of_document::<Version, VERSION>(program, "version"),
    ]
}

/// What `doctor` found out.
#[derive(Debug, JsonSchema)]
struct Doctor {
    /// Each check, in the order in which they ran.
    checks: Vec<Check>,
}

/// What one check found.
#[derive(Debug, JsonSchema)]
struct Check {
    /// The name of the check.
    check: String,
    /// Which of several it is about, such as an experience; absent where there is only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    about: Option<String>,
    /// How the check ended.
    result: CheckResult,
    /// What was seen, in words.
    detail: String,
    /// What to do, one sentence for each fix.
    fixes: Vec<String>,
    /// The commands that do it, to be pasted in this order.
    commands: Vec<String>,
}

/// How a check ended.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum CheckResult {
    /// Nothing is wrong there.
    Ok,
    /// It works, and a person may want to change something.
    Warning,
    /// It does not work.
    Failed,
    /// It was not looked at, because something else failed or is not set.
    Skipped,
}

/// Which program this is. What it speaks besides stands in fields of its own.
#[derive(Debug, JsonSchema)]
pub struct Version {
    /// The name of the program.
    program: String,
    /// The version of the release.
    version: String,
    /// The system and the processor that it was built for.
    built_for: String,
    /// The commit that it was built from; absent where it was not built as a package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    /// The day of that commit; absent where it was not built as a package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    commit_date: Option<String>,
    /// The version of its JSON documents.
    json_output: String,
    /// The names and versions of its contracts with others.
    #[serde(flatten)]
    speaks: BTreeMap<String, String>,
}

/// What errors mean, and what to do.
#[derive(Debug, JsonSchema)]
pub struct Explain {
    /// The error whose code was named; absent without a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<Explained>,
    /// All errors, in the order of their pages; absent with a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<Explained>>,
}

/// What there is to say about the errors of one code.
#[derive(Debug, JsonSchema)]
struct Explained {
    /// The code, such as E4010.
    code: String,
    /// The error as it is told, with `…` for what differs from one to another.
    error: String,
    /// Why the error happens.
    cause: String,
    /// What to do about it.
    fix: String,
    /// Where to look next.
    look: String,
}

/// What is set, to what, and where it comes from.
#[derive(Debug, JsonSchema)]
struct Configuration {
    /// The context whose variables count; none where there is none.
    context: Option<String>,
    /// The configuration file that has this context.
    file: Option<String>,
    /// The settings that are set; with `--all`, the others as well.
    settings: Vec<SettingSet>,
}

/// A setting and where it comes from.
#[derive(Debug, JsonSchema)]
struct SettingSet {
    /// The name of the variable.
    variable: String,
    /// The flag of the same setting; none of a variable that has none.
    flag: Option<String>,
    /// What it is set to; none where it is not set, or not shown.
    value: Option<String>,
    /// Whether the value is kept back, because it may let somebody in.
    hidden: bool,
    /// Where the value comes from.
    from: From,
}

/// Where a setting comes from.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum From {
    /// A flag of this command.
    Flag,
    /// The environment of the program.
    Environment,
    /// The context of the configuration file.
    Context,
    /// It is not set.
    Unset,
}

/// The contexts of the configuration file.
#[derive(Debug, JsonSchema)]
struct Contexts {
    /// Path of the configuration file.
    file: String,
    /// The context that counts now; none where none does.
    context: Option<String>,
    /// All contexts, by name.
    contexts: Vec<String>,
}

/// The settings of a deployed function.
#[derive(Debug, JsonSchema)]
struct Environment {
    /// The function, as it was named.
    function: String,
    /// The region of the function; none where Lambda does not tell it.
    region: Option<String>,
    /// The variables that the function is configured with.
    variables: BTreeMap<String, String>,
}
