//! The rig of the end-to-end tests: an embedded AWS, the real programs as processes, and a person
//! at the catalog.
//!
//! Everything goes through public surfaces: commands, environment variables, exit codes, printed
//! JSON, and AWS's own API. The rig never looks into a program or into the embedded AWS.

// The rig serves tests: what it cannot do ends the test, with the reason.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

mod aws;
mod control;
mod event_source;
mod job;
mod line;
mod memory;
mod objects;
mod program;
mod proxy;
mod runtime_api;
mod scene;
mod tap;
mod wait;

pub use aws::{Aws, Lists};
pub use control::{get_json, get_text, tell};
pub use event_source::Batch;
pub use job::Job;
pub use line::{Asked, Line, Wrong};
pub use memory::Measured;
pub use objects::Objects;
pub use pmp_test_schema::PublishedSchema;
pub use program::{Agent, Finished, Program, binary, find_binary};
pub use proxy::{Manners, Proxy};
pub use runtime_api::{Answer, Function};
pub use scene::{
    ALPHA, ALPHA_ARCHIVED, ALPHA_DEV, ALPHA_DISABLED, ALPHA_PROD, EVENTS_QUEUE, EXTERNAL_ID, HUB, HUB_ORGANIZATION,
    MANAGEMENT, Scene, World, alpha, hub_organization, longest_id, member_role, member_role_for, world,
};
pub use tap::{Call, Tap};
pub use wait::{eventually, within};
