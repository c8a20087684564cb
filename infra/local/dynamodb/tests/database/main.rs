//! The state machine through its public surface: requests as JSON in, answers as JSON out.

// `allow-unwrap-in-tests` covers the test functions, not what they share.
#![allow(clippy::unwrap_used)]

mod accesses;
mod items;
mod limits;
mod model;
mod saved;
mod settings;
mod transactions;

use jiff::Timestamp;
use pmp_local_dynamodb::{Database, Error, Request};
use serde_json::{Value, json};

pub(crate) const ACCOUNT: &str = "111111111111";

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Calls an operation at the time 0.
pub(crate) fn call(database: &mut Database, operation: &str, body: &Value) -> Result<Value, Error> {
    call_at(database, operation, body, 0)
}

pub(crate) fn call_at(database: &mut Database, operation: &str, body: &Value, second: i64) -> Result<Value, Error> {
    let request = Request::parse(operation, body.to_string().as_bytes())?;
    database.answer(&request, at(second)).map(|answer| serde_json::to_value(answer).unwrap())
}

/// The text of the refusal, behind its code.
pub(crate) fn refusal(database: &mut Database, operation: &str, body: &Value) -> String {
    call(database, operation, body).unwrap_err().to_string()
}

/// A database with the table `receipts`, whose key is `organization` and `item`.
pub(crate) fn receipts(sort: &str) -> Database {
    let mut database = Database::new(ACCOUNT, "us-east-1");
    let table = json!({
        "TableName": "receipts", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            { "AttributeName": "organization", "AttributeType": "S" }, { "AttributeName": "item", "AttributeType": sort },
        ],
        "KeySchema": [
            { "AttributeName": "organization", "KeyType": "HASH" }, { "AttributeName": "item", "KeyType": "RANGE" },
        ],
    });
    call(&mut database, "CreateTable", &table).unwrap();
    database
}

pub(crate) fn text(value: &str) -> Value {
    json!({ "S": value })
}

pub(crate) fn number(value: i64) -> Value {
    json!({ "N": value.to_string() })
}

/// An item of `receipts` with more attributes.
pub(crate) fn item(organization: &str, item: &str, more: &[(&str, Value)]) -> Value {
    let mut made = json!({ "organization": { "S": organization }, "item": { "S": item } });
    for (name, value) in more {
        made[*name] = value.clone();
    }
    made
}

pub(crate) fn put(database: &mut Database, item: Value) {
    call(database, "PutItem", &json!({ "TableName": "receipts", "Item": item })).unwrap();
}

pub(crate) fn get(database: &mut Database, key: Value) -> Value {
    call(database, "GetItem", &json!({ "TableName": "receipts", "Key": key })).unwrap()["Item"].clone()
}
