//! Why a pass as a whole could not be made. What fails for one experience is in its receipt instead
//! (rule 3).

use aws_config::SdkConfig;
use pmp_aws::{ApiError, Refuser};
use pmp_catalog::CatalogError;
use pmp_ledger::LedgerError;
use pmp_protocol::{ExperienceId, OrganizationId, SnapshotVersion};
use pmp_runtime::Stop;
use pmp_signature::Refusal;
use pmp_terminal::Failure;

use crate::pass::steer::{NotObeyed, Whose};

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
        .head.map_or_else(|| "none".to_owned(), |head| head.to_string())
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

    /// What the operator can do (rule 8). `None` where the error itself says it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Ledger(source) => source.hint(),
            Self::NoSnapshot(_) => Some("let the hub publish once: `pmp-hub publish`".to_owned()),
            Self::Untrusted { refusal, .. } => Some(refusal.hint().to_owned()),
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
    pmp_aws::load("pmp-spoke").await.map_err(|error| {
        let hint = error.hint();
        Failure::new(error).hint(hint)
    })
}

/// The failure of a command, with the error's own hint.
pub(crate) fn failure(error: SpokeError) -> Failure {
    let hint = error.hint();
    Failure::new(error).hint(hint)
}

/// An error with its causes, in one line: for receipts, which people read without a terminal.
pub(crate) fn one_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
