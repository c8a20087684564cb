//! What stands in the two tables, attribute by attribute, and how it is asked for: whatever the
//! types are called inside, these files stay. Each golden file holds the requests of one call; the
//! items in it are then read back.

#![allow(clippy::unwrap_used, missing_docs)]

mod errors;
#[path = "../../../protocol/tests/wire/golden.rs"]
mod golden;
mod outbox;
mod server;
mod snapshots;
mod timestamps;
#[path = "../../../protocol/tests/wire/values.rs"]
mod values;

use pmp_ledger::TableName;
use serde_json::{Value, json};

use crate::server::Server;

fn table(name: &str) -> TableName {
    name.parse().unwrap()
}

/// Holds what `server` was asked against the golden file `name`.
fn hold(name: &str, server: &Server) {
    golden::hold(name, server.asked().as_bytes());
}

/// The items that the requests of a golden file write, in its order.
fn items(name: &str) -> Vec<Value> {
    let requests: Value = serde_json::from_slice(&golden::read(name)).unwrap();
    let mut items = Vec::new();
    for request in requests.as_array().unwrap() {
        items.extend(request["request"].get("Item").cloned());
        let transaction = request["request"]["TransactItems"].as_array().into_iter().flatten();
        items.extend(transaction.filter_map(|write| write["Put"].get("Item").cloned()));
    }
    items
}

/// What DynamoDB answers to a query that finds these.
fn found(items: Vec<Value>) -> Value {
    json!({ "Count": items.len(), "Items": items })
}

/// What it answers where one item is asked for.
fn one(item: &Value) -> Value {
    json!({ "Item": item })
}
