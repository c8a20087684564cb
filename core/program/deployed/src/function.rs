//! Reads the settings of a deployed function.

use std::collections::{BTreeMap, BTreeSet};

use aws_config::SdkConfig;
use pmp_aws::ApiError;
#[cfg(feature = "functions")]
use pmp_aws::Arn;
use pmp_protocol::Hint;
use pmp_terminal::is_variable_name;

/// The reason why the settings of a function cannot be printed.
#[derive(Debug, thiserror::Error)]
pub enum EnvError {
    /// Lambda refused, or could not be reached.
    #[error("cannot read the settings of the function `{function}`")]
    Get {
        /// The function, as it was named.
        function: String,
        /// The error that Lambda answered with.
        #[source]
        source: ApiError,
    },
    /// Lambda answered, but could not decrypt the variables.
    #[error("Lambda cannot decrypt the settings of the function `{function}`: {message}")]
    Encrypted {
        /// The function, as it was named.
        function: String,
        /// The reason in Lambda's words.
        message: String,
    },
    /// A variable whose name a shell would interpret.
    #[error("the function `{function}` has a variable that no shell can set: `{name}`")]
    Name {
        /// The function, as it was named.
        function: String,
        /// The name of the variable.
        name: String,
    },
    /// The function has none of this system's settings, so it is another function.
    #[error("the function `{function}` has no settings of a {}: no variable whose name begins with PMP_", kind.role)]
    NoSettings {
        /// The function, as it was named.
        function: String,
        /// What it was expected to be.
        kind: Kind,
    },
    /// The function has settings of the other program.
    #[error("the function `{function}` is not a {}'s: it sets {}", kind.role, kind.never)]
    Another {
        /// The function, as it was named.
        function: String,
        /// What it was expected to be.
        kind: Kind,
    },
    /// This build has no client for Lambda.
    #[cfg(any(test, not(feature = "functions")))]
    #[error("this build does not read the settings of functions")]
    NoFunctions,
}

/// What a function is expected to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The program that runs in it.
    pub program: &'static str,
    /// The word for it: `hub` or `spoke`.
    pub role: &'static str,
    /// A variable that every function of the other program sets, and none of this.
    pub never: &'static str,
}

/// The settings of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The variables that it is configured with.
    pub(crate) variables: BTreeMap<String, String>,
    /// Its region, by its ARN. Lambda tells a function that by itself, so no variable holds it.
    pub(crate) region: Option<String>,
}

impl Found {
    /// The variables with that of the region, which plain names of tables depend on.
    pub(crate) fn with_region(&self) -> BTreeMap<String, String> {
        let region = self.region.iter().map(|region| ("AWS_REGION".to_owned(), region.clone()));
        self.variables.clone().into_iter().chain(region).collect()
    }

    /// Checks that a shell can set all variables.
    pub(crate) fn for_shell(&self, function: &str) -> Result<(), EnvError> {
        match self.variables.keys().find(|name| !is_variable_name(name)) {
            Some(name) => Err(EnvError::Name { function: function.to_owned(), name: name.clone() }),
            None => Ok(()),
        }
    }
}

pmp_protocol::codes!(EnvError {
    Get { source } => source,
    Encrypted => "E1701",
    Name => "E1702",
    NoSettings => "E1703",
    Another => "E1704",
    #[cfg(any(test, not(feature = "functions")))]
    NoFunctions => "E1705",
});

impl Hint for EnvError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Get { source, .. } if source.code() == Some("ResourceNotFoundException") => Some(
                "check name, account and region: AWS_PROFILE, AWS_REGION; the templates call the functions PREFIX-hub and PREFIX-spoke"
                    .to_owned(),
            ),
            Self::Get { source, .. } => source.hint(),
            Self::Encrypted { .. } => {
                Some("grant `kms:Decrypt` on the function's key to the calling role or user".to_owned())
            }
            Self::NoSettings { kind, .. } | Self::Another { kind, .. } => {
                Some(format!("name the {0}'s function, which the templates call PREFIX-{0}", kind.role))
            }
            Self::Name { .. } => Some("use `-o json`".to_owned()),
            #[cfg(any(test, not(feature = "functions")))]
            Self::NoFunctions => Some("build the program with its default features".to_owned()),
        }
    }
}

/// The prefix of the names of this system's settings.
#[cfg(feature = "functions")]
const OURS: &str = "PMP_";

/// The settings of `function`, which is a name or an ARN.
#[cfg(feature = "functions")]
pub(crate) async fn look(sdk: &SdkConfig, function: &str, kind: &Kind) -> Result<Found, EnvError> {
    let named = || function.to_owned();
    // An ARN names the region of its function.
    let sdk = pmp_aws::in_region_of(sdk, function);
    let call = aws_sdk_lambda::Client::new(&sdk).get_function_configuration().function_name(function);
    let answer = call.send().await.map_err(|error| EnvError::Get {
        function: named(),
        source: ApiError::new("lambda:GetFunctionConfiguration", &error),
    })?;
    let region = answer.function_arn.and_then(|arn| Some(arn.parse::<Arn>().ok()?.region().to_owned()));
    let environment = answer.environment.ok_or_else(|| EnvError::NoSettings { function: named(), kind: *kind })?;
    if let Some(error) = environment.error {
        let message = error.message.unwrap_or_else(|| "it does not say why".to_owned());
        return Err(EnvError::Encrypted { function: named(), message });
    }
    let variables: BTreeMap<_, _> = environment.variables.unwrap_or_default().into_iter().collect();
    if !variables.keys().any(|name| name.starts_with(OURS)) {
        return Err(EnvError::NoSettings { function: named(), kind: *kind });
    }
    if variables.contains_key(kind.never) {
        return Err(EnvError::Another { function: named(), kind: *kind });
    }
    Ok(Found { variables, region: region.filter(|region| !region.is_empty()) })
}

/// Always fails, because this build has no client for Lambda.
#[cfg(any(test, not(feature = "functions")))]
pub(crate) async fn look_without_client(_: &SdkConfig, _: &str, _: &Kind) -> Result<Found, EnvError> {
    Err(EnvError::NoFunctions)
}

#[cfg(not(feature = "functions"))]
pub(crate) use look_without_client as look;

/// The variables that a program and its commands read as settings.
pub(crate) fn settings(command: &clap::Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(|argument| argument.get_env()?.to_str().map(str::to_owned));
    own.chain(command.get_subcommands().flat_map(settings)).collect()
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use pmp_aws::Outcome;
    use pmp_protocol::Coded as _;

    use super::*;

    #[test]
    fn a_build_without_a_client_for_lambda_says_so() {
        let kind = Kind { program: "pmp-hub", role: "hub", never: "PMP_QUEUE_URL" };
        let sdk = SdkConfig::builder().build();
        let look = pin!(look_without_client(&sdk, "pmp-sync-hub", &kind));
        // It waits for nothing.
        let Poll::Ready(Err(error)) = look.poll(&mut Context::from_waker(Waker::noop())) else { panic!() };
        assert_eq!(error.code().to_string(), "E1705");
        assert!(error.hint().unwrap().contains("default features"));
    }

    #[test]
    fn a_failed_call_keeps_its_hint() {
        let source = ApiError::of("lambda:GetFunctionConfiguration", Outcome::NoAnswer("timed out".into()));
        let hint = source.hint();
        assert!(hint.is_some());
        assert_eq!(EnvError::Get { function: "spoke".to_owned(), source }.hint(), hint);
    }
}
