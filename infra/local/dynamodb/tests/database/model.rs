//! Queries, pages, scans and segments, beside a model that is a plain list.

use pmp_local_dynamodb::Database;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{call, number, receipts, text};

/// One change: a partition, a sort key, and a value or a deletion.
type Change = (u8, i64, Option<u8>);
type Row = (String, i64, u8);
/// Whether a sort key is wanted, by two bounds.
type Holds = fn(i64, i64, i64) -> bool;

fn partition(number: u8) -> String {
    format!("o-{number}")
}

/// Makes the changes in the database and in the list.
fn changed(changes: &[Change]) -> (Database, Vec<Row>) {
    let (mut database, mut rows) = (receipts("N"), Vec::<Row>::new());
    for (organization, sort, value) in changes {
        let organization = partition(*organization);
        rows.retain(|row| (&row.0, row.1) != (&organization, *sort));
        let key = json!({ "organization": { "S": organization }, "item": number(*sort) });
        let (operation, body) = match value {
            Some(value) => {
                let mut item = key;
                item["value"] = number(i64::from(*value));
                rows.push((organization, *sort, *value));
                ("PutItem", json!({ "TableName": "receipts", "Item": item }))
            }
            None => ("DeleteItem", json!({ "TableName": "receipts", "Key": key })),
        };
        call(&mut database, operation, &body).unwrap();
    }
    rows.sort();
    (database, rows)
}

fn row(item: &Value) -> Row {
    let number = |name: &str| item[name]["N"].as_str().unwrap().parse::<i64>().unwrap();
    (item["organization"]["S"].as_str().unwrap().to_owned(), number("item"), u8::try_from(number("value")).unwrap())
}

/// All pages of a query or scan.
fn pages(database: &mut Database, operation: &str, mut asked: Value) -> Vec<Vec<Row>> {
    let mut pages = Vec::new();
    loop {
        let page = call(database, operation, &asked).unwrap();
        let items = page["Items"].as_array().unwrap();
        assert_eq!(page["Count"], items.len());
        pages.push(items.iter().map(row).collect());
        match page.get("LastEvaluatedKey") {
            Some(key) => asked["ExclusiveStartKey"] = key.clone(),
            None => return pages,
        }
    }
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    prop::collection::vec((0_u8..6, -20_i64..20, prop::option::weighted(0.8, any::<u8>())), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_query_finds_what_a_search_of_all_items_finds(
        changes in changes(),
        organization in 0_u8..6,
        (low, high) in (-25_i64..25, -25_i64..25),
        operator in 0_usize..7,
        (forward, limit) in (any::<bool>(), prop::option::of(1_usize..7)),
    ) {
        let (mut database, rows) = changed(&changes);
        let organization = partition(organization);
        let (low, high) = (low.min(high), low.max(high));
        let (condition, holds): (&str, Holds) = [
            ("", (|_, _, _| true) as Holds),
            (" AND #i = :low", |sort, low, _| sort == low),
            (" AND #i < :low", |sort, low, _| sort < low),
            (" AND #i <= :low", |sort, low, _| sort <= low),
            (" AND #i > :low", |sort, low, _| sort > low),
            (" AND #i >= :low", |sort, low, _| sort >= low),
            (" AND #i BETWEEN :low AND :high", |sort, low, high| (low..=high).contains(&sort)),
        ][operator];
        let mut asked = json!({
            "TableName": "receipts", "ScanIndexForward": forward,
            "KeyConditionExpression": format!("organization = :o{condition}"),
            "ExpressionAttributeValues": { ":o": text(&organization) },
        });
        if operator > 0 {
            asked["ExpressionAttributeNames"] = json!({ "#i": "item" });
            asked["ExpressionAttributeValues"][":low"] = number(low);
        }
        if operator == 6 {
            asked["ExpressionAttributeValues"][":high"] = number(high);
        }
        if let Some(limit) = limit {
            asked["Limit"] = limit.into();
        }
        let mut wanted: Vec<Row> =
            rows.into_iter().filter(|row| row.0 == organization && holds(row.1, low, high)).collect();
        if !forward {
            wanted.reverse();
        }
        let pages = pages(&mut database, "Query", asked);
        if let Some(limit) = limit {
            prop_assert!(pages.iter().rev().skip(1).all(|page| page.len() == limit));
            // A page that is full says so, even if nothing is left.
            prop_assert_eq!(pages.len(), wanted.len() / limit + 1);
        }
        prop_assert_eq!(pages.concat(), wanted);
    }

    #[test]
    fn segments_hold_each_item_once_and_partitions_whole(
        changes in changes(),
        segments in 1_usize..9,
        limit in prop::option::of(1_usize..7),
    ) {
        let (mut database, rows) = changed(&changes);
        let mut found = Vec::new();
        for segment in 0..segments {
            let mut asked = json!({ "TableName": "receipts", "Segment": segment, "TotalSegments": segments });
            if let Some(limit) = limit {
                asked["Limit"] = limit.into();
            }
            found.push(pages(&mut database, "Scan", asked).concat());
        }
        for (segment, part) in found.iter().enumerate() {
            for row in part {
                let elsewhere = found.iter().enumerate().any(|(n, other)| n != segment && other.iter().any(|o| o.0 == row.0));
                prop_assert!(!elsewhere, "a partition is in one segment");
            }
        }
        let whole = pages(&mut database, "Scan", json!({ "TableName": "receipts" })).concat();
        prop_assert_eq!(found.concat(), whole.clone(), "in the order of a whole scan");
        let mut sorted = whole;
        sorted.sort();
        prop_assert_eq!(sorted, rows.clone());
        let described = call(&mut database, "DescribeTable", &json!({ "TableName": "receipts" })).unwrap();
        prop_assert_eq!(&described["Table"]["ItemCount"], &json!(rows.len()));
    }

    #[test]
    fn a_copy_stays_as_it_was(before in changes(), after in changes()) {
        let (mut database, rows) = changed(&before);
        let version = database.version();
        let mut copy = database.clone();
        for (organization, sort, _) in &after {
            let key = json!({ "organization": text(&partition(*organization)), "item": number(*sort) });
            call(&mut database, "DeleteItem", &json!({ "TableName": "receipts", "Key": key })).unwrap();
        }
        prop_assert_eq!(copy.version(), version);
        let mut kept = pages(&mut copy, "Scan", json!({ "TableName": "receipts" })).concat();
        kept.sort();
        prop_assert_eq!(kept, rows);
    }
}

#[test]
fn what_begins_with_a_text_is_found_in_both_directions() {
    let mut database = receipts("S");
    for sort in ["a", "a#1", "a#2", "a#3", "a$", "b#1"] {
        crate::put(&mut database, crate::item("o-1", sort, &[]));
    }
    let mut query = |forward: bool, start: Option<&str>| {
        let mut asked = json!({
            "TableName": "receipts", "ScanIndexForward": forward,
            "KeyConditionExpression": "organization = :o AND begins_with(#i, :p)",
            "ExpressionAttributeNames": { "#i": "item" },
            "ExpressionAttributeValues": { ":o": text("o-1"), ":p": text("a#") },
        });
        if let Some(start) = start {
            asked["ExclusiveStartKey"] = crate::item("o-1", start, &[]);
        }
        let page = call(&mut database, "Query", &asked).map_err(|error| error.message)?;
        let names = page["Items"].as_array().unwrap().iter().map(|item| item["item"]["S"].as_str().unwrap().to_owned());
        Ok::<_, String>(names.collect::<Vec<_>>())
    };
    assert_eq!(query(true, None).unwrap(), ["a#1", "a#2", "a#3"]);
    assert_eq!(query(false, None).unwrap(), ["a#3", "a#2", "a#1"]);
    assert_eq!(query(false, Some("a#2")).unwrap(), ["a#1"]);
    assert_eq!(query(true, Some("a#3")).unwrap(), [] as [&str; 0]);
    assert_eq!(
        query(true, Some("b#1")).unwrap_err(),
        "The provided starting key does not match the range key predicate"
    );
}
