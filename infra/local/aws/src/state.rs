//! The state that survives a restart: a folder that one server at a time owns.
//!
//! - `state.zst` holds everything except DynamoDB's tables: JSON, compressed, with a checksum. A
//!   new state becomes the current one when this file is replaced.
//! - `tables-N.zst` holds the tables of the same moment: JSON, a line for each item, compressed,
//!   with a checksum. The state names its file; if no table has changed, the next one does, too.
//! - `binaries/` holds DynamoDB's large binary values, each under its hash.
//! - `world.json` is the world that the state began with. It is written once.
//!
//! Until form 1 of the state, the tables were in a SQLite file, `tables-N.db`, and `live/` was a
//! working folder. Such a state is refused, and not touched.
//!
//! A file gets its name only when it is complete and on the disk. So a server that is killed leaves
//! either the state before or the state after. A state that cannot be read is an error, and is
//! never overwritten.

mod error;
mod folder;
mod tables;

pub use error::StateError;
pub(crate) use folder::{Folder, digest};
pub use folder::{clear, is_one};
pub(crate) use tables::{Copy, Restored};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The version of the state's format. Another version is refused, because what it has in addition
/// or means otherwise would be lost.
pub(crate) const SCHEMA: &str = "pmp-local.state/2";

/// A saved state that the server continued with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resumed {
    /// When the state was last saved, in real time.
    pub saved_at: Timestamp,
    /// Whether the state began with another world than the one that was given. The server continues
    /// with the state's own world.
    pub other_world: bool,
}

/// The content of `state.zst`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Saved {
    pub(crate) schema: String,
    pub(crate) saved_at: Timestamp,
    /// How many states were saved in this folder before.
    pub(crate) generation: u64,
    /// The digest of `world.json`.
    pub(crate) world: String,
    /// The name of the file with the tables.
    pub(crate) tables: String,
    pub(crate) parts: Parts,
}

/// The state of the services. Each text is JSON in the format of its service.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parts {
    /// How far the clock was ahead of real time.
    pub(crate) clock_offset_micros: i64,
    pub(crate) sns: String,
    pub(crate) sqs: String,
    pub(crate) sessions: Vec<Session>,
    pub(crate) keys: String,
    pub(crate) catalog: String,
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
