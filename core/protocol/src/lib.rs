//! The contract between the hub and its spokes: what a snapshot says, how it is numbered and
//! sealed, the message that announces it, and the receipt that answers it.
//!
//! Start at [`Content`] (what a management experience says), then [`Snapshot`] (the content with a
//! version and a digest), [`SnapshotMessage`] (what travels) and [`Receipt`] (what comes back).
//!
//! This crate decides and never does: no I/O, no async, no clock, no randomness. Everything here is
//! parsed into a type once, at the edge; a value of one of these types is valid.

mod alike;
mod answers;
mod batch;
mod clocks;
mod code;
mod confirmation;
mod content;
pub mod deciding;
mod decisions;
mod digest;
mod direction;
mod drift;
mod filter_input;
mod halt;
mod hint;
mod hold;
mod id;
mod journal;
mod mark;
mod member;
mod message;
mod named;
mod outcome;
mod paused;
mod plain;
mod products;
mod receipt;
mod recorded;
#[cfg(feature = "schema")]
pub mod schema;
mod seal;
mod snapshot;
mod spoke;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod verdict;
mod version;
mod windows;
mod words;
mod would_change;

pub use alike::{alike, alike_word, asked_back, most_alike, not_one_of};
pub use answers::{Answer, Answers, AnswersError, MAX_ANSWERS_BYTES, ProductAttributes, SealedAnswers};
pub use batch::ProductBatch;
pub use clocks::{CLOCKS_DIFFER, is_ahead};
pub use code::{Code, Coded};
pub use confirmation::{Confirmed, OperatorConfirmation, confirmed};
pub use content::{Content, ContentError, Counts, Note, ResourceRequests};
pub use decisions::{Decisions, Ground, GroundKind, Listing, MAX_GROUNDS};
pub use digest::{Digest, DigestError};
pub use direction::{
    Because, DIRECTION_SCHEMA, Direction, DirectionChange, LONGEST_PAUSE, MAX_REASON, Pause, Pin, Turn, halted, turn,
};
pub use drift::{Drift, DriftHandling, EditedProduct, ForeignChangeSet, LEFT_AS_SET, Left, ListedAs};
pub use filter_input::{FactsFrom, FilterInput, MAX_SHARED_SETTINGS, VerdictMark};
pub use halt::Halted;
pub use hint::{Hint, lines, one_line, render, told, with_code};
pub use hold::{Hold, USUAL_HOLD, longest_hold};
pub use id::{AccountId, ExperienceId, IdError, OrganizationId, ProductId};
pub use journal::{DecisionJournal, JournalEntry, JournalError, Listings, MAX_JOURNAL_BYTES};
pub use mark::HeadMark;
pub use member::{ManagementId, MemberId};
pub use message::{Body, Delivery, MAX_MESSAGE_BYTES, MessageError, Reason, SCHEMA, SnapshotMessage};
pub use named::NamedProduct;
pub use outcome::{MAX_OUTCOMES, Outcome, is_news};
pub use paused::{Paused, PausedBy, paused};
pub use plain::{PlainText, json_without_acting, plain_document};
pub use products::total;
pub use receipt::{
    Applied, Attempt, ChangeSetTimes, DeferralReason, Deferred, DisputedReceipt, FilterIdentity, FilteredFor,
    LAYOUT_OF_CONFIRMATIONS, LAYOUT_OF_DIRECTIONS, LAYOUT_OF_HALTS, LAYOUT_OF_PARTS, LAYOUT_OF_WAVES,
    LAYOUT_OF_WINDOWS, LEDGER_LAYOUT, Needs, OrganizationSeen, Receipt, ReceiptStatus, Removal,
};
pub use recorded::Recorded;
pub use seal::{
    EARLIER_CONTENT_BYTES, MAX_CONTENT_BYTES, MAX_PRODUCTS, SealError, Sealed, pack, unpack, unpack_if_packed,
};
pub use snapshot::Snapshot;
pub use spoke::SpokeScope;
pub use verdict::{Decision, Verdict, Verdicts};
pub use version::{SnapshotVersion, VersionError};
pub use windows::{ChangeWindows, Moment, Outside, WindowsOf, WindowsSaid};
pub use words::{age, count};
pub use would_change::WouldChange;
