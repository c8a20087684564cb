//! Why the trials could not be carried out.

use pmp_aws::ApiError;
use pmp_catalog::{CatalogError, ChangeSetId};
use pmp_protocol::{ExperienceId, ProductId};
use pmp_terminal::Exit;

/// A step that failed. What came before it is in the record.
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
    /// The experience cannot show what is to be tried.
    #[error("`{0}` has no procurement policy")]
    NoPolicy(ExperienceId),
    /// Nothing on it can be moved and be put back.
    #[error("`{0}` has no rejected product without a note: only such a one can be approved and be put back")]
    NoProduct(ExperienceId),
    /// The product that is said not to exist is on one of its lists: it would be moved, and not be
    /// put back.
    #[error("`{product}` is on the lists of `{experience}`, where it is {standing}: nothing was changed")]
    Listed { product: ProductId, experience: ExperienceId, standing: &'static str },
    /// A change set that was to succeed.
    #[error("the change set `{id}` ended as {how}")]
    NotDone { id: ChangeSetId, how: String },
    /// One that takes longer than is waited for.
    #[error("the change set `{0}` has not ended after {1} minutes")]
    Endless(ChangeSetId, u64),
    /// What a change set did cannot be read.
    #[error("what the change set `{0}` did cannot be read {1} seconds after its end")]
    NotSeen(ChangeSetId, u64),
    /// Somebody else is at work.
    #[error("somebody else changed `{0}` meanwhile")]
    ChangedByOthers(ExperienceId),
}

impl VerifyError {
    /// For `map_err`: a call to the catalog that failed, with what was tried.
    pub(super) fn catalog(what: impl Into<String>) -> impl FnOnce(CatalogError) -> Self {
        let what = what.into();
        move |source| Self::Catalog { what, source }
    }

    /// The same for SNS and SQS.
    pub(super) fn api(what: impl Into<String>) -> impl FnOnce(ApiError) -> Self {
        let what = what.into();
        move |source| Self::Api { what, source }
    }

    /// How the program exits.
    pub(crate) fn exit(&self) -> Exit {
        if matches!(self, Self::Listed { .. }) { Exit::Refused } else { Exit::Error }
    }

    /// What the operator can do.
    pub(crate) fn hint(&self) -> Option<String> {
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
