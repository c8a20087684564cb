//! `ListEntities` and `ListChangeSets`: filters, scope and pages.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::change_set::{Change, ChangeSet};
use super::{CATALOG, Catalog, CatalogError, Entity, Standing};

/// The request of `ListEntities`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListEntities {
    catalog: String,
    entity_type: String,
    #[serde(default)]
    filter_list: Vec<Filter>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

/// The request of `ListChangeSets`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListChangeSets {
    catalog: String,
    #[serde(default)]
    filter_list: Vec<Filter>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    name: String,
    value_list: Vec<String>,
}

/// Entities per page when the caller does not say; AWS allows up to 50 and documents no default.
const DEFAULT_PAGE: usize = 20;

impl Catalog {
    /// The entities of one type that the caller owns, or, with Scope `SharedWithMe`, that are shared with it.
    pub(crate) fn list_entities(&self, caller: &str, request: &ListEntities) -> Result<Value, CatalogError> {
        check_catalog(&request.catalog)?;
        let wanted = wanted_standing(&request.filter_list)?;
        let filters = without_scope(&request.filter_list, &["EntityId", "Name"])?;
        let matches = |entity: &Entity<'_>| {
            self.standing(caller, entity.owner()) == wanted
                && filters.iter().all(|filter| filter.accepts(entity_value(*entity, &filter.name)))
        };
        let entities: Vec<Entity<'_>> = match request.entity_type.trim_end_matches("@1.0") {
            "Experience" => self.experiences.values().map(Entity::Experience).filter(matches).collect(),
            "ProcurementPolicy" => self.policies.values().map(Entity::Policy).filter(matches).collect(),
            // Every other type exists in AWS and is empty here.
            _ => Vec::new(),
        };
        let after = |token: &str| entities.partition_point(|entity| entity.id() <= token);
        let page = Page::cut(request.max_results, request.next_token.as_deref(), 50, after)?;
        let shown = page.of(&entities);
        let summaries: Vec<Value> = shown.iter().map(|entity| self.entity_summary(*entity)).collect();
        let last = shown.last().map(|entity| entity.id());
        Ok(page.answer("EntitySummaryList", summaries, entities.len(), last))
    }

    fn entity_summary(&self, entity: Entity<'_>) -> Value {
        json!({
            "Name": entity.name(),
            "EntityType": entity.kind(),
            "EntityId": entity.id(),
            "EntityArn": entity.arn(&self.region),
            "LastModifiedDate": entity.modified(),
            "Visibility": "Restricted",
        })
    }

    /// The change sets that the caller started, or, with Scope `SharedWithMe`, those of its organization's others.
    pub(crate) fn list_change_sets(
        &self,
        caller: &str,
        request: &ListChangeSets,
        now: Timestamp,
    ) -> Result<Value, CatalogError> {
        check_catalog(&request.catalog)?;
        let shared = wanted_standing(&request.filter_list)? == Standing::DelegatedAdministrator;
        let filters = without_scope(&request.filter_list, &["ChangeSetName", "Status", "EntityId"])?;
        let own = |set: &ChangeSet| set.account == caller;
        let in_scope =
            |set: &ChangeSet| if shared { !own(set) && self.manages(caller, &set.account) } else { own(set) };
        let accepted = |set: &&ChangeSet| in_scope(set) && filters.iter().all(|f| f.accepts_change_set(set, now));
        let mut sets: Vec<&ChangeSet> = self.change_sets.values().filter(accepted).collect();
        // The newest first, as in AWS.
        sets.sort_by(|a, b| (b.started, &b.id).cmp(&(a.started, &a.id)));
        let after = |token: &str| sets.iter().position(|set| set.id == token).map_or(0, |index| index + 1);
        let page = Page::cut(request.max_results, request.next_token.as_deref(), 20, after)?;
        let shown = page.of(&sets);
        let summaries = shown.iter().map(|set| change_set_summary(set, &self.region, now)).collect();
        let last = shown.last().map(|set| set.id.as_str());
        Ok(page.answer("ChangeSetSummaryList", summaries, sets.len(), last))
    }
}

fn change_set_summary(set: &ChangeSet, region: &str, now: Timestamp) -> Value {
    let mut summary = set.summary(region, now);
    summary["EntityIdList"] = set.changes.iter().map(|change: &Change| json!(change.entity)).collect();
    summary
}

fn entity_value<'e>(entity: Entity<'e>, filter: &str) -> &'e str {
    if filter == "EntityId" { entity.id() } else { entity.name() }
}

impl Filter {
    fn accepts(&self, value: &str) -> bool {
        self.value_list.iter().any(|wanted| wanted == value)
    }

    fn accepts_change_set(&self, set: &ChangeSet, now: Timestamp) -> bool {
        match self.name.as_str() {
            "ChangeSetName" => set.name.as_deref().is_some_and(|name| self.accepts(name)),
            "Status" => self.accepts(set.status(now)),
            _ => set.changes.iter().any(|change| self.accepts(&change.entity)),
        }
    }
}

fn check_catalog(catalog: &str) -> Result<(), CatalogError> {
    if catalog == CATALOG { Ok(()) } else { Err(CatalogError::validation("Catalog must be AWSMarketplace")) }
}

fn wanted_standing(filters: &[Filter]) -> Result<Standing, CatalogError> {
    match filters.iter().find(|filter| filter.name == "Scope") {
        None => Ok(Standing::Owner),
        Some(scope) if scope.value_list == ["SharedWithMe"] => Ok(Standing::DelegatedAdministrator),
        Some(_) => Err(CatalogError::validation("Filter Scope takes the single value SharedWithMe")),
    }
}

/// The filters other than the scope, each checked to be a known one.
fn without_scope<'f>(filters: &'f [Filter], known: &[&str]) -> Result<Vec<&'f Filter>, CatalogError> {
    let rest: Vec<&Filter> = filters.iter().filter(|filter| filter.name != "Scope").collect();
    match rest.iter().find(|filter| !known.contains(&filter.name.as_str())) {
        None => Ok(rest),
        Some(filter) => Err(CatalogError::validation(format!("Filter {} is not supported", filter.name))),
    }
}

/// A page of a list: where it begins and how long it may be.
struct Page {
    start: usize,
    length: usize,
}

/// Marks our tokens, so that someone else's is refused.
const TOKEN: &str = "after:";

impl Page {
    fn cut(
        max_results: Option<usize>,
        next_token: Option<&str>,
        limit: usize,
        after: impl Fn(&str) -> usize,
    ) -> Result<Self, CatalogError> {
        let length = max_results.unwrap_or(DEFAULT_PAGE);
        if !(1..=limit).contains(&length) {
            return Err(CatalogError::validation(format!("MaxResults must be between 1 and {limit}")));
        }
        let start = match next_token {
            None => 0,
            Some(token) => {
                let last = token.strip_prefix(TOKEN);
                after(last.ok_or_else(|| CatalogError::validation("NextToken is not valid"))?)
            }
        };
        Ok(Self { start, length })
    }

    fn of<'l, T>(&self, list: &'l [T]) -> &'l [T] {
        let end = list.len().min(self.start + self.length);
        list.get(self.start..end).unwrap_or_default()
    }

    /// The answer; it has a token when there is more. The token holds the last id, not a position: entities that
    /// come or go between two pages shift nothing.
    fn answer(&self, name: &str, items: Vec<Value>, total: usize, last: Option<&str>) -> Value {
        let more = self.start + items.len() < total;
        let mut answer = json!({ name: items });
        if let (true, Some(last)) = (more, last) {
            answer["NextToken"] = json!(format!("{TOKEN}{last}"));
        }
        answer
    }
}
