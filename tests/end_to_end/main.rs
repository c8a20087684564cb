//! End to end: both programs as processes, against the embedded AWS.
//!
//! One binary, because linking the SDK clients is what takes long.

// Tests say what they expect; what they cannot do ends them.
#![allow(clippy::unwrap_used)]

mod accidents;
mod advice;
mod agents;
mod assumptions;
mod audit;
mod beside;
mod blank;
mod configuration;
mod confirming;
mod contexts;
mod credentials;
mod directed;
mod discovery;
mod doctor;
mod drift;
mod earlier_release;
mod env;
mod examples;
mod faults;
mod filter_foresight;
mod filter_rules;
mod filter_tool;
mod filters;
mod fleet_plan;
mod floor;
mod forged;
mod functions;
mod half_way;
mod hanging;
mod history;
mod hostile_members;
mod hostile_text;
mod kills;
mod large_snapshots;
mod leases;
mod ledger_contract;
mod looked_up;
mod messages;
mod mistyped;
mod narrow;
mod networks;
mod notifying;
mod observing;
mod output;
mod page;
mod pages;
mod plans;
mod printed;
mod publishing;
mod report;
mod restored;
mod roster;
mod schemas;
mod settings;
mod several;
mod several_experiences;
mod signatures;
mod standing;
mod steering;
mod stopping;
mod syncing;
mod twelve_questions;
mod undirected;
mod verify_aws;
mod waiting;
mod waves;
mod waves_fleet;
mod whole_fleet;
mod why;
mod windows;
mod zero_noise;
