//! A table and the client that reaches it. All adapters use it.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{DeleteRequest, Put, TransactWriteItem, WriteRequest};
use pmp_aws::{ApiError, AskWithNewSession};
use pmp_protocol::ExperienceId;

use crate::item::{Item, text};
use crate::{LedgerError, TableName};

/// The most requests that one `BatchWriteItem` takes (service model).
const BATCH: usize = 25;

/// A client bound to one table, so that every error names it.
#[derive(Debug)]
pub(crate) struct TableClient {
    pub(crate) dynamodb: Client,
    pub(crate) table: TableName,
}

impl TableClient {
    /// The table as `config`'s credentials see it. An ARN's region overrides the configured one.
    pub(crate) fn new(config: &SdkConfig, table: TableName) -> Self {
        let config = match table.region() {
            Some(region) => pmp_aws::in_region(config, region),
            None => config.clone(),
        };
        // The hub's operators may revoke the sessions of the member's role at any time. Then a call
        // is repeated with a new session.
        let config = Builder::from(&config).retry_classifier(AskWithNewSession).build();
        Self { dynamodb: Client::from_conf(config), table }
    }

    /// Queries the items of a partition of `SyncTimestamps` whose sort keys begin with `prefix`.
    /// The read is consistent.
    pub(crate) fn beginning_with(&self, partition: &str, prefix: &str) -> QueryFluentBuilder {
        self.query("organization = :partition AND begins_with(#item, :item)", partition, prefix)
    }

    /// Queries the items of a partition of `SyncTimestamps` whose sort keys are between `from` and
    /// `to`. The read is consistent.
    pub(crate) fn in_range(&self, partition: &str, from: &str, to: &str) -> QueryFluentBuilder {
        self.query("organization = :partition AND #item BETWEEN :item AND :to", partition, from)
            .expression_attribute_values(":to", text(to))
    }

    /// Reads one item of `SyncTimestamps`, consistently. It is a query, so that a member's role
    /// needs no other permission to read.
    pub(crate) async fn item(&self, partition: &str, key: &str) -> Result<Option<Item>, LedgerError> {
        let query = self.query("organization = :partition AND #item = :item", partition, key);
        Ok(self.all(query).await?.pop())
    }

    fn query(&self, condition: &str, partition: &str, item: &str) -> QueryFluentBuilder {
        self.dynamodb
            .query()
            .table_name(self.table.as_str())
            .consistent_read(true)
            .key_condition_expression(condition)
            .expression_attribute_names("#item", "item")
            .expression_attribute_values(":partition", text(partition))
            .expression_attribute_values(":item", text(item))
    }

    /// Queries the items of an experience's partition of `Snapshots` whose sort keys are between
    /// `from` and `to`. The read is consistent.
    pub(crate) fn between(&self, experience: &ExperienceId, from: &str, to: &str) -> QueryFluentBuilder {
        self.dynamodb
            .query()
            .table_name(self.table.as_str())
            .consistent_read(true)
            .key_condition_expression("experience = :experience AND #item BETWEEN :from AND :to")
            .expression_attribute_names("#item", "item")
            .expression_attribute_values(":experience", text(experience))
            .expression_attribute_values(":from", text(from))
            .expression_attribute_values(":to", text(to))
    }

    /// Items to put in one transaction.
    pub(crate) fn puts(&self, items: Vec<Item>) -> Result<Vec<TransactWriteItem>, LedgerError> {
        let put = |item| {
            let put = Put::builder().table_name(self.table.as_str()).set_item(Some(item)).build();
            let put = put.map_err(|e| self.unreadable(e.to_string()))?;
            Ok(TransactWriteItem::builder().put(put).build())
        };
        items.into_iter().map(put).collect()
    }

    /// Deletes the items with these keys. Returns the keys that DynamoDB left unprocessed.
    pub(crate) async fn delete(&self, keys: Vec<Item>) -> Result<Vec<Item>, LedgerError> {
        let request = |key: Item| {
            let delete = DeleteRequest::builder().set_key(Some(key)).build();
            let delete = delete.map_err(|e| self.unreadable(e.to_string()))?;
            Ok(WriteRequest::builder().delete_request(delete).build())
        };
        let requests = keys.into_iter().map(request).collect::<Result<Vec<_>, LedgerError>>()?;
        let mut left = Vec::new();
        for batch in requests.chunks(BATCH) {
            let call = self.dynamodb.batch_write_item().request_items(self.table.as_str(), batch.to_vec());
            let answer = call.send().await.map_err(|e| self.failed(ApiError::new("dynamodb:BatchWriteItem", &e)))?;
            let undone = answer.unprocessed_items.unwrap_or_default().into_values().flatten();
            left.extend(undone.filter_map(|request| request.delete_request).map(|delete| delete.key));
        }
        Ok(left)
    }

    /// All items that a query finds, page after page.
    pub(crate) async fn all(&self, query: QueryFluentBuilder) -> Result<Vec<Item>, LedgerError> {
        let items = query.into_paginator().items().send();
        items.collect::<Result<_, _>>().await.map_err(|e| self.failed(ApiError::new("dynamodb:Query", &e)))
    }

    /// Sends a conditional write. Returns whether its condition held.
    pub(crate) async fn written(&self, call: PutItemFluentBuilder) -> Result<bool, LedgerError> {
        match call.send().await {
            Ok(_) => Ok(true),
            Err(e) if e.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => Ok(false),
            Err(e) => Err(self.failed(ApiError::new("dynamodb:PutItem", &e))),
        }
    }

    pub(crate) fn failed(&self, error: ApiError) -> LedgerError {
        if error.code() == Some("ResourceNotFoundException") {
            return LedgerError::NoTable(self.table.clone());
        }
        LedgerError::Api { table: self.table.clone(), error }
    }

    pub(crate) fn unreadable(&self, problem: impl ToString) -> LedgerError {
        LedgerError::Unreadable { table: self.table.clone(), problem: problem.to_string() }
    }
}
