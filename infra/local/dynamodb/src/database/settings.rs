//! What is set about a table: tags, expiry, backups, a policy.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Database;
use crate::error::Error;
use crate::request::{OnTable, TableName, Tag};
use crate::table::{Policy, Settings};

/// The most tags of a table.
const MOST_TAGS: usize = 50;

impl Database {
    pub(super) fn on_settings(&mut self, operation: &str, request: &OnTable) -> Result<Value, Error> {
        match operation {
            "DescribeTimeToLive" => {
                let settings = &self.known(request)?.1.settings;
                let description = settings.time_to_live.as_ref().filter(|set| set.enabled).map_or_else(
                    || json!({ "TimeToLiveStatus": "DISABLED" }),
                    |set| json!({ "TimeToLiveStatus": "ENABLED", "AttributeName": set.attribute_name }),
                );
                Ok(json!({ "TimeToLiveDescription": description }))
            }
            "UpdateTimeToLive" => self.update_time_to_live(request),
            "DescribeContinuousBackups" => Ok(backups(&self.known(request)?.1.settings)),
            "UpdateContinuousBackups" => {
                let asked = request.point_in_time_recovery_specification.as_ref();
                let asked = asked.ok_or_else(|| Error::missing("pointInTimeRecoverySpecification"))?;
                let name = self.known(request)?.0.to_owned();
                let settings = &mut self.change(&name)?.settings;
                settings.recovery = asked.point_in_time_recovery_enabled;
                Ok(backups(settings))
            }
            "ListTagsOfResource" => Ok(json!({ "Tags": self.named(resource(request)?)?.1.settings.tags })),
            "TagResource" => {
                let tags = request.tags.as_deref().ok_or_else(|| Error::missing("tags"))?;
                let settings = self.resource(request)?;
                let mut all = settings.tags.clone();
                add_tags(&mut all, tags);
                if all.len() > MOST_TAGS {
                    return Err(Error::validation("One or more parameter values were invalid: Too many tags"));
                }
                settings.tags = all;
                Ok(json!({}))
            }
            "UntagResource" => {
                let keys = request.tag_keys.as_deref().ok_or_else(|| Error::missing("tagKeys"))?;
                self.resource(request)?.tags.retain(|tag| !keys.contains(&tag.key));
                Ok(json!({}))
            }
            "PutResourcePolicy" => {
                let text = request.policy.as_deref().ok_or_else(|| Error::missing("policy"))?;
                let settings = self.resource(request)?;
                check_revision(settings, request)?;
                Ok(json!({ "RevisionId": set_policy(settings, text) }))
            }
            "GetResourcePolicy" => {
                let (_, table) = self.named(resource(request)?)?;
                let policy = table.settings.policy.as_ref().ok_or_else(|| no_policy(request))?;
                Ok(json!({ "Policy": policy.text, "RevisionId": policy.revision }))
            }
            "DeleteResourcePolicy" => {
                let settings = self.resource(request)?;
                check_revision(settings, request)?;
                Ok(settings.policy.take().map_or_else(|| json!({}), |policy| json!({ "RevisionId": policy.revision })))
            }
            other => Err(Error::new("UnknownOperationException", format!("The operation {other} is not known"))),
        }
    }

    fn update_time_to_live(&mut self, request: &OnTable) -> Result<Value, Error> {
        let asked = request.time_to_live_specification.clone();
        let asked = asked.ok_or_else(|| Error::missing("timeToLiveSpecification"))?;
        if asked.attribute_name.is_empty() {
            let constraint = "Member must have length greater than or equal to 1";
            return Err(Error::constraint("''", "timeToLiveSpecification.attributeName", constraint));
        }
        let name = self.known(request)?.0.to_owned();
        let settings = &mut self.change(&name)?.settings;
        let set = settings.time_to_live.as_ref().filter(|set| set.enabled);
        match (set, asked.enabled) {
            (Some(_), true) => return Err(Error::validation("TimeToLive is already enabled")),
            (None, false) => return Err(Error::validation("TimeToLive is already disabled")),
            (Some(set), false) if set.attribute_name != asked.attribute_name => {
                return Err(Error::validation(format!(
                    "TimeToLive is active on a different AttributeName: current AttributeName is {}",
                    set.attribute_name
                )));
            }
            _ => {}
        }
        let told = json!({ "TimeToLiveSpecification": asked });
        settings.time_to_live = Some(asked);
        Ok(told)
    }

    /// The settings of the table whose ARN a request gives, to be changed.
    fn resource(&mut self, request: &OnTable) -> Result<&mut Settings, Error> {
        let name = self.named(resource(request)?)?.0.to_owned();
        Ok(&mut self.change(&name)?.settings)
    }
}

fn resource(request: &OnTable) -> Result<&TableName, Error> {
    let given = request.resource_arn.as_ref().ok_or_else(|| Error::missing("resourceArn"))?;
    if given.is_arn() {
        return Ok(given);
    }
    Err(Error::validation(format!("Invalid TableArn: Invalid ResourceArn provided as input {}", given.as_given())))
}

fn no_policy(request: &OnTable) -> Error {
    let arn = request.resource_arn.as_ref().map_or("", TableName::as_given);
    let message = format!("Resource-based policy not found for the provided ResourceArn: {arn}");
    Error::new("PolicyNotFoundException", message)
}

/// Refuses a change of a policy that is not the one that the caller knows.
fn check_revision(settings: &Settings, request: &OnTable) -> Result<(), Error> {
    let Some(expected) = request.expected_revision_id.as_deref() else { return Ok(()) };
    let is_so = match &settings.policy {
        Some(policy) => policy.revision == expected,
        None => expected == "NO_POLICY",
    };
    if is_so { Ok(()) } else { Err(no_policy(request)) }
}

/// Sets the policy, and returns its revision.
pub(super) fn set_policy(settings: &mut Settings, text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let number = digest.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    let revision = number.to_string();
    settings.policy = Some(Policy { text: text.to_owned(), revision: revision.clone() });
    revision
}

pub(super) fn add_tags(all: &mut Vec<Tag>, more: &[Tag]) {
    for tag in more {
        all.retain(|there| there.key != tag.key);
        all.push(tag.clone());
    }
}

fn backups(settings: &Settings) -> Value {
    let status = if settings.recovery { "ENABLED" } else { "DISABLED" };
    json!({ "ContinuousBackupsDescription": {
        "ContinuousBackupsStatus": "ENABLED",
        "PointInTimeRecoveryDescription": { "PointInTimeRecoveryStatus": status },
    } })
}
