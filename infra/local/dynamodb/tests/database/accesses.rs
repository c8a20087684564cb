//! What IAM is asked about a request.

use pmp_local_dynamodb::{Access, Request};
use serde_json::{Value, json};

use crate::{ACCOUNT, item, receipts, text};

fn asked(operation: &str, body: Value) -> Vec<(String, String, Option<String>)> {
    let database = receipts("S");
    let request = Request::parse(operation, body.to_string().as_bytes()).unwrap();
    let accesses = database.accesses(&request).into_iter();
    accesses.map(|Access { action, resource, leading_key }| (action, resource, leading_key)).collect()
}

fn table() -> String {
    format!("arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/receipts")
}

fn on(action: &str, key: Option<&str>) -> (String, String, Option<String>) {
    (format!("dynamodb:{action}"), table(), key.map(str::to_owned))
}

#[test]
fn each_partition_that_is_touched_is_asked_about() {
    let key = |organization: &str| item(organization, "i", &[]);
    let one = |field: &str| json!({ "TableName": "receipts", field: key("o-1") });
    for (operation, field) in [("GetItem", "Key"), ("PutItem", "Item"), ("UpdateItem", "Key"), ("DeleteItem", "Key")] {
        assert_eq!(asked(operation, one(field)), [on(operation, Some("o-1"))]);
        let by_arn = json!({ "TableName": table(), field: key("o-1") });
        assert_eq!(asked(operation, by_arn), [on(operation, Some("o-1"))]);
    }
    let keys = json!([key("o-1"), key("o-2"), item("o-1", "j", &[])]);
    let batch = json!({ "RequestItems": { "receipts": { "Keys": keys } } });
    assert_eq!(asked("BatchGetItem", batch), [on("BatchGetItem", Some("o-1")), on("BatchGetItem", Some("o-2"))]);
    let writes = json!([{ "PutRequest": { "Item": key("o-1") } }, { "DeleteRequest": { "Key": key("o-2") } }]);
    let batch = json!({ "RequestItems": { "receipts": writes } });
    assert_eq!(asked("BatchWriteItem", batch), [on("BatchWriteItem", Some("o-1")), on("BatchWriteItem", Some("o-2"))]);
    let transaction = json!({ "TransactItems": [
        { "Put": one("Item") }, { "Update": one("Key") }, { "Delete": one("Key") }, { "ConditionCheck": one("Key") },
        { "Put": one("Item") },
    ] });
    let actions = ["PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem"].map(|action| on(action, Some("o-1")));
    assert_eq!(asked("TransactWriteItems", transaction), actions);
    // More than one write in a place is refused, but nothing of it goes unasked before.
    let both = json!({ "TransactItems": [{ "Put": one("Item"), "Delete": one("Key") }] });
    assert_eq!(asked("TransactWriteItems", both), [on("PutItem", Some("o-1")), on("DeleteItem", Some("o-1"))]);
    assert_eq!(
        asked("TransactGetItems", json!({ "TransactItems": [{ "Get": one("Key") }] })),
        [on("GetItem", Some("o-1"))]
    );
}

#[test]
fn a_query_touches_the_partition_that_it_reads_and_a_scan_none() {
    let query = |condition: &str| {
        json!({ "TableName": "receipts", "KeyConditionExpression": condition,
            "ExpressionAttributeNames": { "#o": "organization", "#i": "item" },
            "ExpressionAttributeValues": { ":o": text("o-1"), ":i": text("i") } })
    };
    for condition in ["#o = :o", "organization = :o AND begins_with(#i, :i)", "#i = :i and :o = #o"] {
        assert_eq!(asked("Query", query(condition)), [on("Query", Some("o-1"))], "{condition}");
    }
    // What is no condition on one partition names none, and is refused afterwards.
    for condition in ["#o = :o OR #o = :i", "#o > :o", "#i = :o", "#o = :o AND #o = :i", "#o ="] {
        assert_eq!(asked("Query", query(condition)), [on("Query", None)], "{condition}");
    }
    let mut by_index = query("#o = :o");
    by_index["IndexName"] = "by-x".into();
    assert_eq!(asked("Query", by_index), [("dynamodb:Query".to_owned(), format!("{}/index/by-x", table()), None)]);
    assert_eq!(asked("Scan", json!({ "TableName": "receipts" })), [on("Scan", None)]);
}

#[test]
fn what_names_no_partition_carries_none() {
    assert_eq!(
        asked("PutItem", json!({ "TableName": "receipts", "Item": { "item": text("i") } })),
        [on("PutItem", None)]
    );
    assert_eq!(
        asked("PutItem", json!({ "TableName": "receipts", "Item": { "organization": { "L": [] } } })),
        [on("PutItem", None)]
    );
    let empty = json!({ "RequestItems": { "receipts": [] } });
    assert_eq!(asked("BatchWriteItem", empty), [on("BatchWriteItem", None)]);
    let elsewhere = json!({ "TableName": "other", "Key": item("o-1", "i", &[]) });
    assert_eq!(asked("GetItem", elsewhere)[0].2, None);
    assert_eq!(asked("DescribeTable", json!({ "TableName": "receipts" })), [on("DescribeTable", None)]);
    assert_eq!(
        asked("PutResourcePolicy", json!({ "ResourceArn": table(), "Policy": "" })),
        [on("PutResourcePolicy", None)]
    );
    assert_eq!(asked("ListTables", json!({})), [("dynamodb:ListTables".to_owned(), "*".to_owned(), None)]);
}
