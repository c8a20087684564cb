//! Why a pass as a whole could not be made. What fails for one experience is in its receipt instead
//! (rule 3).

use aws_config::SdkConfig;
use pmp_aws::{ApiError, Refuser};
use pmp_catalog::CatalogError;
use pmp_ledger::LedgerError;
use pmp_protocol::{ExperienceId, Hint, OrganizationId, SnapshotVersion, one_line};
use pmp_runtime::Stop;
use pmp_signature::Refusal;
use pmp_terminal::Failure;

use crate::not_obeyed::{NotObeyed, Whose};

/// A step that failed for all experiences.
#[derive(Debug, thiserror::Error)]
pub enum SpokeError {
    /// A call to one of the ledger's tables failed.
    #[error("cannot use the ledger")]
    Ledger(#[from] LedgerError),
    /// The hub has not stored a snapshot yet.
    #[error("the ledger holds no snapshot of `{0}` yet")]
    NoSnapshot(ExperienceId),
    /// The ledger was restored to an earlier moment.
    #[error(
        "the ledger was restored to an earlier moment: snapshot {stored} was stored, and {} is in force now; nothing is changed \
         until the hub goes on",
        .head.map_or_else(|| "none".to_owned(), |head| if head == *stored { format!("another {head}") } else { head.to_string() })
    )]
    Restored {
        /// The newest version that it holds.
        head: Option<SnapshotVersion>,
        /// The newest version that it ever held.
        stored: SnapshotVersion,
    },
    /// The head is not one that the trusted keys vouch for. Nothing is changed.
    #[error("snapshot {version} of the ledger is not trusted; nothing is changed")]
    Untrusted {
        /// Version that the head names.
        version: SnapshotVersion,
        /// Why the head is not trusted.
        #[source]
        refusal: Refusal,
    },
    /// What operators direct cannot be read or verified. Nothing is changed.
    #[error("{whose} is not obeyed; nothing is changed")]
    NotObeyed {
        /// For whom it is.
        whose: Whose,
        /// Why it is not obeyed.
        #[source]
        problem: NotObeyed,
    },
    /// Told to stop before the end. What was begun is in the live state, and the next run goes on
    /// from there.
    #[error("{0}, before the end; the next run goes on from the live state")]
    Stopped(String),
    /// Another spoke of the organization holds its lease.
    #[error("another spoke of `{organization}` is at work: {holder}")]
    Leased {
        /// Organization whose lease is held.
        organization: OrganizationId,
        /// Who, since when, until when.
        holder: String,
    },
    /// The member experiences could not be listed.
    #[error("cannot list the member experiences")]
    List(#[source] CatalogError),
    /// AWS would not tell which organization and account this is.
    #[error("cannot find out which {what} this is")]
    Identity {
        /// Which was asked for: `organization` or `account`.
        what: &'static str,
        /// Answer or failure of the call.
        #[source]
        source: ApiError,
    },
    /// This build has no client for AWS Organizations.
    #[error("cannot find out which organization this is: this build does not ask AWS Organizations")]
    NoOrganizations,
    /// An answer about the organization or account that is not one.
    #[error("AWS answered with an {what} id that is not one: {problem}")]
    UnexpectedIdentity {
        /// Which was asked for: `organization` or `account`.
        what: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A call to the queue failed.
    #[error("cannot use the queue `{queue}`")]
    Queue {
        /// Its URL or name.
        queue: String,
        /// Answer or failure of the call.
        #[source]
        source: ApiError,
    },
    /// The queue's policy is not one that can be extended.
    #[error("the policy of the queue `{queue}` cannot be extended: {problem}")]
    QueuePolicy {
        /// URL of the queue.
        queue: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The queue could not be subscribed to the topic.
    #[error("cannot subscribe to the topic `{topic}`")]
    Subscribe {
        /// ARN of the topic.
        topic: String,
        /// Answer or failure of the call.
        #[source]
        source: ApiError,
    },
}

impl SpokeError {
    /// The error of a pass that was stopped before its end, with the reason of `stop`.
    pub(crate) fn stopped(stop: &Stop) -> Self {
        Self::Stopped(stop.reason().map_or_else(|| "told to stop".to_owned(), ToString::to_string))
    }
}

pmp_protocol::codes!(SpokeError {
    Ledger(source) => source,
    NoSnapshot => "E5001",
    Restored => "E5002",
    Untrusted { refusal } => refusal,
    NotObeyed { problem } => problem,
    Stopped => "E5003",
    Leased => "E5004",
    List(source) => source,
    Identity { source } => source,
    NoOrganizations => "E5005",
    UnexpectedIdentity => "E5006",
    Queue { source } => source,
    QueuePolicy => "E5007",
    Subscribe { source } => source,
});

impl Hint for SpokeError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Ledger(source) => source.hint(),
            Self::NoSnapshot(_) => Some("let the hub publish once: `pmp-hub publish`".to_owned()),
            Self::Untrusted { refusal, .. } => refusal.hint(),
            Self::NotObeyed { whose: Whose::Member, problem: NotObeyed::Unreadable(_) } => {
                Some("write it again: `pmp-spoke hold`, or `pmp-spoke unhold` to go on".to_owned())
            }
            Self::NotObeyed { problem, .. } => Some(problem.hint()),
            Self::Restored { .. } => Some("ask the hub's operators to run `pmp-hub recover`".to_owned()),
            Self::Leased { .. } => {
                Some("let it finish, or wait for it with `--wait`; after a crash its lease ends by itself".to_owned())
            }
            Self::List(source) => source.hint(),
            // Where AWS was not reached at all, that is what to mend.
            Self::Identity { what: "organization", source } if source.code().is_some() => {
                let grant = || "grant `organizations:DescribeOrganization`".to_owned();
                let mend = source.refuser().map_or_else(grant, Refuser::hint);
                Some(format!("{mend}, or set --org-id (PMP_ORG_ID)"))
            }
            Self::NoOrganizations => {
                Some("set --org-id (PMP_ORG_ID), or build pmp-spoke with its default features".to_owned())
            }
            Self::Identity { source, .. } | Self::Queue { source, .. } => source.hint(),
            Self::Subscribe { source, .. } if source.is_access_denied() && source.refuser().is_none() => {
                Some("ask the hub's operators to admit this account: `pmp-hub init --allow-account ACCOUNT`".to_owned())
            }
            Self::Subscribe { source, .. } => source.hint(),
            Self::UnexpectedIdentity { .. } | Self::QueuePolicy { .. } | Self::Stopped(_) => None,
        }
    }
}

/// The SDK's configuration of this program.
pub(crate) async fn sdk() -> Result<SdkConfig, Failure> {
    Ok(pmp_aws::load("pmp-spoke").await?)
}

/// The error with its causes and its hint in one line: for receipts, which people read without a
/// terminal.
pub(crate) fn one_line_with_hint(error: &dyn Hint) -> String {
    let text = one_line(error);
    match error.hint() {
        Some(hint) => format!("{text}; {hint}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use pmp_aws::Outcome;

    use super::*;

    #[test]
    fn every_error_passes_on_the_hint_of_what_it_wraps() {
        let api = || ApiError::of("dynamodb:Query", Outcome::NoAnswer("timed out".into()));
        let hint = api().hint();
        assert!(hint.is_some());
        for error in [
            SpokeError::Ledger(LedgerError::Api { table: "Snapshots".parse().unwrap(), error: api() }),
            SpokeError::List(CatalogError::Api(api())),
            SpokeError::Identity { what: "account", source: api() },
            SpokeError::Queue { queue: "q".to_owned(), source: api() },
            SpokeError::Subscribe { topic: "t".to_owned(), source: api() },
        ] {
            assert_eq!(error.hint(), hint, "{error}");
            assert_eq!(Failure::from(error).hints(), hint.as_slice());
        }
        let untrusted = SpokeError::Untrusted { version: SnapshotVersion::FIRST, refusal: Refusal::Unsigned };
        assert_eq!(untrusted.hint(), Refusal::Unsigned.hint());
    }

    #[test]
    fn a_receipt_says_what_to_do_behind_what_failed() {
        let api = ApiError::of("dynamodb:Query", Outcome::NoAnswer("timed out".into()));
        let text = one_line_with_hint(&SpokeError::List(CatalogError::Api(api)));
        assert_eq!(
            text,
            "cannot list the member experiences: `dynamodb:Query` had no answer: timed out; \
             check the network, the region and AWS_ENDPOINT_URL; then run the command again"
        );
    }
}
