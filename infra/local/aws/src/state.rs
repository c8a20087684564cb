//! What survives a restart: a folder that one server at a time owns.
//!
//! - `state.zst` says everything but the tables' items: JSON, compressed, with a checksum. Replacing it is what makes a
//!   new state the current one.
//! - `tables-N.db` are the items, a copy of awsim's SQLite file at the same moment; the state names its own.
//! - `binaries/` are DynamoDB's large binary values, each under its hash.
//! - `world.json` is the world that the state grew from. It is written once.
//! - `live/` is what the running server works in. It's worthless without it.
//!
//! A file gets its name only once it's whole and on the disk, so whoever is killed leaves the state before, or the state
//! after. A state that cannot be read is an error and is never written over.

mod error;
mod folder;
mod tables;

pub use error::StateError;
pub(crate) use folder::{Contents, Folder, digest};
pub use folder::{clear, is_one};
use tables::check as check_tables;
pub(crate) use tables::{Copy, Pinned, Tables, items_with};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The form of the state. Another one is refused, since what it leaves out or means otherwise would be lost.
pub(crate) const SCHEMA: &str = "pmp-local.state/1";

/// A state from before, with which the server goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resumed {
    /// When it was saved last.
    pub saved_at: Timestamp,
    /// Whether it grew from another world than the one that was given. It goes on with its own.
    pub other_world: bool,
}

/// What `state.zst` holds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Saved {
    pub(crate) schema: String,
    pub(crate) saved_at: Timestamp,
    /// How many states were saved in this folder before.
    pub(crate) generation: u64,
    /// The digest of `world.json`.
    pub(crate) world: String,
    /// The file with the items.
    pub(crate) tables: String,
    pub(crate) parts: Parts,
}

/// The state of the services. Texts are JSON, in the form of the service that wrote them.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parts {
    /// How far the clock was ahead of real time.
    pub(crate) clock_offset_micros: i64,
    pub(crate) sns: String,
    pub(crate) sqs: String,
    /// The tables without their items.
    pub(crate) dynamodb: String,
    /// What awsim's own form of the tables leaves out.
    pub(crate) tables: Vec<TableSettings>,
    pub(crate) sessions: Vec<Session>,
    /// Absent in states of before there were keys.
    #[serde(default)]
    pub(crate) keys: String,
    pub(crate) catalog: String,
}

/// Settings of a table that stand beside it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TableSettings {
    pub(crate) arn: String,
    pub(crate) policy: Option<String>,
    pub(crate) point_in_time_recovery: bool,
}

/// A session of a role.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Session {
    pub(crate) access_key: String,
    pub(crate) role_arn: String,
    pub(crate) role_name: String,
    pub(crate) session_name: String,
    pub(crate) account: String,
    pub(crate) assumed_role_id: String,
    pub(crate) expires: Timestamp,
    pub(crate) policy: Option<String>,
    pub(crate) policy_arns: Vec<String>,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) transitive_tag_keys: Vec<String>,
}
