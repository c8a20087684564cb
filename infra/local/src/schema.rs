//! The published JSON Schemas of what commands print with `-o json`: checked in as `docs/schema`.
//! That the program prints just that is held end to end. That of world files is
//! `docs/world.schema.json`.

// They are described, and never made.
#![allow(dead_code)]

use std::collections::BTreeMap;

use pmp_protocol::schema::DateTime;
use pmp_terminal::SCHEMA_VERSION;
use pmp_test_schema::{Named, shared};
use schemars::JsonSchema;
use serde_json::Value;

/// The line that a server prints when it is ready.
#[derive(JsonSchema)]
struct Ready {
    /// The URL of the endpoint.
    endpoint: String,
    /// The world file; none of the built-in world.
    world: Option<String>,
    /// The folder of the state; none where there is none.
    state: Option<String>,
    /// The variables that make a program the account of `--as`.
    env: BTreeMap<String, String>,
    /// Whom else a program can be.
    identities: Vec<Identity>,
    /// How long the start took, in milliseconds.
    ready_ms: u64,
}

/// An account that a client can act as.
#[derive(JsonSchema)]
struct Identity {
    /// The access key: an account's number, or a key of the world.
    access_key: String,
    /// A name for people.
    name: String,
}

/// A fault in force.
#[derive(JsonSchema)]
struct Fault {
    /// The number of the rule, by which it is removed.
    id: u64,
    /// The rule, as a world file has it.
    rule: Value,
    /// The seed of its dice.
    seed: u64,
    /// When it was added, by the emulator's clock.
    added: DateTime,
    /// How many calls or messages matched it.
    seen: u64,
    /// How often it happened.
    fired: u64,
}

/// The faults in force.
#[derive(JsonSchema)]
struct Faults {
    /// Each fault, the oldest first.
    faults: Vec<Fault>,
}

/// How many faults there were.
#[derive(JsonSchema)]
struct Cleared {
    /// How many were removed.
    removed: u64,
}

/// The clock of the server.
#[derive(JsonSchema)]
struct Clock {
    /// What time it is there.
    now: DateTime,
    /// How far that is from real time, in words.
    offset: String,
    /// The same in seconds; negative where the clock is behind.
    offset_seconds: f64,
}

fn schema_of<T: JsonSchema>(command: &str) -> Named {
    pmp_test_schema::schema_of_document::<T, SCHEMA_VERSION>("local", command)
}

fn all() -> Vec<Named> {
    vec![
        schema_of::<Ready>("serve"),
        schema_of::<Fault>("fault add"),
        schema_of::<Faults>("fault list"),
        schema_of::<Cleared>("fault clear"),
        schema_of::<Clock>("clock"),
        schema_of::<shared::Version>("version"),
    ]
}

#[test]
fn the_schemas_that_are_checked_in_are_the_types() {
    pmp_test_schema::hold("pmp-local", &all());
}

#[test]
fn every_field_is_described() {
    pmp_test_schema::hold_described(&all());
}
