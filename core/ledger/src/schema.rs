//! Creates the ledger's tables, or checks that existing ones have the expected keys. It is for
//! operators who do not deploy by template, and for tests.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableDescription, TableStatus,
    Tag, TimeToLiveSpecification, TimeToLiveStatus,
};
use pmp_aws::ApiError;
use pmp_protocol::most_alike;

use crate::client::TableClient;
use crate::table::spell;
use crate::{EXPIRES_AT, LedgerError, TableName};

pub use crate::table::Table;

/// The longest time for a new table to become active. It usually takes seconds.
const ACTIVE_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The most tables of an account that are listed, and of these that are described.
const LISTED: usize = 500;
const DESCRIBED: usize = 12;

/// The result of [`ensure`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ensured {
    /// The table was made. The value is its ARN.
    Created(String),
    /// The table existed, with the right keys. The value is its ARN.
    Existed(String),
}

impl Ensured {
    /// ARN of the table, whether it was made or found.
    #[must_use]
    pub fn arn(&self) -> &str {
        match self {
            Self::Created(arn) | Self::Existed(arn) => arn,
        }
    }
}

/// Makes `table` if it does not exist, with on-demand capacity and a tag. Checks the keys of an
/// existing table, and changes nothing on it, but that expired records are deleted.
pub async fn ensure(config: &SdkConfig, table: Table, name: &TableName) -> Result<Ensured, LedgerError> {
    let client = TableClient::new(config, name.clone()).dynamodb;
    if let Some(found) = describe(&client, name).await? {
        check_keys(table, name, &found)?;
        let active = wait_until_active(&client, name).await?;
        // Only where it is off: if DynamoDB goes by another attribute, somebody has decided that.
        if table == Table::SyncTimestamps && matches!(expiry(config, name).await, Ok(Expiry::Off)) {
            expire(&client, name).await;
        }
        return Ok(Ensured::Existed(active));
    }
    create(&client, table, name).await?;
    let active = wait_until_active(&client, name).await?;
    if table == Table::SyncTimestamps {
        expire(&client, name).await;
    }
    Ok(Ensured::Created(active))
}

/// The table's handling of expired records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expiry {
    /// DynamoDB deletes them by `expires_at`, some time after they expire.
    On,
    /// They stay until they are overwritten.
    Off,
    /// DynamoDB deletes items by another attribute, which this ledger does not write.
    Other(String),
}

/// Whether DynamoDB deletes a table's expired records. The call needs
/// `dynamodb:DescribeTimeToLive`, which nothing else needs.
///
/// # Errors
/// If DynamoDB refuses or fails.
pub async fn expiry(config: &SdkConfig, name: &TableName) -> Result<Expiry, LedgerError> {
    let table = TableClient::new(config, name.clone());
    let answer = table.dynamodb.describe_time_to_live().table_name(name.as_str()).send().await;
    let answer = answer.map_err(|e| table.failed(ApiError::new("dynamodb:DescribeTimeToLive", &e)))?;
    let Some(found) = answer.time_to_live_description else { return Ok(Expiry::Off) };
    let is_on = matches!(found.time_to_live_status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling));
    Ok(match found.attribute_name {
        Some(attribute) if is_on && attribute != EXPIRES_AT => Expiry::Other(attribute),
        Some(_) if is_on => Expiry::On,
        _ => Expiry::Off,
    })
}

/// Turns the expiry of records on. A failure is only logged, because without expiry the table only
/// keeps more.
async fn expire(client: &Client, name: &TableName) {
    let wanted = TimeToLiveSpecification::builder().attribute_name(EXPIRES_AT).enabled(true).build();
    let Ok(wanted) = wanted else { return };
    let call = client.update_time_to_live().table_name(name.as_str()).time_to_live_specification(wanted);
    if let Err(error) = call.send().await {
        let error = ApiError::new("dynamodb:UpdateTimeToLive", &error);
        tracing::warn!(table = name.as_str(), %error, "records that are past their time will not be deleted");
    }
}

/// The names of the tables in this account and region that have the keys of `table`: what a person
/// may have meant who named another one. At most 12 tables are looked at, those first whose names
/// are most like `wanted`. Empty where tables may not be listed, which nothing else needs.
pub async fn with_keys_of(config: &SdkConfig, table: Table, wanted: &str) -> Vec<String> {
    let client = Client::new(config);
    let mut pages = client.list_tables().into_paginator().items().send();
    let mut known = BTreeSet::new();
    while let Some(Ok(name)) = pages.next().await {
        known.insert(name);
        if known.len() >= LISTED {
            break;
        }
    }
    let mut found = Vec::new();
    for _ in 0..DESCRIBED {
        let Some(name) = most_alike(wanted, known.iter()).cloned() else { break };
        known.remove(&name);
        let Ok(parsed) = name.parse::<TableName>() else { continue };
        if let Ok(Some(described)) = describe(&client, &parsed).await
            && check_keys(table, &parsed, &described).is_ok()
        {
            found.push(name);
        }
    }
    found
}

/// Checks the keys of `table`, and changes nothing. The call needs `dynamodb:DescribeTable`, which
/// nothing else needs.
///
/// # Errors
/// If there is no such table, if it has other keys, or if DynamoDB refuses or fails.
pub async fn check(config: &SdkConfig, table: Table, name: &TableName) -> Result<(), LedgerError> {
    let client = TableClient::new(config, name.clone()).dynamodb;
    let found = describe(&client, name).await?.ok_or_else(|| LedgerError::NoTable(name.clone()))?;
    check_keys(table, name, &found)
}

async fn describe(client: &Client, name: &TableName) -> Result<Option<TableDescription>, LedgerError> {
    match client.describe_table().table_name(name.as_str()).send().await {
        Ok(answer) => Ok(answer.table),
        Err(e) if e.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => Ok(None),
        Err(e) => Err(LedgerError::Api { table: name.clone(), error: ApiError::new("dynamodb:DescribeTable", &e) }),
    }
}

fn check_keys(table: Table, name: &TableName, found: &TableDescription) -> Result<(), LedgerError> {
    let key = |key_type: &KeyType| {
        let mut keys = found.key_schema().iter().filter(|key| key.key_type() == key_type);
        keys.next().map_or("none", KeySchemaElement::attribute_name)
    };
    // A table with keys of numbers or bytes refuses all items of the ledger.
    let other = |definition: &&AttributeDefinition| *definition.attribute_type() != ScalarAttributeType::S;
    let of_keys = |definition: &&AttributeDefinition| {
        found.key_schema().iter().any(|key| key.attribute_name() == definition.attribute_name())
    };
    if let Some(other) = found.attribute_definitions().iter().filter(of_keys).find(other) {
        let found = format!("`{}` of type {}", other.attribute_name(), other.attribute_type().as_str());
        let expected = format!("{}, both of type S", table.spelled_keys());
        return Err(LedgerError::WrongKeys { table: name.clone(), found, expected });
    }
    let found = (key(&KeyType::Hash), key(&KeyType::Range));
    if found == table.keys() {
        return Ok(());
    }
    Err(LedgerError::WrongKeys { table: name.clone(), found: spell(found), expected: table.spelled_keys() })
}

async fn create(client: &Client, table: Table, name: &TableName) -> Result<(), LedgerError> {
    let unreadable = |e: aws_sdk_dynamodb::error::BuildError| LedgerError::Unreadable {
        table: name.clone(),
        problem: e.to_string(),
    };
    let (partition, sort) = table.keys();
    let tag = Tag::builder().key("application").value("pmp-sync").build().map_err(unreadable)?;
    let mut call = client.create_table().table_name(name.as_str()).billing_mode(BillingMode::PayPerRequest).tags(tag);
    for (attribute, key_type) in [(partition, KeyType::Hash), (sort, KeyType::Range)] {
        let definition =
            AttributeDefinition::builder().attribute_name(attribute).attribute_type(ScalarAttributeType::S).build();
        let key = KeySchemaElement::builder().attribute_name(attribute).key_type(key_type).build();
        call = call.attribute_definitions(definition.map_err(unreadable)?).key_schema(key.map_err(unreadable)?);
    }
    match call.send().await {
        Ok(_) => Ok(()),
        // Another `init` was faster. The caller describes the table next, and checks it then.
        Err(e) if e.as_service_error().is_some_and(|e| e.is_resource_in_use_exception()) => Ok(()),
        Err(e) => Err(LedgerError::Api { table: name.clone(), error: ApiError::new("dynamodb:CreateTable", &e) }),
    }
}

async fn wait_until_active(client: &Client, name: &TableName) -> Result<String, LedgerError> {
    let looks = ACTIVE_WITHIN.as_millis() / LOOK_EVERY.as_millis();
    for _ in 0..looks {
        match describe(client, name).await? {
            Some(table) if table.table_status() == Some(&TableStatus::Active) => {
                return Ok(table.table_arn().unwrap_or(name.as_str()).to_owned());
            }
            _ => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
    let problem = format!("it is not active after {} seconds", ACTIVE_WITHIN.as_secs());
    Err(LedgerError::NotReady { table: name.clone(), problem })
}
