//! Reads the settings of a deployed function, so that a person can run `plan`, `sync` and `doctor`
//! with exactly these.

use std::collections::{BTreeMap, BTreeSet};

use aws_config::SdkConfig;
use pmp_aws::ApiError;
use pmp_protocol::Hint;
use pmp_terminal::is_variable_name;

/// The reason why the settings of a function cannot be printed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnvError {
    /// Lambda refused, or could not be reached.
    #[error("cannot read the settings of the function `{function}`")]
    #[cfg_attr(not(feature = "functions"), expect(dead_code, reason = "this build does not ask"))]
    Get {
        function: String,
        #[source]
        source: ApiError,
    },
    /// Lambda answered, but could not decrypt the variables.
    #[error("Lambda cannot decrypt the settings of the function `{function}`: {message}")]
    #[cfg_attr(not(feature = "functions"), expect(dead_code, reason = "this build does not ask"))]
    Encrypted { function: String, message: String },
    /// A variable whose name a shell would interpret.
    #[error("the function `{function}` has a variable that no shell can set: `{name}`")]
    Name { function: String, name: String },
    /// The function has none of a spoke's settings, so it is another function.
    #[error("the function `{0}` has no settings of a spoke: no variable whose name begins with PMP_")]
    NoSettings(String),
    /// This build has no client for Lambda.
    #[cfg(not(feature = "functions"))]
    #[error("this build does not read the settings of functions")]
    NoFunctions,
}

impl Hint for EnvError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Get { source, .. } if source.code() == Some("ResourceNotFoundException") => {
                Some("check name, account and region: AWS_PROFILE, AWS_REGION; the spoke's stack names it in its output FunctionName".to_owned())
            }
            Self::Get { source, .. } => source.hint(),
            Self::Encrypted { .. } => Some("grant `kms:Decrypt` on the function's key to the calling role or user".to_owned()),
            Self::NoSettings(_) => {
                Some("name the spoke's function: its stack names it in its output FunctionName".to_owned())
            }
            Self::Name { .. } => Some("use `-o json`".to_owned()),
            #[cfg(not(feature = "functions"))]
            Self::NoFunctions => Some("build pmp-spoke with its default features".to_owned()),
        }
    }
}

/// The prefix of the names of this system's settings.
#[cfg(feature = "functions")]
const OURS: &str = "PMP_";

/// The variables of `function`, which is a name or an ARN.
#[cfg(feature = "functions")]
pub(crate) async fn variables(sdk: &SdkConfig, function: &str) -> Result<BTreeMap<String, String>, EnvError> {
    // An ARN names the region of its function.
    let sdk = pmp_aws::in_region_of(sdk, function);
    let call = aws_sdk_lambda::Client::new(&sdk).get_function_configuration().function_name(function);
    let answer = call.send().await.map_err(|error| EnvError::Get {
        function: function.to_owned(),
        source: ApiError::new("lambda:GetFunctionConfiguration", &error),
    })?;
    let environment = answer.environment.ok_or_else(|| EnvError::NoSettings(function.to_owned()))?;
    if let Some(error) = environment.error {
        let message = error.message.unwrap_or_else(|| "it does not say why".to_owned());
        return Err(EnvError::Encrypted { function: function.to_owned(), message });
    }
    let variables: BTreeMap<_, _> = environment.variables.unwrap_or_default().into_iter().collect();
    if !variables.keys().any(|name| name.starts_with(OURS)) {
        return Err(EnvError::NoSettings(function.to_owned()));
    }
    Ok(variables)
}

/// Always fails, because this build has no client for Lambda.
#[cfg(not(feature = "functions"))]
pub(crate) async fn variables(_: &SdkConfig, _: &str) -> Result<BTreeMap<String, String>, EnvError> {
    Err(EnvError::NoFunctions)
}

/// Checks that a shell can set all variables.
pub(crate) fn for_shell(function: &str, variables: &BTreeMap<String, String>) -> Result<(), EnvError> {
    match variables.keys().find(|name| !is_variable_name(name)) {
        Some(name) => Err(EnvError::Name { function: function.to_owned(), name: name.clone() }),
        None => Ok(()),
    }
}

/// The variables that a program and its commands read as settings.
pub(crate) fn settings(command: &clap::Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(|argument| argument.get_env()?.to_str().map(str::to_owned));
    own.chain(command.get_subcommands().flat_map(settings)).collect()
}

#[cfg(test)]
mod tests {
    use pmp_aws::Outcome;

    use super::*;

    #[test]
    fn a_failed_call_keeps_its_hint() {
        let source = ApiError::of("lambda:GetFunctionConfiguration", Outcome::NoAnswer("timed out".into()));
        let hint = source.hint();
        assert!(hint.is_some());
        assert_eq!(EnvError::Get { function: "spoke".to_owned(), source }.hint(), hint);
    }
}
