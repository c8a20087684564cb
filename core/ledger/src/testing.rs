//! The ledger for tests, of this crate and of others. In no program: only the feature `testing`
//! compiles it.
//!
//! - [`MemoryLedger`] is a ledger in memory, behind all ports.
//! - [`contract`] has what every ledger must do, as tests. They run against the memory here, and
//!   against DynamoDB in `tests/end_to_end/ledger_contract.rs`.
//! - [`items`] reads items that anybody may have written, as the adapters do.
//! - [`head`] is a value for the tests that need no ledger.

// A value that cannot be made ends its test.
#![allow(clippy::unwrap_used)]

pub mod contract;
pub mod items;
mod memory;

use jiff::SignedDuration;
use pmp_protocol::Digest;
use pmp_protocol::testing::{now, version};

pub use memory::MemoryLedger;

use crate::Head;

/// A head of content `now`, as receipts of [`pmp_protocol::testing::receipt`] have it: published,
/// not signed, and taken a minute before their moment.
#[must_use]
pub fn head(latest: u64) -> Head {
    let (latest, taken_at) = (version(latest), now() - SignedDuration::from_mins(1));
    Head { latest, digest: Digest::of(b"now"), taken_at, chunks: 1, published: Some(latest), statement: None }
}
