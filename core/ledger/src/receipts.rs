//! The receipts in the `SyncTimestamps` table, over the official SDK. `partition.rs` lists the
//! items and their keys.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use pmp_aws::ApiError;
use pmp_protocol::{ExperienceId, HeadMark, OperatorConfirmation, OrganizationId, OrganizationSeen, Receipt};
use serde::Serialize;

use crate::client::TableClient;
use crate::item::{Item, number, text};
use crate::partition::{
    HEADS, confirm_key, hub_partition, receipt_key, seen_key, sort, spoke_key, spokes_prefix, trusted_key,
};
use crate::{Found, LedgerError, Organization, ReceiptStore, TableName};

const STATEMENT: &str = "statement";

/// The table. The caller's credentials decide what it can read and write.
#[derive(Debug)]
pub struct DynamoReceipts {
    table: TableClient,
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

    /// Sends a conditional write. Returns whether its condition held.
    async fn written(&self, call: PutItemFluentBuilder) -> Result<bool, LedgerError> {
        match call.send().await {
            Ok(_) => Ok(true),
            Err(e) if e.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => Ok(false),
            Err(e) => Err(self.table.failed(ApiError::new("dynamodb:PutItem", &e))),
        }
    }

    /// The operators' items about an organization. If the role may not read them, because an
    /// earlier release's template made it, the result is empty and a warning is logged.
    async fn said(&self, id: &OrganizationId, experience: &ExperienceId) -> Result<Vec<Item>, LedgerError> {
        let partition = hub_partition(id);
        match self.table.all(self.table.beginning_with(&partition, &confirm_key(experience, None))).await {
            Ok(items) => Ok(items),
            Err(error) if error.api().is_some_and(ApiError::is_access_denied) => {
                tracing::warn!(%error, "no confirmation of the hub's operators can be read; its template is an older one");
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl ReceiptStore for DynamoReceipts {
    async fn put(&self, receipt: &Receipt, found: Option<&Found>) -> Result<bool, LedgerError> {
        // An item whose version is not a number is no receipt, so it is replaced.
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
            // As texts, these times sort correctly except for fractions of a second, which do not
            // matter here.
            .expression_attribute_values(":received", text(receipt.received_at));
        self.written(call).await
    }

    async fn put_seen(&self, seen: &OrganizationSeen) -> Result<(), LedgerError> {
        self.put_whole(self.item(seen, &seen.organization, seen_key(&seen.experience))?).await
    }

    async fn put_spoke(&self, seen: &OrganizationSeen) -> Result<(), LedgerError> {
        let Some(spoke) = &seen.spoke else { return Ok(()) };
        self.put_whole(self.item(seen, &seen.organization, spoke_key(&seen.experience, &spoke.id))?).await
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
        let prefix = seen_key(experience);
        let own = self.table.all(self.table.beginning_with(organization.as_str(), &prefix));
        let spokes = self.table.all(self.table.beginning_with(organization.as_str(), &spokes_prefix(experience)));
        let (mut items, spokes, said) = futures::try_join!(own, spokes, self.said(organization, experience))?;
        items.extend(spokes);
        items.extend(said);
        let found = sort(items, experience).remove(organization);
        Ok(found.unwrap_or_else(|| Organization::unknown(organization.clone())))
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
        // If the condition does not hold, another hub has stored a later version, and the mark is
        // right as it is.
        self.written(call).await.map(|_| ())
    }

    async fn trusted(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
    ) -> Result<Option<String>, LedgerError> {
        let item = self.table.item(organization.as_str(), &trusted_key(experience)).await?;
        // An item without that text counts as absent: the spoke then trusts no earlier statement.
        Ok(item.and_then(|item| item.get(STATEMENT)?.as_s().ok().cloned()))
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
