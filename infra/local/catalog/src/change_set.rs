//! A change set: what was asked, how far it is, and how the catalog describes it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::CATALOG;
use super::change_type::Change;
use super::entity::text_of;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ChangeSet {
    pub(super) id: String,
    pub(super) name: Option<String>,
    /// The account that started it.
    pub(super) account: String,
    /// The id of the request that started it.
    pub(super) request_id: String,
    pub(super) started: Timestamp,
    pub(super) progress: Progress,
    pub(super) outcome: Outcome,
    pub(super) changes: Vec<Change>,
    pub(super) tags: BTreeMap<String, String>,
}

/// How far a change set is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Progress {
    /// `PREPARING` until `applying`, then `APPLYING` until it ends.
    Running {
        applying: Timestamp,
        ends: Timestamp,
    },
    Succeeded {
        ended: Timestamp,
    },
    Failed {
        ended: Timestamp,
        code: FailureCode,
        description: String,
    },
    Cancelled {
        ended: Timestamp,
    },
}

/// `FailureCode` of a failed change set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum FailureCode {
    /// Its changes say what is wrong.
    ClientError,
    /// The fault is the catalog's.
    ServerFault,
}

impl FailureCode {
    fn as_str(self) -> &'static str {
        match self {
            Self::ClientError => "CLIENT_ERROR",
            Self::ServerFault => "SERVER_FAULT",
        }
    }
}

/// How a change set is made to end, whatever it asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// As its changes deserve.
    #[default]
    Deserved,
    /// As `FAILED` with `SERVER_FAULT`, and nothing applied.
    ServerFault,
}

impl ChangeSet {
    /// Whether one of its changes has an error.
    pub(super) fn has_errors(&self) -> bool {
        self.changes.iter().any(|change| !change.errors.is_empty())
    }

    /// Ends it with the errors that its changes have.
    pub(super) fn fail(&mut self, ended: Timestamp) {
        // The text that AWS documents, whatever has failed:
        // https://docs.aws.amazon.com/marketplace/latest/userguide/container-products.html
        let description = "Change set preparation has failed. For details see 'ErrorDetailList'.".to_owned();
        self.progress = Progress::Failed { ended, code: FailureCode::ClientError, description };
    }

    /// Ends it with a fault that is not its own.
    pub(super) fn fault(&mut self, ended: Timestamp) {
        let description = "The catalog failed; nothing was applied. Retry the request".into();
        self.progress = Progress::Failed { ended, code: FailureCode::ServerFault, description };
    }

    pub(super) fn status(&self, now: Timestamp) -> &'static str {
        match &self.progress {
            Progress::Running { applying, .. } if now < *applying => "PREPARING",
            Progress::Running { .. } => "APPLYING",
            Progress::Succeeded { .. } => "SUCCEEDED",
            Progress::Failed { .. } => "FAILED",
            Progress::Cancelled { .. } => "CANCELLED",
        }
    }

    pub(super) fn ended(&self) -> Option<Timestamp> {
        match &self.progress {
            Progress::Running { .. } => None,
            Progress::Succeeded { ended } | Progress::Failed { ended, .. } | Progress::Cancelled { ended } => {
                Some(*ended)
            }
        }
    }

    pub(super) fn arn(&self, region: &str) -> String {
        format!("arn:aws:aws-marketplace:{region}:{}:{CATALOG}/ChangeSet/{}", self.account, self.id)
    }

    /// The fields that `DescribeChangeSet` and `ListChangeSets` have in common.
    pub(super) fn summary(&self, region: &str, now: Timestamp) -> Value {
        let mut summary = json!({
            "ChangeSetId": self.id,
            "ChangeSetArn": self.arn(region),
            "StartTime": text_of(self.started),
            "Status": self.status(now),
        });
        if let Some(name) = &self.name {
            summary["ChangeSetName"] = json!(name);
        }
        if let Some(ended) = self.ended() {
            summary["EndTime"] = json!(text_of(ended));
        }
        if let Progress::Failed { code, .. } = &self.progress {
            summary["FailureCode"] = json!(code.as_str());
        }
        summary
    }

    pub(super) fn describe(&self, region: &str, now: Timestamp) -> Value {
        let mut description = self.summary(region, now);
        description["Intent"] = json!("APPLY");
        if let Progress::Failed { description: text, .. } = &self.progress {
            description["FailureDescription"] = json!(text);
        }
        description["ChangeSet"] = self.changes.iter().map(Change::describe).collect();
        description
    }
}
