//! `env` of both programs: prints the settings of a deployed function, so that a person on a
//! workstation can run the other commands with exactly these.
//!
//! For a shell it prints the variables of the function and its region, and unsets every other
//! setting of the program. For the configuration file it prints a context. Credentials are the
//! person's own: a function's settings hold none.

mod function;

use clap::Args;
use pmp_terminal::{Exit, Failure, Output, print_context, print_variables};
use serde_json::json;

pub use function::{EnvError, Kind};

/// The function, and the form of what is printed.
#[derive(Debug, Args)]
pub struct EnvArgs {
    /// The function: its name or ARN
    #[arg(long, value_name = "NAME")]
    function: String,
    /// Print a context of this name for the configuration file, in place of commands for a shell
    #[arg(long, value_name = "CONTEXT")]
    for_context: Option<String>,
}

/// Prints the settings of the function. `program` tells which settings exist.
///
/// # Errors
/// If Lambda does not tell them, or if they are another program's.
pub async fn print_environment(
    args: &EnvArgs,
    kind: &Kind,
    program: &clap::Command,
    output: Output,
) -> Result<Exit, Failure> {
    let sdk = pmp_aws::load(kind.program).await?;
    let found = function::look(&sdk, &args.function, kind).await?;
    if let Some(context) = &args.for_context {
        print_context(context, kind.program, &found.with_region())?;
        return Ok(Exit::Ok);
    }
    if !output.is_table() {
        output.document(&json!({
            "function": args.function,
            "region": found.region,
            "variables": found.variables,
        }))?;
        return Ok(Exit::Ok);
    }
    found.for_shell(&args.function)?;
    let (known, variables) = (function::settings(program), found.with_region());
    // What the function does not have does not come from a configuration file either.
    let set = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain([("PMP_CONTEXT", "none")]);
    // A setting of the shell that the function does not have would count only here, so it is unset.
    let others = known.iter().map(String::as_str);
    let others = others.filter(|name| *name != "PMP_CONTEXT" && !found.variables.contains_key(*name));
    print_variables(set, others)?;
    Ok(Exit::Ok)
}
