//! A change set: its request, its progress, its description in answers, and the event at its end.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::CATALOG;
use super::change_type::Change;
use super::entity::text_of;
use super::event::CatalogEvent;

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

/// The progress of a change set.
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
    /// The changes were wrong; each change holds its own errors.
    ClientError,
    /// The catalog failed; the changes are not to blame.
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

/// How a change set ends, if its end is forced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Not forced: the changes decide.
    #[default]
    Deserved,
    /// The change set ends as `FAILED` with `SERVER_FAULT`, and nothing is applied.
    ServerFault,
}

impl ChangeSet {
    /// The event that AWS sends when the change set has ended. `account` receives it.
    pub(super) fn event(&self, account: &str, region: &str, event_id: String, ended: Timestamp) -> CatalogEvent {
        let outcome = match self.progress {
            Progress::Failed { .. } => "Failed",
            Progress::Cancelled { .. } => "Cancelled",
            Progress::Running { .. } | Progress::Succeeded { .. } => "Succeeded",
        };
        // AWS's event holds neither an entity id nor a change type, so a listener must read the
        // experience again.
        let mut detail = json!({
            "requestId": self.request_id,
            "Catalog": CATALOG,
            "ChangeSetId": self.id,
            "StartTime": text_of(self.started),
            "EndTime": text_of(ended),
        });
        if let Some(name) = &self.name {
            detail["ChangeSetName"] = json!(name);
        }
        let event = json!({
            "version": "0",
            "id": event_id,
            "detail-type": format!("Change Set {outcome}"),
            "source": "aws.marketplacecatalog",
            "account": account,
            "time": text_of(ended),
            "region": region,
            "resources": [self.arn(region)],
            "detail": detail,
        });
        CatalogEvent { account: account.to_owned(), event }
    }

    /// Whether at least one of its changes has an error.
    pub(super) fn has_errors(&self) -> bool {
        self.changes.iter().any(|change| !change.errors.is_empty())
    }

    /// Ends the change set as failed, because of the errors that its changes have.
    pub(super) fn fail(&mut self, ended: Timestamp) {
        // AWS documents this one text for every failure:
        // https://docs.aws.amazon.com/marketplace/latest/userguide/container-products.html
        let description = "Change set preparation has failed. For details see 'ErrorDetailList'.".to_owned();
        self.progress = Progress::Failed { ended, code: FailureCode::ClientError, description };
    }

    /// Ends the change set as failed, because of a fault of the catalog.
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
