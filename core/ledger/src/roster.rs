//! The roster in the `SyncTimestamps` table: which member organizations the hub admitted, for which management experience.
//!
//! The records lie in the partition `hub#roster`, of which no member's role may read or write anything: ids of
//! organizations begin with `o-`, so no organization's partition is ever called so. The sort key is
//! `<management experience>#<organization>`.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, WriteRequest};
use jiff::Timestamp;
use pmp_aws::ApiError;
use pmp_protocol::{ExperienceId, OrganizationId};
use serde::{Deserialize, Serialize};

use crate::client::TableClient;
use crate::item::{Item, text};
use crate::partition::{confirm_key, hub_partition, seen_key};
use crate::{LedgerError, TableName};

/// The partition of the records. The attribute `organization`, which is the table's partition key, therefore is not the
/// admitted organization; that one is `member`.
const ROSTER: &str = "hub#roster";
/// What one `BatchWriteItem` takes.
const BATCH: usize = 25;
/// How often what DynamoDB left unprocessed is asked for again.
const TRIES: usize = 10;

/// An organization that an operator of the hub admitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Which organization.
    #[serde(rename = "member")]
    pub organization: OrganizationId,
    /// The management experience that it follows.
    pub experience: ExperienceId,
    /// Who admitted it, as STS names them.
    pub admitted_by: String,
    /// When.
    pub admitted_at: Timestamp,
}

/// Whom the hub admitted.
#[async_trait]
pub trait Roster: std::fmt::Debug + Send + Sync {
    /// Admits an organization; whether it was not admitted yet. An earlier record stays as it is.
    async fn admit(&self, member: &Member) -> Result<bool, LedgerError>;

    /// Ends an organization: what it wrote for this management experience, what operators said about it, and then its
    /// record, so that a crash in between is seen and the same call goes on. Returns how many items went.
    async fn forget(&self, organization: &OrganizationId, experience: &ExperienceId) -> Result<usize, LedgerError>;

    /// Those that were admitted, by id.
    async fn members(&self, experience: &ExperienceId) -> Result<Vec<Member>, LedgerError>;
}

/// The table, with the credentials of the hub or of its operators.
#[derive(Debug)]
pub struct DynamoRoster {
    table: TableClient,
}

impl DynamoRoster {
    /// The table as `config`'s credentials see it. An ARN's region overrides the configured one.
    #[must_use]
    pub fn new(config: &SdkConfig, table: TableName) -> Self {
        Self { table: TableClient::new(config, table) }
    }

    /// The items of a partition whose sort key begins with `prefix`, or their keys alone.
    async fn query(&self, partition: &str, prefix: &str, keys_only: bool) -> Result<Vec<Item>, LedgerError> {
        let projection = keys_only.then(|| "organization, #item".to_owned());
        self.table
            .dynamodb
            .query()
            .table_name(self.table.table.as_str())
            .consistent_read(true)
            .key_condition_expression("organization = :partition AND begins_with(#item, :prefix)")
            .expression_attribute_names("#item", "item")
            .expression_attribute_values(":partition", text(partition))
            .expression_attribute_values(":prefix", text(prefix))
            .set_projection_expression(projection)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<Item>, _>>()
            .await
            .map_err(|e| self.table.failed(ApiError::new("dynamodb:Query", &e)))
    }

    async fn delete(&self, keys: &[Item]) -> Result<(), LedgerError> {
        for batch in keys.chunks(BATCH) {
            let mut left = batch.to_vec();
            for _ in 0..TRIES {
                left = self.delete_batch(left).await?;
                if left.is_empty() {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            }
            if !left.is_empty() {
                return Err(self.table.unreadable("DynamoDB leaves deletions undone; ask again"));
            }
        }
        Ok(())
    }

    /// Deletes some; the keys that DynamoDB left.
    async fn delete_batch(&self, keys: Vec<Item>) -> Result<Vec<Item>, LedgerError> {
        let request = |key: Item| {
            let delete = DeleteRequest::builder().set_key(Some(key)).build();
            let delete = delete.map_err(|e| self.table.unreadable(e.to_string()))?;
            Ok(WriteRequest::builder().delete_request(delete).build())
        };
        let requests = keys.into_iter().map(request).collect::<Result<Vec<_>, LedgerError>>()?;
        let call = self.table.dynamodb.batch_write_item().request_items(self.table.table.as_str(), requests);
        let answer = call.send().await.map_err(|e| self.table.failed(ApiError::new("dynamodb:BatchWriteItem", &e)))?;
        let left = answer.unprocessed_items.unwrap_or_default().into_values().flatten();
        Ok(left.filter_map(|request| request.delete_request).map(|delete| delete.key).collect())
    }
}

fn key_of(organization: &OrganizationId, experience: &ExperienceId) -> String {
    format!("{experience}#{organization}")
}

#[async_trait]
impl Roster for DynamoRoster {
    async fn admit(&self, member: &Member) -> Result<bool, LedgerError> {
        let mut item: Item = serde_dynamo::to_item(member).map_err(|e| self.table.unreadable(e))?;
        item.insert("organization".to_owned(), text(ROSTER));
        item.insert("item".to_owned(), text(key_of(&member.organization, &member.experience)));
        let call = self.table.dynamodb.put_item().table_name(self.table.table.as_str()).set_item(Some(item));
        match call.condition_expression("attribute_not_exists(organization)").send().await {
            Ok(_) => Ok(true),
            Err(e) if e.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => Ok(false),
            Err(e) => Err(self.table.failed(ApiError::new("dynamodb:PutItem", &e))),
        }
    }

    async fn forget(&self, organization: &OrganizationId, experience: &ExperienceId) -> Result<usize, LedgerError> {
        let own = organization.as_str();
        let operators = hub_partition(organization);
        let (receipts, confirm) = (seen_key(experience), confirm_key(experience, None));
        let mut gone = 0;
        // Confirmations lay in the organization's own partition once.
        for (partition, prefix) in [(own, &receipts), (own, &confirm), (&operators, &confirm)] {
            let keys = self.query(partition, prefix, true).await?;
            self.delete(&keys).await?;
            gone += keys.len();
        }
        let record: [(String, AttributeValue); 2] =
            [("organization".to_owned(), text(ROSTER)), ("item".to_owned(), text(key_of(organization, experience)))];
        let call = self.table.dynamodb.delete_item().table_name(self.table.table.as_str());
        let call = call.set_key(Some(record.into())).return_values(aws_sdk_dynamodb::types::ReturnValue::AllOld);
        let answer = call.send().await.map_err(|e| self.table.failed(ApiError::new("dynamodb:DeleteItem", &e)))?;
        Ok(gone + usize::from(answer.attributes.is_some_and(|record| !record.is_empty())))
    }

    async fn members(&self, experience: &ExperienceId) -> Result<Vec<Member>, LedgerError> {
        let items = self.query(ROSTER, &format!("{experience}#"), false).await?;
        let read = |item| serde_dynamo::from_item(item).map_err(|e| self.table.unreadable(e));
        items.into_iter().map(read).collect()
    }
}
