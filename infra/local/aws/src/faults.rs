//! Faults on demand: which rules apply to a call or a message, and what they do to it.
//!
//! - `call`: what is known of a call before it is handled.
//! - `engine`: the decision. It is pure: rules, facts, time and dice in, effects out.
//! - `refusal`: the errors of each service for a fault: name, HTTP status and text.
//! - `requests`: the record of the latest requests, with the faults that they met.
//!
//! Nothing here waits, answers or drops anything: `front` does that to calls, and `cloud::messages`
//! to messages.

mod call;
mod engine;
mod refusal;
mod requests;

pub(crate) use call::CallFacts;
pub(crate) use engine::{FaultEffect, Faults, MessageEffect};
pub(crate) use refusal::{Refusal, panic_refusal};
pub(crate) use requests::{Requests, Served};
