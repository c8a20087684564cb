//! An embedded AWS with a Private Marketplace, for the demo, rehearsals and the tests.
//!
//! [`Server::start`] takes a [`World`] and answers SNS, SQS, DynamoDB, STS, Organizations and Marketplace Catalog on one
//! loopback port, so that the real SDK clients need nothing but an endpoint. Several accounts meet in it: an access key
//! of 12 digits is that account, the world may name more keys, a session's key acts for the role it was issued for, and what crosses accounts is held
//! to the topic's, queue's, table's and role's policies as AWS holds it.
//!
//! - [`world`]: what exists at the start, from a file or from Rust; a crate of its own.
//! - `clock`: real time plus an offset; everything here goes by it.
//! - [`catalog`]: the Marketplace Catalog as a pure state machine; a crate of its own, which knows no runtime.
//! - `discovery`: the Marketplace Discovery API, from the world's products.
//! - `authorization`: what IAM was asked, for whoever wants to ask somebody else.
//! - `cloud`: the services, and what is mended around awsim's.
//! - `faults`: what goes wrong on demand, and for which calls.
//! - `control`: `/_local/`, by which tests and people steer all this.
//! - `front`: HTTP in and out.
//! - [`state`], `keeper`: what survives a restart, and keeping it.
//! - `web`: the page for people.
//!
//! It guards nothing: signatures are not verified. It must never be reachable by anyone whom that would concern.

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
pub use control::PREFIX as CONTROL_PREFIX;
pub use pmp_local_catalog as catalog;
pub use pmp_world::{self as world, World};
pub use server::{Options, Server, StartError};
pub use state::{Resumed, StateError};
