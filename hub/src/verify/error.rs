//! The errors that end the trials.

use pmp_aws::ApiError;
use pmp_catalog::{CatalogError, ChangeSetId};
use pmp_protocol::{ExperienceId, Hint, ProductId};
use pmp_terminal::Exit;

/// A step that failed. The record holds everything that came before it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VerifyError {
    /// A call to the catalog.
    #[error("{what}")]
    Catalog {
        /// What was tried: `cannot list experiences`.
        what: String,
        #[source]
        source: CatalogError,
    },
    /// A call to SNS or SQS.
    #[error("{what}")]
    Api {
        what: String,
        #[source]
        source: ApiError,
    },
    /// The experience has no policy, so it cannot show the behaviour.
    #[error("`{0}` has no procurement policy")]
    NoPolicy(ExperienceId),
    /// No product on its lists can be moved and put back.
    #[error("`{0}` has no rejected product without a note: only such a one can be approved and be put back")]
    NoProduct(ExperienceId),
    /// The product that should not exist is on one of its lists: it would be moved, and not put
    /// back.
    #[error("`{product}` is on the lists of `{experience}`, where it is {standing}: nothing was changed")]
    Listed { product: ProductId, experience: ExperienceId, standing: &'static str },
    /// A change set ended without success.
    #[error("the change set `{id}` ended as {how}")]
    NotDone { id: ChangeSetId, how: String },
    /// A change set takes longer than the trials wait, in minutes.
    #[error("the change set `{0}` has not ended after {1} minutes")]
    Endless(ChangeSetId, u64),
    /// The effect of a change set cannot be read, after this many seconds.
    #[error("what the change set `{0}` did cannot be read {1} seconds after its end")]
    NotSeen(ChangeSetId, u64),
    /// Somebody else changes the experience at the same time.
    #[error("somebody else changed `{0}` meanwhile")]
    ChangedByOthers(ExperienceId),
}

impl VerifyError {
    /// For `map_err`: a failed call to the catalog, with the operation that was tried.
    pub(super) fn catalog(what: impl Into<String>) -> impl FnOnce(CatalogError) -> Self {
        let what = what.into();
        move |source| Self::Catalog { what, source }
    }

    /// For `map_err`: a failed call to SNS or SQS, with the operation that was tried.
    pub(super) fn api(what: impl Into<String>) -> impl FnOnce(ApiError) -> Self {
        let what = what.into();
        move |source| Self::Api { what, source }
    }

    /// The program's exit code for this error.
    pub(crate) fn exit(&self) -> Exit {
        if matches!(self, Self::Listed { .. }) { Exit::Refused } else { Exit::Error }
    }
}

pmp_protocol::codes!(VerifyError {
    Catalog { source } => source,
    Api { source } => source,
    NoPolicy => "E4101",
    NoProduct => "E4102",
    Listed => "E4103",
    NotDone => "E4104",
    Endless => "E4105",
    NotSeen => "E4106",
    ChangedByOthers => "E4107",
});

impl Hint for VerifyError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Catalog { source, .. } => source.hint(),
            Self::Api { source, .. } => source.hint(),
            Self::NoPolicy(_) => {
                Some("name an experience that has one, made for this: see docs/first-day.md".to_owned())
            }
            Self::NoProduct(_) => Some("reject a product there, in the console, and run this again".to_owned()),
            Self::Listed { .. } => Some(
                "name a product with --unknown-product that does not exist, of the right form, such as prod-aaaaaaaaaaaaa"
                    .to_owned(),
            ),
            Self::ChangedByOthers(_) => Some("run this again when nobody else works on it".to_owned()),
            Self::NotDone { .. } | Self::Endless(..) | Self::NotSeen(..) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use pmp_aws::Outcome;

    use super::*;

    #[test]
    fn a_failed_call_keeps_its_hint() {
        let api = || ApiError::of("sns:CreateTopic", Outcome::NoAnswer("timed out".into()));
        let hint = api().hint();
        assert!(hint.is_some());
        assert_eq!(VerifyError::api("cannot make a topic")(api()).hint(), hint);
        assert_eq!(VerifyError::catalog("cannot list")(CatalogError::Api(api())).hint(), hint);
    }
}
