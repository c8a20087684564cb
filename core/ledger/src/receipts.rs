//! The receipts in the `SyncTimestamps` table, over the official SDK. `partition.rs` lists the
//! items and their keys.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use pmp_aws::ApiError;
use pmp_protocol::{ExperienceId, HeadMark, Hold, OperatorConfirmation, OrganizationId, OrganizationSeen, Receipt};
use serde::Serialize;

use crate::client::{GENERATION, TableClient};
use crate::item::{Item, number, parse, text};
use crate::partition::{
    DIRECTED, HEADS, STATEMENT, confirm_key, directed, directed_key, direction_key, hold_key, hub_partition,
    receipt_key, seen_key, signed_with_key, sort, spoke_key, spokes_prefix, trusted_direction_key, trusted_key,
};
use crate::{Directed, Directions, Found, LedgerError, Organization, ReceiptStore, Said, SignedWith, TableName};

/// Where a receipt stands that is not later in its order than `:line` and `:version`
/// ([`Receipt::order`]). A line that is absent is 0; what is no number is no line.
// Protocol R3.
const NOT_LATER: &str = "attribute_not_exists(version) OR NOT attribute_type(version, :number) OR (version <= :version AND \
     (attribute_not_exists(#line) OR NOT attribute_type(#line, :number) OR #line = :line)) OR #line < :line";
/// The same, where the line is not 0: then one without a line is of an earlier one.
const NOT_LATER_OR_WITHOUT_LINE: &str = "attribute_not_exists(version) OR NOT attribute_type(version, :number) OR \
     attribute_not_exists(#line) OR NOT attribute_type(#line, :number) OR (version <= :version AND #line = :line) OR \
     #line < :line";

/// Where a receipt stands that is earlier, or as late and taken up no later.
// Protocol R5.
const EARLIER: &str = "attribute_not_exists(version) OR ((attribute_not_exists(#line) OR NOT attribute_type(#line, :number) \
     OR #line = :line) AND (version < :version OR (version = :version AND received_at <= :received))) OR #line < :line";
/// The same, where the line is not 0.
const EARLIER_OR_WITHOUT_LINE: &str = "attribute_not_exists(version) OR attribute_not_exists(#line) OR \
     NOT attribute_type(#line, :number) OR (#line = :line AND (version < :version OR \
     (version = :version AND received_at <= :received))) OR #line < :line";

/// The attribute that holds the public keys that the hub signed directions with.
const KEYS: &str = "keys";

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
        Ok(call
            .expression_attribute_names("#line", "line")
            .expression_attribute_values(":version", number(receipt.version))
            .expression_attribute_values(":line", number(receipt.line))
            .expression_attribute_values(":number", text("N")))
    }

    async fn put_whole(&self, item: Item) -> Result<(), LedgerError> {
        let call = self.table.dynamodb.put_item().table_name(self.table.table.as_str()).set_item(Some(item));
        call.send().await.map(|_| ()).map_err(|e| self.table.failed(ApiError::new("dynamodb:PutItem", &e)))
    }

    /// The operators' items about an organization: confirmations, and their direction, which comes
    /// after these in the order of keys. If the role may not read them, because an earlier
    /// release's template made it, the result is `None` and a warning is logged.
    async fn said(&self, id: &OrganizationId, experience: &ExperienceId) -> Result<Option<Vec<Item>>, LedgerError> {
        let partition = hub_partition(id);
        let (from, to) = (confirm_key(experience, None), direction_key(experience));
        match self.table.all(self.table.in_range(&partition, &from, &to)).await {
            Ok(items) => Ok(Some(items)),
            Err(error) if error.api().is_some_and(ApiError::is_access_denied) => {
                tracing::warn!(%error, "nothing that the hub's operators say can be read; its template is an older one");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether the transaction was cancelled because someone else changed an item first, and not for
/// any other reason.
pub(crate) fn lost_the_race(error: &TransactWriteItemsError) -> bool {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { return false };
    let mut codes = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code());
    codes.any(|code| matches!(code, "ConditionalCheckFailed" | "TransactionConflict"))
}

#[async_trait]
impl ReceiptStore for DynamoReceipts {
    async fn put(&self, receipt: &Receipt, found: Option<&Found>) -> Result<bool, LedgerError> {
        // An item whose version is not a number is no receipt, so it is replaced.
        let mut condition = if receipt.line == 0 { NOT_LATER } else { NOT_LATER_OR_WITHOUT_LINE }.to_owned();
        let mut call = self.put_item(receipt)?;
        if let Some(Found { version, digest }) = found {
            call = call.expression_attribute_values(":found", AttributeValue::N(version.clone()));
            condition += match digest {
                Some(digest) => {
                    call = call.expression_attribute_values(":digest", text(digest));
                    // Protocol R4.
                    " OR (version = :found AND digest = :digest)"
                }
                None => " OR version = :found",
            };
        }
        self.table.written(call.condition_expression(condition)).await
    }

    async fn put_late(&self, receipt: &Receipt) -> Result<bool, LedgerError> {
        let call = self
            .put_item(receipt)?
            .condition_expression(if receipt.line == 0 { EARLIER } else { EARLIER_OR_WITHOUT_LINE })
            // As texts, these times sort correctly except for fractions of a second, which do not
            // matter here.
            .expression_attribute_values(":received", text(receipt.received_at));
        self.table.written(call).await
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

    async fn confirmations(&self, id: &OrganizationId, experience: &ExperienceId) -> Result<Organization, LedgerError> {
        let partition = hub_partition(id);
        let items = self.table.all(self.table.beginning_with(&partition, &confirm_key(experience, None))).await?;
        Ok(sort(items, experience).remove(id).unwrap_or_else(|| Organization::unknown(id.clone())))
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
        // The organization's own hold comes before the signs of life, with only its lease between.
        let (from, to) = (hold_key(experience), format!("{}{}", spokes_prefix(experience), char::MAX));
        let spokes = self.table.all(self.table.in_range(organization.as_str(), &from, &to));
        let (mut items, spokes, said) = futures::try_join!(own, spokes, self.said(organization, experience))?;
        items.extend(spokes);
        let permitted = said.is_some();
        items.extend(said.into_iter().flatten());
        let found = sort(items, experience).remove(organization);
        let mut found = found.unwrap_or_else(|| Organization::unknown(organization.clone()));
        if !permitted {
            found.direction = Said::NotPermitted;
        }
        Ok(found)
    }

    async fn direction(
        &self,
        experience: &ExperienceId,
        organization: Option<&OrganizationId>,
    ) -> Result<Said, LedgerError> {
        let partition = organization.map_or_else(|| HEADS.to_owned(), hub_partition);
        match self.table.item(&partition, &direction_key(experience)).await {
            Ok(None) => Ok(Said::Nothing),
            Ok(Some(item)) => Ok(directed(item, experience, organization)),
            Err(error) if error.api().is_some_and(ApiError::is_access_denied) => {
                tracing::warn!(%error, "no direction of the hub's operators can be read; its template is an older one");
                Ok(Said::NotPermitted)
            }
            Err(error) => Err(error),
        }
    }

    async fn directions(&self, experience: &ExperienceId) -> Result<Directions, LedgerError> {
        let prefix = directed_key(experience, None);
        let mut all = Directions::default();
        for item in self.table.all(self.table.beginning_with(DIRECTED, &prefix)).await? {
            let key = item.get("item").and_then(|key| key.as_s().ok()).and_then(|key| key.strip_prefix(&prefix));
            let Some(Ok(organization)) = key.map(OrganizationId::new) else { continue };
            match directed(item, experience, Some(&organization)) {
                Said::Directed(directed) => {
                    all.found.insert(organization, *directed);
                }
                Said::Unreadable(problem) => all.unreadable.push((organization, problem)),
                Said::Nothing | Said::NotPermitted => {}
            }
        }
        Ok(all)
    }

    async fn put_direction(&self, directed: &Directed, before: u64) -> Result<bool, LedgerError> {
        let Directed { direction, statement } = directed;
        let (experience, organization) = (&direction.experience, direction.organization.as_ref());
        let item = |partition: String, key: String| {
            let mut item = self.item(direction, partition, key)?;
            item.extend(statement.iter().map(|statement| (STATEMENT.to_owned(), text(statement))));
            Ok::<Item, LedgerError>(item)
        };
        let partition = organization.map_or_else(|| HEADS.to_owned(), hub_partition);
        let put = Put::builder()
            .table_name(self.table.table.as_str())
            .set_item(Some(item(partition, direction_key(experience))?))
            .expression_attribute_names("#generation", "generation");
        let put = match before {
            // Protocol D3.
            0 => put.condition_expression("attribute_not_exists(#generation)"),
            before => {
                put.condition_expression("#generation = :before").expression_attribute_values(":before", number(before))
            }
        };
        let put = put.build().map_err(|e| self.table.unreadable(e.to_string()))?;
        let mut writes = vec![TransactWriteItem::builder().put(put).build()];
        if let Some(organization) = organization {
            // The hub reads this one, the spoke the other: neither is ever there without the other.
            writes.extend(
                self.table.puts(vec![item(DIRECTED.to_owned(), directed_key(experience, Some(organization)))?])?,
            );
        }
        match self.table.dynamodb.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(lost_the_race) => Ok(false),
            Err(error) => Err(self.table.failed(ApiError::new("dynamodb:TransactWriteItems", &error))),
        }
    }

    async fn signed_with(&self, experience: &ExperienceId) -> Result<SignedWith, LedgerError> {
        let Some(item) = self.table.item(HEADS, &signed_with_key(experience)).await? else {
            return Ok(SignedWith::default());
        };
        let unreadable = |problem| self.table.unreadable(format!("the keys of `{experience}`: {problem}"));
        let generation = parse(&item, GENERATION).map_err(|e| unreadable(e.to_string()))?;
        let keys = item.get(KEYS).and_then(|keys| keys.as_l().ok());
        let keys = keys.and_then(|keys| keys.iter().map(|key| key.as_s().ok().cloned()).collect());
        let keys = keys.ok_or_else(|| unreadable("its attribute `keys` is no list of texts".to_owned()))?;
        Ok(SignedWith { generation, keys })
    }

    async fn put_signed_with(
        &self,
        experience: &ExperienceId,
        keys: &[String],
        before: u64,
    ) -> Result<bool, LedgerError> {
        let mut item = Item::new();
        item.insert("organization".to_owned(), text(HEADS));
        item.insert("item".to_owned(), text(signed_with_key(experience)));
        item.insert("experience".to_owned(), text(experience));
        item.insert(KEYS.to_owned(), AttributeValue::L(keys.iter().map(text).collect()));
        self.table.put_next(item, before).await
    }

    async fn put_hold(&self, organization: &OrganizationId, hold: &Hold) -> Result<(), LedgerError> {
        self.put_whole(self.item(hold, organization, hold_key(&hold.experience))?).await
    }

    async fn trusted_direction(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
        of_the_fleet: bool,
    ) -> Result<Option<String>, LedgerError> {
        // By its key: a member may write as many others beside it as it likes (rule 11).
        let key = trusted_direction_key(experience, of_the_fleet);
        let item = self.table.item(organization.as_str(), &key).await?;
        Ok(item.and_then(|item| item.get(STATEMENT)?.as_s().ok().cloned()))
    }

    async fn put_trusted_direction(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
        of_the_fleet: bool,
        envelope: &str,
    ) -> Result<(), LedgerError> {
        let mut item = Item::new();
        item.insert("organization".to_owned(), text(organization));
        item.insert("item".to_owned(), text(trusted_direction_key(experience, of_the_fleet)));
        item.insert(STATEMENT.to_owned(), text(envelope));
        self.put_whole(item).await
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
        // Protocol L7.
        let item = self.item(&mark, HEADS, experience.to_string())?;
        let call = self.table.dynamodb.put_item().table_name(self.table.table.as_str()).set_item(Some(item));
        let call = call.expression_attribute_values(":version", number(mark.version));
        let call = call.condition_expression("attribute_not_exists(version) OR version <= :version");
        // If the condition does not hold, another hub has stored a later version, and the mark is
        // right as it is.
        self.table.written(call).await.map(|_| ())
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
