//! DynamoDB as a pure state machine: tables, items, expressions, transactions and limits.
//!
//! A [`Database`] holds the tables of an account in a region. It takes a [`Request`] and the time,
//! and returns the [`Answer`] or DynamoDB's [`Error`]. Nothing here reads a clock, waits, rolls
//! dice or knows HTTP and IAM: the embedded AWS (`pmp-local-aws`) does that around it. What IAM has
//! to be asked, [`Database::accesses`] tells.
//!
//! Values are typed inside, and JSON at the edge alone. Items are shared and never changed in
//! place, so a copy of a database costs little, and an answer can be written as JSON while others
//! use the tables. The tokens of transactions are not saved: after a restart, a request that is
//! repeated with its token is a new one. Built is what this project's programs, and boto3 in its
//! tests, ask for. There are no secondary indexes, streams, backups or PartiQL; whoever asks for
//! them is told so.
//!
//! ```
//! use pmp_local_dynamodb::{Database, Request};
//!
//! let mut database = Database::new("111111111111", "us-east-1");
//! let now = "2026-01-01T00:00:00Z".parse()?;
//! let mut call = |operation: &str, body: &str| {
//!     let request = Request::parse(operation, body.as_bytes())?;
//!     let answer = database.answer(&request, now)?;
//!     Ok::<_, pmp_local_dynamodb::Error>(serde_json::to_string(&answer).unwrap_or_default())
//! };
//! call("CreateTable", r#"{ "TableName": "receipts", "BillingMode": "PAY_PER_REQUEST",
//!     "AttributeDefinitions": [{ "AttributeName": "organization", "AttributeType": "S" }],
//!     "KeySchema": [{ "AttributeName": "organization", "KeyType": "HASH" }] }"#)?;
//! call("PutItem", r#"{ "TableName": "receipts", "Item": { "organization": { "S": "o-1" } } }"#)?;
//! let key = r#"{ "TableName": "receipts", "Key": { "organization": { "S": "o-1" } } }"#;
//! assert_eq!(call("GetItem", key)?, r#"{"Item":{"organization":{"S":"o-1"}}}"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod capacity;
mod database;
mod error;
mod expression;
mod json;
mod key;
mod number;
mod request;
pub mod saved;
mod table;
mod value;

pub use answer::Answer;
pub use database::{Access, Database};
pub use error::{Error, Reason};
pub use number::Number;
pub use request::{Request, TableName};
pub use value::{Attributes, Binary, Item, Value};
