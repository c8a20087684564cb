//! End to end: both programs as processes, against the embedded AWS.
//!
//! One binary, because linking the SDK clients is what takes long.

// Tests say what they expect; what they cannot do ends them.
#![allow(clippy::unwrap_used)]

mod accidents;
mod agents;
mod assumptions;
mod beside;
mod blank;
mod configuration;
mod confirming;
mod credentials;
mod discovery;
mod doctor;
mod earlier_release;
mod env;
mod faults;
mod filter_rules;
mod filter_tool;
mod filters;
mod forged;
mod functions;
mod half_way;
mod hanging;
mod history;
mod hostile_members;
mod hostile_text;
mod kills;
mod leases;
mod looked_up;
mod messages;
mod mistyped;
mod networks;
mod output;
mod publishing;
mod restored;
mod roster;
mod settings;
mod several;
mod signatures;
mod stopping;
mod syncing;
mod verify_aws;
mod waiting;
mod why;
