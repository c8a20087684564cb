//! Why a call came to nothing, in words for a person, with what can be done where that is known.

use std::error::Error;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_types::error::metadata::ErrorMetadata;

/// A cause, and what the operator can do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    text: String,
    fix: Option<Box<str>>,
}

impl Cause {
    /// A cause for which this can be done.
    pub(crate) fn with_fix(text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { text: text.into(), fix: Some(fix.into().into_boxed_str()) }
    }

    /// The cause of an error of the SDK: what this crate found out about it, or its innermost
    /// source. The SDK's own layers ("dispatch failure") tell an operator nothing.
    #[must_use]
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        match chain(error).find_map(|error| error.downcast_ref::<Trouble>()) {
            Some(trouble) => trouble.0.clone(),
            // The last source of credentials that was asked says why it has none, and nobody learns
            // from that alone that there are none.
            None => match chain(error).find_map(|error| error.downcast_ref::<CredentialsError>()) {
                Some(problem) => {
                    let cause = root_cause(error);
                    let cause = cause.trim_end_matches('.');
                    let is_none =
                        matches!(problem, CredentialsError::CredentialsNotLoaded(_)) || cause.contains("IMDS");
                    let what =
                        if is_none { "no credentials were found" } else { "the credentials could not be obtained" };
                    Self::from(format!("{what} ({cause})"))
                }
                None => Self::from(root_cause(error)),
            },
        }
    }

    /// The cause, in words for a person.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the operator can do.
    #[must_use]
    pub fn fix(&self) -> Option<&str> {
        self.fix.as_deref()
    }
}

impl From<String> for Cause {
    fn from(text: String) -> Self {
        Self { text, fix: None }
    }
}

impl From<&str> for Cause {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A cause on its way through the layers of the SDK. It has no source: it says what its source
/// meant.
#[derive(Debug)]
pub(crate) struct Trouble(pub(crate) Cause);

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Trouble {}

impl Trouble {
    pub(crate) fn boxed(cause: Cause) -> BoxError {
        Box::new(Self(cause))
    }
}

/// An error and all its sources. An [`std::io::Error`] hides the one that it wraps: its `source` is
/// that one's source.
pub(crate) fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| match error.downcast_ref::<std::io::Error>() {
        Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    })
}

/// The innermost cause of an error of the SDK.
#[must_use]
pub fn root_cause(error: &(dyn Error + 'static)) -> String {
    let cause = chain(error).last().unwrap_or(error);
    // Its own text is one for programmers.
    match cause.downcast_ref::<ErrorMetadata>() {
        Some(metadata) => {
            let (code, message) = (metadata.code().unwrap_or("Unknown"), metadata.message().unwrap_or("no message"));
            format!("{code}: {message}")
        }
        None => cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_out_is_told_wherever_it_stands_in_the_chain() {
        let trouble = || std::io::Error::other(Trouble(Cause::with_fix("the proxy is gone", "start it")));
        let outer = std::io::Error::other(trouble());
        assert_eq!(Cause::of(&outer), Cause::with_fix("the proxy is gone", "start it"));
        let plain = std::io::Error::other(std::io::Error::other("refused"));
        assert_eq!((Cause::of(&plain).text(), Cause::of(&plain).fix()), ("refused", None));
    }
}
