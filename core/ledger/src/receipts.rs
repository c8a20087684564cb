//! The `SyncTimestamps` table over the official SDK.
//!
//! One partition per member organization, so that IAM can confine each organization to its own. The sort key of a
//! receipt is `<management experience>#<member experience>`; that of the sign of life is `<management experience>#`; that of
//! an operator's confirmation is `confirm#<management experience>#<member experience>`, without the last for all of them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use pmp_aws::ApiError;
use pmp_protocol::{ExperienceId, OperatorConfirmation, OrganizationId, OrganizationSeen, Receipt};
use serde::Serialize;

use crate::client::TableClient;
use crate::item::{Item, number, parse, text};
use crate::{LedgerError, Organization, ReceiptStore, TableName};

/// The table, with the credentials of whoever reads or writes it.
#[derive(Debug)]
pub struct DynamoReceipts {
    table: TableClient,
}

fn confirm_key(experience: &ExperienceId, member: Option<&ExperienceId>) -> String {
    format!("confirm#{experience}#{}", member.map_or("", ExperienceId::as_str))
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

    /// The attributes of `record`, under the sort key `key`. The partition key `organization` is one of its fields.
    fn item(&self, record: &impl Serialize, key: String) -> Result<Item, LedgerError> {
        let mut item: Item = serde_dynamo::to_item(record).map_err(|e| self.table.unreadable(e))?;
        item.insert("item".to_owned(), text(key));
        Ok(item)
    }

    fn put_item(&self, receipt: &Receipt) -> Result<PutItemFluentBuilder, LedgerError> {
        let item = self.item(receipt, format!("{}#{}", receipt.experience, receipt.member_experience))?;
        let call = self.table.dynamodb.put_item().table_name(self.table.table.as_str()).set_item(Some(item));
        Ok(call.expression_attribute_values(":version", number(receipt.version)))
    }

    /// Sends a conditional write; whether its condition held.
    async fn written(&self, call: PutItemFluentBuilder) -> Result<bool, LedgerError> {
        match call.send().await {
            Ok(_) => Ok(true),
            Err(e) if e.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => Ok(false),
            Err(e) => Err(self.table.failed(ApiError::new("dynamodb:PutItem", &e))),
        }
    }

    /// Sorts items into organizations, those of other management experiences left out.
    fn read(&self, items: Vec<Item>, experience: &ExperienceId) -> Result<Vec<Organization>, LedgerError> {
        let prefix = format!("{experience}#");
        let confirm_prefix = confirm_key(experience, None);
        let mut organizations = BTreeMap::new();
        for item in items {
            let id: OrganizationId = parse(&item, "organization").map_err(|e| self.table.unreadable(e))?;
            let key: String = parse(&item, "item").map_err(|e| self.table.unreadable(e))?;
            let organization = |id: OrganizationId| (id.clone(), Organization::unknown(id));
            if key.starts_with(&confirm_prefix) {
                let (id, empty) = organization(id);
                let confirmation = serde_dynamo::from_item(item).map_err(|e| self.table.unreadable(e))?;
                organizations.entry(id).or_insert(empty).confirmations.push(confirmation);
                continue;
            }
            let Some(member_experience) = key.strip_prefix(&prefix) else { continue };
            let (id, empty) = organization(id);
            let organization = organizations.entry(id).or_insert(empty);
            if member_experience.is_empty() {
                organization.seen = Some(serde_dynamo::from_item(item).map_err(|e| self.table.unreadable(e))?);
            } else {
                organization.receipts.push(serde_dynamo::from_item(item).map_err(|e| self.table.unreadable(e))?);
            }
        }
        Ok(organizations.into_values().collect())
    }
}

#[async_trait]
impl ReceiptStore for DynamoReceipts {
    async fn put(&self, receipt: &Receipt) -> Result<bool, LedgerError> {
        let call = self.put_item(receipt)?.condition_expression("attribute_not_exists(version) OR version <= :version");
        self.written(call).await
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
        const OPERATION: &str = "dynamodb:PutItem";
        let item = self.item(seen, format!("{}#", seen.experience))?;
        let call = self.table.dynamodb.put_item().table_name(self.table.table.as_str()).set_item(Some(item));
        call.send().await.map(|_| ()).map_err(|e| self.table.failed(ApiError::new(OPERATION, &e)))
    }

    async fn put_confirmation(&self, confirmation: &OperatorConfirmation) -> Result<(), LedgerError> {
        let item = self.item(confirmation, key_of(confirmation))?;
        let call = self.table.dynamodb.put_item().table_name(self.table.table.as_str()).set_item(Some(item));
        call.send().await.map(|_| ()).map_err(|e| self.table.failed(ApiError::new("dynamodb:PutItem", &e)))
    }

    async fn delete_confirmation(&self, confirmation: &OperatorConfirmation) -> Result<bool, LedgerError> {
        let call = self.table.dynamodb.delete_item().table_name(self.table.table.as_str());
        let answer = call
            .key("organization", text(&confirmation.organization))
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
        const OPERATION: &str = "dynamodb:Query";
        let items = self
            .table
            .dynamodb
            .query()
            .table_name(self.table.table.as_str())
            .consistent_read(true)
            // The whole partition: receipts and confirmations, and little else.
            .key_condition_expression("organization = :organization")
            .expression_attribute_values(":organization", text(organization))
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<Item>, _>>()
            .await
            .map_err(|e| self.table.failed(ApiError::new(OPERATION, &e)))?;
        let found = self.read(items, experience)?.pop();
        Ok(found.unwrap_or_else(|| Organization::unknown(organization.clone())))
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
            .expression_attribute_values(":experience", text(format!("{experience}#")))
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<Item>, _>>()
            .await
            .map_err(|e| self.table.failed(ApiError::new(OPERATION, &e)))?;
        self.read(items, experience)
    }
}
