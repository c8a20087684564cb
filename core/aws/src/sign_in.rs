//! Why there are no credentials, in a sentence with the command to run.

use std::error::Error;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;

use crate::cause::{Cause, Trouble, chain, root_cause};
use crate::profile::Profile;

const TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";

/// The same error as a person can read it.
pub(crate) fn explained(error: CredentialsError, profile: &Profile) -> CredentialsError {
    // The error already says so where the network is the cause.
    if chain(&error).any(|error| error.is::<Trouble>()) {
        return error;
    }
    match cause(&error, profile) {
        Some(cause) => CredentialsError::provider_error(Trouble(cause)),
        None => error,
    }
}

fn cause(error: &CredentialsError, profile: &Profile) -> Option<Cause> {
    let name = profile.name();
    if let Some(login) = profile.login().filter(|_| names(error, "credentials-login")) {
        return Some(Cause::with_fix(
            format!("the profile `{login}` signs in by `aws login`, which this program cannot read by itself"),
            format!("run `aws login --profile {login}`, then {}", exported(name)),
        ));
    }
    let refused = chain(error).find_map(|error| error.downcast_ref::<AssumeRoleError>());
    // The files of tokens, and the service that takes them, have many words for it.
    if let Some(center) = profile.identity_center().filter(|_| refused.is_none()) {
        return Some(Cause::with_fix(
            format!(
                "the profile `{center}` signs in by IAM Identity Center, and nobody is signed in ({})",
                root_cause(error)
            ),
            format!("run `aws sso login --profile {center}`"),
        ));
    }
    if let Some(refused) = refused {
        let said = said(refused);
        if let Some(mfa) = profile.mfa() {
            return Some(Cause::with_fix(
                format!(
                    "the role of the profile `{mfa}` takes a code of an MFA device, for which this program cannot ask ({said})"
                ),
                exported(name),
            ));
        }
        return Some(Cause::with_fix(
            format!("the role of the profile `{name}` could not be assumed: {said}"),
            "check `role_arn` and `external_id` of the profile, and the trust policy of the role",
        ));
    }
    if let Some(cause) = no_token(error, profile) {
        return Some(cause);
    }
    matches!(error, CredentialsError::CredentialsNotLoaded(_)).then(|| {
        Cause::from(format!(
            "no credentials were found in the environment, in the profile `{name}`, or at this machine (its role)"
        ))
    })
}

/// That the file of a web identity's token cannot be read: the SDK does not name it.
fn no_token(error: &CredentialsError, profile: &Profile) -> Option<Cause> {
    let problem = chain(error).find_map(|error| error.downcast_ref::<std::io::Error>())?;
    let (path, source) = match profile.token_file() {
        Some((name, path)) => (path.to_owned(), format!("`web_identity_token_file` of the profile `{name}`")),
        None => (std::env::var(TOKEN_FILE).ok()?, TOKEN_FILE.to_owned()),
    };
    Some(Cause::with_fix(
        format!("the file `{path}` of the web identity's token cannot be read: {problem}"),
        format!("check {source}, and that the platform puts the token there"),
    ))
}

/// That the program of a `credential_process` does not come to an end.
pub(crate) fn process_hangs(profile: &str, after: Duration) -> CredentialsError {
    let seconds = after.as_secs();
    CredentialsError::provider_error(Trouble(Cause::with_fix(
        format!("the `credential_process` of the profile `{profile}` gave no credentials within {seconds} s"),
        format!(
            "run it by hand: `aws configure export-credentials --profile {profile}`; it may wait for somebody to sign in"
        ),
    )))
}

/// How credentials of a profile come into the environment, by whatever the AWS CLI knows to get
/// them.
fn exported(profile: &str) -> String {
    format!("`eval \"$(aws configure export-credentials --profile {profile} --format env)\"`, and unset AWS_PROFILE")
}

/// That another account's role was refused.
pub(crate) fn role_refused(error: CredentialsError, role: &str, advice: &str) -> CredentialsError {
    let refused = chain(&error).find_map(|error| error.downcast_ref::<AssumeRoleError>());
    let cause = refused
        .map(|refused| Cause::with_fix(format!("the role `{role}` could not be assumed: {}", said(refused)), advice));
    match cause {
        Some(cause) => CredentialsError::provider_error(Trouble(cause)),
        None => error,
    }
}

fn said(refused: &AssumeRoleError) -> String {
    let code = refused.code().unwrap_or("Unknown");
    format!("{code}: {}", refused.message().unwrap_or("no message"))
}

/// Whether an error in the chain has this in its text.
fn names(error: &(dyn Error + 'static), text: &str) -> bool {
    chain(error).any(|error| error.to_string().contains(text))
}
