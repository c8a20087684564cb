//! A table and the client that reaches it. All adapters use it.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{DeleteRequest, Put, TransactWriteItem, WriteRequest};
use pmp_aws::{ApiError, AskWithNewSession};
use pmp_protocol::ExperienceId;

use crate::item::{Item, number, text};
use crate::{LedgerError, TableName};

/// The attribute that grows with each write of an item that is written over one generation alone.
pub(crate) const GENERATION: &str = "generation";
/// The most requests that one `BatchWriteItem` takes (service model).
const BATCH: usize = 25;
/// How often and how long a patient client asks for one item. A thousand members that fetch 24 MB
/// from one partition take a quarter of an hour (docs/performance.md has the arithmetic), but none
/// waits for one item for so long.
const PATIENT_ATTEMPTS: u32 = 60;
const PATIENT_BACKOFF: Duration = Duration::from_secs(20);
const PATIENT_TIMEOUT: Duration = Duration::from_secs(300);

/// A client bound to one table, so that every error names it.
#[derive(Debug)]
pub(crate) struct TableClient {
    pub(crate) dynamodb: Client,
    pub(crate) table: TableName,
}

impl TableClient {
    /// The table as `config`'s credentials see it. An ARN's region overrides the configured one.
    pub(crate) fn new(config: &SdkConfig, table: TableName) -> Self {
        let config = client_of(config, &table).build();
        Self { dynamodb: Client::from_conf(config), table }
    }

    /// The same for items that all members read at the same time. DynamoDB refuses what a partition
    /// cannot serve in a second, so this one asks again for minutes, with pauses of chance between.
    pub(crate) fn patient(config: &SdkConfig, table: TableName) -> Self {
        let timeouts = config.timeout_config().map_or_else(TimeoutConfig::builder, TimeoutConfig::to_builder);
        let set = config.timeout_config().and_then(TimeoutConfig::operation_timeout).unwrap_or_default();
        let timeouts = timeouts.operation_timeout(set.max(PATIENT_TIMEOUT)).build();
        let client = client_of(config, &table);
        // A client of a test that does not try again stays so.
        let config = if config.retry_config().is_some_and(|retries| retries.max_attempts() == 1) {
            client
        } else {
            // What it may try is bounded by attempts and time, and not by what other calls tried.
            let apart = RetryPartition::custom("parts").token_bucket(TokenBucket::unlimited()).build();
            client
                .timeout_config(timeouts)
                .retry_config(
                    RetryConfig::standard().with_max_attempts(PATIENT_ATTEMPTS).with_max_backoff(PATIENT_BACKOFF),
                )
                .retry_partition(apart)
        };
        Self { dynamodb: Client::from_conf(config.build()), table }
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

    /// The first items that a query finds, and no more than these, however many there are.
    pub(crate) async fn at_most(&self, most: usize, query: QueryFluentBuilder) -> Result<Vec<Item>, LedgerError> {
        let mut found = query.into_paginator().items().send();
        let mut items = Vec::new();
        while items.len() < most
            && let Some(item) = found.next().await
        {
            items.push(item.map_err(|e| self.failed(ApiError::new("dynamodb:Query", &e)))?);
        }
        Ok(items)
    }

    /// Writes an item as the next generation after `before`, over that one alone; 0: where there is
    /// none. Returns whether it was so.
    pub(crate) async fn put_next(&self, mut item: Item, before: u64) -> Result<bool, LedgerError> {
        item.insert(GENERATION.to_owned(), number(before.saturating_add(1)));
        let call = self.dynamodb.put_item().table_name(self.table.as_str()).set_item(Some(item));
        let call = call.expression_attribute_names("#generation", GENERATION);
        let call = match before {
            0 => call.condition_expression("attribute_not_exists(#generation)"),
            before => call
                .condition_expression("#generation = :before")
                .expression_attribute_values(":before", number(before)),
        };
        self.written(call).await
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

/// How a client reaches a table.
fn client_of(config: &SdkConfig, table: &TableName) -> Builder {
    let config = match table.region() {
        Some(region) => pmp_aws::in_region(config, region),
        None => config.clone(),
    };
    // The hub's operators may revoke the sessions of the member's role at any time. Then a call is
    // repeated with a new session.
    Builder::from(&config).retry_classifier(AskWithNewSession)
}
