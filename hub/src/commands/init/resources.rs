//! Makes the two tables, the topic, and the permission to subscribe, or checks those that exist.
//! Idempotent. It is for operators who do not deploy by template, and for tests.

use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::Tag;
use jiff::Timestamp;
use pmp_aws::{ApiError, TopicArn};
use pmp_ledger::schema::{Ensured, Table, ensure};
use pmp_ledger::{Admission, Member, Roster};
use pmp_protocol::{AccountId, ExperienceId, OrganizationId};
use pmp_terminal::count;
use serde::Serialize;
use serde_json::{Value, json};

use crate::config::InitConfig;
use crate::error::HubError;

/// The statement of the topic's policy that `init` maintains. Other statements stay as they are.
const SUBSCRIBERS: &str = "pmp-sync-subscribers";
/// The name of a topic that `init` makes.
const TOPIC_NAME: &str = "pmp-sync-snapshots";

/// The resources that exist after `init`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Initialized {
    pub(crate) snapshots_table: String,
    pub(crate) timestamps_table: String,
    pub(crate) topic_arn: String,
    /// The resources that this run made or changed. Empty if none was needed.
    pub(crate) changes: Vec<String>,
}

pub(crate) async fn init(
    config: &SdkConfig,
    wanted: &InitConfig,
    subscribers: &[AccountId],
) -> Result<Initialized, HubError> {
    let mut changes = Vec::new();
    let mut table = async |table, name| {
        let ensured = ensure(config, table, name).await?;
        if let Ensured::Created(arn) = &ensured {
            changes.push(format!("created table {arn}"));
        }
        Ok::<_, HubError>(ensured.arn().to_owned())
    };
    let snapshots_table = table(Table::Snapshots, &wanted.snapshots).await?;
    let timestamps_table = table(Table::SyncTimestamps, &wanted.timestamps).await?;
    let client = match &wanted.topic {
        Some(topic) => Client::new(&pmp_aws::in_region(config, topic.region())),
        None => Client::new(config),
    };
    let topic_arn = ensure_topic(&client, wanted.topic.as_ref()).await?;
    if allow_subscribers(&client, &topic_arn, subscribers).await? {
        changes.push(format!("allowed {} to subscribe to {topic_arn}", count(subscribers.len(), "account")));
    }
    Ok(Initialized { snapshots_table, timestamps_table, topic_arn, changes })
}

/// Admits organizations to the roster, and returns a sentence for each change. Organizations that
/// were admitted before stay as they are, but become large if `large` is set.
pub(crate) async fn admit(
    roster: &dyn Roster,
    experience: &ExperienceId,
    organizations: &[OrganizationId],
    large: bool,
    by: &str,
    at: Timestamp,
) -> Result<Vec<String>, HubError> {
    let mut changes = Vec::new();
    for organization in organizations {
        let (organization, experience, admitted_by) = (organization.clone(), experience.clone(), by.to_owned());
        let member = Member { organization, experience, admitted_by, admitted_at: at, large };
        let organization = &member.organization;
        match roster.admit(&member).await? {
            Admission::New => changes.push(format!("admitted {organization}")),
            Admission::Large => changes.push(format!("{organization} counts as large from now on")),
            Admission::AsBefore => {}
        }
    }
    Ok(changes)
}

/// Returns the ARN of the topic. `CreateTopic` returns an existing topic of that name.
async fn ensure_topic(client: &Client, wanted: Option<&TopicArn>) -> Result<String, HubError> {
    let name = wanted.map_or(TOPIC_NAME, TopicArn::name);
    // Both required fields are set, so the builder has nothing to refuse.
    let tag = Tag::builder().key("application").value("pmp-sync").build().ok();
    let call = client.create_topic().name(name).set_tags(tag.map(|tag| vec![tag]));
    let answer = call.send().await.map_err(|e| HubError::Topic(ApiError::new("sns:CreateTopic", &e)))?;
    Ok(answer.topic_arn.unwrap_or_default())
}

/// Lets `subscribers` subscribe their own queues. Returns whether the policy changed. Accounts that
/// were allowed before stay allowed.
async fn allow_subscribers(client: &Client, topic: &str, subscribers: &[AccountId]) -> Result<bool, HubError> {
    if subscribers.is_empty() {
        return Ok(false);
    }
    let answer = client.get_topic_attributes().topic_arn(topic).send().await;
    let answer = answer.map_err(|e| HubError::Topic(ApiError::new("sns:GetTopicAttributes", &e)))?;
    let current = answer.attributes().and_then(|attributes| attributes.get("Policy"));
    let current = match current.map(String::as_str).filter(|text| !text.is_empty()) {
        Some(text) => serde_json::from_str(text).map_err(|e| HubError::TopicPolicy(e.to_string()))?,
        None => json!({"Version": "2012-10-17", "Statement": []}),
    };
    let wanted = with_subscribers(current.clone(), topic, subscribers)?;
    if wanted == current {
        return Ok(false);
    }
    let call = client.set_topic_attributes().topic_arn(topic).attribute_name("Policy");
    let answer = call.attribute_value(wanted.to_string()).send().await;
    answer.map_err(|e| HubError::Topic(ApiError::new("sns:SetTopicAttributes", &e)))?;
    Ok(true)
}

/// The policy with the subscribers' statement added or extended. Pure.
fn with_subscribers(mut policy: Value, topic: &str, subscribers: &[AccountId]) -> Result<Value, HubError> {
    let none = || HubError::TopicPolicy("it has no statements".to_owned());
    let statements = policy.get_mut("Statement").ok_or_else(none)?;
    // IAM takes a single one without a list, too.
    if statements.is_object() {
        *statements = json!([statements.take()]);
    }
    let statements = statements.as_array_mut().ok_or_else(none)?;
    let is_ours = |statement: &Value| statement["Sid"] == SUBSCRIBERS;
    let before: Vec<String> = match statements.iter().find(|statement| is_ours(statement)) {
        Some(ours) => match &ours["Principal"]["AWS"] {
            Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Value::String(one) => vec![one.clone()],
            _ => Vec::new(),
        },
        None => Vec::new(),
    };
    let mut principals: Vec<String> =
        subscribers.iter().map(|account| format!("arn:aws:iam::{account}:root")).chain(before).collect();
    principals.sort();
    principals.dedup();
    statements.retain(|statement| !is_ours(statement));
    statements.push(json!({
        "Sid": SUBSCRIBERS,
        "Effect": "Allow",
        "Principal": {"AWS": principals},
        "Action": "sns:Subscribe",
        "Resource": topic,
        // A member organization may subscribe its queue, and nothing else.
        "Condition": {"StringEquals": {"sns:Protocol": "sqs"}},
    }));
    Ok(policy)
}

#[cfg(test)]
mod tests {
    use pmp_protocol::Coded;

    use super::*;

    fn accounts(ids: &[&str]) -> Vec<AccountId> {
        ids.iter().map(|id| AccountId::new(id).unwrap()).collect()
    }

    #[test]
    fn subscribers_are_added_once_and_other_statements_stay() {
        let other = json!({"Sid": "someone-else", "Effect": "Deny"});
        let policy = json!({"Version": "2012-10-17", "Statement": [other]});
        let first = with_subscribers(policy, "arn:topic", &accounts(&["222222222222"])).unwrap();
        let both = with_subscribers(first.clone(), "arn:topic", &accounts(&["111111111111"])).unwrap();
        let again = with_subscribers(both.clone(), "arn:topic", &accounts(&["222222222222"])).unwrap();
        assert_eq!(both, again);
        assert_ne!(first, both);
        assert_eq!(both["Statement"][0], other);
        let principals = json!(["arn:aws:iam::111111111111:root", "arn:aws:iam::222222222222:root"]);
        assert_eq!(both["Statement"][1]["Principal"]["AWS"], principals);
    }

    #[test]
    fn a_policy_that_is_not_one_is_refused_and_a_single_statement_is_one() {
        let with = |policy| with_subscribers(policy, "arn:topic", &accounts(&["222222222222"]));
        for none in [json!([]), json!({"Statement": "all"})] {
            assert_eq!(with(none).unwrap_err().code().to_string(), "E4027");
        }
        let other = json!({"Sid": "someone-else", "Effect": "Deny"});
        assert_eq!(with(json!({"Statement": other})).unwrap()["Statement"][0], other);
    }
}
