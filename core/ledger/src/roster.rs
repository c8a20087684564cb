//! The roster in the `SyncTimestamps` table: the member organizations that the hub admitted, for
//! each management experience.
//!
//! The records are in the partition `hub#roster`, which no member's role may read or write. Ids of
//! organizations begin with `o-`, so no organization's partition has this name. The sort key is
//! `admitted#<management experience>#<organization>`.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use jiff::Timestamp;
use pmp_aws::ApiError;
use pmp_protocol::{ExperienceId, OrganizationId};
use serde::{Deserialize, Serialize};

use crate::client::TableClient;
use crate::item::{Item, text};
use crate::partition::{
    DIRECTED, ROSTER, admitted_key, confirm_key, directed_key, direction_key, earlier_confirm_key, hold_key,
    hub_partition, seen_key, spokes_prefix, trusted_key,
};
use crate::records::record_prefixes;
use crate::{LedgerError, TableName};

/// How often deletions that DynamoDB left unprocessed are requested again.
const TRIES: usize = 10;

/// An organization that an operator of the hub admitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The organization that was admitted.
    #[serde(rename = "member")]
    pub organization: OrganizationId,
    /// The management experience that it follows.
    pub experience: ExperienceId,
    /// Who admitted it, as STS names them.
    pub admitted_by: String,
    /// When it was admitted, by the operator's clock.
    pub admitted_at: Timestamp,
    /// Whether it keeps so many experiences that it needs the larger bound of [`crate::Extent`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub large: bool,
}

/// The result of an admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is on the roster now.
    New,
    /// It was there, and counts as large from now on.
    Large,
    /// It was there already, with the same size.
    AsBefore,
}

/// The organizations that the hub admitted.
#[async_trait]
pub trait Roster: std::fmt::Debug + Send + Sync {
    /// Admits an organization. An earlier record stays as it is, but becomes large if `member` is.
    async fn admit(&self, member: &Member) -> Result<Admission, LedgerError>;

    /// Ends an organization. Deletes its items for this management experience, the operators' items
    /// about it, and its record last, so that after a crash in between the same call can finish.
    /// Returns the number of deleted items.
    async fn forget(&self, organization: &OrganizationId, experience: &ExperienceId) -> Result<usize, LedgerError>;

    /// The organizations that were admitted, by id.
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

    /// Marks the record under `key` as large.
    async fn enlarge(&self, key: &str) -> Result<Admission, LedgerError> {
        let call = self.table.dynamodb.update_item().table_name(self.table.table.as_str());
        let call =
            call.key("organization", text(ROSTER)).key("item", text(key)).update_expression("SET #large = :large");
        let call = call
            .condition_expression(
                "attribute_exists(organization) AND (attribute_not_exists(#large) OR #large <> :large)",
            )
            .expression_attribute_names("#large", "large")
            .expression_attribute_values(":large", AttributeValue::Bool(true));
        match call.send().await {
            Ok(_) => Ok(Admission::Large),
            Err(e) if e.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => {
                Ok(Admission::AsBefore)
            }
            Err(e) => Err(self.table.failed(ApiError::new("dynamodb:UpdateItem", &e))),
        }
    }

    /// Deletes one item. Returns 1 if it was there, and 0 otherwise.
    async fn delete_one(&self, partition: &str, key: &str) -> Result<usize, LedgerError> {
        let call = self.table.dynamodb.delete_item().table_name(self.table.table.as_str());
        let call = call.key("organization", text(partition)).key("item", text(key)).return_values(ReturnValue::AllOld);
        let answer = call.send().await.map_err(|e| self.table.failed(ApiError::new("dynamodb:DeleteItem", &e)))?;
        Ok(usize::from(answer.attributes.is_some_and(|item| !item.is_empty())))
    }

    /// Deletes all of them. Requests that DynamoDB leaves unprocessed are repeated.
    async fn delete(&self, keys: &[Item]) -> Result<(), LedgerError> {
        let mut left = keys.to_vec();
        for _ in 0..TRIES {
            left = self.table.delete(left).await?;
            if left.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        let problem = format!("DynamoDB left deletions undone, {TRIES} times in a row");
        Err(LedgerError::NotReady { table: self.table.table.clone(), problem })
    }
}

#[async_trait]
impl Roster for DynamoRoster {
    async fn admit(&self, member: &Member) -> Result<Admission, LedgerError> {
        let key = admitted_key(&member.experience, Some(&member.organization));
        let mut item: Item = serde_dynamo::to_item(member).map_err(|e| self.table.unreadable(e))?;
        item.insert("organization".to_owned(), text(ROSTER));
        item.insert("item".to_owned(), text(&key));
        let call = self.table.dynamodb.put_item().table_name(self.table.table.as_str()).set_item(Some(item));
        // Protocol L22.
        if self.table.written(call.condition_expression("attribute_not_exists(organization)")).await? {
            return Ok(Admission::New);
        }
        if member.large { self.enlarge(&key).await } else { Ok(Admission::AsBefore) }
    }

    async fn forget(&self, organization: &OrganizationId, experience: &ExperienceId) -> Result<usize, LedgerError> {
        let own = organization.as_str();
        let operators = hub_partition(organization);
        let (receipts, confirmed) = (seen_key(experience), confirm_key(experience, None));
        let mut gone = 0;
        // In an earlier release, confirmations were in the organization's own partition.
        let earlier = earlier_confirm_key(experience);
        let spokes = spokes_prefix(experience);
        let [journals, outcomes] = record_prefixes(experience);
        let trusted = directed_key(experience, None);
        let of_its_own = [receipts, spokes, journals, outcomes, earlier, trusted].map(|prefix| (own, prefix));
        let said = [(operators.as_str(), confirmed)];
        for (partition, prefix) in of_its_own.into_iter().chain(said) {
            // Else it would be those of another experience, too, whose id begins with this one.
            debug_assert!(prefix.ends_with('#'), "{prefix}");
            let keys = self.table.beginning_with(partition, &prefix).projection_expression("organization, #item");
            let keys = self.table.all(keys).await?;
            self.delete(&keys).await?;
            gone += keys.len();
        }
        for (partition, key) in [
            (own, trusted_key(experience)),
            (own, hold_key(experience)),
            (operators.as_str(), direction_key(experience)),
        ] {
            gone += self.delete_one(partition, &key).await?;
        }
        gone += self.delete_one(DIRECTED, &directed_key(experience, Some(organization))).await?;
        gone += self.delete_one(ROSTER, &admitted_key(experience, Some(organization))).await?;
        Ok(gone)
    }

    async fn members(&self, experience: &ExperienceId) -> Result<Vec<Member>, LedgerError> {
        let items = self.table.all(self.table.beginning_with(ROSTER, &admitted_key(experience, None))).await?;
        let read = |item| serde_dynamo::from_item(item).map_err(|e| self.table.unreadable(e));
        items.into_iter().map(read).collect()
    }
}
