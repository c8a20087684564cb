//! The `SyncTimestamps` table over the official SDK. What lies where in it is said in `partition.rs`.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::StreamExt;
use futures::stream;
use pmp_aws::ApiError;
use pmp_protocol::{ExperienceId, HeadMark, OperatorConfirmation, OrganizationId, OrganizationSeen, Receipt};
use serde::Serialize;

use crate::client::TableClient;
use crate::item::{Item, number, text};
use crate::partition::{HEADS, MAX_ITEMS, confirm_key, hub_partition, receipt_key, seen_key, sort};
use crate::{Found, LedgerError, Organization, ReceiptStore, TableName, Unreadable};

/// Organizations that are read at once.
const SIDE_BY_SIDE: usize = 16;

const STATEMENT: &str = "statement";

/// The table, with the credentials of whoever reads or writes it.
#[derive(Debug)]
pub struct DynamoReceipts {
    table: TableClient,
}

/// Where an organization keeps the statement that its spoke trusted last, which the hub signed.
fn trusted_key(experience: &ExperienceId) -> String {
    format!("trusted#{experience}")
}

fn key_of(confirmation: &OperatorConfirmation) -> String {
    confirm_key(&confirmation.experience, confirmation.member_experience.as_ref())
}

impl DynamoReceipts {
    /// The table as `config`'s credentials see it. An ARN's region overrides the configured one.
    #[must_use]
    pub fn new(config: &SdkConfig, table: TableName) -> Self {
        Self { table: TableClient::new(config, table) }
    }

    /// The attributes of `record`, in `partition` under the sort key `key`.
    fn item(&self, record: &impl Serialize, partition: impl ToString, key: String) -> Result<Item, LedgerError> {
        let mut item: Item = serde_dynamo::to_item(record).map_err(|e| self.table.unreadable(e))?;
        item.insert("organization".to_owned(), text(partition));
        item.insert("item".to_owned(), text(key));
        Ok(item)
    }

    fn put_item(&self, receipt: &Receipt) -> Result<PutItemFluentBuilder, LedgerError> {
        let key = receipt_key(&receipt.experience, &receipt.member_experience);
        let item = self.item(receipt, &receipt.organization, key)?;
        let call = self.table.dynamodb.put_item().table_name(self.table.table.as_str()).set_item(Some(item));
        Ok(call.expression_attribute_values(":version", number(receipt.version)))
    }

    async fn put_whole(&self, item: Item) -> Result<(), LedgerError> {
        let call = self.table.dynamodb.put_item().table_name(self.table.table.as_str()).set_item(Some(item));
        call.send().await.map(|_| ()).map_err(|e| self.table.failed(ApiError::new("dynamodb:PutItem", &e)))
    }

    /// Sends a conditional write; whether its condition held.
    async fn written(&self, call: PutItemFluentBuilder) -> Result<bool, LedgerError> {
        match call.send().await {
            Ok(_) => Ok(true),
            Err(e) if e.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => Ok(false),
            Err(e) => Err(self.table.failed(ApiError::new("dynamodb:PutItem", &e))),
        }
    }

    /// The items of a partition whose sort keys begin with `prefix`, and whether there are more than `limit`, where there is
    /// one.
    async fn query(
        &self,
        partition: &str,
        prefix: &str,
        limit: Option<usize>,
    ) -> Result<(Vec<Item>, bool), LedgerError> {
        const OPERATION: &str = "dynamodb:Query";
        let (mut found, mut from) = (Vec::new(), None);
        loop {
            let left = limit.map(|limit| limit.saturating_sub(found.len()));
            let answer = self
                .table
                .dynamodb
                .query()
                .table_name(self.table.table.as_str())
                .consistent_read(true)
                .key_condition_expression("organization = :organization AND begins_with(#item, :prefix)")
                .expression_attribute_names("#item", "item")
                .expression_attribute_values(":organization", text(partition))
                .expression_attribute_values(":prefix", text(prefix))
                .set_limit(left.and_then(|left| i32::try_from(left).ok()))
                .set_exclusive_start_key(from.take())
                .send()
                .await
                .map_err(|e| self.table.failed(ApiError::new(OPERATION, &e)))?;
            found.extend(answer.items.unwrap_or_default());
            let Some(next) = answer.last_evaluated_key.filter(|next| !next.is_empty()) else {
                return Ok((found, false));
            };
            if limit.is_some_and(|limit| found.len() >= limit) {
                return Ok((found, true));
            }
            from = Some(next);
        }
    }

    /// What the hub's operators say about an organization; nothing, with a warning, where the role may not read it: one that
    /// an earlier release's template made.
    async fn said(&self, id: &OrganizationId, experience: &ExperienceId) -> Result<Vec<Item>, LedgerError> {
        let partition = hub_partition(id);
        match self.query(&partition, &confirm_key(experience, None), None).await {
            Ok((items, _)) => Ok(items),
            Err(error) if error.api().is_some_and(ApiError::is_access_denied) => {
                tracing::warn!(%error, "no confirmation of the hub's operators can be read; its template is an older one");
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }

    async fn one(
        &self,
        id: &OrganizationId,
        experience: &ExperienceId,
        limit: Option<usize>,
    ) -> Result<Organization, LedgerError> {
        let prefix = seen_key(experience);
        let own = self.query(id.as_str(), &prefix, limit);
        let ((mut items, more), said) = futures::try_join!(own, self.said(id, experience))?;
        items.extend(said);
        let mut organization = sort(items, experience).remove(id).unwrap_or_else(|| Organization::unknown(id.clone()));
        if let Some(limit) = limit.filter(|_| more) {
            let problem = format!("there are more than {limit} items; the rest is not read");
            let key = format!("{prefix}*");
            organization.unreadable.push(Unreadable { organization: id.clone(), key, problem, found: None });
        }
        Ok(organization)
    }
}

#[async_trait]
impl ReceiptStore for DynamoReceipts {
    async fn put(&self, receipt: &Receipt, found: Option<&Found>) -> Result<bool, LedgerError> {
        // What has no number for a version is no receipt.
        let mut condition =
            "attribute_not_exists(version) OR NOT attribute_type(version, :number) OR version <= :version".to_owned();
        let mut call = self.put_item(receipt)?.expression_attribute_values(":number", text("N"));
        if let Some(Found { version, digest }) = found {
            call = call.expression_attribute_values(":found", AttributeValue::N(version.clone()));
            condition += match digest {
                Some(digest) => {
                    call = call.expression_attribute_values(":digest", text(digest));
                    " OR (version = :found AND digest = :digest)"
                }
                None => " OR version = :found",
            };
        }
        self.written(call.condition_expression(condition)).await
    }

    async fn put_late(&self, receipt: &Receipt) -> Result<bool, LedgerError> {
        let call = self
            .put_item(receipt)?
            .condition_expression(
                "attribute_not_exists(version) OR version < :version OR (version = :version AND received_at <= :received)",
            )
            // As texts, these times are in order but for the fraction of a second, which matters to no one here.
            .expression_attribute_values(":received", text(receipt.received_at));
        self.written(call).await
    }

    async fn put_seen(&self, seen: &OrganizationSeen) -> Result<(), LedgerError> {
        self.put_whole(self.item(seen, &seen.organization, seen_key(&seen.experience))?).await
    }

    async fn put_confirmation(&self, confirmation: &OperatorConfirmation) -> Result<(), LedgerError> {
        let partition = hub_partition(&confirmation.organization);
        self.put_whole(self.item(confirmation, partition, key_of(confirmation))?).await
    }

    async fn delete_confirmation(&self, confirmation: &OperatorConfirmation) -> Result<bool, LedgerError> {
        let call = self.table.dynamodb.delete_item().table_name(self.table.table.as_str());
        let answer = call
            .key("organization", text(hub_partition(&confirmation.organization)))
            .key("item", text(key_of(confirmation)))
            .condition_expression("version = :version")
            .expression_attribute_values(":version", number(confirmation.version))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(true),
            Err(e) if e.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => Ok(false),
            Err(e) => Err(self.table.failed(ApiError::new("dynamodb:DeleteItem", &e))),
        }
    }

    async fn organization(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
    ) -> Result<Organization, LedgerError> {
        self.one(organization, experience, None).await
    }

    async fn organizations_of(
        &self,
        organizations: &[OrganizationId],
        experience: &ExperienceId,
    ) -> Result<Vec<Organization>, LedgerError> {
        let read = async |id: OrganizationId| self.one(&id, experience, Some(MAX_ITEMS)).await;
        let reads = stream::iter(organizations.to_vec()).map(read);
        let read: Vec<_> = reads.buffered(SIDE_BY_SIDE).collect().await;
        read.into_iter().collect()
    }

    async fn organizations(&self, experience: &ExperienceId) -> Result<Vec<Organization>, LedgerError> {
        const OPERATION: &str = "dynamodb:Scan";
        let items = self
            .table
            .dynamodb
            .scan()
            .table_name(self.table.table.as_str())
            .consistent_read(true)
            .filter_expression("begins_with(#item, :experience) OR begins_with(#item, :confirmation)")
            .expression_attribute_names("#item", "item")
            .expression_attribute_values(":confirmation", text(confirm_key(experience, None)))
            .expression_attribute_values(":experience", text(seen_key(experience)))
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<Item>, _>>()
            .await
            .map_err(|e| self.table.failed(ApiError::new(OPERATION, &e)))?;
        Ok(sort(items, experience).into_values().collect())
    }

    async fn mark(&self, experience: &ExperienceId) -> Result<Option<HeadMark>, LedgerError> {
        let answer = self
            .table
            .dynamodb
            .get_item()
            .table_name(self.table.table.as_str())
            .key("organization", text(HEADS))
            .key("item", text(experience))
            .consistent_read(true)
            .send()
            .await
            .map_err(|e| self.table.failed(ApiError::new("dynamodb:GetItem", &e)))?;
        answer.item.map(serde_dynamo::from_item).transpose().map_err(|e| self.table.unreadable(e))
    }

    async fn raise(&self, experience: &ExperienceId, mark: HeadMark) -> Result<(), LedgerError> {
        let item = self.item(&mark, HEADS, experience.to_string())?;
        let call = self.table.dynamodb.put_item().table_name(self.table.table.as_str()).set_item(Some(item));
        let call = call.expression_attribute_values(":version", number(mark.version));
        let call = call.condition_expression("attribute_not_exists(version) OR version <= :version");
        // Where the condition does not hold, another hub has come further: that is what this would have led to.
        self.written(call).await.map(|_| ())
    }

    async fn trusted(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
    ) -> Result<Option<String>, LedgerError> {
        // A query, though it is one item: the member's role need not read in another way.
        let answer = self
            .table
            .dynamodb
            .query()
            .table_name(self.table.table.as_str())
            .consistent_read(true)
            .key_condition_expression("organization = :organization AND #item = :item")
            .expression_attribute_names("#item", "item")
            .expression_attribute_values(":organization", text(organization))
            .expression_attribute_values(":item", text(trusted_key(experience)))
            .send()
            .await
            .map_err(|e| self.table.failed(ApiError::new("dynamodb:Query", &e)))?;
        // An item of another form says nothing, as one that is not there.
        Ok(answer.items().first().and_then(|item| item.get(STATEMENT)?.as_s().ok().cloned()))
    }

    async fn put_trusted(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
        envelope: &str,
    ) -> Result<(), LedgerError> {
        let call = self.table.dynamodb.put_item().table_name(self.table.table.as_str());
        let call = call
            .item("organization", text(organization))
            .item("item", text(trusted_key(experience)))
            .item(STATEMENT, text(envelope));
        call.send().await.map(|_| ()).map_err(|e| self.table.failed(ApiError::new("dynamodb:PutItem", &e)))
    }
}
