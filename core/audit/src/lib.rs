//! The audit of a hub: who published, confirmed, pinned, paused, promoted, halted, admitted and
//! forgot, which steps the hub took through the waves, and what the members' receipts came to.
//! Pure: no I/O, no async, no clock.
//!
//! Each [`Entry`] names the digest of the one before it. So the digest of the newest entry, the
//! *head*, stands for all of them: whoever alters, drops or swaps an entry has to write all later
//! ones again, and ends at another head.
//!
//! An example of three entries, each with the beginning of its digest:
//!
//! | number | previous | what | digest |
//! | --- | --- | --- | --- |
//! | 1 | none | `ada` admits `o-alpha00000` | `4f0c…` |
//! | 2 | `4f0c…` | the hub stores snapshot 1 | `91aa…` |
//! | 3 | `91aa…` | `kim` pins the fleet to snapshot 1 | `c07d…` |
//!
//! In a file each entry is a line ([`line()`]), and the last line says which entries there are
//! ([`last_line`]). [`Verifier`] reads such lines one by one, and names the first wrong one. Each
//! line ends with its own digest, so that a line that was altered is named, and not the one after
//! it.
//!
//! What this proves: that the file is what was exported, and that its entries are those that led to
//! the head. What it does not prove: that nothing was cut off the end of the file, by somebody who
//! wrote its last line anew, and that the table was never written again from some entry on, by
//! somebody who may write there. Only a head that was noted elsewhere, an *anchor*, shows that.
//!
//! [`Replay`] asks another question: whether what the entries tell goes together, whoever wrote
//! them.
//!
//! Start at `entry.rs`; `verify.rs` is the decision about the lines, `replay.rs` the one about the
//! story.

mod entry;
mod event;
mod line;
mod replay;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod verify;

pub use entry::{Entry, NotAnEntry, Told};
pub use event::{Event, HubSettings, MAX_OUTCOMES, Publishing, SeenOutcome, ToldOutcome, WaveStep, Whom};
pub use line::{SCHEMA, last_line, line};
pub use replay::{Contradiction, Replay, Replayed, Wrong};
pub use verify::{Fault, FaultKind, MAX_LINE, Verified, Verifier};
