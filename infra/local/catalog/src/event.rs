//! The EventBridge event that AWS sends when a change set ends.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::CATALOG;
use super::change_set::{ChangeSet, Progress};
use super::entity::text_of;

/// A change set ended: the event, and the account it happened in.
#[derive(Debug, Serialize, Deserialize)]
pub struct ChangeSetEnded {
    /// The account that started the change set.
    pub account: String,
    /// The whole event, envelope included.
    pub event: Value,
}

impl ChangeSetEnded {
    pub(super) fn new(change_set: &ChangeSet, region: &str, event_id: String, ended: Timestamp) -> Self {
        let outcome = match change_set.progress {
            Progress::Failed { .. } => "Failed",
            Progress::Cancelled { .. } => "Cancelled",
            Progress::Running { .. } | Progress::Succeeded { .. } => "Succeeded",
        };
        // No entity id and no change type: whoever listens must read the experience again, as with AWS.
        let mut detail = json!({
            "requestId": change_set.request_id,
            "Catalog": CATALOG,
            "ChangeSetId": change_set.id,
            "StartTime": text_of(change_set.started),
            "EndTime": text_of(ended),
        });
        if let Some(name) = &change_set.name {
            detail["ChangeSetName"] = json!(name);
        }
        let event = json!({
            "version": "0",
            "id": event_id,
            "detail-type": format!("Change Set {outcome}"),
            "source": "aws.marketplacecatalog",
            "account": change_set.account,
            "time": text_of(ended),
            "region": region,
            "resources": [change_set.arn(region)],
            "detail": detail,
        });
        Self { account: change_set.account.clone(), event }
    }
}
