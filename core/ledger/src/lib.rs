//! The ledger: the hub's two DynamoDB tables, `Snapshots` and `SyncTimestamps`.
//!
//! | port | adapter | holds |
//! | --- | --- | --- |
//! | [`SnapshotStore`] | [`DynamoSnapshots`] | versions, and the head that names the one in force |
//! | [`AnswerStore`] | [`DynamoAnswers`] | the hub's facts about products |
//! | [`ReceiptStore`] | [`DynamoReceipts`] | receipts, confirmations, directions, the mark |
//! | [`RecordStore`] | [`DynamoRecords`] | a spoke's decisions, and the outcomes of its syncs |
//! | [`LeaseStore`] | [`DynamoLeases`] | the right of one spoke of an organization to act |
//! | [`RolloutStore`] | [`DynamoRollouts`] | the state of waves |
//! | [`Roster`] | [`DynamoRoster`] | the organizations that the hub admitted |
//! | [`AuditStore`] | [`DynamoAudit`] | who did what with the hub, in a chain |
//! | [`Reports`] | [`DynamoReports`] | the members' items, as the hub reads them: bounded |
//! | [`Outbox`] | [`DynamoOutbox`] | what the hub told operations, and what it has to send |
//!
//! Start at `port.rs`. `partition.rs` and `snapshots.rs` list the items and their keys.
//! [`may_take`] is the decision about a lease, [`may_replace`] that about a receipt; [`schema`]
//! creates or checks the tables. This crate spawns no task.
//!
//! The ledger stores and guards: a version is taken once, an older receipt never overwrites a newer
//! one, and one spoke of an organization acts at a time. It does not decide when there is a new
//! version, nor what a receipt says.

mod answers;
mod audit;
mod chunks;
mod client;
mod error;
mod item;
mod large;
mod lease;
mod leases;
mod order;
mod outbox;
mod partition;
mod port;
mod receipts;
mod records;
mod reports;
mod rollouts;
mod roster;
pub mod schema;
mod snapshots;
mod table;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use answers::DynamoAnswers;
pub use audit::{AuditHead, AuditStore, DynamoAudit, NewAuditEntry, StoredEntry};
pub use error::LedgerError;
pub use large::{MAX_STORED_BYTES, is_stored_in_parts};
pub use lease::{Lease, LeaseTerm, Watched, may_take};
pub use leases::DynamoLeases;
pub use order::{is_restored, may_replace, may_replace_late};
pub use outbox::{DynamoOutbox, NewTold, Outbox, OutboxEntry, SentEntry, ToldState};
pub use port::{
    AnswerStore, AnswersHead, Directed, Directions, Found, Head, KeptVersion, LeaseStore, NewSnapshot, Organization,
    ReceiptStore, Said, SignedWith, SnapshotStore, Stored, Taken, Unreadable,
};
pub use receipts::DynamoReceipts;
pub use records::{DynamoRecords, EXPIRES_AT, FoundJournal, Journals, NewJournal, Outcomes, RecordStore};
pub use reports::{DynamoReports, Extent, MOST_REMEMBERED, Partitions, Report, Reports};
pub use rollouts::{DynamoRollouts, NewRollout, RolloutStore, StoredRollout};
pub use roster::{Admission, DynamoRoster, Member, Roster};
pub use snapshots::DynamoSnapshots;
pub use table::{Table, TableName, TableNameError};
