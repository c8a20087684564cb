//! The operation `ListChangeSets`: filters, scope, order and pages.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::change_set::ChangeSet;
use super::error::check_catalog;
use super::list::{Filter, Page, Place, Sort, SortOrder, key_of, order, scope_and_filters};
use super::{Catalog, CatalogError, Standing};

/// The request of `ListChangeSets`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListChangeSets {
    catalog: String,
    #[serde(default)]
    filter_list: Vec<Filter>,
    sort: Option<Sort>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

const FILTERS: [&str; 7] =
    ["ChangeSetName", "Status", "EntityId", "BeforeStartTime", "AfterStartTime", "BeforeEndTime", "AfterEndTime"];
/// The attributes to sort by; the first is the default.
const SORTS: [&str; 2] = ["StartTime", "EndTime"];
const MAX_PAGE: usize = 20;

impl Catalog {
    /// Lists the change sets that the caller started, or with the scope `SharedWithMe` those of the
    /// other managers of its private marketplace.
    pub(super) fn list_change_sets(
        &self,
        caller: &str,
        request: &ListChangeSets,
        now: Timestamp,
    ) -> Result<Value, CatalogError> {
        check_catalog(&request.catalog)?;
        let (scope, filters) = scope_and_filters(&request.filter_list, &FILTERS)?;
        let filters = filters.into_iter().map(Condition::of).collect::<Result<Vec<_>, _>>()?;
        let (by, direction) = order(request.sort.as_ref(), &SORTS)?;
        let page = Page::of(request.max_results, request.next_token.as_deref(), MAX_PAGE)?;
        let compare = |a: &Place, b: &Place| direction.compare(a, b);
        let mut found = Vec::new();
        for account in self.accounts_in(scope, caller) {
            let sets = self.history_of(account, by, direction);
            let places = sets.map(|set| (place_of(set, by), set));
            let admitted = places.filter(|(place, set)| {
                page.admits(place, compare) && filters.iter().all(|filter| filter.accepts(set, now))
            });
            if by == "StartTime" {
                // The history is already in this order. One item more than the page holds is enough
                // to know whether there are more.
                found.extend(admitted.take(page.length + 1));
            } else {
                found.extend(admitted);
            }
        }
        Ok(page.answer("ChangeSetSummaryList", found, compare, |set| change_set_summary(set, self.region(), now)))
    }

    fn accounts_in<'c>(&'c self, scope: Standing, caller: &'c str) -> Vec<&'c str> {
        if scope == Standing::Owner {
            return vec![caller];
        }
        let managers = self.settings.managers.keys().map(String::as_str);
        managers.filter(|account| *account != caller && self.manages(caller, account)).collect()
    }

    /// An account's change sets by start time, from the end that the page begins at.
    fn history_of<'c>(
        &'c self,
        account: &str,
        by: &str,
        direction: SortOrder,
    ) -> Box<dyn Iterator<Item = &'c ChangeSet> + 'c> {
        let ids = self.history.get(account).into_iter().flatten();
        let sets = ids.filter_map(|(_, id)| self.change_sets.get(id));
        match direction {
            SortOrder::Descending if by == "StartTime" => Box::new(sets.rev()),
            _ => Box::new(sets),
        }
    }
}

/// The place of a change set. A running one has no end time, and sorts after all others.
fn place_of(set: &ChangeSet, by: &str) -> Place {
    let time = if by == "EndTime" { set.ended().unwrap_or(Timestamp::MAX) } else { set.started };
    (key_of(time), set.id.clone())
}

fn change_set_summary(set: &ChangeSet, region: &str, now: Timestamp) -> Value {
    let mut summary = set.summary(region, now);
    let mut entities: Vec<&str> = set.changes.iter().map(|change| change.entity.as_str()).collect();
    entities.sort_unstable();
    entities.dedup();
    summary["EntityIdList"] = json!(entities);
    summary
}

/// A filter after its values were parsed.
enum Condition<'f> {
    Name(&'f Filter),
    Status(&'f Filter),
    Entity(&'f Filter),
    StartedBefore(Timestamp),
    StartedAfter(Timestamp),
    EndedBefore(Timestamp),
    EndedAfter(Timestamp),
}

impl<'f> Condition<'f> {
    fn of(filter: &'f Filter) -> Result<Self, CatalogError> {
        Ok(match filter.name.as_str() {
            "ChangeSetName" => Self::Name(filter),
            "Status" => Self::Status(filter),
            "EntityId" => Self::Entity(filter),
            "BeforeStartTime" => Self::StartedBefore(filter.time()?),
            "AfterStartTime" => Self::StartedAfter(filter.time()?),
            "BeforeEndTime" => Self::EndedBefore(filter.time()?),
            _ => Self::EndedAfter(filter.time()?),
        })
    }

    fn accepts(&self, set: &ChangeSet, now: Timestamp) -> bool {
        match self {
            Self::Name(filter) => set.name.as_deref().is_some_and(|name| filter.accepts(name)),
            Self::Status(filter) => filter.accepts(set.status(now)),
            Self::Entity(filter) => set.changes.iter().any(|change| filter.accepts(&change.entity)),
            Self::StartedBefore(time) => set.started < *time,
            Self::StartedAfter(time) => set.started > *time,
            Self::EndedBefore(time) => set.ended().is_some_and(|ended| ended < *time),
            Self::EndedAfter(time) => set.ended().is_some_and(|ended| ended > *time),
        }
    }
}
