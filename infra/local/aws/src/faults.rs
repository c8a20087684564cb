//! Faults on demand: which of the rules befalls a call or a message.
//!
//! - `call`: what is known of a call before it is handled.
//! - `engine`: the decision, pure: rules, facts, the time and dice in; what happens out.
//! - `refusal`: the errors that each service has for it, by name, HTTP status and text.
//! - `requests`: what was asked lately, and which faults it met.
//!
//! Nothing here waits, answers or drops anything: `front` does that to calls, `cloud::messages` to messages.

mod call;
mod engine;
mod refusal;
mod requests;

pub(crate) use call::CallFacts;
pub(crate) use engine::{FaultEffect, Faults, MessageEffect};
pub(crate) use refusal::{Refusal, panic_refusal};
pub(crate) use requests::{Requests, Served};
