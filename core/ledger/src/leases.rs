//! The leases in the `SyncTimestamps` table, over the official SDK.
//!
//! The lease of an organization is one item in its partition, with the sort key `lease`. No receipt
//! has this key, because receipts' keys begin with the id of an experience. Only `PutItem` writes
//! it, so the role of a member organization needs no permission beyond those for receipts. An item
//! that cannot be read is the lease of an unknown holder: it is watched as any other, and taken if
//! it has not changed for a term.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use jiff::Timestamp;
use pmp_aws::ApiError;
use pmp_protocol::{Digest, OrganizationId};

use crate::client::TableClient;
use crate::item::{Item, number, text};
use crate::lease::{Lease, LeaseTerm, Watched};
use crate::port::{LeaseStore, Taken};
use crate::{LedgerError, TableName};

/// Sort key of the one lease in an organization's partition.
pub(crate) const LEASE: &str = "lease";

/// The condition of [`crate::may_take`] in DynamoDB's language.
// Protocol L17.
const MAY_TAKE: &str = "attribute_not_exists(holder_id) OR expires_at_ms <= :now OR holder_id = :me \
    OR (holder_id = :abandoned AND renewals = :renewals)";

/// The table, with the credentials of the spoke that takes a lease.
#[derive(Debug)]
pub struct DynamoLeases {
    table: TableClient,
    /// The item that could not be read when it was last seen, and the name that it was given.
    unreadable: Mutex<Option<(String, Item)>>,
}

impl DynamoLeases {
    /// The table as `config`'s credentials see it. An ARN's region overrides the configured one.
    #[must_use]
    pub fn new(config: &SdkConfig, table: TableName) -> Self {
        Self { table: TableClient::new(config, table), unreadable: Mutex::default() }
    }

    fn item(&self, lease: &Lease) -> Result<Item, LedgerError> {
        let mut item: Item = serde_dynamo::to_item(lease).map_err(|e| self.table.unreadable(e))?;
        item.insert("item".to_owned(), text(LEASE));
        Ok(item)
    }

    fn read(&self, organization: &OrganizationId, item: Item) -> Result<Lease, LedgerError> {
        let problem = |e: serde_dynamo::Error| self.table.unreadable(format!("`{LEASE}` of `{organization}`: {e}"));
        serde_dynamo::from_item(item).map_err(problem)
    }

    /// The lease in `item`. If it cannot be read, its holder is unknown, and stays the same as long
    /// as the item does.
    fn read_held(&self, organization: &OrganizationId, item: Item) -> Lease {
        // Protocol L20.
        let (holder_id, problem) = match self.read(organization, item.clone()) {
            Ok(lease) => return lease,
            Err(error) => (fingerprint(&item), error.to_string()),
        };
        *self.unreadable.lock().unwrap_or_else(PoisonError::into_inner) = Some((holder_id.clone(), item));
        let (holder, term) = (format!("someone unknown ({problem})"), LeaseTerm::UNKNOWN);
        let lease = Lease::new(organization.clone(), holder_id, holder, Timestamp::UNIX_EPOCH, term);
        Lease { expires_at_ms: i64::MAX, ..lease }
    }

    /// Adds the condition that the item is still the unreadable one, if that is the abandoned
    /// lease.
    fn is_still_unreadable(&self, abandoned: &Lease, mut call: PutItemFluentBuilder) -> PutItemFluentBuilder {
        let unreadable = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some((_, item)) = unreadable.filter(|(holder_id, _)| *holder_id == abandoned.holder_id) else {
            return call;
        };
        let mut conditions = Vec::new();
        let attributes = item.into_iter().filter(|(name, _)| !matches!(name.as_str(), "organization" | "item"));
        for (n, (name, value)) in attributes.enumerate() {
            conditions.push(format!("#found{n} = :found{n}"));
            call = call.expression_attribute_names(format!("#found{n}"), name);
            call = call.expression_attribute_values(format!(":found{n}"), value);
        }
        if conditions.is_empty() {
            return call;
        }
        call.condition_expression(format!("{MAY_TAKE} OR ({})", conditions.join(" AND ")))
    }

    /// The present lease, also after it was given back. `None` before the first one.
    ///
    /// # Errors
    /// If DynamoDB, or a part of the connection to it, refuses or fails.
    pub async fn current(&self, organization: &OrganizationId) -> Result<Option<Lease>, LedgerError> {
        let item = self.table.item(organization.as_str(), LEASE).await?;
        item.map(|item| self.read(organization, item)).transpose()
    }

    /// Sends a conditional write. If the condition fails, returns the holder of the lease.
    async fn put(&self, organization: &OrganizationId, call: PutItemFluentBuilder) -> Result<Taken, LedgerError> {
        let call = call.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let error = match call.send().await {
            Ok(_) => return Ok(Taken::Yes),
            Err(error) => error,
        };
        let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error() else {
            return Err(self.table.failed(ApiError::new("dynamodb:PutItem", &error)));
        };
        let found = match failed.item().filter(|item| !item.is_empty()) {
            Some(item) => Some(self.read_held(organization, item.clone())),
            // An endpoint need not return the item when a condition fails.
            None => self.current(organization).await?,
        };
        Ok(Taken::HeldBy(found.map(Box::new)))
    }

    fn put_item(&self, lease: &Lease) -> Result<PutItemFluentBuilder, LedgerError> {
        let call = self.table.dynamodb.put_item().table_name(self.table.table.as_str());
        Ok(call.set_item(Some(self.item(lease)?)).expression_attribute_values(":me", text(&lease.holder_id)))
    }
}

/// A name for the holder of an item that cannot be read. Equal items have equal names.
fn fingerprint(item: &Item) -> String {
    let sorted: std::collections::BTreeMap<_, _> = item.iter().collect();
    format!("unreadable {}", Digest::of(format!("{sorted:?}").as_bytes()).short())
}

#[async_trait]
impl LeaseStore for DynamoLeases {
    async fn take(&self, wanted: &Lease, now: Timestamp, watched: Option<&Watched>) -> Result<Taken, LedgerError> {
        let abandoned = watched.filter(|watched| watched.is_abandoned()).map(|watched| &watched.lease);
        let call = self
            .put_item(wanted)?
            .condition_expression(MAY_TAKE)
            .expression_attribute_values(":now", number(now.as_millisecond()))
            // If no lease is abandoned, this is a value that no lease has.
            .expression_attribute_values(":abandoned", text(abandoned.map_or("-", |lease| &lease.holder_id)))
            .expression_attribute_values(":renewals", number(abandoned.map_or(0, |lease| lease.renewals)));
        let call = match abandoned {
            Some(abandoned) => self.is_still_unreadable(abandoned, call),
            None => call,
        };
        self.put(&wanted.organization, call).await
    }

    async fn held(&self, organization: &OrganizationId) -> Result<Option<Lease>, LedgerError> {
        let item = self.table.item(organization.as_str(), LEASE).await?;
        Ok(item.map(|item| self.read_held(organization, item)))
    }

    async fn renew(&self, lease: &Lease) -> Result<Taken, LedgerError> {
        // Protocol L17.
        let call = self.put_item(lease)?.condition_expression("holder_id = :me");
        self.put(&lease.organization, call).await
    }
}
