//! Reads the items that member organizations wrote into `SyncTimestamps`, for the hub. It reads
//! each organization separately and bounded, so that no organization keeps the others from being
//! read (rule 11).
//!
//! A member's role may write any items of up to 400 KB into its own partition, and as many as it
//! likes. So one organization is read in pages, up to a number of items and of read units. Texts
//! and lists are cut, and an item that does not match its key becomes an [`crate::Unreadable`].
//! Only attributes that the hub knows are requested.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use futures::future::{try_join, try_join_all};
use pmp_aws::ApiError;
use pmp_protocol::{ExperienceId, OrganizationId, ReceiptStatus};

use crate::client::TableClient;
use crate::item::{Item, text};
use crate::partition::{HEADS, confirm_key, hub_partition, seen_key, sort, spokes_prefix};
use crate::{LedgerError, Organization, TableName};

/// The most items that are read of one organization for one management experience: more than the
/// experiences that it can have.
const MAX_ITEMS: usize = 512;
/// The most that a hub should remember of one organization, where it remembers something of each
/// experience: twice what is read of it at once. A member decides how many experiences it reports,
/// and must not fill what all share (rule 11).
pub const MOST_REMEMBERED: usize = 2 * MAX_ITEMS;
/// Read units (of consistent reads) for one organization after its first page: some 270 KB, which
/// is more than 200 receipts with the reasons of a filter.
const USUAL_UNITS: f64 = 68.0;
/// Read units for an organization that an operator admitted as large.
const MANY_UNITS: f64 = 400.0;
/// Items of the first page. Most organizations have fewer in all.
const FIRST_PAGE: usize = 16;
/// The most items of each later page.
const PAGE: usize = 64;
/// The most signs of life of single spokes that are read if an organization has more than one page:
/// one page of them.
const SPOKES: usize = 8;
/// The longest text that is kept, in characters. Spokes write shorter ones.
pub(crate) const MAX_TEXT: usize = 2_048;
/// The longest list that is kept, in elements.
pub(crate) const MAX_LIST: usize = 1_000;
/// The deepest nesting of an attribute that is kept.
pub(crate) const MAX_DEPTH: usize = 6;
/// Number of segments in which the table is scanned for organizations at the same time.
const SEGMENTS: i32 = 2;
/// Keys on a page of that scan: of several organizations with few items each, or of one with many.
const SEARCHED: i32 = 256;
/// The most pages of a segment. Each page shows at least one partition that was not seen before.
const MAX_PARTITIONS: usize = 5_000;

/// The attributes of receipts and signs of life. A test compares them with the written items.
const ATTRIBUTES: &[&str] = &[
    "organization",
    "item",
    "experience",
    "member_experience",
    "version",
    "digest",
    "line",
    "status",
    "paused",
    "windows",
    "received_at",
    "applied_at",
    "applied",
    "allowed",
    "denied",
    "pending",
    "would_change",
    "left",
    "drift",
    "narrowed",
    "narrowed_for",
    "filter_warnings",
    "quarantined",
    "change_sets",
    "running",
    "filter",
    "filter_input",
    "confirmed",
    "removals",
    "owner",
    "recorded",
    "spoke_version",
    "error",
    "last_seen",
    "account",
    "region",
    "experiences",
    "spoke",
    "change_set_times",
    "needs",
    "ledger",
    "hold",
    "disputed",
    "filter_settings",
    "until",
    "by",
    "at",
    "reason",
    "released_at",
];

/// The bound for one organization. An operator of the hub decides it. The organization's own report
/// of its size does not count, because it could make `status` expensive for the hub.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Extent {
    /// The usual bound: 270 KB, enough for more than 200 experiences.
    #[default]
    Usual,
    /// Everything that an organization can keep, for those that an operator of the hub admitted as
    /// large.
    Large,
}

impl Extent {
    pub(crate) fn units(self) -> f64 {
        match self {
            Self::Usual => USUAL_UNITS,
            Self::Large => MANY_UNITS,
        }
    }
}

/// The report of one organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The items that could be read.
    pub organization: Organization,
    /// Whether the organization has more than the bound.
    pub more: bool,
}

impl Report {
    /// Whether the organization has written nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Organization { seen, spokes, receipts, unreadable, .. } = &self.organization;
        seen.is_none() && spokes.is_empty() && receipts.is_empty() && unreadable.is_empty() && !self.more
    }
}

/// The organizations with items, found by a search of the whole table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Partitions {
    /// Organizations with any items.
    pub organizations: BTreeSet<OrganizationId>,
    /// Whether the table holds more than the bound of the search.
    pub more: bool,
}

/// The reports of member organizations.
#[async_trait]
pub trait Reports: std::fmt::Debug + Send + Sync {
    /// The report of one organization about `experience`. Confirmations are read if something is
    /// held.
    async fn report(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
        extent: Extent,
    ) -> Result<Report, LedgerError>;

    /// The reports of all organizations, by id. It reads the whole table, for a hub without a
    /// roster.
    async fn all(&self, experience: &ExperienceId) -> Result<Vec<Report>, LedgerError>;

    /// The organizations that have written any item, about any experience. A page of keys covers
    /// several organizations, and an organization costs no more than a page, however much it wrote.
    async fn partitions(&self) -> Result<Partitions, LedgerError>;

    /// The management experiences of which the hub ever stored a snapshot in this table.
    async fn management_experiences(&self) -> Result<BTreeSet<ExperienceId>, LedgerError>;
}

/// The table, with the credentials of the hub or of its operators.
#[derive(Debug)]
pub struct DynamoReports {
    table: TableClient,
    consistent: bool,
}

/// A page of an organization's items.
struct Page {
    items: Vec<Item>,
    /// The read units that a consistent read of it costs: one for each 4 KB.
    units: f64,
    /// The start of the next page. `None` on the last page.
    next: Option<Item>,
}

impl DynamoReports {
    /// The table as `config`'s credentials see it. An ARN's region overrides the configured one.
    ///
    /// Organizations' items are read eventually consistently, at half the price. That is safe for
    /// readers that read the head *after* the reports: they see the reports of a second ago, and
    /// those are never newer than the head.
    #[must_use]
    pub fn new(config: &SdkConfig, table: TableName) -> Self {
        Self { table: TableClient::new(config, table), consistent: false }
    }

    /// Reads consistently from now on, for callers that write what they decide from it.
    #[must_use]
    pub fn consistent(self) -> Self {
        Self { consistent: true, ..self }
    }

    async fn page(&self, query: QueryFluentBuilder, most: usize, start: Option<Item>) -> Result<Page, LedgerError> {
        let (projection, names) = projection();
        let answer = query
            .consistent_read(self.consistent)
            .projection_expression(projection)
            .set_expression_attribute_names(Some(names))
            .expression_attribute_names("#item", "item")
            .limit(i32::try_from(most).unwrap_or(i32::MAX))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|e| self.table.failed(ApiError::new("dynamodb:Query", &e)))?;
        // An eventually consistent read costs half. The bound is on the amount that is read, so the
        // units are doubled.
        let share = if self.consistent { 1.0 } else { 0.5 };
        let units = answer.consumed_capacity.and_then(|capacity| capacity.capacity_units).unwrap_or_default();
        Ok(Page {
            units: units / share,
            items: answer.items.unwrap_or_default(),
            next: answer.last_evaluated_key.filter(|key| !key.is_empty()),
        })
    }

    /// The items of an organization about `experience`, up to the bound. Also returns whether there
    /// are more. One query is enough for most organizations: their receipts and the signs of life
    /// of their spokes are in one range of keys, with little between them. If that range is longer
    /// than a page, the two are read separately, so that other items in between cost nothing.
    async fn own(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
        extent: Extent,
    ) -> Result<(Vec<Item>, bool), LedgerError> {
        let (receipts, spokes) = (seen_key(experience), spokes_prefix(experience));
        // Ids of experiences begin with `exp-`, so the receipts come first.
        let both = self.table.in_range(organization.as_str(), &receipts, &format!("{spokes}{}", char::MAX));
        let page = self.page(both, FIRST_PAGE, None).await?;
        let Some(next) = page.next else { return Ok((page.items, false)) };
        let is_of = |item: &Item, prefix: &str| {
            item.get("item").and_then(|key| key.as_s().ok()).is_some_and(|key| key.starts_with(prefix))
        };
        // If the next page begins after the receipts, all receipts have been read.
        let start = is_of(&next, &receipts).then_some(next);
        let found: Vec<Item> = page.items.into_iter().filter(|item| is_of(item, &receipts)).collect();
        let found = Page { items: found, units: page.units, next: start };
        let query = self.table.beginning_with(organization.as_str(), &spokes);
        let (rest, signs) =
            try_join(self.rest(organization, &receipts, found, extent), self.page(query, SPOKES, None)).await?;
        let (mut items, more) = rest;
        items.extend(signs.items);
        Ok((items, more || signs.next.is_some()))
    }

    /// The items of an organization whose key begins with `prefix`, after those of a page that was
    /// `read`, up to the bound. Also returns whether there are more.
    async fn rest(
        &self,
        organization: &OrganizationId,
        prefix: &str,
        read: Page,
        extent: Extent,
    ) -> Result<(Vec<Item>, bool), LedgerError> {
        let Page { mut items, units: mut spent, next: mut start } = read;
        while start.is_some() {
            let Some(most) = next_page(items.len(), spent, extent) else { return Ok((items, true)) };
            let page = self.page(self.table.beginning_with(organization.as_str(), prefix), most, start).await?;
            spent += page.units;
            items.extend(page.items);
            start = page.next;
        }
        Ok((items, false))
    }

    /// Adds the operators' confirmations, if something waits for one.
    async fn with_confirmations(&self, mut report: Report, experience: &ExperienceId) -> Result<Report, LedgerError> {
        let organization = &mut report.organization;
        if !organization.receipts.iter().any(|receipt| receipt.status == ReceiptStatus::Held) {
            return Ok(report);
        }
        let partition = hub_partition(&organization.id);
        let items = self.table.all(self.table.beginning_with(&partition, &confirm_key(experience, None))).await?;
        let said = read(&organization.id, items, experience);
        organization.confirmations = said.confirmations;
        organization.unreadable.extend(said.unreadable);
        Ok(report)
    }

    /// The organizations in one segment of the table, however much each wrote. The search reads a
    /// page of keys, and continues after the last possible key of the last partition on that page.
    /// A search may start at a key that does not exist: DynamoDB permits it, but does not document
    /// it. If it refuses, or starts elsewhere, only [`Reports::partitions`] fails.
    async fn segment(&self, segment: i32) -> Result<Partitions, LedgerError> {
        let (mut found, mut start, mut before) = (Partitions::default(), None, None);
        for _ in 0..MAX_PARTITIONS {
            let answer = self
                .table
                .dynamodb
                .scan()
                .table_name(self.table.table.as_str())
                .segment(segment)
                .total_segments(SEGMENTS)
                .limit(SEARCHED)
                .projection_expression("organization")
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|e| self.table.failed(ApiError::new("dynamodb:Scan", &e)))?;
            let partition = |mut item: Item| match item.remove("organization") {
                Some(AttributeValue::S(partition)) => Some(partition),
                _ => None,
            };
            let partitions: Vec<String> = answer.items.unwrap_or_default().into_iter().filter_map(partition).collect();
            if partitions.first().is_some_and(|first| before.as_ref() == Some(first)) {
                return Err(self
                    .table
                    .unreadable("a search that begins behind a partition finds that partition again"));
            }
            found.organizations.extend(partitions.iter().filter_map(|id| OrganizationId::new(id).ok()));
            let Some(next) = answer.last_evaluated_key.filter(|key| !key.is_empty()) else { return Ok(found) };
            // A page may be empty without being the last.
            start = Some(match partitions.last() {
                Some(last) => {
                    Item::from([("organization".to_owned(), text(last)), ("item".to_owned(), text(last_key()))])
                }
                None => next,
            });
            before = partitions.last().cloned().or(before);
        }
        Ok(Partitions { more: true, ..found })
    }
}

#[async_trait]
impl Reports for DynamoReports {
    async fn report(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
        extent: Extent,
    ) -> Result<Report, LedgerError> {
        let (items, more) = self.own(organization, experience, extent).await?;
        let organization = read(organization, items, experience);
        self.with_confirmations(Report { organization, more }, experience).await
    }

    async fn all(&self, experience: &ExperienceId) -> Result<Vec<Report>, LedgerError> {
        let (projection, names) = projection();
        let mut items = self
            .table
            .dynamodb
            .scan()
            .table_name(self.table.table.as_str())
            .consistent_read(self.consistent)
            .filter_expression("begins_with(#item, :experience) OR begins_with(#item, :spokes)")
            .projection_expression(projection)
            .set_expression_attribute_names(Some(names))
            .expression_attribute_names("#item", "item")
            .expression_attribute_values(":experience", text(seen_key(experience)))
            .expression_attribute_values(":spokes", text(spokes_prefix(experience)))
            .into_paginator()
            .items()
            .send();
        let mut found = BTreeMap::<OrganizationId, (Vec<Item>, bool)>::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(|e| self.table.failed(ApiError::new("dynamodb:Scan", &e)))?;
            // The hub's own partitions belong to no organization.
            let id = item.get("organization").and_then(|id| id.as_s().ok()).map(|id| OrganizationId::new(id));
            let Some(Ok(id)) = id else { continue };
            let (kept, more) = found.entry(id).or_default();
            if kept.len() < MAX_ITEMS { kept.push(item) } else { *more = true }
        }
        let report = |(id, (items, more))| {
            let organization = read(&id, items, experience);
            self.with_confirmations(Report { organization, more }, experience)
        };
        try_join_all(found.into_iter().map(report)).await
    }

    async fn partitions(&self) -> Result<Partitions, LedgerError> {
        let parts = try_join_all((0..SEGMENTS).map(|segment| self.segment(segment))).await?;
        let mut all = Partitions::default();
        for part in parts {
            all.organizations.extend(part.organizations);
            all.more |= part.more;
        }
        Ok(all)
    }

    async fn management_experiences(&self) -> Result<BTreeSet<ExperienceId>, LedgerError> {
        let marks = self
            .table
            .dynamodb
            .query()
            .table_name(self.table.table.as_str())
            .key_condition_expression("organization = :heads")
            .projection_expression("#item")
            .expression_attribute_names("#item", "item")
            .expression_attribute_values(":heads", text(HEADS))
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<Item>, _>>()
            .await
            .map_err(|e| self.table.failed(ApiError::new("dynamodb:Query", &e)))?;
        Ok(marks.iter().filter_map(|mark| ExperienceId::new(mark.get("item")?.as_s().ok()?).ok()).collect())
    }
}

/// The number of items to request next, after `read` items for `spent` read units: as many as the
/// remaining units pay for, if the next items are as large. `None` if the units or the items are
/// used up.
fn next_page(read: usize, spent: f64, extent: Extent) -> Option<usize> {
    // Protocol L15.
    let left = extent.units() - spent;
    // Before any item was read, the size of an item is not known, so a whole page is requested.
    let each = if read == 0 { 0.0 } else { spent / read as f64 };
    let affordable = if left <= 0.0 { 0 } else { (left / each) as usize };
    Some(affordable.min(PAGE).min(MAX_ITEMS.saturating_sub(read))).filter(|items| *items > 0)
}

/// The expression for [`ATTRIBUTES`], and the names in it: many of them are words that DynamoDB
/// reserves.
fn projection() -> (String, HashMap<String, String>) {
    // The sort key is named in conditions, too.
    let placeholder = |name: &str| if name == "item" { "#item".to_owned() } else { format!("#_{name}") };
    let names = ATTRIBUTES.iter().map(|name| (placeholder(name), (*name).to_owned())).collect();
    (ATTRIBUTES.iter().map(|name| placeholder(name)).collect::<Vec<_>>().join(", "), names)
}

/// The greatest possible sort key: 1,024 bytes of the last character.
fn last_key() -> String {
    char::MAX.to_string().repeat(256)
}

/// The beginning of a text, with a sign that it was cut.
fn cut(text: &str, length: usize) -> String {
    text.chars().take(length.saturating_sub(1)).chain(['…']).collect()
}

/// Reads the items of one organization, after its own are cut.
pub(crate) fn read(id: &OrganizationId, items: Vec<Item>, experience: &ExperienceId) -> Organization {
    let cut = |item: Item| item.into_iter().map(|(name, value)| (name, bounded(value, MAX_DEPTH))).collect();
    let found = sort(items.into_iter().map(cut).collect(), experience).remove(id);
    found.unwrap_or_else(|| Organization::unknown(id.clone()))
}

/// The value with its texts and lists cut, and without anything below `depth`.
// Protocol L15.
pub(crate) fn bounded(value: AttributeValue, depth: usize) -> AttributeValue {
    match value {
        AttributeValue::S(text) if text.len() > MAX_TEXT && text.chars().count() > MAX_TEXT => {
            AttributeValue::S(cut(&text, MAX_TEXT))
        }
        AttributeValue::L(_) | AttributeValue::M(_) if depth == 0 => AttributeValue::Null(true),
        AttributeValue::L(list) => {
            AttributeValue::L(list.into_iter().take(MAX_LIST).map(|value| bounded(value, depth - 1)).collect())
        }
        AttributeValue::M(map) => {
            AttributeValue::M(map.into_iter().map(|(name, value)| (name, bounded(value, depth - 1))).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn experience() -> ExperienceId {
        ExperienceId::new("exp-management").unwrap()
    }

    /// A receipt, a sign of life and a hold with every attribute that they may have.
    fn written() -> [Item; 3] {
        let digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
        let at = "2026-11-24T12:00:00Z";
        let receipt = serde_json::json!({
            "organization": "o-alpha00000", "item": "exp-management#exp-member", "experience": "exp-management",
            "member_experience": "exp-member", "version": 42, "digest": digest, "line": 3,
            "status": "held", "received_at": at,
            "paused": {"whose": "fleet", "until": at, "by": "arn:someone", "since": at, "reason": "r"},
            "windows": {"open": true, "whose": "member", "member": "daily 00:00-06:00 UTC", "tzdb": "2026f"},
            "applied_at": at, "applied": {"version": 41, "digest": digest, "at": at}, "allowed": 1, "denied": 2,
            "pending": 3, "would_change": {"allow": 1, "deny": 2}, "left": "01234567",
            "drift": {"noticed_at": at, "times": 1, "products": 1, "edited": [{"product": "prod-c", "now": "approved"}],
                "handling": "heal", "by": [{"id": "cs-2", "account": "222222222222", "name": "n", "at": at}]},
            "narrowed": 4,
            "narrowed_for": [{"verdict": "exclude", "reason": "r", "products": 4, "example": "prod-a"}],
            "filter_warnings": ["odd"],
            "quarantined": [{"product": "prod-b", "error": "no", "first_seen": at, "tries": 1, "next_try": at}],
            "change_sets": ["cs-1"], "running": "cs-1", "filter": {"name": "f", "version": "1", "digest": digest},
            "filter_input": {"settings": digest, "experience_name": "n", "facts": "hub", "in_force": "0123456789abcdef"},
            "confirmed": {"by": "arn:someone", "at": at}, "removals": [{"at": at, "removed": 1, "approved": 2}],
            "owner": "all", "recorded": {"outcomes": 7, "decisions": digest, "written_at": at}, "spoke_version": "0.1.0",
            "error": "no",
        });
        let seen = serde_json::json!({
            "organization": "o-alpha00000", "item": "exp-management#", "experience": "exp-management", "last_seen": at,
            "account": "222222222222", "region": "us-east-1", "experiences": 1, "spoke_version": "0.1.0", "error": "no",
            "change_set_times": {"quickest_ms": 1, "typical_ms": 2}, "needs": {"schema": "pmp-sync.snapshot/2"}, "ledger": 2,
            "spoke": {"id": "only-0a1b2c3d", "selected": ["exp-member"], "superseded_by": "all",
                "contested_by": "all", "rivals": ["all"]},
            "disputed": [{"member_experience": "exp-member", "version": 9, "digest": digest, "found_at": at}],
            "filter_settings": ["{}"],
            "hold": {"experience": "exp-management", "until": at, "by": "arn:someone", "at": at, "reason": "r"},
        });
        let hold = serde_json::json!({
            "organization": "o-alpha00000", "item": "hold#exp-management", "experience": "exp-management", "until": at,
            "by": "arn:someone", "at": at, "reason": "r", "released_at": at,
        });
        [receipt, seen, hold].map(|value| serde_dynamo::to_item(value).unwrap())
    }

    fn taken_over(items: impl IntoIterator<Item = Item>) -> Organization {
        read(&OrganizationId::new("o-alpha00000").unwrap(), items.into_iter().collect(), &experience())
    }

    /// The attributes of a record when it is written again, with the sort key.
    fn attributes(record: impl serde::Serialize) -> BTreeSet<String> {
        let item: Item = serde_dynamo::to_item(record).unwrap();
        item.into_keys().chain(["item".to_owned()]).collect()
    }

    #[test]
    fn every_attribute_that_spokes_write_is_asked_for_and_no_other() {
        let items = written();
        let given: Vec<BTreeSet<String>> = items.iter().map(|item| item.keys().cloned().collect()).collect();
        let read = taken_over(items);
        // Every attribute of the examples is read, and the examples lack none.
        assert_eq!(attributes(&read.receipts[0]), given[0]);
        assert_eq!(attributes(read.seen.as_ref().unwrap()), given[1]);
        // A hold names its organization by the partition alone.
        let hold = attributes(read.hold.as_ref().unwrap());
        assert_eq!(hold, given[2].iter().filter(|name| *name != "organization").cloned().collect());
        let asked: BTreeSet<String> = ATTRIBUTES.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(asked, given.iter().flatten().cloned().collect());
        assert_eq!(projection().1.len(), ATTRIBUTES.len());
    }

    #[test]
    fn texts_and_lists_are_cut() {
        // Protocol L15.
        let [mut receipt, ..] = written();
        receipt.insert("error".to_owned(), text("é".repeat(100_000)));
        let many = vec![text("cs"); 5_000];
        receipt.insert("change_sets".to_owned(), AttributeValue::L(many));
        let read = taken_over([receipt]);
        let receipt = &read.receipts[0];
        assert_eq!(receipt.error.as_ref().unwrap().chars().count(), MAX_TEXT);
        assert_eq!(receipt.change_sets.len(), MAX_LIST);
        let nested = (0..1_000).fold(text("x"), |inner, _| AttributeValue::L(vec![inner]));
        let mut depth = 0;
        let mut value = &bounded(nested, MAX_DEPTH);
        while let AttributeValue::L(list) = value {
            (depth, value) = (depth + 1, &list[0]);
        }
        assert_eq!(depth, MAX_DEPTH);
    }

    #[test]
    fn the_greatest_key_is_as_long_as_a_sort_key_may_be() {
        assert_eq!(last_key().len(), 1_024);
    }

    #[test]
    fn pages_after_the_first_cost_what_is_left_at_most() {
        // Protocol L15.
        // For receipts of 700 bytes, it requests whole pages, and at last the rest.
        assert_eq!(next_page(16, 3.0, Extent::Usual), Some(64));
        assert_eq!(next_page(208, 64.0, Extent::Usual), Some(13));
        assert_eq!(next_page(231, 68.0, Extent::Usual), None);
        assert_eq!(next_page(231, 68.0, Extent::Large), Some(64));
        // The first page was as large as a page can be.
        assert_eq!(next_page(3, 256.0, Extent::Usual), None);
        assert_eq!(next_page(10, 20.0, Extent::Usual), Some(24));
        assert_eq!((next_page(500, 80.0, Extent::Large), next_page(512, 80.0, Extent::Large)), (Some(12), None));
        assert_eq!(next_page(0, 0.0, Extent::Usual), Some(64));
    }
}
