//! What makes the hub look at the management experience: the schedule of its agent, or an event.
//! The function is `lambda`, which classifies events as the agent does.

pub(crate) mod agent;
pub(crate) mod calls;
pub(crate) mod event;
pub(crate) mod event_queue;
