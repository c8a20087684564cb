//! What happened to an experience before: the change sets of whoever, as the catalog tells
//! afterwards.
//!
//! AWS tells of a change set the account that started it, in its ARN, and no person or role.

use std::collections::BTreeSet;
use std::fmt::Debug;

use async_trait::async_trait;
use aws_sdk_marketplacecatalog::types::{ChangeSetSummaryListItem, Filter, Sort, SortOrder};
use jiff::Timestamp;
use pmp_aws::Arn;
use pmp_protocol::{AccountId, ExperienceId, ProductId};
use serde_json::Value;

use crate::sdk::{CATALOG, CHANGE_SETS_PAGE, SdkCatalog, paced, shared_with_me};
use crate::{CatalogError, ChangeKind, ChangeSetId, Operation, Scope};

/// A change set that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastChangeSet {
    /// The id by which the catalog describes it.
    pub id: ChangeSetId,
    /// The name that it was given.
    pub name: Option<String>,
    /// The account that started it, where its ARN tells.
    pub account: Option<AccountId>,
    /// When it ended, by the catalog's clock.
    pub ended: Option<Timestamp>,
}

/// The products that a change set put on the lists of one experience.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits {
    /// On the list of approved products.
    pub allowed: BTreeSet<ProductId>,
    /// On the list of rejected products.
    pub denied: BTreeSet<ProductId>,
}

/// The port for what happened to an experience before.
#[async_trait]
pub trait ChangeHistory: Debug + Send + Sync {
    /// The newest change sets that succeeded on `experience` after `since`, by the catalog's clock,
    /// the newest first: those of this account, or those that are shared with it. One call; at most
    /// 20.
    async fn past_change_sets(
        &self,
        experience: &ExperienceId,
        scope: Scope,
        since: Timestamp,
    ) -> Result<Vec<PastChangeSet>, CatalogError>;

    /// What a change set did to the lists of `experience`. One call.
    async fn edits_of(&self, id: &ChangeSetId, experience: &ExperienceId) -> Result<Edits, CatalogError>;
}

#[async_trait]
impl ChangeHistory for SdkCatalog {
    async fn past_change_sets(
        &self,
        experience: &ExperienceId,
        scope: Scope,
        since: Timestamp,
    ) -> Result<Vec<PastChangeSet>, CatalogError> {
        const OPERATION: &str = "aws-marketplace:ListChangeSets";
        let filter = |name: &str, value: &str| Filter::builder().name(name).value_list(value).build();
        let newest_first = Sort::builder().sort_by("StartTime").sort_order(SortOrder::Descending).build();
        let mut call = self.client.list_change_sets().catalog(CATALOG).max_results(CHANGE_SETS_PAGE).sort(newest_first);
        call = call.filter_list(filter("EntityId", experience.as_str())).filter_list(filter("Status", "SUCCEEDED"));
        if scope == Scope::SharedWithMe {
            call = call.filter_list(shared_with_me());
        }
        let page = paced(self.pace.of(Operation::ListChangeSets), OPERATION, call.send()).await?;
        let mut sets: Vec<_> = page.change_set_summary_list().iter().filter_map(past).collect();
        // Filtered here, and not by AWS: AWS does not document whether a filter on the end matches
        // a change set that has none.
        sets.retain(|set| set.ended.is_none_or(|ended| ended > since));
        sets.sort_by_key(|set| std::cmp::Reverse(set.ended));
        Ok(sets)
    }

    async fn edits_of(&self, id: &ChangeSetId, experience: &ExperienceId) -> Result<Edits, CatalogError> {
        const OPERATION: &str = "aws-marketplace:DescribeChangeSet";
        let call = self.client.describe_change_set().catalog(CATALOG).change_set_id(id.as_str()).send();
        let answer = paced(self.pace.of(Operation::DescribeChangeSet), OPERATION, call).await?;
        let mut edits = Edits::default();
        for change in answer.change_set() {
            let entity = change.entity().and_then(|entity| entity.identifier()).unwrap_or_default();
            let is_meant = entity.split('@').next() == Some(experience.as_str());
            let kind = change.change_type().and_then(ChangeKind::from_name).filter(|_| is_meant);
            let products = products(change.details().unwrap_or_default());
            match kind {
                Some(ChangeKind::Allow) => edits.allowed.extend(products),
                Some(ChangeKind::Deny) => edits.denied.extend(products),
                Some(ChangeKind::Settings) | None => {}
            }
        }
        Ok(edits)
    }
}

fn past(item: &ChangeSetSummaryListItem) -> Option<PastChangeSet> {
    let arn = item.change_set_arn().and_then(|arn| arn.parse::<Arn>().ok());
    let account = arn.and_then(|arn| AccountId::new(arn.account()).ok());
    Some(PastChangeSet {
        id: ChangeSetId::new(item.change_set_id()?),
        name: item.change_set_name().map(str::to_owned),
        account,
        ended: item.end_time().and_then(|time| time.parse().ok()),
    })
}

/// The ids in `{"Products": [{"Ids": [...]}]}`; what is of another form tells of none.
fn products(details: &str) -> Vec<ProductId> {
    let details: Value = serde_json::from_str(details).unwrap_or_default();
    let products = details["Products"].as_array().into_iter().flatten();
    let ids = products.flat_map(|product| product["Ids"].as_array().into_iter().flatten());
    ids.filter_map(|id| ProductId::new(id.as_str()?).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_from_the_details_and_anything_else_tells_of_none() {
        let ids = |details: &str| products(details).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            ids(r#"{"Products":[{"Ids":["prod-a","prod-b"]},{"Ids":["prod-c"]}]}"#),
            ["prod-a", "prod-b", "prod-c"]
        );
        for other in ["", "null", "[]", r#"{"Products":7}"#, r#"{"Products":[{"Ids":[7]}]}"#, "not json"] {
            assert_eq!(ids(other), [""; 0], "{other}");
        }
    }
}
