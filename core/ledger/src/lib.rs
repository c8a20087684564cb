//! The ledger: the hub's two DynamoDB tables, `Snapshots` and `SyncTimestamps`.
//!
//! | port | adapter | for |
//! | --- | --- | --- |
//! | [`SnapshotStore`] | [`DynamoSnapshots`] | versions, and the head that says which is in force |
//! | [`AnswerStore`] | [`DynamoAnswers`] | what the hub found out about products |
//! | [`ReceiptStore`] | [`DynamoReceipts`] | receipts, signs of life, confirmations, the high-water mark |
//! | [`RecordStore`] | [`DynamoRecords`] | what a spoke decided, and what came of its syncs |
//! | [`LeaseStore`] | [`DynamoLeases`] | which spoke of an organization may act now |
//! | [`Roster`] | [`DynamoRoster`] | which organizations the hub admitted |
//! | [`Reports`] | [`DynamoReports`] | what members wrote, as the hub reads it: bounded, organization by organization |
//!
//! Start at `port.rs`, and for what lies where at `partition.rs` and `snapshots.rs`. [`may_take`]
//! is the decision about a lease, [`may_replace`] that about a receipt, [`schema`] creates the tables or checks them. No task is spawned
//! here.
//!
//! The ledger stores and guards: a version is taken once, an older receipt never overwrites a newer
//! one, one spoke of an organization acts at a time. It does not decide when there is a new
//! version, nor what a receipt says.

mod answers;
mod chunks;
mod client;
mod error;
mod item;
mod lease;
mod leases;
mod order;
mod partition;
mod port;
mod receipts;
mod records;
mod reports;
mod roster;
pub mod schema;
mod snapshots;
mod table;

pub use answers::DynamoAnswers;
pub use error::LedgerError;
pub use lease::{Lease, LeaseTerm, Watched, may_take};
pub use leases::DynamoLeases;
pub use order::{may_replace, may_replace_late};
pub use port::{
    AnswerStore, AnswersHead, Found, Head, KeptVersion, LeaseStore, NewSnapshot, Organization, ReceiptStore,
    SnapshotStore, Stored, Taken, Unreadable,
};
pub use receipts::DynamoReceipts;
pub use records::{DynamoRecords, EXPIRES_AT, FoundJournal, Journals, NewJournal, Outcomes, RecordStore};
pub use reports::{DynamoReports, Extent, Partitions, Report, Reports};
pub use roster::{Admission, DynamoRoster, Member, Roster};
pub use snapshots::{DynamoSnapshots, MAX_STORED_BYTES};
pub use table::{Table, TableName, TableNameError};
