//! The policies of the CloudFormation templates, proven: both programs run as the templates'
//! functions, with the templates' variables, on the templates' tables, topic and queues, as the
//! templates' roles. The embedded AWS judges every call by those roles' policies, conditions
//! included, and notes its decision.
//!
//! What is denied fails, and so does what is allowed and never used. `second_opinion/run` asks
//! another evaluator whether it would have answered the same.

// What cannot be done ends the test, with the reason.
#![allow(clippy::unwrap_used)]

mod approvals;
mod ask;
mod boundaries;
mod corners;
mod deploy;
mod functions;
mod guard_rails;
mod notifications;
mod operators;
mod organizations;
mod protection;
mod record;
mod refusals;
mod roles;
mod stack;
mod template;
