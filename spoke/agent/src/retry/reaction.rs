//! The executor's reaction to each error. Operators find the same table in
//! `docs/catalog-errors.md`; a test compares the two.

use pmp_catalog::ErrorClass;

/// The executor's reaction to an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// Back off, and send the same request again, with the same token, so that it is never applied
    /// twice. Bounded.
    AskAgain,
    /// Wait until a change set of this spoke ends, and send the same request again. Bounded.
    AwaitOwn,
    /// Find the change set that locks the experience, wait for its end, then read and plan anew.
    AwaitHolder,
    /// Read and plan anew.
    LookAgain,
    /// Find the outcome of the request, as for a change set that locks the experience. Then ask
    /// with another token.
    AskAnew,
    /// Ask for fewer products at once.
    AskForFewer,
    /// Set the batch aside if the catalog names one of its products, and find that product by
    /// halving. Otherwise read anew, ask once more with another token, and then give up.
    Suspect,
    /// End the experience for this pass. Its receipt says what is missing or wrong.
    GiveUp,
}

impl Reaction {
    /// The reaction to an error of `StartChangeSet` or of a read. Polls of a running change set are
    /// repeated after any error, within bounds: see `poller`.
    pub(crate) fn to(class: ErrorClass) -> Self {
        match class {
            ErrorClass::Locked => Self::AwaitHolder,
            ErrorClass::Throttled | ErrorClass::Transient => Self::AskAgain,
            ErrorClass::QuotaExceeded => Self::AwaitOwn,
            ErrorClass::StaleRevision => Self::LookAgain,
            ErrorClass::KnownToken => Self::AskAnew,
            ErrorClass::TooManyIds => Self::AskForFewer,
            ErrorClass::Invalid => Self::Suspect,
            ErrorClass::AccessDenied | ErrorClass::NotFound | ErrorClass::Unexpected => Self::GiveUp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = include_str!("../../../../docs/catalog-errors.md");

    #[test]
    fn the_document_has_the_same_table() {
        let classes = [
            ErrorClass::Locked,
            ErrorClass::Throttled,
            ErrorClass::QuotaExceeded,
            ErrorClass::StaleRevision,
            ErrorClass::KnownToken,
            ErrorClass::TooManyIds,
            ErrorClass::Invalid,
            ErrorClass::AccessDenied,
            ErrorClass::NotFound,
            ErrorClass::Transient,
            ErrorClass::Unexpected,
        ];
        for class in classes {
            let row = format!("| `{class:?}` | `{:?}` |", Reaction::to(class));
            assert!(DOCUMENT.contains(&row), "docs/catalog-errors.md has no row {row}");
        }
        assert_eq!(DOCUMENT.matches("` | `").count(), classes.len(), "a row too many");
    }
}
