//! The commands, a file for each; what several of them share stands here.

mod announce;
pub(crate) mod audit;
pub(crate) mod confirm;
mod confirm_many;
pub(crate) mod directions;
pub(crate) mod doctor;
pub(crate) mod drift;
pub(crate) mod env;
pub(crate) mod exceptions;
pub(crate) mod history;
pub(crate) mod init;
pub(crate) mod log;
mod look;
pub(crate) mod members;
pub(crate) mod mistyped;
mod not_kept;
pub(crate) mod notify;
pub(crate) mod plan;
pub(crate) mod public_key;
pub(crate) mod publish;
pub(crate) mod recover;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod select;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod steer;
pub(crate) mod versions;
pub(crate) mod wait;
pub(crate) mod waves;
pub(crate) mod why;

pub(crate) use look::not_known;

use aws_config::SdkConfig;
use clap::Args;
use pmp_ledger::SnapshotStore;

use crate::config::{KEEP, KEEP_VERSIONS, SteerConfig};
use crate::error::HubError;

#[derive(Debug, Args)]
pub(crate) struct Keep {
    /// How many versions the ledger keeps
    #[arg(long, env = KEEP.variable, default_value_t = KEEP_VERSIONS, value_parser = clap::value_parser!(u64).range(2..), value_name = "N")]
    keep_versions: u64,
}

/// Refuses to direct without a signature where snapshots are signed: every spoke that trusts keys
/// would refuse it, and change nothing any more.
async fn would_not_unsign(snapshots: &dyn SnapshotStore, config: &SteerConfig) -> Result<(), HubError> {
    if config.signing.is_some() || config.unsigned {
        return Ok(());
    }
    match snapshots.head(&config.experience).await? {
        Some(head) if head.statement.is_some() => Err(HubError::Unsigned),
        _ => Ok(()),
    }
}

/// Who this is, as STS names it: receipts and confirmations name who let something through.
async fn caller(sdk: &SdkConfig) -> Result<String, HubError> {
    let (caller, _) = pmp_aws::caller(sdk).await;
    caller.map(|caller| caller.arn).map_err(HubError::Caller)
}
