//! What makes the hub look at the management experience: the schedule of its agent, an event, or an
//! invocation by AWS Lambda.

pub(crate) mod agent;
pub(crate) mod event;
pub(crate) mod event_queue;
pub(crate) mod lambda;
