//! Answers, as they go over the wire.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::request::{Keys, TableName};
use crate::value::{Attributes, Item};

/// The answer to a request. Its items share what the tables hold: it can be written as JSON after
/// the tables have changed.
#[derive(Debug, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Answer {
    /// What `GetItem` has found.
    Got(Got),
    /// A page of `Query` or `Scan`.
    Page(Page),
    /// What `PutItem`, `UpdateItem` or `DeleteItem` has done.
    Written(Written),
    /// What `BatchGetItem` has found.
    Batch(Batch),
    /// What `BatchWriteItem` has done.
    BatchWritten(BatchWritten),
    /// What `TransactGetItems` has found.
    Transacted(Transacted),
    /// What `TransactWriteItems` has done.
    TransactWritten(TransactWritten),
    /// The answer of an operation on tables or their settings.
    OnTable(serde_json::Value),
}

/// An item, if it is there.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Got {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) item: Option<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) consumed_capacity: Option<Capacity>,
}

/// A page of items, and where the next one begins.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Page {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) items: Option<Vec<Item>>,
    pub(crate) count: usize,
    pub(crate) scanned_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_evaluated_key: Option<Attributes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) consumed_capacity: Option<Capacity>,
}

/// What a write tells of its item.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Written {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attributes: Option<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) consumed_capacity: Option<Capacity>,
}

/// Items of several tables.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Batch {
    pub(crate) responses: BTreeMap<TableName, Vec<Item>>,
    pub(crate) unprocessed_keys: BTreeMap<TableName, Keys>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) consumed_capacity: Vec<Capacity>,
}

/// That a batch was written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct BatchWritten {
    pub(crate) unprocessed_items: BTreeMap<TableName, ()>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) consumed_capacity: Vec<Capacity>,
}

/// Items of one moment, in the order of the request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Transacted {
    pub(crate) responses: Vec<Got>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) consumed_capacity: Vec<Capacity>,
}

/// That a transaction was written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TransactWritten {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) consumed_capacity: Vec<Capacity>,
}

/// The capacity units that a request took of one table.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Capacity {
    pub(crate) table_name: TableName,
    pub(crate) capacity_units: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) read_capacity_units: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) write_capacity_units: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) table: Option<Units>,
}

/// A number of capacity units.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Units {
    pub(crate) capacity_units: f64,
}
