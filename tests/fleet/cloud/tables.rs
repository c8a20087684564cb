//! DynamoDB over HTTP: pmp-local's state machine, one for each of the two tables, so that one of
//! them can be restored to an earlier moment.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use pmp_local_dynamodb::{Database, Request as Asked};
use serde_json::{Value, json};

use super::{Answer, Request, Service};
use crate::fleet::{HUB, REGION};

pub(crate) const SNAPSHOTS: &str = "Snapshots";
pub(crate) const TIMESTAMPS: &str = "SyncTimestamps";
/// An eventually consistent read may be older than the last writes by so much.
const STALE: SignedDuration = SignedDuration::from_secs(3);
/// Moments of the snapshots that are kept, for stale reads and to restore the table.
const MOMENTS: usize = 40;

/// The two tables of the ledger, and a past of one of them.
#[derive(Debug)]
pub(crate) struct Tables {
    snapshots: Database,
    timestamps: Database,
    /// The table of snapshots as it was before each of its last writes.
    past: VecDeque<(Timestamp, Database)>,
}

/// Which item of which table: partition and sort key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) snapshots: bool,
    pub(crate) partition: String,
    pub(crate) item: String,
}

impl Key {
    fn partition_name(&self) -> &'static str {
        if self.snapshots { "experience" } else { "organization" }
    }
}

impl Tables {
    pub(crate) fn new(now: Timestamp) -> Self {
        let database = |table: &str, partition: &str| {
            let mut database = Database::new(HUB, REGION);
            let body = json!({ "TableName": table, "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{ "AttributeName": partition, "AttributeType": "S" },
                    { "AttributeName": "item", "AttributeType": "S" }],
                "KeySchema": [{ "AttributeName": partition, "KeyType": "HASH" },
                    { "AttributeName": "item", "KeyType": "RANGE" }] });
            let request = Asked::parse("CreateTable", body.to_string().as_bytes()).unwrap();
            database.answer(&request, now).unwrap();
            database
        };
        Self {
            snapshots: database(SNAPSHOTS, "experience"),
            timestamps: database(TIMESTAMPS, "organization"),
            past: VecDeque::new(),
        }
    }

    /// Answers a request. With `stale`, a read that need not be consistent sees an earlier moment.
    pub(crate) fn answer(&mut self, request: &Request, now: Timestamp, stale: bool) -> Answer {
        let asked = match Asked::parse(&request.operation, &request.body) {
            Ok(asked) => asked,
            Err(error) => return refused(&error),
        };
        let of_snapshots = asked.tables().iter().all(|table| table.as_given().ends_with(SNAPSHOTS));
        let old = stale.then(|| self.past.iter().find(|(at, _)| now.duration_since(*at) <= STALE)).flatten();
        let answer = match old {
            Some((_, old)) if of_snapshots => old.clone().answer(&asked, now),
            _ if of_snapshots => {
                let before = self.snapshots.clone();
                let answer = self.snapshots.answer(&asked, now);
                if self.snapshots.version() != before.version() {
                    self.past.push_back((now, before));
                    if self.past.len() > MOMENTS {
                        self.past.pop_front();
                    }
                }
                answer
            }
            _ => self.timestamps.answer(&asked, now),
        };
        match answer {
            Ok(answer) => Answer::of(serde_json::to_vec(&answer).unwrap()),
            Err(error) => refused(&error),
        }
    }

    /// An item as it is now, in DynamoDB's JSON; null where there is none.
    pub(crate) fn item(&mut self, key: &Key, now: Timestamp) -> Value {
        let (table, database) = match key.snapshots {
            true => (SNAPSHOTS, &mut self.snapshots),
            false => (TIMESTAMPS, &mut self.timestamps),
        };
        let body = json!({ "TableName": table, "ConsistentRead": true,
            "Key": { key.partition_name(): { "S": key.partition }, "item": { "S": key.item } } });
        let request = Asked::parse("GetItem", body.to_string().as_bytes()).unwrap();
        let answer = database.answer(&request, now).unwrap();
        serde_json::to_value(&answer).unwrap()["Item"].clone()
    }

    /// Writes an item past every condition, as somebody with all rights does.
    pub(crate) fn put(&mut self, snapshots: bool, item: &Value, now: Timestamp) {
        let (table, database) = match snapshots {
            true => (SNAPSHOTS, &mut self.snapshots),
            false => (TIMESTAMPS, &mut self.timestamps),
        };
        let body = json!({ "TableName": table, "Item": item }).to_string();
        let request = Asked::parse("PutItem", body.as_bytes()).unwrap();
        database.answer(&request, now).unwrap();
    }

    /// The table of snapshots becomes what it was `writes` writes ago. Returns whether it did.
    pub(crate) fn restore(&mut self, writes: usize) -> bool {
        let Some(place) = self.past.len().checked_sub(writes) else { return false };
        let Some((_, old)) = self.past.get(place) else { return false };
        self.snapshots = old.clone();
        self.past.truncate(place);
        true
    }
}

fn refused(error: &pmp_local_dynamodb::Error) -> Answer {
    let mut body = json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{}", error.code),
        "message": error.message });
    if let Some(item) = &error.item {
        body["Item"] = serde_json::to_value(item).unwrap();
    }
    if let Some(reasons) = &error.reasons {
        body["CancellationReasons"] = serde_json::to_value(reasons).unwrap();
    }
    Answer { body: body.to_string().into(), ..Answer::refused(Service::Tables, 400, error.code, "") }
}

/// The keys of the items that a request writes.
pub(crate) fn written(request: &Request) -> Vec<Key> {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    let key = |write: &Value| {
        let item = if write["Item"].is_null() { &write["Key"] } else { &write["Item"] };
        let snapshots = write["TableName"].as_str()?.ends_with(SNAPSHOTS);
        let partition = if snapshots { &item["experience"]["S"] } else { &item["organization"]["S"] };
        let (partition, item) = (partition.as_str()?.to_owned(), item["item"]["S"].as_str()?.to_owned());
        Some(Key { snapshots, partition, item })
    };
    match request.operation.as_str() {
        "PutItem" | "UpdateItem" | "DeleteItem" => key(&body).into_iter().collect(),
        "TransactWriteItems" => {
            let writes = body["TransactItems"].as_array().cloned().unwrap_or_default();
            let each =
                writes.iter().filter_map(|it| ["Put", "Update", "Delete"].iter().find_map(|kind| key(&it[*kind])));
            each.collect()
        }
        _ => Vec::new(),
    }
}
