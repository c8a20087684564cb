//! Queries and scans, page by page.

use super::Database;
use super::items::{outside, project, projection};
use crate::answer::Page;
use crate::capacity::{Told, read_units};
use crate::error::Error;
use crate::expression::Kind;
use crate::expression::condition::Condition;
use crate::expression::key_condition::{Sort, Wanted};
use crate::expression::placeholders::Placeholders;
use crate::expression::projection::Projection;
use crate::key::{ItemKey, KeySchema};
use crate::request::Read;
use crate::table::Segment;
use crate::value::{Attributes, Item};

/// A page ends with the item by which it has as many bytes.
const LARGEST_PAGE: usize = 1024 * 1024;
/// The most segments of a scan.
const MOST_SEGMENTS: i64 = 1_000_000;

/// What a page does with the items that it reads.
struct Plan {
    filter: Option<Condition>,
    projection: Option<Projection>,
    limit: usize,
    counts_alone: bool,
}

/// The items of a page, and the last one that was read if there may be more.
struct Collected {
    items: Vec<Item>,
    matched: usize,
    scanned: usize,
    bytes: usize,
    last: Option<Item>,
}

impl Database {
    pub(super) fn query(&self, read: &Read) -> Result<Page, Error> {
        if read.key_condition_expression.is_none() {
            read.check_age()?;
            return Err(Error::validation(
                "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.",
            ));
        }
        self.read_page(read, |given, plan| {
            let (_, table) = self.table(read.table_name.as_ref())?;
            let schema = &table.settings.key;
            let text = read.key_condition_expression.as_deref().unwrap_or_default();
            let wanted = Wanted::parse(schema, text, given)?;
            refuse_keys(schema, plan.filter.as_ref())?;
            let start =
                read.exclusive_start_key.as_ref().map(|key| start_of_query(schema, key, &wanted)).transpose()?;
            if start.is_some() && schema.sort.is_none() {
                // The one item of the partition was on the page before.
                return Ok(plan.collect(std::iter::empty()));
            }
            let start = start.as_ref().and_then(|key| key.sort.as_ref());
            let forward = read.scan_index_forward != Some(false);
            Ok(plan.collect(table.query(&wanted.partition, &wanted.sort, forward, start)))
        })
    }

    pub(super) fn scan(&self, read: &Read) -> Result<Page, Error> {
        let segment = segment(read)?;
        self.read_page(read, |_, plan| {
            let (_, table) = self.table(read.table_name.as_ref())?;
            let start =
                read.exclusive_start_key.as_ref().map(|key| starting_key(&table.settings.key, key)).transpose()?;
            if start.as_ref().is_some_and(|key| !segment.includes(key.partition.place())) {
                return Err(Error::validation("The provided starting key is outside of the requested segment"));
            }
            Ok(plan.collect(table.scan(segment, start.as_ref())))
        })
    }

    /// What queries and scans have in common, around `collect`.
    fn read_page<'a>(
        &self,
        read: &'a Read,
        collect: impl FnOnce(&mut Placeholders<'a>, &Plan) -> Result<Collected, Error>,
    ) -> Result<Page, Error> {
        read.check_age()?;
        let told = Told::of(read.return_consumed_capacity.as_deref())?;
        let limit = match read.limit {
            None => usize::MAX,
            Some(limit) if limit < 1 => {
                let constraint = "Member must have value greater than or equal to 1";
                return Err(Error::constraint(format!("'{limit}'"), "limit", constraint));
            }
            Some(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
        };
        let expressions = [
            (Kind::Projection, read.projection_expression.is_some()),
            (Kind::Filter, read.filter_expression.is_some()),
            (Kind::KeyCondition, read.key_condition_expression.is_some()),
        ];
        let (names, values) = (read.expression_attribute_names.as_ref(), read.expression_attribute_values.as_ref());
        let mut given = Placeholders::new(names, values, &expressions)?;
        let filter = read.filter_expression.as_deref();
        let filter = filter.map(|text| Condition::parse(Kind::Filter, text, &mut given)).transpose()?;
        let projection = projection(read.projection_expression.as_deref(), &mut given)?;
        let counts_alone = counts_alone(read)?;
        let (name, table) = self.table(read.table_name.as_ref())?;
        if let Some(index) = &read.index_name {
            return Err(Error::validation(format!("The table does not have the specified index: {index}")));
        }
        let collected = collect(&mut given, &Plan { filter, projection, limit, counts_alone })?;
        given.finish()?;
        let last = collected.last.and_then(|item| {
            let schema = &table.settings.key;
            schema.of_item(item.attributes()).ok().map(|key| schema.attributes_of(&key))
        });
        Ok(Page {
            items: (!counts_alone).then_some(collected.items),
            count: collected.matched,
            scanned_count: collected.scanned,
            last_evaluated_key: last,
            consumed_capacity: told.units(name, read_units(collected.bytes, read.consistent_read == Some(true))),
        })
    }
}

impl Plan {
    fn collect<'a>(&self, found: impl Iterator<Item = &'a Item>) -> Collected {
        let mut page = Collected { items: Vec::new(), matched: 0, scanned: 0, bytes: 0, last: None };
        let mut last: Option<&Item> = None;
        for item in found {
            if page.bytes >= LARGEST_PAGE || page.scanned == self.limit {
                page.last = last.cloned();
                return page;
            }
            page.bytes += item.size();
            page.scanned += 1;
            last = Some(item);
            if self.filter.as_ref().is_some_and(|filter| !filter.holds(item.attributes())) {
                continue;
            }
            page.matched += 1;
            if !self.counts_alone {
                page.items.push(project(item, self.projection.as_ref()));
            }
        }
        // A page that has as many items as it may have tells where it ended, be there more or not.
        page.last = last.filter(|_| page.scanned == self.limit).cloned();
        page
    }
}

/// Whether the number of items is wanted, and not the items.
fn counts_alone(read: &Read) -> Result<bool, Error> {
    let projects = read.projection_expression.is_some();
    match read.select.as_deref() {
        None => Ok(false),
        Some("SPECIFIC_ATTRIBUTES") if projects => Ok(false),
        Some("SPECIFIC_ATTRIBUTES") => Err(Error::validation(
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES",
        )),
        Some(select @ ("ALL_ATTRIBUTES" | "COUNT")) if projects => Err(Error::validation(format!(
            "Cannot specify the ProjectionExpression when choosing to get {}",
            if select == "COUNT" { "only the Count" } else { select }
        ))),
        Some("ALL_ATTRIBUTES") => Ok(false),
        Some("COUNT") => Ok(true),
        Some("ALL_PROJECTED_ATTRIBUTES") => {
            Err(Error::invalid("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"))
        }
        Some(other) => {
            Err(outside(other, "select", "[SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]"))
        }
    }
}

/// The key that a page begins behind.
fn starting_key(schema: &KeySchema, key: &Attributes) -> Result<ItemKey, Error> {
    schema
        .of_key(key)
        .map_err(|error| Error::validation(format!("The provided starting key is invalid: {}", error.message)))
}

fn start_of_query(schema: &KeySchema, key: &Attributes, wanted: &Wanted) -> Result<ItemKey, Error> {
    let key = starting_key(schema, key)?;
    if key.partition != wanted.partition {
        return Err(Error::validation(
            "The provided starting key is outside query boundaries based on provided conditions",
        ));
    }
    let within = key.sort.as_ref().is_none_or(|sort| wanted.sort.includes(sort));
    if !within && wanted.sort != Sort::All {
        return Err(Error::validation("The provided starting key does not match the range key predicate"));
    }
    Ok(key)
}

/// Refuses a filter of a query that looks at the key.
fn refuse_keys(schema: &KeySchema, filter: Option<&Condition>) -> Result<(), Error> {
    let paths = filter.map(Condition::paths).unwrap_or_default();
    match paths.into_iter().find(|path| schema.has(&path.attribute)) {
        Some(path) => Err(Error::validation(format!(
            "Filter Expression can only contain non-primary key attributes: Primary key attribute: {}",
            path.attribute
        ))),
        None => Ok(()),
    }
}

fn segment(read: &Read) -> Result<Segment, Error> {
    let (number, of) = match (read.segment, read.total_segments) {
        (None, None) => return Ok(Segment::WHOLE),
        (Some(_), None) => {
            return Err(Error::validation(
                "The TotalSegments parameter is required but was not present in the request when Segment parameter is present",
            ));
        }
        (None, Some(_)) => {
            return Err(Error::validation(
                "The Segment parameter is required but was not present in the request when parameter TotalSegments is present",
            ));
        }
        (Some(number), Some(of)) => (number, of),
    };
    if !(1..=MOST_SEGMENTS).contains(&of) {
        let constraint = "Member must have value greater than or equal to 1 and less than or equal to 1000000";
        return Err(Error::constraint(format!("'{of}'"), "totalSegments", constraint));
    }
    if !(0..MOST_SEGMENTS).contains(&number) {
        let constraint = "Member must have value greater than or equal to 0 and less than or equal to 999999";
        return Err(Error::constraint(format!("'{number}'"), "segment", constraint));
    }
    if number >= of {
        return Err(Error::validation(format!(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: {number} is not less than TotalSegments: {of}"
        )));
    }
    let part = |value: i64| u32::try_from(value).unwrap_or_default();
    Ok(Segment { number: part(number), of: part(of) })
}
