//! Credentials, looked at before anything is signed with them: what came along when they were
//! copied (a line break at the end, a blank, a character of another script) makes the SDK's signer
//! end the process, and AWS refuse the signature with a text about something else.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};

use tokio::time::timeout;

use crate::profile::Profile;
use crate::sign_in::{explained, process_hangs, role_refused};

/// How long the program of a profile's `credential_process` may take. One that asks a person for
/// something it cannot get here would wait for ever, and the call with it.
const PROCESS_MAY_TAKE: Duration = Duration::from_secs(20);

/// Provides what another provider does, where it can be used; and says in words why there is
/// nothing.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) inner: SharedCredentialsProvider,
    /// The profile in force.
    pub(crate) profile: Profile,
}

impl ProvideCredentials for Checked {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.checked())
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.inner.fallback_on_interrupt().filter(|credentials| problem(credentials, &in_environment).is_none())
    }
}

impl Checked {
    async fn checked(&self) -> provider::Result {
        let credentials = match self.profile.credential_process() {
            Some(profile) => match timeout(PROCESS_MAY_TAKE, self.inner.provide_credentials()).await {
                Ok(credentials) => credentials,
                Err(_) => Err(process_hangs(profile, PROCESS_MAY_TAKE)),
            },
            None => self.inner.provide_credentials().await,
        };
        let credentials = credentials.map_err(|error| explained(error, &self.profile))?;
        match problem(&credentials, &in_environment) {
            None => Ok(credentials),
            Some(problem) => Err(CredentialsError::invalid_configuration(problem)),
        }
    }
}

/// Provides the credentials of another account's role, and says in words why it was refused.
#[derive(Debug)]
pub(crate) struct OfRole<T> {
    pub(crate) inner: T,
    /// ARN of the role.
    pub(crate) arn: String,
    /// What to check where it is refused.
    pub(crate) advice: &'static str,
}

impl<T: ProvideCredentials> ProvideCredentials for OfRole<T> {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let asked = async {
            let credentials = self.inner.provide_credentials().await;
            credentials.map_err(|error| role_refused(error, &self.arn, self.advice))
        };
        future::ProvideCredentials::new(asked)
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.inner.fallback_on_interrupt()
    }
}

fn in_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// What is wrong with credentials, without telling them; none where nothing is.
fn problem(credentials: &Credentials, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let parts = [
        ("the access key id", "AWS_ACCESS_KEY_ID", Some(credentials.access_key_id())),
        ("the secret access key", "AWS_SECRET_ACCESS_KEY", Some(credentials.secret_access_key())),
        ("the session token", "AWS_SESSION_TOKEN", credentials.session_token()),
    ];
    parts.into_iter().find_map(|(what, name, value)| {
        let value = value?;
        let place = odd(value)?;
        let from = if variable(name).as_deref() == Some(value) { name } else { "of the profile or role" };
        Some(format!("{what} ({from}) {place}: it was copied with something that does not belong to it"))
    })
}

/// What in a credential cannot be of it, and where.
fn odd(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some("is empty".to_owned());
    }
    let (place, letter) = text.char_indices().find(|(_, letter)| !letter.is_ascii_graphic())?;
    let name = match letter {
        ' ' => "a blank".to_owned(),
        '\n' => "a line break".to_owned(),
        '\r' => "a carriage return".to_owned(),
        '\t' => "a tab".to_owned(),
        other => format!("the character U+{:04X}", u32::from(other)),
    };
    let at_end = text[place..].chars().all(|rest| !rest.is_ascii_graphic());
    Some(match place {
        0 => format!("begins with {name}"),
        _ if at_end => format!("ends with {name}"),
        _ => format!("has {name} in it"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_belong_to_a_credential_is_named_without_the_credential() {
        let told = |key: &str, secret: &str, token: Option<&str>| {
            let credentials = Credentials::new(key, secret, token.map(str::to_owned), None, "test");
            problem(&credentials, &|name| (name == "AWS_SECRET_ACCESS_KEY").then(|| secret.to_owned()))
        };
        assert_eq!(told("AKIA1", "abc/+=", Some("IQoJ//=")), None);
        let copied = "it was copied with something that does not belong to it";
        assert_eq!(
            told("AKIA1", "abc\n", None).unwrap(),
            format!("the secret access key (AWS_SECRET_ACCESS_KEY) ends with a line break: {copied}")
        );
        assert_eq!(
            told("\u{feff}AKIA1", "abc", None).unwrap(),
            format!("the access key id (of the profile or role) begins with the character U+FEFF: {copied}")
        );
        assert_eq!(
            told("AKIA1", "abc", Some("a b")).unwrap(),
            format!("the session token (of the profile or role) has a blank in it: {copied}")
        );
        assert!(told("AKIA1", "ab\u{2011}c \r", None).unwrap().contains("has the character U+2011 in it"));
        assert!(told("", "abc", None).unwrap().starts_with("the access key id (of the profile or role) is empty"));
    }
}
