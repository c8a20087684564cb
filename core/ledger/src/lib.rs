//! The ledger: the hub's two DynamoDB tables, `Snapshots` and `SyncTimestamps`.
//!
//! [`Roster`] holds whom the hub admitted, and [`Reports`] is how the hub reads what members wrote.
//! [`SnapshotStore`], [`AnswerStore`] (what the hub found out about products), [`ReceiptStore`] and
//! [`LeaseStore`] are the other ports; [`DynamoSnapshots`], [`DynamoAnswers`], [`DynamoReceipts`],
//! [`DynamoLeases`], [`DynamoRoster`] and [`DynamoReports`] the adapters over the official SDK.
//! [`RecordStore`] keeps what was decided and what came of it, for later questions. [`schema`]
//! creates the tables, or checks that they are what the adapters expect.
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
pub use port::{
    AnswerStore, AnswersHead, Found, Head, KeptVersion, LeaseStore, NewSnapshot, Organization, ReceiptStore,
    SnapshotStore, Stored, Taken, Unreadable,
};
pub use receipts::DynamoReceipts;
pub use records::{DynamoRecords, EXPIRES_AT, FoundJournal, Journals, NewJournal, Outcomes, RecordStore};
pub use reports::{DynamoReports, Extent, Partitions, Report, Reports};
pub use roster::{Admission, DynamoRoster, Member, Roster};
pub use snapshots::{DynamoSnapshots, MAX_STORED_BYTES};
pub use table::{TableName, TableNameError};
