//! Requests, as the JSON of the wire has them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::error::Error;
use crate::json;
use crate::value::{Attributes, Item};

/// A request to one operation.
#[derive(Debug)]
#[non_exhaustive]
pub enum Request {
    /// Reads one item by its key.
    GetItem(Read),
    /// Reads items of a partition.
    Query(Read),
    /// Reads items of all partitions.
    Scan(Read),
    /// Writes an item as a whole.
    PutItem(Write),
    /// Changes attributes of an item.
    UpdateItem(Write),
    /// Deletes an item by its key.
    DeleteItem(Write),
    /// Reads items of several tables.
    BatchGetItem(BatchGet),
    /// Writes items of several tables.
    BatchWriteItem(BatchWrite),
    /// Reads items of one moment.
    TransactGetItems(TransactGet),
    /// Writes all of several items, or none.
    TransactWriteItems(TransactWrite),
    /// Any operation on tables and their settings, by its name.
    OnTable(&'static str, OnTable),
    /// Lists the names of tables.
    ListTables(ListTables),
}

/// The operations on one table.
const ON_TABLES: [&str; 14] = [
    "CreateTable",
    "DeleteResourcePolicy",
    "DeleteTable",
    "DescribeContinuousBackups",
    "DescribeTable",
    "DescribeTimeToLive",
    "GetResourcePolicy",
    "ListTagsOfResource",
    "PutResourcePolicy",
    "TagResource",
    "UntagResource",
    "UpdateContinuousBackups",
    "UpdateTable",
    "UpdateTimeToLive",
];

impl Request {
    /// Reads the body of a request to this operation.
    ///
    /// # Errors
    /// There is no such operation here, or the body has not its form.
    pub fn parse(operation: &str, body: &[u8]) -> Result<Self, Error> {
        let body = if body.is_empty() { b"{}" } else { body };
        Ok(match operation {
            "GetItem" => Self::GetItem(json::read(body)?),
            "Query" => Self::Query(json::read(body)?),
            "Scan" => Self::Scan(json::read(body)?),
            "PutItem" => Self::PutItem(json::read(body)?),
            "UpdateItem" => Self::UpdateItem(json::read(body)?),
            "DeleteItem" => Self::DeleteItem(json::read(body)?),
            "BatchGetItem" => Self::BatchGetItem(json::read(body)?),
            "BatchWriteItem" => Self::BatchWriteItem(json::read(body)?),
            "TransactGetItems" => Self::TransactGetItems(json::read(body)?),
            "TransactWriteItems" => Self::TransactWriteItems(json::read(body)?),
            "ListTables" => Self::ListTables(json::read(body)?),
            other => {
                let known = ON_TABLES.into_iter().find(|known| *known == other);
                let unknown = || {
                    let message =
                        format!("The operation {operation} is not known, or pmp-local's DynamoDB does not have it");
                    Error::new("UnknownOperationException", message)
                };
                Self::OnTable(known.ok_or_else(unknown)?, json::read(body)?)
            }
        })
    }

    /// The tables that the request names.
    #[must_use]
    pub fn tables(&self) -> Vec<&TableName> {
        match self {
            Self::GetItem(read) | Self::Query(read) | Self::Scan(read) => read.table_name.iter().collect(),
            Self::PutItem(write) | Self::UpdateItem(write) | Self::DeleteItem(write) => {
                write.table_name.iter().collect()
            }
            Self::BatchGetItem(batch) => batch.request_items.iter().flatten().map(|(table, _)| table).collect(),
            Self::BatchWriteItem(batch) => batch.request_items.iter().flatten().map(|(table, _)| table).collect(),
            Self::TransactGetItems(transaction) => {
                let gets = transaction.transact_items.iter().flatten().filter_map(|item| item.get.as_ref());
                gets.filter_map(|get| get.table_name.as_ref()).collect()
            }
            Self::TransactWriteItems(transaction) => {
                let writes = transaction.transact_items.iter().flatten().flat_map(TransactedWrite::named);
                writes.filter_map(|(_, write)| write.table_name.as_ref()).collect()
            }
            Self::OnTable(_, request) => request.table_name.iter().chain(&request.resource_arn).collect(),
            Self::ListTables(_) => Vec::new(),
        }
    }

    /// The whole items that the request writes.
    pub fn written(&self) -> impl Iterator<Item = &Item> {
        let put = if let Self::PutItem(write) = self { write.item.as_ref() } else { None };
        let transaction = if let Self::TransactWriteItems(transaction) = self { Some(transaction) } else { None };
        let transacted = transaction.into_iter().flat_map(|transaction| transaction.transact_items.iter().flatten());
        put.into_iter().chain(transacted.filter_map(|item| item.put.as_ref()?.item.as_ref()))
    }
}

/// A table, by its name or by its ARN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, serde::Serialize)]
#[serde(transparent)]
pub struct TableName(pub(crate) String);

impl TableName {
    /// The name, as the request has it: also an ARN.
    #[must_use]
    pub fn as_given(&self) -> &str {
        &self.0
    }

    /// The name without what is around it in an ARN.
    #[must_use]
    pub fn name(&self) -> &str {
        let name = self.0.split_once(":table/").map_or(self.0.as_str(), |(_, rest)| rest);
        if self.is_arn() { name.split('/').next().unwrap_or(name) } else { name }
    }

    /// The account that an ARN names.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        if !self.is_arn() {
            return None;
        }
        self.0.split(':').nth(4).filter(|account| !account.is_empty())
    }

    /// Whether it is an ARN.
    #[must_use]
    pub fn is_arn(&self) -> bool {
        self.0.starts_with("arn:") && self.0.contains(":table/")
    }
}

/// The names that placeholders stand for.
pub(crate) type Names = BTreeMap<String, String>;

/// `GetItem`, `Query` or `Scan`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Read {
    pub(crate) table_name: Option<TableName>,
    pub(crate) key: Option<Attributes>,
    pub(crate) index_name: Option<String>,
    pub(crate) consistent_read: Option<bool>,
    pub(crate) key_condition_expression: Option<String>,
    pub(crate) filter_expression: Option<String>,
    pub(crate) projection_expression: Option<String>,
    pub(crate) expression_attribute_names: Option<Names>,
    pub(crate) expression_attribute_values: Option<Attributes>,
    pub(crate) exclusive_start_key: Option<Attributes>,
    pub(crate) limit: Option<i64>,
    pub(crate) scan_index_forward: Option<bool>,
    pub(crate) select: Option<String>,
    pub(crate) segment: Option<i64>,
    pub(crate) total_segments: Option<i64>,
    pub(crate) return_consumed_capacity: Option<String>,
    attributes_to_get: Option<IgnoredAny>,
    conditional_operator: Option<IgnoredAny>,
    key_conditions: Option<IgnoredAny>,
    query_filter: Option<IgnoredAny>,
    scan_filter: Option<IgnoredAny>,
}

impl Read {
    /// Refuses parameters from the time before expressions, which are not built here.
    pub(crate) fn check_age(&self) -> Result<(), Error> {
        refuse_old([
            ("AttributesToGet", self.attributes_to_get),
            ("ConditionalOperator", self.conditional_operator),
            ("KeyConditions", self.key_conditions),
            ("QueryFilter", self.query_filter),
            ("ScanFilter", self.scan_filter),
        ])
    }
}

/// `PutItem`, `UpdateItem`, `DeleteItem`, and the same in a transaction.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Write {
    pub(crate) table_name: Option<TableName>,
    pub(crate) item: Option<Item>,
    pub(crate) key: Option<Attributes>,
    pub(crate) update_expression: Option<String>,
    pub(crate) condition_expression: Option<String>,
    pub(crate) expression_attribute_names: Option<Names>,
    pub(crate) expression_attribute_values: Option<Attributes>,
    pub(crate) return_values: Option<String>,
    pub(crate) return_values_on_condition_check_failure: Option<String>,
    pub(crate) return_consumed_capacity: Option<String>,
    attribute_updates: Option<IgnoredAny>,
    conditional_operator: Option<IgnoredAny>,
    expected: Option<IgnoredAny>,
}

impl Write {
    /// Refuses parameters from the time before expressions, which are not built here.
    pub(crate) fn check_age(&self) -> Result<(), Error> {
        refuse_old([
            ("AttributeUpdates", self.attribute_updates),
            ("ConditionalOperator", self.conditional_operator),
            ("Expected", self.expected),
        ])
    }
}

fn refuse_old<const N: usize>(parameters: [(&str, Option<IgnoredAny>); N]) -> Result<(), Error> {
    match parameters.into_iter().find(|(_, given)| given.is_some()) {
        Some((name, _)) => Err(Error::validation(format!(
            "pmp-local's DynamoDB does not take the legacy parameter {name}: use an expression"
        ))),
        None => Ok(()),
    }
}

/// The request of `BatchGetItem`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BatchGet {
    pub(crate) request_items: Option<BTreeMap<TableName, Keys>>,
    pub(crate) return_consumed_capacity: Option<String>,
}

/// The items that a batch reads from one table.
#[derive(Debug, Default, Clone, Deserialize, serde::Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Keys {
    pub(crate) keys: Vec<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) consistent_read: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) projection_expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expression_attribute_names: Option<Names>,
}

/// The request of `BatchWriteItem`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BatchWrite {
    pub(crate) request_items: Option<BTreeMap<TableName, Vec<BatchedWrite>>>,
    pub(crate) return_consumed_capacity: Option<String>,
}

/// One write of a batch.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct BatchedWrite {
    pub(crate) put_request: Option<BatchedPut>,
    pub(crate) delete_request: Option<BatchedDelete>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct BatchedPut {
    pub(crate) item: Item,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct BatchedDelete {
    pub(crate) key: Attributes,
}

impl BatchedWrite {
    /// The attributes that hold the key.
    pub(crate) fn attributes(&self) -> Option<&Attributes> {
        let put = self.put_request.as_ref().map(|put| put.item.attributes());
        put.or_else(|| self.delete_request.as_ref().map(|delete| &delete.key))
    }
}

/// The request of `TransactGetItems`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TransactGet {
    pub(crate) transact_items: Option<Vec<TransactedGet>>,
    pub(crate) return_consumed_capacity: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TransactedGet {
    pub(crate) get: Option<Read>,
}

/// The request of `TransactWriteItems`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TransactWrite {
    pub(crate) transact_items: Option<Vec<TransactedWrite>>,
    pub(crate) client_request_token: Option<String>,
    pub(crate) return_consumed_capacity: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TransactedWrite {
    put: Option<Write>,
    update: Option<Write>,
    delete: Option<Write>,
    condition_check: Option<Write>,
}

/// What a write does with its item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Effect {
    Put,
    Update,
    Delete,
    Check,
}

impl TransactedWrite {
    /// All writes that it names. More than one is refused, but not before IAM has been asked.
    pub(crate) fn named(&self) -> impl Iterator<Item = (Effect, &Write)> {
        let given = [
            (Effect::Put, &self.put),
            (Effect::Update, &self.update),
            (Effect::Delete, &self.delete),
            (Effect::Check, &self.condition_check),
        ];
        given.into_iter().filter_map(|(effect, write)| Some((effect, write.as_ref()?)))
    }

    /// The write, if there is exactly one.
    pub(crate) fn write(&self) -> Option<(Effect, &Write)> {
        let mut named = self.named();
        named.next().filter(|_| named.next().is_none())
    }
}

/// The operations on tables and their settings. Each takes some of the fields.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct OnTable {
    pub(crate) table_name: Option<TableName>,
    pub(crate) resource_arn: Option<TableName>,
    pub(crate) policy: Option<String>,
    pub(crate) expected_revision_id: Option<String>,
    pub(crate) tags: Option<Vec<Tag>>,
    pub(crate) tag_keys: Option<Vec<String>>,
    pub(crate) key_schema: Option<Vec<KeyElement>>,
    pub(crate) attribute_definitions: Option<Vec<Definition>>,
    pub(crate) billing_mode: Option<String>,
    pub(crate) provisioned_throughput: Option<Throughput>,
    pub(crate) deletion_protection_enabled: Option<bool>,
    #[serde(rename = "SSESpecification")]
    pub(crate) encryption: Option<Encryption>,
    pub(crate) table_class: Option<String>,
    pub(crate) resource_policy: Option<String>,
    pub(crate) time_to_live_specification: Option<TimeToLive>,
    pub(crate) point_in_time_recovery_specification: Option<Recovery>,
    pub(crate) stream_specification: Option<Stream>,
    pub(crate) local_secondary_indexes: Option<Vec<IgnoredAny>>,
    pub(crate) global_secondary_indexes: Option<Vec<IgnoredAny>>,
    pub(crate) global_secondary_index_updates: Option<Vec<IgnoredAny>>,
    pub(crate) replica_updates: Option<Vec<IgnoredAny>>,
}

#[derive(Debug, Clone, Deserialize, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Tag {
    pub(crate) key: String,
    pub(crate) value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct KeyElement {
    pub(crate) attribute_name: String,
    pub(crate) key_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Definition {
    pub(crate) attribute_name: String,
    pub(crate) attribute_type: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Throughput {
    pub(crate) read_capacity_units: u64,
    pub(crate) write_capacity_units: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Encryption {
    #[serde(default)]
    pub(crate) enabled: bool,
    #[serde(rename = "KMSMasterKeyId")]
    pub(crate) key: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TimeToLive {
    pub(crate) attribute_name: String,
    pub(crate) enabled: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Recovery {
    pub(crate) point_in_time_recovery_enabled: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Stream {
    pub(crate) stream_enabled: bool,
}

/// The request of `ListTables`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTables {
    pub(crate) limit: Option<usize>,
    pub(crate) exclusive_start_table_name: Option<String>,
}
