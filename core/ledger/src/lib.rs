//! The ledger: the hub's two DynamoDB tables, `Snapshots` and `SyncTimestamps`.
//!
//! [`SnapshotStore`] and [`ReceiptStore`] are the ports; [`DynamoSnapshots`] and [`DynamoReceipts`] the adapters over the
//! official SDK. [`schema`] creates the tables, or checks that they are what the adapters expect.
//!
//! The ledger stores and guards: a version is taken once, an older receipt never overwrites a newer one. It does not
//! decide when there is a new version, nor what a receipt says.

mod client;
mod error;
mod item;
mod port;
mod receipts;
pub mod schema;
mod snapshots;
mod table;

pub use error::LedgerError;
pub use port::{Head, NewSnapshot, Organization, ReceiptStore, SnapshotStore, Stored};
pub use receipts::DynamoReceipts;
pub use snapshots::{DynamoSnapshots, MAX_STORED_BYTES};
pub use table::{TableName, TableNameError};
