//! `env`: prints the settings of a deployed function in the form that a shell reads.

mod function;

use clap::Args;
use pmp_terminal::{Exit, Failure, Output, print_variables};
use serde_json::json;

use crate::error::sdk;

#[derive(Debug, Args)]
pub(crate) struct EnvArgs {
    /// The function: its name or ARN
    #[arg(long, value_name = "NAME")]
    function: String,
}

/// Prints the settings of the function. `program` tells which settings exist.
pub(crate) async fn print_environment(
    args: &EnvArgs,
    program: &clap::Command,
    output: Output,
) -> Result<Exit, Failure> {
    let sdk = sdk().await?;
    let variables = function::variables(&sdk, &args.function).await?;
    if output.is_table() {
        function::for_shell(&args.function, &variables)?;
        // What the function does not have does not come from a configuration file either.
        let set = variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let set = set.chain([("PMP_CONTEXT", "none")]);
        // A setting of the shell that the function does not have would count only here, so it is
        // unset.
        let known = function::settings(program);
        print_variables(
            set,
            known.iter().map(String::as_str).filter(|name| *name != "PMP_CONTEXT" && !variables.contains_key(*name)),
        )?;
    } else {
        output.document(&json!({"function": args.function, "variables": variables}))?;
    }
    Ok(Exit::Ok)
}
