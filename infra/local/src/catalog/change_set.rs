//! A change set: what was asked, how far it is, and how the catalog describes it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::CATALOG;
use super::change_type::Action;
use super::entity::text_of;

pub(crate) struct ChangeSet {
    pub(super) id: String,
    pub(super) name: Option<String>,
    /// The account that started it.
    pub(super) account: String,
    /// The id of the request that started it.
    pub(super) request_id: String,
    pub(super) started: Timestamp,
    pub(super) progress: Progress,
    pub(super) changes: Vec<Change>,
    pub(super) outcome: Outcome,
}

/// How a change set is made to end, whatever it asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// As its changes deserve.
    #[default]
    Deserved,
    /// As `FAILED` with `SERVER_FAULT`, and nothing applied.
    ServerFault,
}

/// How far a change set is.
pub(super) enum Progress {
    /// `PREPARING` until `applying`, then `APPLYING` until it ends.
    Running {
        applying: Timestamp,
    },
    Succeeded {
        ended: Timestamp,
    },
    Failed {
        ended: Timestamp,
        description: String,
    },
}

/// One change of a change set.
pub(super) struct Change {
    pub(super) change_type: &'static str,
    pub(super) name: Option<String>,
    pub(super) entity_type: String,
    /// As it was asked, with the revision if it had one.
    pub(super) identifier: String,
    /// The id without the revision.
    pub(super) entity: String,
    pub(super) details: Value,
    pub(super) action: Action,
    pub(super) errors: Vec<ErrorDetail>,
}

/// An entry of a change's `ErrorDetailList`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ErrorDetail {
    code: &'static str,
    message: &'static str,
}

impl ErrorDetail {
    pub(super) fn not_found(message: &'static str) -> Self {
        Self { code: "ENTITY_NOT_FOUND", message }
    }
}

impl ChangeSet {
    /// Ends it with the errors that its changes have.
    pub(super) fn fail(&mut self, ended: Timestamp) {
        let failed = self.changes.iter().filter(|change| !change.errors.is_empty()).count();
        let description = format!("{failed} of {} changes failed; nothing was applied", self.changes.len());
        self.progress = Progress::Failed { ended, description };
    }

    /// Ends it by a fault that is the catalog's own.
    pub(super) fn fail_by_server(&mut self, ended: Timestamp) {
        let description = "The catalog failed to process the change set; nothing was applied".to_owned();
        self.progress = Progress::Failed { ended, description };
    }

    pub(super) fn status(&self, now: Timestamp) -> &'static str {
        match &self.progress {
            Progress::Running { applying } if now < *applying => "PREPARING",
            Progress::Running { .. } => "APPLYING",
            Progress::Succeeded { .. } => "SUCCEEDED",
            Progress::Failed { .. } => "FAILED",
        }
    }

    pub(super) fn ended(&self) -> Option<Timestamp> {
        match &self.progress {
            Progress::Running { .. } => None,
            Progress::Succeeded { ended } | Progress::Failed { ended, .. } => Some(*ended),
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
        if matches!(self.progress, Progress::Failed { .. }) {
            let code = if self.outcome == Outcome::ServerFault { "SERVER_FAULT" } else { "CLIENT_ERROR" };
            summary["FailureCode"] = json!(code);
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

impl Change {
    fn describe(&self) -> Value {
        let error = |error: &ErrorDetail| json!({ "ErrorCode": error.code, "ErrorMessage": error.message });
        let mut description = json!({
            "ChangeType": self.change_type,
            "Entity": { "Type": self.entity_type, "Identifier": self.identifier },
            "Details": self.details.to_string(),
            "DetailsDocument": self.details,
            "ErrorDetailList": self.errors.iter().map(error).collect::<Vec<_>>(),
        });
        if let Some(name) = &self.name {
            description["ChangeName"] = json!(name);
        }
        description
    }
}
