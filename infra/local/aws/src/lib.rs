//! An embedded AWS with a Private Marketplace, for the demo, rehearsals and the tests.
//!
//! [`Server::start`] takes a [`World`] and answers SNS, SQS, DynamoDB, KMS, STS, Organizations,
//! Marketplace Catalog and Marketplace Discovery on one port, so that the real SDK clients need
//! nothing but an endpoint. Several accounts use it together. An access key of 12 digits is that
//! account, the world may name more keys, and a session's key acts for its role. Access across
//! accounts needs the policies of topic, queue, table, key or role, as in AWS.
//!
//! A request goes through `front` (who calls which service), `faults` (what goes wrong on demand)
//! and `cloud` (the services). The server spawns three tasks, which all stop with it:
//! - the HTTP server, whose handlers call `cloud`;
//! - `Cloud::run_change_sets`, which ends change sets when they are due and delivers their events;
//! - with a state folder, the keeper, which saves the state after changes.
//!
//! The modules:
//! - [`world`]: what exists at the start, from a file or from Rust; a crate of its own.
//! - [`catalog`]: the Marketplace Catalog as a pure state machine; a crate of its own.
//! - `cloud`: the services. It adds to awsim's services what they lack.
//! - `discovery`: the Marketplace Discovery API, from the world's products.
//! - `authorization`: the decisions of IAM, for a [`Witness`].
//! - `clock`: real time plus an offset; all dates and waits use it.
//! - `faults`: the rules for what goes wrong, and their effects.
//! - `front`, `connection`, `error_names`: HTTP in and out.
//! - `control`: `/_local/`, by which tests, the page and `pmp-local` control the server.
//! - `web`: the page for people.
//! - [`state`], `keeper`: the state that survives a restart.
//!
//! It protects nothing: signatures are not verified. Nobody who must not see or change its content
//! may be able to reach it.

mod authorization;
mod clock;
mod cloud;
mod connection;
mod control;
mod discovery;
mod error_names;
mod faults;
mod front;
mod keeper;
mod server;
pub mod state;
mod web;

pub use authorization::{Authorization, Verdict, Witness};
pub use clock::OutOfRange;
pub use cloud::Deployed;
pub use control::PREFIX as CONTROL_PREFIX;
pub use pmp_local_catalog as catalog;
pub use pmp_world::{self as world, World};
pub use server::{Options, Server, StartError};
pub use state::{Resumed, StateError};
