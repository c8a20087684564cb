//! The errors of the ledger.

use pmp_aws::ApiError;
use pmp_protocol::{Counts, ExperienceId, Hint, SnapshotVersion};

use crate::{Table, TableName};

/// A ledger operation that failed, after the SDK's retries.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// DynamoDB, or a part of the connection to it, refused or failed.
    #[error("table `{table}`: {error}")]
    Api {
        /// The table that was called, as it was configured.
        table: TableName,
        /// The answer of DynamoDB, or of a part of the connection.
        error: ApiError,
    },
    /// The table does not exist in that account and region.
    #[error("table `{0}` does not exist")]
    NoTable(TableName),
    /// The table exists with other keys.
    #[error("table `{table}` has the keys {found}, not {expected}")]
    WrongKeys {
        /// The table that was called, as it was configured.
        table: TableName,
        /// The keys that it has, spelled for a person.
        found: String,
        /// The keys that this ledger uses.
        expected: String,
    },
    /// The version is not in the table: never stored, or pruned.
    #[error("snapshot {version} of `{experience}` is not in the ledger")]
    NoSnapshot {
        /// Management experience of the snapshot.
        experience: ExperienceId,
        /// The version that was requested.
        version: SnapshotVersion,
    },
    /// The stored items do not make up the snapshot: some are missing or wrong.
    #[error("snapshot {version} of `{experience}` is damaged in the ledger: {problem}")]
    Damaged {
        /// Management experience of the snapshot.
        experience: ExperienceId,
        /// The version that was requested.
        version: SnapshotVersion,
        /// The damage, described for a person.
        problem: String,
    },
    /// The item has a form that this release does not know.
    #[error("table `{table}` holds an item that cannot be read: {problem}")]
    Unreadable {
        /// The table that was called, as it was configured.
        table: TableName,
        /// The fault, described for a person.
        problem: String,
    },
    /// The content is larger than a snapshot may be.
    #[error("the snapshot of {counts} products is {bytes} bytes packed; the ledger holds at most {limit}")]
    TooLarge {
        /// The numbers of its products.
        counts: Counts,
        /// Size of the packed content, in bytes.
        bytes: usize,
        /// The most bytes that are stored.
        limit: usize,
    },
    /// What is known of the products is too large for one transaction.
    #[error("what was looked up of products is {bytes} bytes packed; the ledger holds at most {limit}")]
    AnswersTooLarge {
        /// Size of the packed answers, in bytes.
        bytes: usize,
        /// The most bytes that fit into one transaction beside the other attributes.
        limit: usize,
    },
    /// The state of waves is too large for one item, packed as well.
    #[error("the state of waves is {bytes} bytes packed; the ledger holds at most {limit}")]
    RolloutTooLarge {
        /// Size of the packed state, in bytes.
        bytes: usize,
        /// The most bytes that one item holds beside its other attributes.
        limit: usize,
    },
    /// DynamoDB did not finish what was asked for within the time or the tries.
    #[error("table `{table}` is not ready: {problem}")]
    NotReady {
        /// The table that was called, as it was configured.
        table: TableName,
        /// What is left to do, described for a person.
        problem: String,
    },
}

impl LedgerError {
    /// The error of AWS, if a call failed.
    #[must_use]
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api { error, .. } => Some(error),
            _ => None,
        }
    }

    /// The table that failed, where one did.
    #[must_use]
    pub fn table(&self) -> Option<&TableName> {
        match self {
            Self::NoTable(table)
            | Self::Api { table, .. }
            | Self::WrongKeys { table, .. }
            | Self::Unreadable { table, .. }
            | Self::NotReady { table, .. } => Some(table),
            Self::NoSnapshot { .. }
            | Self::Damaged { .. }
            | Self::TooLarge { .. }
            | Self::AnswersTooLarge { .. }
            | Self::RolloutTooLarge { .. } => None,
        }
    }
}

pmp_protocol::codes!(LedgerError {
    Api { error } => error,
    NoTable => "E1201",
    WrongKeys => "E1202",
    NoSnapshot => "E1203",
    Damaged => "E1204",
    Unreadable => "E1205",
    TooLarge => "E1206",
    NotReady => "E1215",
    AnswersTooLarge => "E1216",
    RolloutTooLarge => "E1221",
});

impl Hint for LedgerError {
    fn hint(&self) -> Option<String> {
        match self {
            // DynamoDB's error says only that a key does not match.
            Self::Api { error, .. }
                if error.code() == Some("ValidationException") && error.message().to_lowercase().contains("key") =>
            Some(
                "look whether the settings of the hub's two tables are swapped, or name another table: `doctor` looks at the \
                 keys of both"
                    .to_owned(),
            ),
            Self::Api { error, .. } => error.hint(),
            Self::NoTable(table) => Some(format!(
                "check the name, the account and the region of `{table}`; the hub makes its tables by template or with `pmp-hub init`"
            )),
            Self::WrongKeys { found, .. } if Table::any_has_keys(found) => Some(
                "it is the other one of the hub's two tables: name another table, and look whether the settings of both are \
                 swapped"
                    .to_owned(),
            ),
            Self::WrongKeys { .. } => Some("name another table, or let `pmp-hub init` make one".to_owned()),
            Self::NoSnapshot { .. } => Some("let the hub publish once: `pmp-hub publish`".to_owned()),
            Self::Damaged { .. } => Some("publish again with the hub; tell its operators if it comes back".to_owned()),
            Self::TooLarge { .. } => Some(
                "nothing was published, and spokes stay on the last snapshot; shorten or remove the notes of products, or \
                 spread the products over two management experiences"
                    .to_owned(),
            ),
            Self::AnswersTooLarge { .. } => Some(
                "it is not stored, and what was looked up before stays; spread the products over two management experiences"
                    .to_owned(),
            ),
            Self::RolloutTooLarge { .. } => Some(
                "name fewer organizations in PMP_WAVES: a wave with a `share` names none; or end waves with PMP_WAVES=none".to_owned(),
            ),
            Self::NotReady { .. } => {
                Some("run the same command again in a minute: it goes on where it stopped".to_owned())
            }
            Self::Unreadable { .. } => Some(
                "a newer release wrote it, or somebody by hand: look at the item, and run the release that wrote it".to_owned(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use pmp_aws::Outcome;

    use super::*;

    #[test]
    fn a_failed_call_keeps_its_hint() {
        let api = || ApiError::of("dynamodb:Query", Outcome::NoAnswer("timed out".into()));
        let error = LedgerError::Api { table: "Snapshots".parse().unwrap(), error: api() };
        assert!(error.hint().is_some());
        assert_eq!(error.hint(), api().hint());
    }
}
