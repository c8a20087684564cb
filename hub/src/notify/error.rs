//! Why operations could not be told.

use pmp_aws::ApiError;
use pmp_ledger::LedgerError;
use pmp_protocol::{ExperienceId, Hint};

/// A step of telling operations that failed. Publishing never fails by it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotifyError {
    /// The ledger could not be read or written. What was written before stays.
    #[error("cannot use the ledger to tell operations what changed")]
    Ledger(#[from] LedgerError),
    /// What was told last is not understood.
    #[error("what operations was told last of `{experience}` cannot be read or written")]
    Told {
        /// Management experience of the fleet.
        experience: ExperienceId,
        /// What is wrong with the document.
        #[source]
        source: serde_json::Error,
    },
    /// The look at the fleet took too long to be one.
    #[error("to look at the fleet took more than {minutes} minutes, several times in a row")]
    Slow {
        /// The longest that a look may take.
        minutes: i64,
    },
    /// The topic did not take a notification, which the next run sends again.
    #[error("cannot send a notification to the topic of operations")]
    Topic(#[source] ApiError),
}

pmp_protocol::codes!(NotifyError {
    Ledger(source) => source,
    Told => "E4029",
    Slow => "E4030",
    Topic(source) => source,
});

impl Hint for NotifyError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Ledger(source) => source.hint(),
            Self::Told { .. } => Some(
                "a newer release wrote it, or somebody by hand: look at the items `told#…` of the partition `hub#told` in the \
                 table of receipts; where they are deleted, everything that is wrong now is told once more"
                    .to_owned(),
            ),
            Self::Slow { .. } => Some(
                "look at the table's throttles, and at the clock of this machine; the next run tries again".to_owned(),
            ),
            Self::Topic(error) if error.code().is_some_and(|code| code.starts_with("NotFound")) => Some(
                "check --notify-topic-arn (PMP_NOTIFY_TOPIC_ARN): region, account and name; the hub does not make it"
                    .to_owned(),
            ),
            Self::Topic(error) => error.hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use pmp_aws::Outcome;

    use super::*;

    #[test]
    fn every_error_passes_on_the_hint_of_what_it_wraps() {
        let api = || ApiError::of("sns:Publish", Outcome::NoAnswer("timed out".into()));
        assert!(api().hint().is_some());
        let ledger = LedgerError::Api { table: "SyncTimestamps".parse().unwrap(), error: api() };
        for error in [NotifyError::Ledger(ledger), NotifyError::Topic(api())] {
            assert_eq!(error.hint(), api().hint(), "{error}");
        }
        let refused = |code: &str| Outcome::Refused {
            code: code.to_owned(),
            message: "no".to_owned(),
            status: 404,
            request_id: None,
        };
        let gone = NotifyError::Topic(ApiError::of("sns:Publish", refused("NotFound")));
        assert!(gone.hint().unwrap().contains("PMP_NOTIFY_TOPIC_ARN"));
    }
}
